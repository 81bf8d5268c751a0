/** <millicent-entries limit="10">: what happened to the balance, the newest first, each with the balance after it. */
import { call } from "../api.js";
import { Amount, Badge, Name, When } from "../parts/values.js";
import { html, useState } from "../ui.js";
import { accountOf, useAccount, wholeNumber } from "./element.js";
import { Failed, Shown } from "./states.js";

const PAGE = 10;
const MOST = 100;
const USUAL = new Set(["applied"]);

/** @typedef {{of: any, items: any[], next: string | null, error: any, isLoading: boolean}} Later */

/** @param {import("./element.js").WidgetProps} props */
export function Entries(props) {
  const limit = wholeNumber(props.given.limit, PAGE, MOST);
  const first = useAccount(props, "/entries", { limit });
  const [kept, setKept] = useState(/** @type {Later | null} */ (null));
  const later = kept?.of === first.data ? kept : null;
  const next = later ? later.next : first.data?.next ?? null;

  const more = async () => {
    const before = later ?? { of: first.data, items: [], next, error: null, isLoading: false };
    setKept({ ...before, isLoading: true, error: null });
    try {
      const page = await call("GET", `${await accountOf(props.given, props.bearer)}/entries`, { query: { limit, after: next }, bearer: props.bearer });
      setKept({ ...before, items: [...before.items, ...page.items], next: page.next ?? null, isLoading: false });
    } catch (error) {
      setKept({ ...before, error, isLoading: false });
      props.onError(error);
    }
  };
  return html`<${Shown} of=${first} isEmpty=${(/** @type {any} */ { items }) => items.length === 0} empty="Nothing has happened yet.">
    ${(/** @type {any} */ { items }) => html`<ol class="list" part="list">
        ${[...items, ...(later?.items ?? [])].map((entry) => html`<${Entry} key=${entry.seq} of=${entry} />`)}
      </ol>
      ${later?.error && html`<${Failed} error=${later.error} again=${more} />`}
      ${next && !later?.error && html`<button type="button" part="button" disabled=${later?.isLoading} onClick=${more}>${later?.isLoading ? "Loading more" : "More"}</button>`}`}
  <//>`;
}

/** @param {{of: any}} props */
const Entry = ({ of }) => html`<li part="row">
  <div class="line"><span><${Badge} of=${of.kind} /> ${!USUAL.has(of.outcome) && html`<${Badge} of=${of.outcome} />`} <${Name} of=${of.model ?? of.meter ?? of.app} none="" /></span><${Amount} of=${of.amount} isChange=${true} /></div>
  <div class="line dim"><span><${When} at=${of.at} />${of.reason && html` ${of.reason.replaceAll("_", " ")}`}</span><span>balance <${Amount} of=${of.available_after} isPlain=${true} /></span></div>
</li>`;
