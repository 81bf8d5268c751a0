"""Records charges from a queue, in order by account. Sets aside messages that can never be recorded."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.frozen import dataclass
from shared.ledger.operations import Operation
from shared.ledger.protocol import Recorded
from shared.ports.ingest import Message, PoisonQueue, Rejection
from shared.ports.ledger import Ledger
from shared.pricing.cards import RateBook
from shared.usecases.event_time import RecordingTime
from shared.usecases.record_batch import Answer
from shared.usecases.record_priced import record_priced_batch

MessageResult: TypeAlias = Literal["recorded", "refused", "replayed", "set_aside", "failed"]
"""The result of a message. A `failed` message is delivered again; a refusal is on the record and so final."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message, and the operation in it."""

    letter: Message
    asked: Operation | Rejection


@dataclass(frozen=True, slots=True)
class Taken:
    """`poison` is why a message was set aside, or should have been when the failure queue did not accept it.

    `failure` is why the ledger did not record it this time.
    """

    letter: Message
    result: MessageResult
    poison: Rejection | None = None
    failure: LedgerThrottled | LedgerUnavailable | None = None


def take_charges(
    requests: Sequence[Request],
    ledger: Ledger,
    book: RateBook,
    poison_queue: PoisonQueue,
    time: RecordingTime,
    may_begin: Callable[[], bool],
) -> list[Taken]:
    """The result of each message, in order. After a failure all later messages of its group fail too, to keep their
    order.

    They are delivered again together; those that were recorded by then get replayed answers.
    """
    operations = [each.asked for each in requests if isinstance(each.asked, Operation)]
    answers = iter(record_priced_batch(operations, ledger, book, time, may_begin, keeps_order=True))
    waiting: set[str] = set()
    taken = []
    for each in requests:
        outcome = each.asked if isinstance(each.asked, Rejection) else next(answers)
        settled = _failed(each.letter) if each.letter.group in waiting else _settle(each.letter, outcome, poison_queue)
        if settled.result == "failed":
            waiting.add(each.letter.group)
        taken.append(settled)
    return taken


def _settle(letter: Message, outcome: Answer | Rejection, poison_queue: PoisonQueue) -> Taken:
    match outcome:
        case Recorded():
            return Taken(letter, _result_of(outcome))
        case Rejection():
            return _set_aside(letter, outcome, poison_queue)
        case LedgerThrottled() | LedgerUnavailable():
            return Taken(letter, "failed", failure=outcome)
        case _:
            return _set_aside(letter, Rejection(outcome.code, str(outcome)), poison_queue)


def _failed(letter: Message) -> Taken:
    return Taken(letter, "failed")


def _result_of(recorded: Recorded) -> MessageResult:
    if recorded.replayed:
        return "replayed"
    return "refused" if recorded.entry.is_refused else "recorded"


def _set_aside(letter: Message, poison: Rejection, poison_queue: PoisonQueue) -> Taken:
    return Taken(letter, "set_aside" if poison_queue.set_aside(letter, poison) else "failed", poison)
