/** All accounts of the tenant, in the order of their names. */
import { useList, useSettled } from "../load.js";
import { useShortcut } from "../keys.js";
import { Loaded, Page } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { Amount, Badge, Name, When } from "../parts/values.js";
import { choose, go, link, refine } from "../router.js";
import { html, useCallback, useEffect, useRef, useState } from "../ui.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ListedAccount"]} ListedAccount */

const PAGE = 50;

/** @param {import("../pages.js").PageProps} props */
export function View({ query }) {
  const [prefix, setPrefix] = useState(query.prefix ?? "");
  const search = useRef(/** @type {HTMLInputElement | null} */ (null));
  useShortcut("/", "Search accounts", useCallback(() => search.current?.select(), []));
  useEffect(() => {
    if (query.search !== "now") return;
    refine({ search: null });
    search.current?.focus();
  }, [query.search]);
  const settled = useSettled(prefix.trim());
  const accounts = useList("/v1/accounts", { prefix: settled, status: query.status, low: query.low, limit: PAGE });

  const typed = (/** @type {any} */ event) => {
    setPrefix(event.target.value);
    refine({ prefix: event.target.value.trim() });
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (prefix.trim()) go(link("accounts", only(accounts.items, prefix.trim())));
  };
  return html`<${Page} title="Accounts">
    <form class="filters" role="search" onSubmit=${submit}>
      <div class="search">
        <input ref=${search} class="input" type="search" aria-label="Names that begin with" placeholder="Names that begin with…"
          value=${prefix} onInput=${typed} autocomplete="off" spellcheck="false" /><kbd aria-hidden="true">/</kbd>
      </div>
      <${Choice} label="Status" name="status" now=${query.status} of=${[["", "All"], ["open", "Open"], ["frozen", "Frozen"]]} />
      <${Choice} label="Balance" name="low" now=${query.low} of=${[["", "Any balance"], ["true", "Low"]]} />
    </form>
    <div class="panel">
      <${Loaded} of=${accounts} empty=${emptyText(settled, query)}>
        ${(/** @type {ListedAccount[]} */ items) => html`<${Table} label="Accounts" rows=${items} columns=${COLUMNS} keyOf=${actorOf} open=${addressOf}
          hasMore=${accounts.hasMore} more=${accounts.more} isLoading=${accounts.isLoading} />`}
      <//>
    </div>
  <//>`;
}

/** @param {{label: string, name: string, now: string | undefined, of: [string, string][]}} props */
const Choice = ({ label, name, now = "", of }) => html`<div class="segmented" role="group" aria-label=${label}>
  ${of.map(([value, text]) => html`<button key=${value} type="button" aria-pressed=${value === now ? "true" : "false"} onClick=${() => choose({ [name]: value })}>${text}</button>`)}
</div>`;

const actorOf = (/** @type {ListedAccount} */ row) => row.actor;
const addressOf = (/** @type {ListedAccount} */ row) => link("accounts", row.actor);

/** The account that enter opens: the only one that is left, or the name as it was typed. @param {ListedAccount[] | null} items @param {string} typed */
const only = (items, typed) => (items?.length === 1 && items[0].actor.startsWith(typed) ? items[0].actor : typed);

/** @type {import("../parts/table.js").Column<ListedAccount>[]} */
const COLUMNS = [
  { name: "Account", cell: (row) => html`<a href=${addressOf(row)}><${Name} of=${row.actor} /></a> ${row.status !== "open" && html`<${Badge} of=${row.status} />`} ${row.low === true && html`<${Badge} of="low" />`}` },
  { name: "Available", cell: (row) => html`<${Amount} of=${row.available} />`, isNumber: true },
  { name: "Held", cell: (row) => html`<${Amount} of=${row.held} isPlain=${true} />`, isNumber: true, isMinor: true },
  { name: "Spent", cell: (row) => html`<${Amount} of=${row.spent} isPlain=${true} />`, isNumber: true, isMinor: true },
  { name: "Last entry", cell: (row) => html`<${When} at=${row.updated_at} />`, isMinor: true },
];

/** @param {string} prefix @param {Record<string, string>} query */
function emptyText(prefix, query) {
  if (prefix) return html`No account${query.status || query.low ? " of these filters" : ""} has a name that begins with <code>${prefix}</code>.`;
  if (query.status || query.low) return "No account fits these filters.";
  return html`There is no account yet: the first funding of an actor makes one. Accounts that are older than this list are in it after <code>millicent backfill</code>.`;
}
