/** Begins: the theme, what the deployment says, who is looking, and the page of the address. */
import { loadConfig } from "./config.js";
import { Frame } from "./frame.js";
import { onKeyDown } from "./keys.js";
import { follow } from "./router.js";
import { start as startSession, takeToken } from "./session.js";
import { start as startTheme } from "./theme.js";
import { html, render } from "./ui.js";

async function begin() {
  takeToken();
  startTheme();
  addEventListener("keydown", onKeyDown);
  const place = /** @type {HTMLElement} */ (document.getElementById("app"));
  try {
    await loadConfig();
  } catch {
    render(html`<main class="alone"><h1>Millicent</h1><p>The deployment cannot be reached. Check the connection, then <a href="">try again</a>.</p></main>`, place);
    return;
  }
  await startSession();
  follow();
  // A token that is put into the address of an open page (a second `millicent console`) signs in as well.
  addEventListener("hashchange", () => location.hash.startsWith("#token=") && startSession().then(follow));
  place.replaceChildren();
  render(html`<${Frame} />`, place);
}

begin();
