/** How the elements look. A page changes it by custom properties; light or dark follows the page's `color-scheme`. */

const CSS = `
:host {
  display: block;
  --ink: var(--millicent-ink, light-dark(#1c2026, #e7eaef));
  --dim: var(--millicent-dim, light-dark(#5c6470, #9ba4b1));
  --line: var(--millicent-line, light-dark(#e3e3df, #2a3039));
  --soft: var(--millicent-soft, light-dark(#f1f1ee, #1d222a));
  --accent: var(--millicent-accent, light-dark(#2457c5, #8fb2ff));
  --good: var(--millicent-good, light-dark(#146c43, #6fd3a0));
  --bad: var(--millicent-bad, light-dark(#b0261b, #ff9a8f));
  --warn: var(--millicent-warn, light-dark(#7d5200, #f0c36a));
  color: var(--ink);
  font: var(--millicent-font, 0.875rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif);
}
:host([hidden]) { display: none; }
*, *::before, *::after { box-sizing: border-box; }
p, ol, ul, dl { margin: 0; padding: 0; }
ol, ul { list-style: none; }
.widget { background: var(--millicent-back, transparent); border-radius: var(--millicent-radius, 8px); padding: var(--millicent-padding, 0); min-width: 0; }
.label, .dim, dt, .currency { color: var(--dim); }
.headline { font-size: 1.9em; line-height: 1.25; font-weight: 640; letter-spacing: -0.015em; overflow-wrap: anywhere; }
.tabular, .amount, dd { font-variant-numeric: tabular-nums; }
.amount { white-space: nowrap; }
.currency { font-size: 0.93em; }
.amount.is-positive .millicents { color: var(--good); }
dl { display: grid; gap: 0.25em; margin-top: 0.75em; }
dl > div, .line { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.1em 1em; align-items: baseline; }
.list > li { padding: 0.6em 0; border-top: 1px solid var(--line); }
.list > li:first-child { border-top: 0; }
.line > :last-child, dd { margin-left: auto; text-align: right; }
.line.dim { font-size: 0.93em; }
.name { overflow-wrap: anywhere; unicode-bidi: isolate; }
.badge { display: inline-block; padding: 0 0.5em; border-radius: 99px; background: var(--soft); color: var(--dim); font-size: 0.93em; overflow-wrap: anywhere; }
.badge.good { color: var(--good); }
.badge.bad { color: var(--bad); }
.badge.warn { color: var(--warn); }
.bar { height: 4px; border-radius: 2px; background: var(--soft); overflow: hidden; margin: 0.25em 0; }
.bar div { height: 100%; background: var(--accent); border-radius: 2px; }
.bars { display: grid; gap: 0.5em; margin-top: 0.75em; }
.bar-text { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.1em 1em; align-items: baseline; }
.days { display: block; width: 100%; height: 7.5em; margin-top: 0.5em; border-bottom: 1px solid var(--line); }
.day { fill: transparent; }
g:hover .day { fill: var(--soft); }
.spent { fill: var(--accent); }
.empty { color: var(--dim); padding: 0.75em 0; }
.failed { display: grid; gap: 0.4em; justify-items: start; padding: 0.75em; border: 1px solid var(--bad); border-radius: 6px; overflow-wrap: anywhere; }
button { font: inherit; color: var(--ink); background: none; border: 1px solid var(--dim); border-radius: 6px; padding: 0.25em 0.75em; cursor: pointer; }
button:disabled { opacity: 0.55; cursor: default; }
button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.loading { display: grid; gap: 0.6em; min-height: 3em; align-content: center; }
.loading i { height: 0.75em; border-radius: 4px; background: var(--soft); animation: breathe 1.4s ease-in-out infinite; }
.loading i:nth-of-type(2) { width: 60%; }
@keyframes breathe { 50% { opacity: 0.45; } }
@media (prefers-reduced-motion: reduce) { .loading i { animation: none; } }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

/** @type {CSSStyleSheet | null} */
let made = null;

/** One sheet for all elements of a page. A page's policy on styles does not concern it. */
export function sheet() {
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(CSS);
  }
  return made;
}
