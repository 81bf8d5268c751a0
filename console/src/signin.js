/** How to come in: at the issuer, or with a token. */
import { config } from "./config.js";
import { useStore } from "./follow.js";
import { Field } from "./parts/dialog.js";
import { enter, session, signIn } from "./session.js";
import { plain } from "./text.js";
import { html, useState } from "./ui.js";

/** @param {{isAgain?: boolean}} props */
export function SignedOut({ isAgain = false }) {
  const { why } = useStore(session);
  const hasLogin = Boolean(config().client_id);
  return html`<div class="signin">
    ${!isAgain && html`<h1><span class="brand-mark" aria-hidden="true"></span> Millicent</h1>`}
    ${why && html`<p class="error" role="alert">${plain(why)}</p>`}
    ${hasLogin && html`<${LogIn} />`}
    <${WithToken} isFirst=${!hasLogin} />
  </div>`;
}

function LogIn() {
  const [failure, setFailure] = useState("");
  const go = () => signIn().catch((error) => setFailure(String(error.message ?? error)));
  return html`<p><button type="button" class="button primary" autofocus onClick=${go}>Sign in</button></p>
    ${failure && html`<p class="error" role="alert">${failure}</p>`}`;
}

/** @param {{isFirst: boolean}} props */
function WithToken({ isFirst }) {
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    setWrong(!enter(text));
  };
  const form = html`<form onSubmit=${submit}>
    <${Field} label="Token" error=${isWrong && "This is no access token (a JWT)."}
      hint="It stays in the memory of this page, and is gone with it.">
      ${(/** @type {string} */ id) => html`<input id=${id} class="input" type="password" autocomplete="off" spellcheck="false" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />`}
    <//>
    <button class="button ${isFirst ? "primary" : ""}">Use it</button>
  </form>`;
  if (!isFirst) return html`<details><summary>With a token</summary>${form}</details>`;
  return html`<p>Run <code>millicent console</code>, which opens this page signed in. Or paste a token:</p>${form}`;
}
