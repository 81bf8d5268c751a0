"""The common steps of every call that changes one account, from the request to the answer."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeVar

import msgspec

from shared.edge import http
from shared.edge.identity import Caller, IdentityRule, Scope
from shared.edge.requests import Request
from shared.edge.routes import Response
from shared.edge.validation import Identifier, Metadata
from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ledger.operations import Operation, Terms
from shared.ledger.protocol import Recorded
from shared.ports.ledger import Ledger
from shared.runtime.clock import epoch_now_ms
from shared.runtime.observability import Observability
from shared.usecases.record_operation import record_operation


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationRuntime:
    """`deadline_ms` applies to one transaction of the ledger."""

    observability: Observability
    identity: IdentityRule
    ledger: Ledger
    deadline_ms: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


class ActorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mutation with the actor that it is for."""

    actor: Identifier

    @property
    def about(self) -> dict[str, Any]:
        """The fields recorded beside the terms."""
        return {}


class MeteredRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mutation with the app and meter that were used."""

    app: Identifier | None = None
    meter: Identifier | None = None
    metadata: Metadata | None = None

    @property
    def about(self) -> dict[str, Any]:
        return {"app": self.app, "meter": self.meter, "metadata": self.metadata}


_Request = TypeVar("_Request", bound=ActorRequest)


@dataclass(frozen=True, slots=True)
class Asked:
    """The caller, the idempotency key and the request."""

    caller: Caller
    key: str
    correlation_id: str

    def operation(self, account: Account, terms: Terms, about: Mapping[str, Any] | None = None) -> Operation:
        """`about` are the fields recorded beside the terms: app, meter, metadata."""
        return Operation(
            account=account,
            key=self.key,
            terms=terms,
            by=self.caller.subject,
            correlation_id=self.correlation_id,
            **(about or {}),
        )


def mutate(
    event: Request,
    runtime: MutationRuntime,
    scope: Scope,
    read: Callable[[Asked], Operation],
    record: Callable[[Operation, Ledger, int], Recorded] = record_operation,
) -> Response:
    """Handles a mutation: identity, key, body, record, observe, answer.

    `read` makes the operation from the body. Raises the errors of the request's identity, key and content.
    """
    caller = http.caller(event, scope, runtime.identity)
    asked = Asked(caller, http.idempotency_key(event), http.request_id(event))
    recorded = record(read(asked), runtime.ledger, runtime.now_ms())
    runtime.observability.recorded(recorded)
    return http.recorded(recorded)


def mutate_by(
    event: Request,
    runtime: MutationRuntime,
    scope: Scope,
    request_type: type[_Request],
    terms: Callable[[_Request], Terms],
    record: Callable[[Operation, Ledger, int], Recorded] = record_operation,
) -> Response:
    """`mutate` for a body with one form."""

    def read(asked: Asked) -> Operation:
        request = http.body(event, request_type)
        account = asked.caller.account_of(request.actor)
        return asked.operation(account, terms(request), request.about)

    return mutate(event, runtime, scope, read, record)
