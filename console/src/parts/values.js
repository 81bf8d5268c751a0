/** Single values: amounts, times, ids, and whatever this console does not know. */
import { config } from "../config.js";
import { useNow } from "../load.js";
import { currencyText, microcents, millicentsText } from "../money.js";
import { distance, localText, utcTitle } from "../time.js";
import { plain } from "../text.js";
import { html, useState } from "../ui.js";
import { toast } from "./toast.js";

/**
 * An amount in millicents, with currency below or beside it. A change has its sign.
 * @param {{of: string | number | null | undefined, isChange?: boolean, isPlain?: boolean}} props
 */
export function Amount({ of, isChange = false, isPlain = false }) {
  if (of === null || of === undefined) return html`<span class="dim">–</span>`;
  const sign = isChange && microcents(of) > 0n ? "+" : "";
  const tone = isChange && microcents(of) < 0n ? "is-negative" : isChange && sign ? "is-positive" : "";
  return html`<span class="amount ${tone}">
    <span class="millicents" title="millicents">${sign}${millicentsText(of)}</span>
    ${!isPlain && html` <span class="currency">${sign}${currencyText(of, config())}</span>`}
  </span>`;
}

/** Currency alone, for a headline; millicents on hover. @param {{of: string | number}} props */
export const Money = ({ of }) => html`<span class="tabular" title="${millicentsText(of)} millicents">${currencyText(of, config())}</span>`;

/** An instant: local, with UTC on hover. @param {{at: string | null | undefined, isDistance?: boolean}} props */
export function When({ at, isDistance = false }) {
  if (!at) return html`<span class="dim">–</span>`;
  return html`<time class="tabular" datetime=${at} title=${utcTitle(at)}>${isDistance ? html`<${Distance} at=${at} />` : localText(at)}</time>`;
}

/** @param {{at: string}} props */
function Distance({ at }) {
  return html`${distance(at, useNow(Math.abs(Date.parse(at) - Date.now()) < 3_600_000 ? 1000 : 60_000))}`;
}

/** An id, which a click copies. @param {{of: string | null | undefined, short?: boolean}} props */
export function Id({ of, short = false }) {
  const [isCopied, setCopied] = useState(false);
  if (!of) return html`<span class="dim">–</span>`;
  const copy = async (/** @type {Event} */ event) => {
    event.stopPropagation();
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(of);
      setCopied(true);
      setTimeout(() => setCopied(false), 1200);
    } catch {
      toast("The browser did not allow to copy", { isBad: true });
    }
  };
  return html`<button type="button" class="id" title="Copy ${of}" onClick=${copy}>
    <bdi>${short && of.length > 16 ? `${of.slice(0, 12)}…` : of}</bdi><span class="id-mark" aria-hidden="true">${isCopied ? "✓" : "⧉"}</span>
    <span class="hidden" aria-live="polite">${isCopied ? "copied" : ""}</span>
  </button>`;
}

/** A name that somebody chose: text of any direction and length. @param {{of: string | null | undefined, none?: string}} props */
export const Name = ({ of, none = "–" }) => (of ? html`<bdi class="name" title=${plain(of)}>${plain(of)}</bdi>` : html`<span class="dim">${none}</span>`);

/** @type {Record<string, string>} */
const TONES = {
  applied: "good", allowed: "good", open: "good", ok: "good",
  refused: "bad", frozen: "bad", denied: "bad", failed: "bad",
  partial: "warn", expired: "warn", low: "warn",
};

/** A kind, an outcome or a status. One that this console does not know is shown as it is. @param {{of: string | null | undefined}} props */
export const Badge = ({ of }) => (of ? html`<span class="badge ${TONES[of] ?? ""}"><bdi>${plain(of.replaceAll("_", " "))}</bdi></span>` : null);


/** Whatever it is, as it is. @param {{of: unknown}} props */
export function Raw({ of }) {
  if (of === null || of === undefined) return html`<span class="dim">–</span>`;
  if (typeof of !== "object") return html`<bdi class="name">${String(of)}</bdi>`;
  return html`<pre class="raw"><code>${plain(JSON.stringify(of, null, 2))}</code></pre>`;
}

/**
 * Names and values below each other. A value is a text, a number, or what html makes.
 * @param {{of: [string, any][]}} props
 */
export const Fields = ({ of }) => html`<dl class="fields">${of.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** Fields of an answer that a page says nothing about, so that none is lost. @param {{of: Record<string, unknown>, known: string[]}} props */
export function Unknown({ of, known }) {
  const others = Object.entries(of).filter(([name, value]) => !known.includes(name) && value !== null && value !== undefined);
  return others.length ? html`<${Fields} of=${others.map(([name, value]) => [name, html`<${Raw} of=${value} />`])} />` : null;
}
