/**
 * One piece of work in one line: a hold, its captures and what was refunded of them; a charge and its refunds; the check
 * before it. What belongs together is what the entries themselves name: a hold's id, the key of a charge, a check's id.
 */
import { microcents, millicents } from "../money.js";

/**
 * @typedef {import("./types.js").Entry} Entry
 * @typedef {object} Work
 * @property {string} id             of its oldest entry that is known
 * @property {Entry[]} entries       oldest first
 * @property {Entry} newest          its balance is the running balance of the line
 * @property {string | null} holdId
 * @property {boolean} isWhole       false if it begins with an entry that was not loaded
 * @property {string | null} spent   what charges and captures took less what refunds returned; null if not whole, or nothing of this kind
 */

const SPENDS = new Set(["charge", "capture"]);
const BEGINS = new Set(["hold", "charge"]);

/**
 * The lines of a listing, newest first, as the entries are. Each entry is in exactly one line.
 * @param {Entry[]} entries newest first @returns {Work[]}
 */
export function folded(entries) {
  const groups = groupsOf(entries);
  /** @type {Map<string, Entry[]>} */
  const lines = new Map();
  for (const entry of entries) {
    const name = groups(entry);
    lines.set(name, [entry, ...(lines.get(name) ?? [])]);
  }
  return [...lines.values()].map(work);
}

/** Each entry a line, which says nothing of the work that it is a part of. @param {Entry[]} entries @returns {Work[]} */
export const unfolded = (entries) => entries.map((entry) => ({ id: entry.key, entries: [entry], newest: entry, holdId: null, isWhole: true, spent: null }));

/**
 * Names that stand for one piece of work lead to one of them: a capture has its hold's id, and a refund the capture's key.
 * @param {Entry[]} entries @returns {(entry: Entry) => string}
 */
function groupsOf(entries) {
  /** @type {Map<string, string>} */
  const leads = new Map();
  const first = (/** @type {string} */ name) => {
    let found = name;
    for (let next = leads.get(found); next !== undefined; next = leads.get(found)) found = next;
    return found;
  };
  for (const entry of entries) {
    const [one, ...others] = namesOf(entry).map(first);
    for (const other of others) if (first(other) !== first(one)) leads.set(first(other), first(one));
  }
  return (entry) => first(namesOf(entry)[0]);
}

/** @param {Entry} entry */
function namesOf(entry) {
  const names = [`key ${entry.key}`];
  if (entry.hold?.id) names.push(`hold ${entry.hold.id}`);
  if (entry.charge) names.push(`key ${entry.charge}`);
  if (entry.check_id) names.push(`check ${entry.check_id}`);
  return names;
}

/** @param {Entry[]} entries oldest first @returns {Work} */
function work(entries) {
  const newest = entries[entries.length - 1];
  const isWhole = BEGINS.has(entries[0].kind) || !(entries[0].hold || entries[0].charge);
  const holdId = entries.find((entry) => entry.hold?.id)?.hold?.id ?? null;
  return { id: entries[0].key, entries, newest, holdId, isWhole, spent: isWhole ? spentOf(entries) : null };
}

/** @param {Entry[]} entries @returns {string | null} */
function spentOf(entries) {
  const counted = entries.filter((entry) => SPENDS.has(entry.kind) || entry.kind === "refund");
  if (counted.length === 0) return null;
  return millicents(counted.reduce((total, entry) => total - microcents(entry.amount), 0n));
}

/**
 * What a charge or capture took and what was returned of it, of the entries that are known.
 * @param {Entry[]} entries @param {string} key of the charge
 */
export function refundedOf(entries, key) {
  const refunds = entries.filter((entry) => entry.kind === "refund" && entry.charge === key && entry.outcome !== "refused");
  return millicents(refunds.reduce((total, entry) => total + microcents(entry.amount), 0n));
}

/**
 * What happened in the order in which it came, equal steps that follow each other counted: [["hold", 1], ["capture", 2]].
 * A check has no entry; the charge names the one that came before it.
 * @param {Entry[]} entries
 */
export function steps(entries) {
  /** @type {[string, number][]} */
  const found = [];
  for (const kind of entries.flatMap((entry) => (entry.check_id && entry.kind !== "check" ? ["check", entry.kind] : [entry.kind]))) {
    const last = found.at(-1);
    if (last && last[0] === kind) last[1] += 1;
    else found.push([kind, 1]);
  }
  return found;
}

/** The newest entry that sums of usage count, 0 if none is known: they are late as long as they do not reach it. @param {Entry[]} entries */
export const newestSpending = (entries) => entries.reduce((newest, entry) => (entry.outcome !== "refused" && (SPENDS.has(entry.kind) || entry.kind === "refund") ? Math.max(newest, entry.seq) : newest), 0);
