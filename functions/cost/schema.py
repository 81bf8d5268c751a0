from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.edge.charges import RequestContext, keyed_charge
from shared.edge.errors import EdgeError, FieldError, ValidationFailed
from shared.edge.identity import Caller
from shared.edge.mutations import ActorRequest
from shared.edge.problems import problem_of, refusal_of
from shared.edge.validation import Identifier, PositiveMicrocents
from shared.ledger.errors import LedgerError
from shared.ledger.frozen import dataclass
from shared.ledger.ids import is_id
from shared.ledger.operations import Operation, Refund
from shared.ledger.views import public_entry, shortfall_of
from shared.usecases.record_batch import Answer

MAX_BATCH_BYTES: Final = 256 * 1024
MAX_CHARGES: Final = 1000


class RefundRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    charge: Identifier
    amount: PositiveMicrocents | None = None

    @property
    def terms(self) -> Refund:
        return Refund(self.charge, None if self.amount is None else int(self.amount))


@dataclass(frozen=True, slots=True)
class Line:
    """One charge of a batch: its place, and the operation or the error that prevents it."""

    path: str
    key: str | None
    asked: Operation | EdgeError


def batch(document: Mapping[str, Any], caller: Caller, correlation_id: str) -> list[Line]:
    """The charges in order, each independent. Raises ValidationFailed if the body is not a list of charges."""
    faults = [FieldError(f"$.{name}", "unknown field") for name in document.keys() - {"charges"}]
    charges = document.get("charges")
    if not isinstance(charges, list) or not 1 <= len(charges) <= MAX_CHARGES:
        faults.append(FieldError("$.charges", f"must be a list of 1 to {MAX_CHARGES} charges"))
    if faults or not isinstance(charges, list):
        raise ValidationFailed(faults)
    return [_line(each, f"$.charges[{place}]", caller, correlation_id) for place, each in enumerate(charges)]


def results(lines: Sequence[Line], answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """The results of the charges, in order. `answers` are those of the operations, in order."""
    recorded = iter(answers)
    return [
        {
            "key": line.key,
            **(
                _problem(problem_of(line.asked)) if isinstance(line.asked, EdgeError) else _result(line, next(recorded))
            ),
        }
        for line in lines
    ]


def _result(line: Line, answer: Answer) -> dict[str, Any]:
    """The answer that a single call would get."""
    if isinstance(answer, LedgerError):
        return _problem(_at(line.path, problem_of(answer)))
    entry = answer.entry
    if entry.is_refused:
        return _problem(refusal_of(entry), replayed=answer.replayed)
    told = {"status": 200 if answer.replayed else 201, "replayed": answer.replayed}
    return {**told, "entry": public_entry(entry), **shortfall_of(entry)}


def _at(path: str, problem: dict[str, Any]) -> dict[str, Any]:
    """The problem of a charge, with its fields named by their place in the batch."""
    if "errors" not in problem:
        return problem
    return problem | {"errors": [{**each, "path": path + each["path"].removeprefix("$")} for each in problem["errors"]]}


def _problem(problem: Mapping[str, Any], *, replayed: bool = False) -> dict[str, Any]:
    return {"status": problem["status"], "replayed": replayed, "problem": problem}


def _line(document: object, path: str, caller: Caller, correlation_id: str) -> Line:
    key = document.get("key") if isinstance(document, Mapping) else None
    known_key = str(key) if is_id(key) else None
    try:
        asked = RequestContext(caller.subject, correlation_id, path)
        return Line(path, known_key, keyed_charge(document, caller.account_of, asked))
    except EdgeError as refused:
        return Line(path, known_key, refused)
