/** The limits of an account, a line each. */
import { Field } from "../parts/dialog.js";
import { html } from "../ui.js";

const MOST = 20;
const NEW = { amount: "", window: "day", app: "", meter: "", model: "" };
const NAMES = /** @type {const} */ (["amount", "window", "app", "meter", "model"]);
const LABELS = { amount: "Millicents", window: "Window", app: "App", meter: "Meter", model: "Model" };

/** @typedef {{amount: string, window: string, app: string, meter: string, model: string}} Typed */

/** @param {{label: string, hint?: string, error?: string, value: Typed[], isDisabled: boolean, change: (value: Typed[]) => void}} props */
export function LimitsField({ label, hint, error, value, isDisabled, change }) {
  const set = (/** @type {number} */ index, /** @type {string} */ name, /** @type {string} */ text) => change(value.map((each, at) => (at === index ? { ...each, [name]: text.trim() } : each)));
  return html`<${Field} label=${label} hint=${hint} error=${error}>
    ${(/** @type {string} */ id) => html`<div class="limits-field" id=${id} tabindex="-1">
      ${value.map((each, index) => html`<fieldset key=${index} disabled=${isDisabled}>
        <legend class="hidden">Limit ${index + 1}</legend>
        ${NAMES.map((name) => html`<label key=${name} class="small"><span class="dim">${LABELS[name]}</span>
          <input class="input" value=${each[name]} onInput=${(/** @type {any} */ event) => set(index, name, event.target.value)} autocomplete="off" spellcheck="false" /></label>`)}
        <button type="button" class="icon" aria-label=${`Remove limit ${index + 1}`} onClick=${() => change(value.filter((_, at) => at !== index))}>✕</button>
      </fieldset>`)}
      <button type="button" class="button" disabled=${isDisabled || value.length >= MOST} onClick=${() => change([...value, NEW])}>Add a limit</button>
    </div>`}
  <//>`;
}
