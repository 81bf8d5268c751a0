"""PATCH /v1/accounts/{actor}, its limits and its allowance: the settings of an account."""

from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.policies.schema import NO_ALLOWANCE, allowance, limits, settings
from shared.composition.catalogue import catalogue
from shared.composition.mutations import mutation_runtime
from shared.edge import http
from shared.edge.identity import Caller, Scope
from shared.edge.mutations import Asked, mutate
from shared.edge.path_ids import from_path
from shared.edge.routes import Response
from shared.edge.validation import identifier
from shared.ledger.operations import Configure, Operation

SCOPE: Final[Scope] = "credits/fund"
"""The scope to fund an account also permits setting its limits."""

runtime = mutation_runtime("policies")
app = http.Routes(runtime.observability)


@app.route("PATCH /v1/accounts/{actor}")
def change_settings(actor: str) -> Response:
    return configure(actor, lambda caller: settings(http.document(app.current_event), caller))


@app.route("PUT /v1/accounts/{actor}/limits")
def replace_limits(actor: str) -> Response:
    return configure(actor, lambda _: limits(http.document(app.current_event), catalogue()))


@app.route("PUT /v1/accounts/{actor}/allowance")
def set_allowance(actor: str) -> Response:
    return configure(actor, lambda _: allowance(http.document(app.current_event)))


@app.route("DELETE /v1/accounts/{actor}/allowance")
def end_allowance(actor: str) -> Response:
    return configure(actor, lambda _: NO_ALLOWANCE)


def configure(actor: str, terms: Callable[[Caller], Configure]) -> Response:
    """Records the requested changes. Raises the errors of identity, key and content."""

    def read(asked: Asked) -> Operation:
        account = asked.caller.account_of(identifier(from_path(actor), "path.actor"))
        return asked.operation(account, terms(asked.caller))

    return mutate(app.current_event, runtime, SCOPE, read)


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
