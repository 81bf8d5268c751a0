/** A statement: a file that spreadsheets read, and a page to be printed. */
import { answered, inPath, list } from "../api.js";
import { useLoaded } from "../load.js";
import { Loaded, Page, Section } from "../parts/page.js";
import { Amount, Name, When } from "../parts/values.js";
import { link } from "../router.js";
import { viewersZone } from "../time.js";
import { html } from "../ui.js";
import { nextOf, withoutHeading } from "./csv.js";
import { filterOf } from "./filter.js";

const MOST = 5000;

/**
 * Saves all entries of a filter as the service writes them.
 * @param {string} actor @param {Record<string, string | undefined>} filter
 */
export async function saveStatement(actor, filter) {
  const parts = [];
  let after = /** @type {string | null} */ (null);
  do {
    const page = await answered("GET", `/v1/accounts/${inPath(actor)}/entries`, { query: { ...filter, after }, accept: "text/csv" });
    parts.push(parts.length ? withoutHeading(page.content) : page.content);
    after = nextOf(page.headers.get("link"));
  } while (after);
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob(parts, { type: "text/csv;charset=utf-8" }));
  anchor.download = `statement-${actor.replace(/[^\w.-]+/g, "-")}.csv`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
}

/** @param {{actor: string, query: Record<string, string>}} props */
export function Statement({ actor, query }) {
  const filter = filterOf(query);
  const entries = useLoaded(async (signal) => {
    const items = [];
    for await (const entry of list(`/v1/accounts/${inPath(actor)}/entries`, { ...filter, limit: 100 }, { signal, most: MOST + 1 })) items.push(entry);
    return { items: items.slice(0, MOST).reverse(), isPart: items.length > MOST };
  }, [actor, JSON.stringify(filter)]);
  const actions = html`<button type="button" class="button primary" onClick=${() => print()}>Print</button>
    <a class="button" href=${link("accounts", actor, { ...query, view: null })}>Back to the account</a>`;
  return html`<${Page} title=${`Statement of ${actor}`} actions=${actions} lead=${periodOf(query)}>
    <${Section} title="Entries" note=${`oldest first, amounts in millicents, times in ${viewersZone()}`}>
      <${Loaded} of=${entries} empty="No entry is in this period.">
        ${(/** @type {any} */ data) => html`${data.isPart && html`<p class="panel-body bad-text">Only the newest ${MOST} entries are here. The CSV has all.</p>`}<${Lines} entries=${data.items} />`}
      <//>
    <//>
  <//>`;
}

/** @param {Record<string, string>} query */
function periodOf(query) {
  const names = ["kind", "app", "meter", "model"].filter((name) => query[name]).map((name) => `${name} ${query[name]}`);
  const period = query.from || query.to ? `Days in UTC: ${query.from || "the first"} to ${query.to || "today"}.` : "All entries.";
  return names.length ? `${period} Only ${names.join(", ")}.` : period;
}

/** @param {{entries: any[]}} props */
function Lines({ entries }) {
  return html`<div class="table-around" tabindex="0" role="region" aria-label="Entries of the statement"><table class="table dense">
    <thead><tr><th scope="col">Entry</th><th scope="col">When</th><th scope="col">Kind</th><th scope="col">For</th><th scope="col">Key</th><th scope="col" class="number">Amount</th><th scope="col" class="number">Available</th><th scope="col" class="number">Held</th></tr></thead>
    <tbody>
      <tr><td colspan="6">Before entry ${entries[0].seq}</td><td class="number"><${Amount} of=${entries[0].available_before} isPlain=${true} /></td><td class="number"><${Amount} of=${entries[0].held_before} isPlain=${true} /></td></tr>
      ${entries.map((each) => html`<tr key=${each.seq}>
        <td class="tabular">${each.seq}</td><td><${When} at=${each.at} /></td><td>${each.kind.replaceAll("_", " ")}${each.outcome !== "applied" && ` (${each.outcome})`}</td>
        <td class="nowrap">${[each.model ?? each.meter, each.app, each.member].filter(Boolean).join(" · ")}</td><td class="break"><${Name} of=${each.key} /></td>
        <td class="number"><${Amount} of=${each.amount} isPlain=${true} /></td><td class="number"><${Amount} of=${each.available_after} isPlain=${true} /></td><td class="number"><${Amount} of=${each.held_after} isPlain=${true} /></td>
      </tr>`)}
    </tbody>
  </table></div>`;
}
