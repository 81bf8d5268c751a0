/** <millicent-grants>: what the balance is made of, in the order in which it is spent. */
import { share } from "../money.js";
import { Amount, When } from "../parts/values.js";
import { html } from "../ui.js";
import { useAccount } from "./element.js";
import { Shown } from "./states.js";

/** @param {import("./element.js").WidgetProps} props */
export function Grants(props) {
  const account = useAccount(props, "");
  return html`<${Shown} of=${account} isEmpty=${(/** @type {any} */ { grants }) => grants.length === 0} empty="There are no credits to spend.">
    ${(/** @type {any} */ { grants }) => html`<ol class="list" part="list">
      ${grants.map((/** @type {any} */ grant) => html`<li key=${grant.id} part="row">
        <div class="line"><span><bdi>${grant.category}</bdi></span><${Amount} of=${grant.remaining} /></div>
        <div class="bar" aria-hidden="true"><div style=${{ width: `${share(grant.remaining, grant.amount) * 100}%` }}></div></div>
        <div class="line dim"><span>of <${Amount} of=${grant.amount} isPlain=${true} /> millicents</span><span>${grant.expires_at ? html`until <${When} at=${grant.expires_at} />` : "does not expire"}</span></div>
      </li>`)}
    </ol>`}
  <//>`;
}
