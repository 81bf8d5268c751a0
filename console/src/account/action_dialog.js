/** The dialog of an action: its fields, what it will change, and what the service answers. */
import { answered, newKey } from "../api.js";
import { Dialog, Field } from "../parts/dialog.js";
import { Failed } from "../parts/page.js";
import { toast } from "../parts/toast.js";
import { Amount } from "../parts/values.js";
import { html, useRef, useState } from "../ui.js";
import { ACTIONS, effects, faults } from "./actions.js";
import { AmountField } from "./amount_field.js";
import { attemptOf, begun, isUnknown, mayBeRecorded } from "./attempt.js";
import { LimitsField } from "./limits_field.js";

/**
 * @param {object} props
 * @param {string} props.name           of ACTIONS
 * @param {any} props.account
 * @param {any} [props.subject]         the grant, hold or entry that it is about
 * @param {() => void} props.close
 * @param {() => void} props.done       after it is recorded
 */
export function ActionDialog({ name, account: given, subject, close, done }) {
  const action = ACTIONS[name];
  const [account] = useState(given);
  const [values, setValues] = useState(() => action.initial(account, subject));
  const [state, setState] = useState(/** @type {{isSending: boolean, error: any, isLocked: boolean, hasTried: boolean}} */ ({ isSending: false, error: null, isLocked: false, hasTried: false }));
  const attempt = useRef(begun(useState(newKey)[0]));
  const wrong = faults(action, values);
  const isWrong = Object.keys(wrong).length > 0;
  const isDisabled = state.isSending || state.isLocked;

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isWrong && !state.isLocked) {
      setState({ ...state, hasTried: true });
      return;
    }
    const wanted = action.request(values, account, subject);
    attempt.current = attemptOf(attempt.current, wanted, newKey);
    setState({ ...state, isSending: true, error: null });
    try {
      const { headers } = await answered(wanted.method, wanted.path, { body: wanted.body, key: attempt.current.key });
      toast(headers.get("idempotency-replayed") === "true" ? `${action.title}: this was recorded already` : `${action.title}: recorded`);
      done();
      close();
    } catch (error) {
      setState({ isSending: false, error, isLocked: isUnknown(/** @type {any} */ (error)), hasTried: true });
      if (mayBeRecorded(/** @type {any} */ (error))) done();
    }
  };
  return html`<${Dialog} title=${action.title} close=${close} wide=${action.fields.some((field) => field.type === "limits")}>
    <form class="action" onSubmit=${submit} novalidate data-testid=${`action-${name}`}>
      ${action.fields.map((field) => html`<${OneField} key=${field.name} field=${field} value=${values[field.name]} isDisabled=${isDisabled}
        error=${state.hasTried ? wrong[field.name] : undefined} change=${(/** @type {any} */ value) => setValues((before) => ({ ...before, [field.name]: value }))} />`)}
      <${Preview} action=${action} values=${values} account=${account} subject=${subject} />
      ${state.error && html`<${Failed} error=${state.error} />`}
      ${state.isLocked && html`<p class="hint">It is not known whether this was recorded. Trying again is safe: it is the same operation, and cannot happen twice.</p>`}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${close}>Cancel</button>
        <button type="submit" class=${action.isGrave ? "button danger" : "button primary"} disabled=${state.isSending}>${buttonText(action, state)}</button>
      </footer>
    </form>
  <//>`;
}

/** @param {import("./actions.js").Action} action @param {{isSending: boolean, isLocked: boolean}} state */
function buttonText(action, state) {
  if (state.isSending) return "Recording";
  return state.isLocked ? "Try again" : action.verb;
}

/** @param {{action: import("./actions.js").Action, values: any, account: any, subject: any}} props */
function Preview({ action, values, account, subject }) {
  const isUnreadable = action.fields.some((field) => values[field.name] === null);
  const shown = isUnreadable ? [] : effects(action.preview(values, account, subject));
  const notes = isUnreadable ? [] : action.notes?.(values, account, subject) ?? [];
  return html`<section class="preview" aria-live="polite" aria-label="What this will change">
    ${shown.length > 0 ? html`<table class="table">
      <thead><tr><th scope="col">Will change</th><th scope="col" class="number">Before</th><th scope="col" class="number">After</th></tr></thead>
      <tbody>${shown.map((each) => html`<tr key=${each.name}><th scope="row">${each.name}</th><td class="number"><${Side} of=${each.before} isAmount=${each.isAmount} /></td><td class="number"><${Side} of=${each.after} isAmount=${each.isAmount} /></td></tr>`)}</tbody>
    </table>` : html`<p class="dim">Nothing changes yet.</p>`}
    ${notes.map((note) => html`<p key=${note} class="hint">${note}</p>`)}
  </section>`;
}

/** @param {{of: string, isAmount: boolean}} props */
const Side = ({ of, isAmount }) => (isAmount ? html`<${Amount} of=${of} />` : html`<span class="lines">${of}</span>`);

/** @param {{field: import("./actions.js").Field, value: any, error?: string, isDisabled: boolean, change: (value: any) => void}} props */
function OneField({ field, value, error, isDisabled, change }) {
  const label = field.isOptional && field.type !== "check" ? `${field.label}, optional` : field.label;
  const common = { label, hint: field.hint, error };
  const onInput = (/** @type {any} */ event) => change(event.target.value);
  if (field.type === "amount") return html`<${AmountField} ...${common} value=${value} isDisabled=${isDisabled} change=${change} />`;
  if (field.type === "limits") return html`<${LimitsField} ...${common} value=${value} isDisabled=${isDisabled} change=${change} />`;
  if (field.type === "check") {
    return html`<label class="check"><input type="checkbox" checked=${value} disabled=${isDisabled} onChange=${(/** @type {any} */ event) => change(event.target.checked)} /> ${label}</label>`;
  }
  return html`<${Field} ...${common}>${(/** @type {string} */ id) => {
    if (field.type === "choice") return html`<select id=${id} class="select" value=${value} disabled=${isDisabled} onChange=${onInput}>${field.of?.map((each) => html`<option key=${each} value=${each} selected=${each === value}>${each}</option>`)}</select>`;
    if (field.type === "amounts") return html`<textarea id=${id} class="input" rows="3" disabled=${isDisabled} onInput=${onInput} value=${value}></textarea>`;
    if (field.type === "time") return html`<${TimeInput} id=${id} value=${value} isDisabled=${isDisabled} change=${change} />`;
    return html`<input id=${id} class="input" value=${value} disabled=${isDisabled} onInput=${onInput} autocomplete="off" spellcheck="false" />`;
  }}<//>`;
}

/** A local time, which the API gets in UTC. @param {{id: string, value: string, isDisabled: boolean, change: (value: string) => void}} props */
function TimeInput({ id, value, isDisabled, change }) {
  const onInput = (/** @type {any} */ event) => {
    const instant = new Date(event.target.value);
    change(Number.isNaN(instant.getTime()) ? "" : instant.toISOString());
  };
  return html`<input id=${id} class="input" type="datetime-local" step="1" disabled=${isDisabled} onInput=${onInput} />
    ${value && html`<span class="hint">${value.replace("T", " ").replace(/(\.000)?Z$/, " UTC")}</span>`}`;
}
