"""Records mutations whose amount may be given as usage, which a rate card prices.

The price is not part of an operation's content: the same usage under the same key is the same operation, even after a
price change, and gets a replayed answer. So a key with an entry is answered before the usage can be rejected as
unpriced.

A hold keeps its price: its capture is priced by the card and adjustment, with their versions, that priced the hold.

A cost in another currency is priced in the same way, by the rate of that currency.

Spending whose time the caller names is priced as of that time. The bounds of that time move on with the clock, so they
concern only what is recorded now: a key with an entry is answered again, however long ago the spending is by then.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

from shared.ledger.accounts import Account
from shared.ledger.amounts import MAX_AMOUNT_MICROCENTS, MAX_AMOUNT_MILLICENTS
from shared.ledger.entries import records
from shared.ledger.errors import IdempotencyKeyReused, InvalidOperation, LedgerError, LedgerThrottled, LedgerUnavailable
from shared.ledger.holds import Hold
from shared.ledger.money import microcents_of
from shared.ledger.operations import CaptureHold, Charge, Operation, PlaceHold, said_to_have_occurred_at
from shared.ledger.protocol import Recorded
from shared.ledger.remainders import rounded
from shared.ports.ledger import Ledger
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.currencies import exchange_rate
from shared.pricing.errors import UnknownCurrency, Unpriced
from shared.pricing.terms import Terms as AdjustmentTerms
from shared.pricing.usage import Usage, usage_from
from shared.usecases.event_time import RecordingTime, priced_as_of
from shared.usecases.price_usage import Quote, estimate_usage, price_by, price_usage
from shared.usecases.record_batch import Answer, record_batch

LOOK_UPS_AT_ONCE: Final = 16

Metered: TypeAlias = Charge | PlaceHold | CaptureHold
FindHold: TypeAlias = Callable[[Account, str], Hold | None]

_Charged = TypeVar("_Charged", bound=Charge | CaptureHold)


def record_priced(operation: Operation, ledger: Ledger, book: RateBook, time: RecordingTime) -> Recorded:
    """Raises the errors of recording; also those of its price and time, unless there is an entry under the key."""
    try:
        asked = _priced(operation, ledger.hold, book, _event_time(operation, time))
    except (Unpriced, UnknownCurrency, InvalidOperation) as refused:
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

    @cache
    def find_hold(account: Account, hold: str) -> Hold | None:
        """The price of a hold never changes, and a batch may name one hold many times."""
        return ledger.hold(account, hold)

    asked = [_priced_or_refused(each, find_hold, book, time, may_begin) for each in operations]
    if keeps_order:
        asked = list(_kept_in_order(operations, asked))
    priced_ones = [each for each in asked if isinstance(each, Operation)]
    recorded = iter(record_batch(priced_ones, ledger, time.now_ms, may_begin))
    answers = [next(recorded) if isinstance(each, Operation) else each for each in asked]
    return _answered_earlier(operations, answers, ledger, may_begin)


def priced(operation: Operation, ledger: Ledger, book: RateBook, now_ms: int) -> Operation:
    """The operation with its present price. Raises Unpriced or InvalidOperation."""
    return _priced(operation, ledger.hold, book, now_ms)


def _priced_or_refused(
    operation: Operation, find_hold: FindHold, book: RateBook, time: RecordingTime, may_begin: Callable[[], bool]
) -> Operation | LedgerError:
    if not may_begin():
        return LedgerUnavailable("the batch took too long; retry with the same key")
    try:
        return _priced(operation, find_hold, book, _event_time(operation, time))
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
    refused = {
        place: each
        for place, each in enumerate(answers)
        if isinstance(each, Unpriced | UnknownCurrency | InvalidOperation)
    }
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


def _priced(operation: Operation, find_hold: FindHold, book: RateBook, at_ms: int) -> Operation:
    """The operation with the price of its usage at that time as its amount, and with its model."""
    terms = operation.terms
    if isinstance(terms, Charge | CaptureHold) and terms.cost_money is not None:
        return replace(operation, terms=_exchanged(terms, terms.cost_money, operation.account.tenant, book, at_ms))
    if not isinstance(terms, Charge | PlaceHold | CaptureHold) or terms.usage is None:
        return operation
    with priced_as_of(said_to_have_occurred_at(terms)):
        quote = _quote(operation.account, terms, usage_from(terms.usage), find_hold, book, at_ms)
    return replace(operation, terms=_with_amount(terms, quote), model=book.model_of(quote.card))


def _quote(account: Account, terms: Metered, usage: Usage, find_hold: FindHold, book: RateBook, at_ms: int) -> Quote:
    if isinstance(terms, PlaceHold):
        return estimate_usage(usage, account.tenant, book, at_ms)
    price = _price_of_hold(account, terms, usage, find_hold, book) if isinstance(terms, CaptureHold) else None
    if price is None:
        return price_usage(usage, usage.units, account.tenant, book, at_ms)
    card, adjustment = price
    return price_by(card, usage, adjustment)


def _price_of_hold(
    account: Account, terms: CaptureHold, usage: Usage, find_hold: FindHold, book: RateBook
) -> tuple[RateCard, AdjustmentTerms | None] | None:
    """What priced the hold, if it was for the same meter, model and tier. Raises the errors of reading the hold.

    The model may have another of its names: a provider answers a request for `gpt-4o` as `gpt-4o-2024-08-06`.
    """
    held = find_hold(account, terms.hold)
    if held is None or held.price is None:
        return None
    price, tenant = held.price, account.tenant
    if (held.meter, price.service_tier) != (usage.meter, usage.service_tier):
        return None
    if not book.is_one_model(tenant, usage.meter, price.model, usage.model):
        return None
    card = book.find_again(tenant, usage.meter, price.model, price.rate_card, price.at_ms)
    named = None if price.adjustment is None else book.terms.named(tenant, "adjustment", price.adjustment)
    if card is None or (named is None and price.adjustment is not None):
        return None
    return card, named


def _exchanged(terms: _Charged, money: Mapping[str, str], tenant: str, book: RateBook, at_ms: int) -> _Charged:
    """The terms with the cost in another currency as their amount."""
    rate = exchange_rate(tenant, money["currency"], book.terms, at_ms)
    amount, remainder = rounded(microcents_of(money["amount"], Fraction(rate["rate"])))
    if amount > MAX_AMOUNT_MICROCENTS:
        raise InvalidOperation("cost_money.amount", f"worth at most {MAX_AMOUNT_MILLICENTS} millicents")
    member: dict[str, Any] = {"cost" if isinstance(terms, Charge) else "amount": amount}
    return replace(terms, **member, remainder=remainder or None, exchange_rate=rate)


def _with_amount(terms: Metered, quote: Quote) -> Metered:
    amount, remainder = quote.worth.amount, quote.worth.remainder or None
    card, adjustment = quote.card.reference, quote.adjustment
    match terms:
        case Charge():
            return replace(terms, cost=amount, rate_card=card, adjustment=adjustment, remainder=remainder)
        case CaptureHold():
            return replace(terms, amount=amount, rate_card=card, adjustment=adjustment, remainder=remainder)
        case PlaceHold():
            _require_hold(terms, quote)
            return replace(terms, amount=amount, rate_card=card, adjustment=adjustment)


def _require_hold(terms: PlaceHold, quote: Quote) -> None:
    """A hold of 0 is of a model that is free: otherwise a quantity is missing or 0 by mistake."""
    amount = quote.worth.amount
    if not amount and not quote.card.rate.is_free:
        raise InvalidOperation("usage", "worth more than 0")
    if terms.minimum_amount is not None and terms.minimum_amount > amount:
        raise InvalidOperation("minimum_amount", "at most what the usage is worth")
