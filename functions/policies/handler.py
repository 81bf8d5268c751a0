"""PATCH /v1/accounts/{actor}, its limits and its allowance: what governs an account."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.policies.schema import NO_ALLOWANCE, allowance, limits, settings
from shared.composition.mutations import mutation_runtime
from shared.edge import http
from shared.edge.identity import Caller, Scope
from shared.edge.mutations import Asked, mutate
from shared.edge.validation import identifier
from shared.ledger.operations import Configure, Operation

SCOPE: Final[Scope] = "credits/fund"
"""Whoever may give credits may also say how far and how fast they may be spent."""

runtime = mutation_runtime("policies")
app = http.Resolver(runtime.observability)


@app.patch("/v1/accounts/<actor>")
def change_settings(actor: str) -> Response[str]:
    return configure(actor, lambda caller: settings(http.document(app.current_event), caller))


@app.put("/v1/accounts/<actor>/limits")
def replace_limits(actor: str) -> Response[str]:
    return configure(actor, lambda _: limits(http.document(app.current_event)))


@app.put("/v1/accounts/<actor>/allowance")
def set_allowance(actor: str) -> Response[str]:
    return configure(actor, lambda _: allowance(http.document(app.current_event)))


@app.delete("/v1/accounts/<actor>/allowance")
def end_allowance(actor: str) -> Response[str]:
    return configure(actor, lambda _: NO_ALLOWANCE)


def configure(actor: str, terms: Callable[[Caller], Configure]) -> Response[str]:
    """Records what the request changes. Raises what its identity, key and content call for."""

    def read(asked: Asked) -> Operation:
        account = asked.caller.account_of(identifier(unquote(actor), "path.actor"))
        return asked.operation(account, terms(asked.caller))

    return mutate(app.current_event, runtime, SCOPE, read)


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
