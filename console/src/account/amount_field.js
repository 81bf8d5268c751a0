/** An amount in millicents, with currency beside it; what is typed into the one appears in the other, exactly. */
import { config } from "../config.js";
import { microcents, typedCurrency, typedMillicents } from "../money.js";
import { Field } from "../parts/dialog.js";
import { html, useState } from "../ui.js";
import { unitsText } from "./units.js";

/**
 * `change` gets millicents as the API takes them, "" for nothing, and null for what is no amount.
 * @param {{label: string, hint?: string, error?: string, value: string | null, isDisabled?: boolean, change: (amount: string | null) => void}} props
 */
export function AmountField({ label, hint, error, value, isDisabled = false, change }) {
  const currency = config();
  const [millicents, setMillicents] = useState(value ?? "");
  const [units, setUnits] = useState(value ? unitsText(value, currency) : "");
  const typeMillicents = (/** @type {any} */ event) => {
    const amount = event.target.value.trim() ? typedMillicents(event.target.value) : "";
    setMillicents(event.target.value);
    setUnits(amount ? unitsText(amount, currency) : "");
    change(amount);
  };
  const typeUnits = (/** @type {any} */ event) => {
    const amount = event.target.value.trim() ? typedCurrency(event.target.value, currency) : "";
    setUnits(event.target.value);
    setMillicents(amount ?? "");
    change(amount);
  };
  const isRounded = Boolean(value) && value !== null && typedCurrency(units, currency) !== null && microcents(typedCurrency(units, currency) ?? "0") !== microcents(value);
  return html`<${Field} label=${`${label} (millicents)`} hint=${hint} error=${error}>
    ${(/** @type {string} */ id) => html`<div class="amount-field">
      <input id=${id} class="input number" inputmode="decimal" autocomplete="off" value=${millicents} disabled=${isDisabled} onInput=${typeMillicents} />
      <span aria-hidden="true">=</span>
      <span class="amount-units"><input class="input number" inputmode="decimal" autocomplete="off" aria-label=${`${label} (${currency.currency})`} value=${units} disabled=${isDisabled} onInput=${typeUnits} />
      <span class="dim small">${currency.currency}${isRounded ? ", rounded" : ""}</span></span>
    </div>`}
  <//>`;
}
