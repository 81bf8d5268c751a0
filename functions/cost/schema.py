from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shared.edge_errors import EdgeError, FieldError, ValidationFailed
from shared.exact_json import MAX_BODY_BYTES
from shared.identity import Caller
from shared.ledger.accounts import Account
from shared.ledger.errors import LedgerError
from shared.ledger.operations import Charge, IfInsufficient, Operation, Refund
from shared.mutations import ActorRequest
from shared.problems import problem_of, refusal_of
from shared.usecases.record_batch import Answer
from shared.usecases.record_operation import effect_of
from shared.validation import Identifier, Metadata, Microcents, PositiveMicrocents, convert, is_identifier

MAX_BATCH_BYTES: Final = 256 * 1024
MAX_CHARGES: Final = 1000


class CostRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Identifier
    cost: Microcents
    if_insufficient: IfInsufficient = "refuse"
    check_id: Identifier | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    metadata: Metadata | None = None


class BatchedCost(CostRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A charge of a batch brings its key along."""

    key: Identifier


class RefundRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    charge: Identifier
    amount: PositiveMicrocents | None = None

    @property
    def terms(self) -> Refund:
        return Refund(self.charge, None if self.amount is None else int(self.amount))


@dataclass(frozen=True, slots=True)
class Line:
    """One charge of a batch as it came: what to record, or why that cannot be."""

    key: str | None
    asked: Operation | EdgeError


def charge(request: CostRequest, account: Account, key: str, by: str, correlation_id: str) -> Operation:
    return Operation(
        account=account,
        key=key,
        terms=Charge(int(request.cost), request.if_insufficient, request.check_id),
        by=by,
        correlation_id=correlation_id,
        app=request.app,
        meter=request.meter,
        metadata=request.metadata,
    )


def batch(document: Mapping[str, Any], caller: Caller, correlation_id: str) -> list[Line]:
    """The charges in order, each on its own feet. Raises ValidationFailed where the body is no list of them."""
    faults = [
        FieldError(f"$.{name}", "must be left out: it is no field of this request")
        for name in document.keys() - {"charges"}
    ]
    charges = document.get("charges")
    if not isinstance(charges, list) or not 1 <= len(charges) <= MAX_CHARGES:
        faults.append(FieldError("$.charges", f"must be a list of 1 to {MAX_CHARGES} charges"))
    if faults or not isinstance(charges, list):
        raise ValidationFailed(faults)
    return [_line(each, f"$.charges[{place}]", caller, correlation_id) for place, each in enumerate(charges)]


def results(lines: Sequence[Line], answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """What became of each charge. `answers` are for those that could be asked of the ledger, in order."""
    recorded = iter(answers)
    return [
        {
            "key": line.key,
            **(_problem(problem_of(line.asked)) if isinstance(line.asked, EdgeError) else _result(next(recorded))),
        }
        for line in lines
    ]


def _result(answer: Answer) -> dict[str, Any]:
    """As a call of its own would have been answered."""
    if isinstance(answer, LedgerError):
        return _problem(problem_of(answer))
    entry = answer.entry
    if entry.is_refused:
        return _problem(refusal_of(entry), replayed=answer.replayed)
    shown = {name: member for name, member in effect_of(entry).items() if name in {"entry", "shortfall"}}
    return {"status": 200 if answer.replayed else 201, "replayed": answer.replayed, **shown}


def _problem(problem: Mapping[str, Any], *, replayed: bool = False) -> dict[str, Any]:
    return {"status": problem["status"], "replayed": replayed, "problem": problem}


def _line(document: object, path: str, caller: Caller, correlation_id: str) -> Line:
    key = document.get("key") if isinstance(document, Mapping) else None
    known_key = str(key) if is_identifier(key) else None
    try:
        return Line(known_key, _operation(document, path, caller, correlation_id))
    except EdgeError as refused:
        return Line(known_key, refused)


def _operation(document: object, path: str, caller: Caller, correlation_id: str) -> Operation:
    if not isinstance(document, Mapping):
        raise ValidationFailed([FieldError(path, "must be a JSON object")])
    request = convert(document, BatchedCost, root=path)
    # An entry is an event and a row elsewhere: it may be as large as one that came alone, and no larger.
    if len(msgspec.json.encode(request.metadata)) > MAX_BODY_BYTES:
        raise ValidationFailed([FieldError(f"{path}.metadata", f"must have at most {MAX_BODY_BYTES} bytes as JSON")])
    return charge(request, caller.account_of(request.actor), request.key, caller.subject, correlation_id)
