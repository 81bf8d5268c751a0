/** Verifies the history of an account in this browser: the service is asked for a proof, and not for an opinion. */
import { call, inPath, list } from "../api.js";
import { useCall } from "../load.js";
import { Field } from "../parts/dialog.js";
import { Failed, Section } from "../parts/page.js";
import { Id, When } from "../parts/values.js";
import { html, useState } from "../ui.js";
import { differences, fingerprintOf, verify } from "./proof.js";

const RECORDS = 100;

/** The key that somebody trusts, kept as long as this page of the browser. */
let trustedKey = "";

/** @typedef {{proof: any, fingerprint: string, isTrusted: boolean, proved: any, failure: string | null, compared: number, differing: {seq: number, names: string[]}[]}} Result */

/** @param {{actor: string, seq: number, tell: (proved: Map<number, string[]>) => void}} props */
export function ProofSection({ actor, seq, tell }) {
  const [digest, setDigest] = useState("latest");
  const [key, setKey] = useState(trustedKey);
  const [state, setState] = useState(/** @type {{isWorking: boolean, result: Result | null, error: any}} */ ({ isWorking: false, result: null, error: null }));
  const run = async (/** @type {Event} */ event) => {
    event.preventDefault();
    trustedKey = key;
    setState({ isWorking: true, result: null, error: null });
    try {
      const { result, proved } = await verifiedHere(actor, digest.trim() || "latest", key.trim());
      tell(proved);
      setState({ isWorking: false, result, error: null });
    } catch (error) {
      setState({ isWorking: false, result: null, error });
    }
  };
  return html`<${Section} title="Proof" note="verified in this browser">
    <div class="panel-body proof">
      <p class="dim">Each entry has a hash over its whole record and the hash of the entry before it. Every day one signed digest covers the newest entry of every account. Here the chain, the path to the digest and the signature are computed again, and what this page shows is compared with the records.</p>
      <form class="proof-form" onSubmit=${run}>
        <${Field} label="Fingerprint of the key that you trust" hint="From millicent digest key, once and by another way than this page. Without it nothing says whose key it is.">
          ${(/** @type {string} */ id) => html`<input id=${id} class="input" value=${key} onInput=${(/** @type {any} */ event) => setKey(event.target.value)} autocomplete="off" spellcheck="false" placeholder="64 hexadecimal digits" />`}
        <//>
        <${Field} label="Digest" hint="latest, a number, or a day">
          ${(/** @type {string} */ id) => html`<input id=${id} class="input" value=${digest} onInput=${(/** @type {any} */ event) => setDigest(event.target.value)} autocomplete="off" />`}
        <//>
        <button type="submit" class="button primary" disabled=${state.isWorking}>${state.isWorking ? "Verifying" : "Verify"}</button>
      </form>
      <div role="status">
        ${state.error && html`<${NoProof} error=${state.error} />`}
        ${state.result && html`<${Verdict} result=${state.result} seq=${seq} />`}
      </div>
      <${ServiceSays} actor=${actor} seq=${seq} />
    </div>
  <//>`;
}

/** @param {string} actor @param {string} digest @param {string} trusted */
async function verifiedHere(actor, digest, trusted) {
  const path = `/v1/accounts/${inPath(actor)}`;
  const proof = await call("GET", `${path}/proof`, { query: { digest, records: RECORDS } });
  const fingerprint = await fingerprintOf(proof).catch(() => "");
  /** @type {Map<number, string[]>} */
  const proved = new Map();
  const result = { proof, fingerprint, isTrusted: trusted !== "", proved: /** @type {any} */ (null), failure: /** @type {string | null} */ (null), compared: 0, differing: /** @type {{seq: number, names: string[]}[]} */ ([]) };
  try {
    result.proved = await verify(proof, trusted || fingerprint);
    if (result.proved.actor !== actor) throw new Error("the proof is of another account");
    const records = new Map(proof.records.map((/** @type {string} */ text) => [JSON.parse(text).seq, text]));
    for await (const entry of list(`${path}/entries`, { limit: 100 })) {
      if (entry.seq < result.proved.first_record) break;
      const record = records.get(entry.seq);
      if (record) proved.set(entry.seq, await differences(entry, record));
    }
    result.compared = proved.size;
    result.differing = [...proved].filter(([, names]) => names.length > 0).map(([seq, names]) => ({ seq, names }));
    if (result.proved.records && result.compared < result.proved.records) throw new Error(`the listing lacks ${result.proved.records - result.compared} of the recorded entries`);
  } catch (failure) {
    result.failure = /** @type {Error} */ (failure).message;
  }
  return { result, proved };
}

/** @param {{error: any}} props */
function NoProof({ error }) {
  if (["digest_not_found", "not_in_digest"].includes(error.code)) return html`<p>Nothing can be proved yet: ${error.message}. A digest is made every day.</p>`;
  return html`<${Failed} error=${error} />`;
}

/** @param {{result: Result, seq: number}} props */
function Verdict({ result: { fingerprint, isTrusted, proved, failure, compared, differing }, seq }) {
  if (failure || !proved) return html`<p class="verdict bad-text"><b>Not proved:</b> ${failure}.</p>`;
  const isShownOtherwise = differing.length > 0;
  return html`<p class="verdict ${isShownOtherwise || !isTrusted || proved.regressions ? "warn-text" : "good-text"}"><b>${isShownOtherwise ? "Proved, but shown otherwise." : isTrusted ? "Proved." : "Consistent, but nothing says whose key signed it."}</b></p>
    <ul class="checks">
      <li>Digest ${proved.number}, made <${When} at=${proved.made_at} /> over ${proved.accounts} accounts, is signed with the key <${Id} of=${fingerprint} short=${true} />${isTrusted ? ", which you trust" : ""}.</li>
      <li>The path leads from entry ${proved.seq} of this account, hash <${Id} of=${proved.head_hash} short=${true} />, to the root in the digest.</li>
      ${proved.records > 0 && html`<li>The records of the entries ${proved.first_record} to ${proved.seq} lead to that hash unaltered.</li>`}
      ${compared > 0 && !isShownOtherwise && html`<li>All ${compared} of these entries are shown here as they are recorded.</li>`}
      ${differing.map(({ seq: at, names }) => html`<li key=${at} class="bad-text">Entry ${at} is shown otherwise than it is recorded: ${names.join(", ")}.</li>`)}
      ${seq > proved.seq && html`<li class="dim">Entries ${proved.seq + 1} to ${seq} are younger than this digest. The next one covers them.</li>`}
      ${proved.first_record > 1 && html`<li class="dim">Older entries are covered by the hash, and are not shown here record by record. An earlier digest leads to them.</li>`}
      ${proved.regressions > 0 && html`<li class="bad-text">The digest itself says that it contradicts the one before it in ${proved.regressions} places.</li>`}
    </ul>`;
}

/** What the service itself says of its audit rows: for comparison. @param {{actor: string, seq: number}} props */
function ServiceSays({ actor, seq }) {
  const audit = useCall(`/v1/accounts/${inPath(actor)}/audit`, { limit: 20 });
  if (!audit.data) return null;
  const { verified, verified_through: through } = audit.data;
  const text = verified === true ? `its audit rows of the newest entries are intact, through entry ${through}`
    : verified === "pending" ? `its audit rows are intact through entry ${through ?? 0} of ${seq}; younger ones have not arrived yet`
    : "its audit rows are NOT intact";
  return html`<p class="dim small">For comparison, what the service says of itself: ${text}.</p>`;
}

