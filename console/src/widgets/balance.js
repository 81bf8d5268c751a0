/** <millicent-balance>: what can be spent, what is held for work that goes on, and what was spent. */
import { compare } from "../money.js";
import { Amount, Badge, Money } from "../parts/values.js";
import { millicentsText } from "../money.js";
import { html } from "../ui.js";
import { useAccount } from "./element.js";
import { Shown } from "./states.js";

/** @param {import("./element.js").WidgetProps} props */
export function Balance(props) {
  const account = useAccount(props, "");
  return html`<${Shown} of=${account} empty="There are no credits yet.">
    ${(/** @type {any} */ found) => html`
      <p class="label">Available ${found.status !== "open" && html`<${Badge} of=${found.status} />`} ${isLow(found) && html`<${Badge} of="low" />`}</p>
      <p class="headline" part="available"><${Money} of=${found.available} /></p>
      <p class="dim tabular">${millicentsText(found.available)} millicents</p>
      <dl part="details">
        <div><dt>Held for work that goes on</dt><dd><${Amount} of=${found.held} /></dd></div>
        <div><dt>Spent</dt><dd><${Amount} of=${found.spent} /></dd></div>
      </dl>`}
  <//>`;
}

/** Below the highest of its thresholds. @param {any} account */
const isLow = ({ available, low_balance_thresholds: thresholds = [] }) => thresholds.some((/** @type {string} */ each) => compare(available, each) < 0);
