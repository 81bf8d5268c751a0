/** What is around every page: navigation, sign-in, help, notes. */
import { matched } from "./address.js";
import { config } from "./config.js";
import { useStore } from "./follow.js";
import { shortcuts, useShortcut } from "./keys.js";
import { PAGES } from "./pages.js";
import { Dialog } from "./parts/dialog.js";
import { Empty, Failed, Loading, Page } from "./parts/page.js";
import { Toasts } from "./parts/toast.js";
import { go, link, useRoute } from "./router.js";
import { isOperator, session, signOut } from "./session.js";
import { SignedOut } from "./signin.js";
import { plain } from "./text.js";
import { choose as chooseTheme, theme } from "./theme.js";
import { html, useCallback, useEffect, useErrorBoundary, useRef, useState } from "./ui.js";
import { viewersZone } from "./time.js";

export function Frame() {
  const { state, claims } = useStore(session);
  const [isHelping, setHelping] = useState(false);
  const help = useCallback(() => setHelping(true), []);
  useShortcut("?", "Show these keys", help);
  useShortcut("/", "Search accounts", searchAccounts);
  if (state === "starting") return html`<${Loading} />`;
  if (state === "out") return html`<main class="alone"><${SignedOut} /></main>`;
  return html`<div class="frame">
    <a class="skip" href="#content" onClick=${toContent}>Skip to the content</a>
    <${Navigation} help=${help} who=${claims?.sub ?? ""} />
    <main id="content" tabindex="-1"><${Content} /></main>
    ${isHelping && html`<${Help} close=${() => setHelping(false)} />`}
    ${state === "ended" && html`<${Dialog} title="Sign in again"><p>The token is not accepted any more. ${config().client_id ? "Signing in leads back to this page." : "This page stays as it is."}</p><${SignedOut} isAgain=${true} /><//>`}
    <${Toasts} />
  </div>`;
}

/** Where a page has a search of its own, that one comes first. */
function searchAccounts() {
  if (isOperator()) go(link("accounts", { search: "now" }));
}

/** @param {Event} event */
function toContent(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

/** @param {{help: () => void, who: string}} props */
function Navigation({ help, who }) {
  const { segments } = useRoute();
  const shown = PAGES.filter((page) => page.key && (isOperator() || !page.forOperators));
  return html`<nav class="nav" aria-label="Pages">
    <a class="brand" href=${link()} aria-label="Millicent"><span class="brand-mark" aria-hidden="true"></span><span class="brand-name">Millicent</span></a>
    <ul class="nav-pages">
      ${shown.map((page) => html`<${NavLink} key=${page.path} page=${page} isHere=${`/${segments[0] ?? ""}` === page.path} />`)}
      ${!isOperator() && html`<li><a href=${link("accounts", who)} aria-current=${segments[0] === "accounts" ? "page" : undefined}>My account</a></li>`}
    </ul>
    <div class="nav-foot">
      <span class="who" title=${`Signed in as ${plain(who)}`}><bdi>${plain(who)}</bdi></span>
      <span class="dim small" title="Times are shown in this zone; days of usage are days in UTC">${viewersZone()}</span>
      <div class="nav-tools">
        <${ThemeSwitch} />
        <button type="button" class="icon" title="Keys (?)" aria-label="Keyboard shortcuts" onClick=${help}>?</button>
        <button type="button" class="plain" onClick=${signOut}>Sign out</button>
      </div>
    </div>
  </nav>`;
}

/** @param {{page: import("./pages.js").PageEntry, isHere: boolean}} props */
function NavLink({ page, isHere }) {
  const to = useCallback(() => go(`#${page.path}`), [page]);
  useShortcut(`g ${page.key}`, `Go to ${page.title}`, to);
  return html`<li><a href=${`#${page.path}`} aria-current=${isHere ? "page" : undefined}>${page.title}<kbd aria-hidden="true">g ${page.key}</kbd></a></li>`;
}

function ThemeSwitch() {
  const now = useStore(theme);
  const next = /** @type {const} */ ({ system: "light", light: "dark", dark: "system" })[now];
  const mark = { system: "◐", light: "☀", dark: "☾" }[now];
  return html`<button type="button" class="icon" title=${`Colours: ${now}`} aria-label=${`Colours: ${now}. Change to ${next}`} onClick=${() => chooseTheme(next)}>${mark}</button>`;
}

/** The page of the address. */
function Content() {
  const { path, segments, query } = useRoute();
  const found = PAGES.map((page) => ({ page, params: matched(page.path, segments) })).find((each) => each.params);
  if (!found?.params) return html`<${Page} title="No such page"><${Empty}>The console has no page at <code>${plain(path)}</code>. <a href=${link()}>To the overview</a><//><//>`;
  const isMine = isOperator() || !found.page.forOperators;
  if (!isMine) return html`<${Page} title=${found.page.title}><${NotAnOperator} /><//>`;
  return html`<${Opened} key=${found.page.path} page=${found.page} params=${found.params} query=${query} path=${path} />`;
}

function NotAnOperator() {
  const who = session.get().claims?.sub ?? "";
  return html`<${Empty}>This page shows all accounts of a tenant. This token may see its own account only: <a href=${link("accounts", who)}>my account</a>.
    Who should see all needs the scope <code>credits/act</code>, or to be among the operators.<//>`;
}

/** @param {{page: import("./pages.js").PageEntry, params: Record<string, string>, query: Record<string, string>, path: string}} props */
function Opened({ page, params, query, path }) {
  const [view, setView] = useState(/** @type {{of: string, View: any} | null} */ (null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [broken, mend] = useErrorBoundary();
  const shown = useRef(path);
  useEffect(() => {
    page.load().then((module) => setView({ of: page.path, View: module.View }), setFailure);
  }, [page]);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    if (broken) mend();
    scrollTo(0, 0);
    document.querySelector("h1")?.focus({ preventScroll: true });
  }, [path]);
  if (failure) return html`<${Page} title=${page.title}><${Failed} error=${{ message: "This page could not be loaded. The console may have been deployed anew: reload it." }} again=${() => location.reload()} /><//>`;
  if (broken) return html`<${Page} title=${page.title}><${Failed} error=${{ title: "This page cannot be drawn", message: String(broken) }} again=${mend} /><//>`;
  return view ? html`<${view.View} key=${path} params=${params} query=${query} />` : html`<${Page} title=${page.title}><${Loading} /><//>`;
}

/** @param {{close: () => void}} props */
function Help({ close }) {
  const all = [...shortcuts(), { keys: "esc", what: "Close, or leave a field" }, { keys: "↑ ↓ enter", what: "Move in a table, and open a row" }];
  return html`<${Dialog} title="Keys" close=${close}>
    <dl class="keys">${all.map((each) => html`<div key=${each.keys}><dt>${each.keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${each.what}</dd></div>`)}</dl>
  <//>`;
}
