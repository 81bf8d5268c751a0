from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.proof.runtime import proof_runtime
from functions.proof.schema import ProofQuery, numbered
from shared.edge import http
from shared.edge.path_ids import from_path
from shared.edge.routes import Response
from shared.edge.validation import identifier
from shared.ledger.accounts import Account
from shared.usecases.prove_account import prove_account, show_digest

runtime = proof_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/accounts/{actor}/proof")
def show_proof(actor: str) -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/read", runtime.identity)
    account = caller.account_of(identifier(from_path(actor), "path.actor"))
    query = http.query(event, ProofQuery)
    proof = prove_account(account, query.wanted, int(query.records or 0), runtime.store, runtime.trail)
    observe(account)
    return http.answer(proof)


@app.route("GET /v1/digests/{number}")
def show_digest_itself(number: str) -> Response:
    event = app.current_event
    http.caller(event, "credits/read", runtime.identity)
    digest = show_digest(numbered(from_path(number)), runtime.store)
    runtime.observability.count("DigestsShown")
    return http.answer(digest)


def observe(account: Account) -> None:
    runtime.observability.count("Proofs")
    runtime.observability.logger.info("account proved", extra={"tenant": account.tenant, "actor": account.actor})


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
