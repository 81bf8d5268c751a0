/** A dialog of the browser's own: focus stays in it, esc closes it, and the rest of the page is out of reach. */
import { html, useEffect, useId, useRef } from "../ui.js";

/** @param {{title: any, close?: () => void, children?: any, wide?: boolean}} props */
export function Dialog({ title, close, children, wide = false }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const name = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    if (dialog && !dialog.open) dialog.showModal();
    // Not the button that closes it, which comes first.
    /** @type {HTMLElement | null | undefined} */ (dialog?.querySelector("form :is(input, select, textarea):not(:disabled)"))?.focus();
    return () => {
      dialog?.close();
      before?.focus?.();
    };
  }, []);
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    close?.();
  };
  const onClick = (/** @type {MouseEvent} */ event) => event.target === element.current && close?.();
  return html`<dialog ref=${element} class="dialog ${wide ? "wide" : ""}" aria-labelledby=${name} onCancel=${onCancel} onMouseDown=${onClick}>
    <div class="dialog-inside">
      <header class="dialog-head"><h2 id=${name}>${title}</h2>
        ${close && html`<button type="button" class="icon" aria-label="Close" onClick=${close}>✕</button>`}
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** A labelled field of a form. `error` is what is wrong with it. @param {{label: any, hint?: any, error?: any, children: (id: string) => any}} props */
export function Field({ label, hint, error, children }) {
  const id = useId();
  const make = Array.isArray(children) ? children[0] : children;
  return html`<div class="field ${error ? "has-error" : ""}">
    <label for=${id}>${label}</label>
    ${make(id)}
    ${hint && html`<p class="hint">${hint}</p>`}
    ${error && html`<p class="error" role="alert">${error}</p>`}
  </div>`;
}
