"""Records mutations whose amount may be given as usage, which a rate card prices.

The price is not part of an operation's content: the same usage under the same key is the same operation, even after a
price change, and gets a replayed answer. So a key with an entry is answered before the usage can be rejected as
unpriced.

A hold keeps its price: its capture is priced by the card and version that priced the hold.

Spending whose time the caller names is priced as of that time. The bounds of that time move on with the clock, so they
concern only what is recorded now: a key with an entry is answered again, however long ago the spending is by then.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeAlias

from shared.ledger.accounts import Account
from shared.ledger.entries import records
from shared.ledger.errors import IdempotencyKeyReused, InvalidOperation, LedgerError, LedgerThrottled, LedgerUnavailable
from shared.ledger.models import model_of
from shared.ledger.operations import CaptureHold, Charge, Operation, PlaceHold, said_to_have_occurred_at
from shared.ledger.protocol import Recorded
from shared.ports.ledger import Ledger
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.errors import Unpriced
from shared.pricing.usage import Usage, usage_from
from shared.usecases.event_time import RecordingTime
from shared.usecases.price_usage import Quote, estimate_usage, price_by, price_usage
from shared.usecases.record_batch import Answer, record_batch

LOOK_UPS_AT_ONCE: Final = 16

Metered: TypeAlias = Charge | PlaceHold | CaptureHold


def record_priced(operation: Operation, ledger: Ledger, book: RateBook, time: RecordingTime) -> Recorded:
    """Raises the errors of recording; also those of its price and time, unless there is an entry under the key."""
    try:
        asked = _priced(operation, ledger, book, _event_time(operation, time))
    except (Unpriced, InvalidOperation) as refused:
        return _recorded_earlier(operation, ledger, refused)
    return ledger.record(asked, time.now_ms)


def record_priced_batch(
    operations: Sequence[Operation],
    ledger: Ledger,
    book: RateBook,
    time: RecordingTime,
    may_begin: Callable[[], bool],
    *,
    keeps_order: bool = False,
) -> list[Answer]:
    """The same as `record_batch`. An operation without a price, or with a time out of bounds, does not stop the others.

    `keeps_order`: an operation that could not be priced in time holds up the later ones of its account.
    """
    asked = [_priced_or_refused(each, ledger, book, time, may_begin) for each in operations]
    if keeps_order:
        asked = list(_kept_in_order(operations, asked))
    priced_ones = [each for each in asked if isinstance(each, Operation)]
    recorded = iter(record_batch(priced_ones, ledger, time.now_ms, may_begin))
    answers = [next(recorded) if isinstance(each, Operation) else each for each in asked]
    return _answered_earlier(operations, answers, ledger, may_begin)


def priced(operation: Operation, ledger: Ledger, book: RateBook, now_ms: int) -> Operation:
    """The operation with its present price. Raises Unpriced or InvalidOperation."""
    return _priced(operation, ledger, book, now_ms)


def _priced_or_refused(
    operation: Operation, ledger: Ledger, book: RateBook, time: RecordingTime, may_begin: Callable[[], bool]
) -> Operation | LedgerError:
    if not may_begin():
        return LedgerUnavailable("the batch took too long; retry with the same key")
    try:
        return _priced(operation, ledger, book, _event_time(operation, time))
    except LedgerError as refused:
        return refused


def _kept_in_order(
    operations: Iterable[Operation], asked: Iterable[Operation | LedgerError]
) -> Iterator[Operation | LedgerError]:
    held_up: dict[Account, LedgerError] = {}
    for operation, each in zip(operations, asked, strict=True):
        if isinstance(each, LedgerThrottled | LedgerUnavailable):
            held_up.setdefault(operation.account, each)
        yield held_up.get(operation.account, each)


def _answered_earlier(
    operations: Sequence[Operation], answers: list[Answer], ledger: Ledger, may_begin: Callable[[], bool]
) -> list[Answer]:
    """The answers; a charge that was refused here and recorded before gets a replayed answer."""
    refused = {place: each for place, each in enumerate(answers) if isinstance(each, Unpriced | InvalidOperation)}
    if not refused:
        return answers

    def look_up(place: int) -> Answer:
        if not may_begin():
            return LedgerUnavailable("the batch took too long; retry with the same key")
        try:
            return _recorded_earlier(operations[place], ledger, refused[place])
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(min(len(refused), LOOK_UPS_AT_ONCE)) as threads:
        found = dict(zip(refused, threads.map(look_up, refused), strict=True))
    return [found.get(place, each) for place, each in enumerate(answers)]


def _recorded_earlier(operation: Operation, ledger: Ledger, refused: LedgerError) -> Recorded:
    entry = ledger.entry(operation.account, operation.key)
    if entry is None:
        raise refused
    if not records(entry, operation):
        raise IdempotencyKeyReused(f"the key {operation.key} was used for another operation; use a new key")
    return Recorded(entry, replayed=True)


def _event_time(operation: Operation, time: RecordingTime) -> int:
    return time.event_time(said_to_have_occurred_at(operation.terms))


def _priced(operation: Operation, ledger: Ledger, book: RateBook, at_ms: int) -> Operation:
    """The operation with the price of its usage at that time as its amount, and with its model."""
    terms = operation.terms
    if not isinstance(terms, Charge | PlaceHold | CaptureHold) or terms.usage is None:
        return operation
    usage = usage_from(terms.usage)
    asked = _with_amount(terms, _quote(operation.account, terms, usage, ledger, book, at_ms))
    return replace(operation, terms=asked, model=model_of(asked.usage, asked.rate_card))


def _quote(account: Account, terms: Metered, usage: Usage, ledger: Ledger, book: RateBook, at_ms: int) -> Quote:
    if isinstance(terms, PlaceHold):
        return estimate_usage(usage, account.tenant, book, at_ms)
    card = _card_of_hold(account, terms, usage, ledger, book) if isinstance(terms, CaptureHold) else None
    if card is None:
        return price_usage(usage, usage.units, account.tenant, book, at_ms)
    return price_by(card, usage)


def _card_of_hold(
    account: Account, terms: CaptureHold, usage: Usage, ledger: Ledger, book: RateBook
) -> RateCard | None:
    """The card that priced the hold, if it was for the same meter and model. Raises the errors of reading the hold.

    The model may have another of its names: a provider answers a request for `gpt-4o` as `gpt-4o-2024-08-06`.
    """
    held = ledger.hold(account, terms.hold)
    if held is None or held.price is None or held.meter != usage.meter:
        return None
    price, tenant = held.price, account.tenant
    if not book.is_one_model(tenant, usage.meter, price.model, usage.model):
        return None
    return book.find_again(tenant, usage.meter, price.model, price.rate_card, price.at_ms)


def _with_amount(terms: Metered, quote: Quote) -> Metered:
    amount, card, remainder = quote.worth.amount, quote.card.reference, quote.worth.remainder or None
    match terms:
        case Charge():
            return replace(terms, cost=amount, rate_card=card, remainder=remainder)
        case CaptureHold():
            return replace(terms, amount=amount, rate_card=card, remainder=remainder)
        case PlaceHold():
            _require_hold(terms, quote)
            return replace(terms, amount=amount, rate_card=card)


def _require_hold(terms: PlaceHold, quote: Quote) -> None:
    """A hold of 0 is of a model that is free: otherwise a quantity is missing or 0 by mistake."""
    amount = quote.worth.amount
    if not amount and not quote.card.rate.is_free:
        raise InvalidOperation("usage", "worth more than 0")
    if terms.minimum_amount is not None and terms.minimum_amount > amount:
        raise InvalidOperation("minimum_amount", "at most what the usage is worth")
