"""Records charges from a queue, in order by account. Sets aside messages that can never be recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.operations import Operation
from shared.ledger.protocol import Recorded
from shared.ports.ingest import Message, PoisonQueue, Rejection
from shared.ports.ledger import Ledger
from shared.pricing.cards import RateBook
from shared.usecases.record_batch import Answer
from shared.usecases.record_priced import record_priced_batch

MessageResult: TypeAlias = Literal["recorded", "refused", "replayed", "set_aside", "failed"]
"""What became of a message. One that `failed` comes again; a refusal is on the record, and so an answer like any."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message, and what it asks for."""

    letter: Message
    asked: Operation | Rejection


@dataclass(frozen=True, slots=True)
class Taken:
    """`poison` is why a message was set aside, or why it would have been had the failure queue taken it.

    `failure` is why the ledger did not record it this time.
    """

    letter: Message
    fate: MessageResult
    poison: Rejection | None = None
    failure: LedgerThrottled | LedgerUnavailable | None = None


def take_charges(
    requests: Sequence[Request],
    ledger: Ledger,
    book: RateBook,
    poison_queue: PoisonQueue,
    now_ms: int,
    may_begin: Callable[[], bool],
) -> list[Taken]:
    """What became of each, in order. Once one has failed, so have all after it in its group: they come again together.

    Those of them that are on the record by then are answered as replays.
    """
    operations = [each.asked for each in requests if isinstance(each.asked, Operation)]
    answers = iter(record_priced_batch(operations, ledger, book, now_ms, may_begin, keeps_order=True))
    waiting: set[str] = set()
    taken = []
    for each in requests:
        outcome = each.asked if isinstance(each.asked, Rejection) else next(answers)
        settled = _failed(each.letter) if each.letter.group in waiting else _settle(each.letter, outcome, poison_queue)
        if settled.fate == "failed":
            waiting.add(each.letter.group)
        taken.append(settled)
    return taken


def _settle(letter: Message, outcome: Answer | Rejection, poison_queue: PoisonQueue) -> Taken:
    match outcome:
        case Recorded():
            return Taken(letter, _fate_of(outcome))
        case Rejection():
            return _set_aside(letter, outcome, poison_queue)
        case LedgerThrottled() | LedgerUnavailable():
            return Taken(letter, "failed", failure=outcome)
        case _:
            return _set_aside(letter, Rejection(outcome.code, str(outcome)), poison_queue)


def _failed(letter: Message) -> Taken:
    return Taken(letter, "failed")


def _fate_of(recorded: Recorded) -> MessageResult:
    if recorded.replayed:
        return "replayed"
    return "refused" if recorded.entry.is_refused else "recorded"


def _set_aside(letter: Message, poison: Rejection, poison_queue: PoisonQueue) -> Taken:
    return Taken(letter, "set_aside" if poison_queue.set_aside(letter, poison) else "failed", poison)
