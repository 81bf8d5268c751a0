/**
 * What can be done to an account: the fields of each dialog, the call that it makes, and what it will change. Pure: the
 * dialog draws it, the API decides.
 */
import { inPath } from "../ids.js";
import { compare, microcents, millicents, minus, sum } from "../money.js";
import { refundedOf } from "./fold.js";
import { sizeOf } from "./arithmetic.js";

/** @typedef {import("./types.js").Account} Account */
/** @typedef {Record<string, any>} Values */

/**
 * @typedef {object} Shown
 * @property {string} name
 * @property {string} before
 * @property {string} after
 * @property {boolean} isAmount
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"amount" | "amounts" | "text" | "choice" | "check" | "time" | "limits"} type
 * @property {string} [hint]
 * @property {string[]} [of]          of a choice
 * @property {boolean} [isOptional]
 *
 * @typedef {object} Action
 * @property {string} title
 * @property {string} scope
 * @property {string} verb            on the button that does it
 * @property {boolean} [isGrave]
 * @property {Field[]} fields
 * @property {(account: Account, subject?: any) => Values} initial
 * @property {(values: Values, account: Account, subject?: any) => {method: string, path: string, body?: any}} request
 * @property {(values: Values, account: Account, subject?: any) => Shown[]} preview
 * @property {(values: Values, account: Account, subject?: any) => string[]} [notes]
 */

const CATEGORIES = ["purchased", "promotional", "allowance"];
const WINDOWS = ["", "hour", "day", "week", "month"];

/** An account of which nothing is recorded yet. @param {string} actor @returns {any} */
export const nothingYet = (actor) => ({ actor, available: "0", held: "0", funded: "0", spent: "0", overdraft_limit: "0", seq: 0, grants: [], holds: [] });

/** @param {string} name @param {any} before @param {any} after @returns {Shown} */
const amounts = (name, before, after) => ({ name, before: String(before), after: String(after), isAmount: true });

/** @param {string} name @param {any} before @param {any} after @returns {Shown} */
const texts = (name, before, after) => ({ name, before: String(before), after: String(after), isAmount: false });

/** @param {any} amount */
const or0 = (amount) => amount ?? "0";

/** @param {string | undefined} text null for nothing @returns {string | null} */
const given = (text) => text?.trim() || null;

/** @param {Account} account */
const at = (account) => `/v1/accounts/${inPath(account.actor)}`;

/** @param {any} values @param {string[]} names those that are given */
const only = (values, names) => Object.fromEntries(names.filter((name) => given(String(values[name] ?? ""))).map((name) => [name, values[name]]));

/** A limit in words. @param {any} limit */
export function limitText(limit) {
  const of = [["app", limit.app], ["meter", limit.meter], ["model", limit.model]].filter(([, name]) => name).map(([kind, name]) => `${kind} ${name}`);
  const window = limit.window?.startsWith("P") ? `any ${limit.window}` : limit.window ? `a ${limit.window}` : "ever";
  return [window, ...of].join(", ");
}

/** @param {any[] | undefined} limits */
const limitsText = (limits) => (limits?.length ? limits.map((each) => `${each.amount || "?"} ${limitText(each)}`).join("\n") : "none");

/** @param {any} allowance */
const allowanceText = (allowance) => (allowance ? `${allowance.amount || "?"} ${allowance.interval}, priority ${allowance.priority}` : "none");

/** @param {any} account @param {any} change of available, as an amount */
const availableBy = (account, change) => amounts("Available", account.available, sum([account.available, change]));

/** @type {Record<string, Action>} */
export const ACTIONS = {
  grant: {
    title: "Add a grant", scope: "credits/fund", verb: "Add the grant",
    fields: [
      { name: "amount", label: "Amount", type: "amount" },
      { name: "category", label: "Category", type: "choice", of: CATEGORIES },
      { name: "priority", label: "Priority", type: "text", hint: "0 to 99. The lowest is spent first; 10 is usual." },
      { name: "expires_at", label: "Expires", type: "time", hint: "From this instant on it cannot be spent.", isOptional: true },
      { name: "reason", label: "Reason", type: "text", isOptional: true },
    ],
    initial: () => ({ amount: "", category: "purchased", priority: "10", expires_at: "", reason: "" }),
    request: (values, account) => ({
      method: "POST", path: "/v1/funding",
      body: { actor: account.actor, amount: values.amount, category: values.category, priority: Number(values.priority), ...only(values, ["expires_at", "reason"]) },
    }),
    preview: (values, account) => [
      availableBy(account, or0(values.amount || null)),
      amounts("Funded", account.funded, sum([account.funded, values.amount || "0"])),
    ],
    notes(values, account) {
      const like = (account.grants ?? []).find((each) => each.category === values.category && String(each.priority) === values.priority && (each.expires_at ?? "") === values.expires_at);
      return [
        ...(microcents(account.available) < 0n ? ["It first covers what is overdrawn."] : []),
        ...(like ? [`It is added to the grant ${like.id}, which has the same category, priority and expiry. A void of that grant takes back both.`] : []),
      ];
    },
  },
  fund: {
    title: "Set the funded total", scope: "credits/fund", verb: "Set the total",
    fields: [
      { name: "new_amount", label: "Funded in all", type: "amount", hint: "The total that was ever funded, not what is available." },
      { name: "reason", label: "Reason", type: "text", isOptional: true },
      { name: "force", label: "Even if more was spent than is left", type: "check", isOptional: true },
    ],
    initial: (account) => ({ new_amount: String(account.funded), reason: "", force: false }),
    request: (values, account) => ({
      method: "POST", path: "/v1/funding",
      body: { actor: account.actor, old_amount: account.funded, new_amount: values.new_amount, ...(values.force ? { force: true } : {}), ...only(values, ["reason"]) },
    }),
    preview(values, account) {
      const next = values.new_amount || String(account.funded);
      return [amounts("Funded", account.funded, next), availableBy(account, minus(next, account.funded))];
    },
    notes: () => ["If somebody funds this account in the meantime, this is refused: it starts from the total that you see."],
  },
  void: {
    title: "Void a grant", scope: "credits/fund", verb: "Void the grant", isGrave: true,
    fields: [{ name: "reason", label: "Reason", type: "text", isOptional: true }],
    initial: () => ({ reason: "" }),
    request: (values, account, grant) => ({ method: "POST", path: `/v1/grants/${inPath(grant.id)}/void`, body: { actor: account.actor, ...only(values, ["reason"]) } }),
    preview: (_, account, grant) => [
      amounts(`Left of ${grant.id}`, grant.remaining, "0"),
      availableBy(account, `-${grant.remaining}`),
      amounts("Funded", account.funded, minus(account.funded, grant.remaining)),
    ],
    notes: () => ["What is left of the grant is taken back, as if it had never been funded. What was spent of it stays spent."],
  },
  release: {
    title: "Release a hold", scope: "credits/charge", verb: "Release the hold",
    fields: [],
    initial: () => ({}),
    request: (_, account, hold) => ({ method: "POST", path: `/v1/holds/${inPath(hold.id)}/release`, body: { actor: account.actor } }),
    preview: (_, account, hold) => [
      amounts("Held", account.held, minus(account.held, hold.remaining)),
      availableBy(account, hold.remaining),
      texts(`Hold ${hold.id}`, hold.status, "released"),
    ],
    notes: () => [
      "Work that is still going on can then not be captured from it.",
      "What was held of a grant that has expired in the meantime does not return.",
    ],
  },
  refund: {
    title: "Refund a charge", scope: "credits/charge", verb: "Refund",
    fields: [{ name: "amount", label: "Amount", type: "amount", isOptional: true, hint: "Empty: all that was not returned yet." }],
    initial: () => ({ amount: "" }),
    request: (values, account, { entry }) => ({ method: "POST", path: "/v1/refunds", body: { actor: account.actor, charge: entry.key, ...only(values, ["amount"]) } }),
    preview(values, account, { entry, known }) {
      const refunded = refundedOf(known, entry.key);
      const amount = values.amount || minus(sizeOf(entry), refunded);
      return [amounts("Refunded of it", refunded, sum([refunded, amount])), availableBy(account, amount), amounts("Spent", account.spent, minus(account.spent, amount))];
    },
    notes: (_, __, { entry }) => [`${entry.kind} ${entry.key} took ${sizeOf(entry)} millicents. What a grant paid that has expired does not return.`],
  },
  freeze: {
    title: "Freeze the account", scope: "credits/fund", verb: "Freeze", isGrave: true, fields: [],
    initial: () => ({}),
    request: (_, account) => ({ method: "PATCH", path: at(account), body: { status: "frozen" } }),
    preview: (_, account) => [texts("Status", account.status ?? "open", "frozen")],
    notes: () => ["New charges and holds are refused from now on. Open holds can be captured or released, and funding and refunds go on. Work that is done already can still be charged with overdraw."],
  },
  unfreeze: {
    title: "Open the account", scope: "credits/fund", verb: "Open", fields: [],
    initial: () => ({}),
    request: (_, account) => ({ method: "PATCH", path: at(account), body: { status: "open" } }),
    preview: (_, account) => [texts("Status", account.status ?? "open", "open")],
  },
  limits: {
    title: "Spending limits", scope: "credits/fund", verb: "Set the limits",
    fields: [{ name: "limits", label: "Limits", type: "limits", of: WINDOWS, hint: "A window is hour, day, week, month, or a length such as PT5H; none is for ever." }],
    initial: (account) => ({ limits: (account.limits ?? []).map((each) => ({ amount: String(each.amount), window: each.window ?? "", app: each.app ?? "", meter: each.meter ?? "", model: each.model ?? "" })) }),
    request: (values, account) => ({
      method: "PUT", path: `${at(account)}/limits`,
      body: { limits: values.limits.map((/** @type {any} */ each) => ({ amount: each.amount, ...only(each, ["window", "app", "meter", "model"]) })) },
    }),
    preview: (values, account) => [texts("Limits", limitsText(account.limits), limitsText(values.limits))],
    notes: () => ["These will be all limits: one that is not here ends. A new limit counts from now on; one that is set again with another amount keeps its count."],
  },
  allowance: {
    title: "Allowance", scope: "credits/fund", verb: "Set the allowance",
    fields: [
      { name: "amount", label: "Amount of a period", type: "amount" },
      { name: "interval", label: "Every", type: "choice", of: ["daily", "weekly", "monthly"] },
      { name: "priority", label: "Priority", type: "text", hint: "0 to 99. The lowest is spent first; 5 is usual." },
      { name: "rollover_maximum", label: "Rolls over at most", type: "amount", isOptional: true },
      { name: "rollover_minimum", label: "and only if this is left", type: "amount", isOptional: true },
    ],
    initial: ({ allowance }) => ({
      amount: String(allowance?.amount ?? ""), interval: allowance?.interval ?? "monthly", priority: String(allowance?.priority ?? 5),
      rollover_maximum: String(allowance?.rollover_maximum ?? "0"), rollover_minimum: String(allowance?.rollover_minimum ?? "0"),
    }),
    request: (values, account) => ({
      method: "PUT", path: `${at(account)}/allowance`,
      body: { amount: values.amount, interval: values.interval, priority: Number(values.priority), ...only(values, ["rollover_maximum", "rollover_minimum"]) },
    }),
    preview: (values, account) => [texts("Allowance", allowanceText(account.allowance), allowanceText(values))],
    notes: (_, account) => [account.allowance ? "The change takes effect at the next refill, not in the present period." : "The first amount is granted at once, and lasts until the period ends."],
  },
  end_allowance: {
    title: "End the allowance", scope: "credits/fund", verb: "End it", isGrave: true, fields: [],
    initial: () => ({}),
    request: (_, account) => ({ method: "DELETE", path: `${at(account)}/allowance` }),
    preview: (_, account) => [texts("Allowance", allowanceText(account.allowance), "none")],
    notes: () => ["What is left of the present period lasts until its end."],
  },
  settings: {
    title: "Settings", scope: "credits/fund", verb: "Set",
    fields: [
      { name: "low_balance_thresholds", label: "Warn below", type: "amounts", hint: "Up to ten amounts of millicents, one a line.", isOptional: true },
      { name: "overdraft_limit", label: "May be overdrawn by", type: "amount" },
      { name: "time_zone", label: "Time zone", type: "text", hint: "Days, weeks and months of limits and allowance begin there: Europe/Berlin." },
    ],
    initial: (account) => ({
      low_balance_thresholds: (account.low_balance_thresholds ?? []).map(String).join("\n"), overdraft_limit: String(account.overdraft_limit ?? "0"),
      time_zone: account.time_zone ?? "UTC",
    }),
    request(values, account) {
      const all = { low_balance_thresholds: lines(values.low_balance_thresholds), overdraft_limit: values.overdraft_limit, time_zone: values.time_zone.trim() };
      const before = ACTIONS.settings.initial(account);
      const changed = Object.entries(all).filter(([name]) => !isSame(name, values[name], before[name]));
      return { method: "PATCH", path: at(account), body: Object.fromEntries(changed) };
    },
    preview: (values, account) => [
      texts("Warn below", (account.low_balance_thresholds ?? []).join(", ") || "none", lines(values.low_balance_thresholds).join(", ") || "none"),
      amounts("May be overdrawn by", account.overdraft_limit ?? "0", values.overdraft_limit || "0"),
      texts("Time zone", account.time_zone ?? "UTC", values.time_zone),
    ],
  },
  join: {
    title: "Join a parent", scope: "credits/fund", verb: "Join",
    fields: [{ name: "parent", label: "Parent account", type: "text", hint: "Both then pay for what this account spends, and the tighter of the two decides." }],
    initial: () => ({ parent: "" }),
    request: (values, account) => ({ method: "PATCH", path: at(account), body: { parent: values.parent.trim() } }),
    preview: (values, account) => [texts("Parent", account.parent ?? "none", values.parent.trim() || "?")],
  },
  leave: {
    title: "Leave the parent", scope: "credits/fund", verb: "Leave", isGrave: true, fields: [],
    initial: () => ({}),
    request: (_, account) => ({ method: "PATCH", path: at(account), body: { parent: null } }),
    preview: (_, account) => [texts("Parent", account.parent ?? "none", "none")],
    notes: () => ["What began with the parent also ends with it: holds that are open, and refunds of what both paid."],
  },
};

/** @param {string} text */
const lines = (text) => text.split(/[\n;]+/).map((each) => each.trim()).filter(Boolean);

/** @param {string} name @param {any} one @param {any} other */
const isSame = (name, one, other) => (name === "low_balance_thresholds" ? sorted(one) === sorted(other) : one.trim() === other);

/** @param {string} text */
const sorted = (text) => JSON.stringify(lines(text).sort());

/**
 * What is wrong with the fields, by name, as far as it can be told here.
 * @param {Action} action @param {Values} values @returns {Record<string, string>}
 */
export function faults(action, values) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const { name, type, isOptional } of action.fields) {
    const value = values[name];
    if (value === null || value === undefined) found[name] = "This is no amount: digits, with at most three decimals of a millicent.";
    else if (type === "amount" && value === "" && !isOptional) found[name] = "An amount is needed.";
    else if (type === "text" && name === "priority" && !/^\d{1,2}$/.test(value.trim())) found[name] = "A whole number from 0 to 99 is needed.";
    else if (type === "text" && !isOptional && !value.trim()) found[name] = "This is needed.";
    else if (type === "amounts" && lines(value).some((each) => !isAmount(each))) found[name] = "Each line must be an amount, with at most three decimals.";
    else if (type === "limits" && value.some((/** @type {any} */ each) => !isAmount(each.amount))) found[name] = "Each limit needs an amount, with at most three decimals.";
  }
  return found;
}

/** @param {string} text */
const isAmount = (text) => /^\d+(\.\d{1,3})?$/.test(text);

/** Those that change something. @param {Shown[]} shown */
export const effects = (shown) => shown.filter((each) => (each.isAmount ? compare(each.before, each.after) !== 0 : each.before !== each.after));

/** The largest amount that may still be refunded of an entry, as far as its refunds are known. @param {any} entry @param {any[]} known */
export function refundable(entry, known) {
  const left = microcents(sizeOf(entry)) - microcents(refundedOf(known, entry.key));
  return left > 0n ? millicents(left) : "0";
}
