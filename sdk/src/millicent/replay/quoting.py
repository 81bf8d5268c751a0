"""Asks the service for prices: whether every model of a file has one, and what each row would cost."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final, Protocol

from millicent.amounts import MILLICENTS_PER_DOLLAR, microcents
from millicent.client import Usage as UsageDocument
from millicent.errors import Forbidden, MillicentError, ValidationFailed
from millicent.models import Quote
from millicent.replay.errors import UnknownModel
from millicent.replay.usage import Usage

_OCCURRED_AT: Final = "$.occurred_at"
_MODELS_OF_RAW: Final = ("model", "modelVersion")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_MICROCENT: Final = Decimal("0.001")
_HALF: Final = _MICROCENT / 2


class Quoter(Protocol):
    """The method of the client that asks for a price."""

    def quote(self, usage: UsageDocument, *, occurred_at: datetime | None = ...) -> Quote: ...


@dataclass(frozen=True, slots=True)
class QuotedRow:
    """What a row would cost: `exact` millicents, with the fractions that an account carries. `error`: why it has none.

    `card` is the rate card that prices it; None for a row with its cost in dollars.
    """

    row: Usage
    exact: Decimal = Decimal(0)
    card: str | None = None
    error: MillicentError | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """The exact price, in millicents, of the rows of one payer and model."""

    actor: str
    model: str | None
    rows: int
    exact: Decimal


@dataclass(frozen=True, slots=True)
class DryRun:
    """The price of every row; nothing was charged."""

    rows: tuple[QuotedRow, ...]

    @property
    def unpriced(self) -> tuple[QuotedRow, ...]:
        return tuple(each for each in self.rows if each.error is not None)

    @property
    def totals(self) -> tuple[Total, ...]:
        """By payer and model, in the order of their names."""
        found: defaultdict[tuple[str, str | None], list[Decimal]] = defaultdict(list)
        for each in self.rows:
            if each.error is None:
                found[each.row.actor, model_of(each.row)].append(each.exact)
        ordered = sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        return tuple(Total(actor, model, len(prices), sum(prices, Decimal(0))) for (actor, model), prices in ordered)

    @property
    def amount_microcents(self) -> int:
        """What charging the rows takes: each payer's sum is rounded once, as its account carries the fractions."""
        by_actor: defaultdict[str, Decimal] = defaultdict(Decimal)
        for total in self.totals:
            by_actor[total.actor] += total.exact
        return sum(microcents(rounded(exact)) for exact in by_actor.values())


def rounded(exact: Decimal) -> Decimal:
    """To a microcent, as an account with no carry pays it."""
    return (exact + _HALF).quantize(_MICROCENT, rounding=ROUND_FLOOR)


def model_of(row: Usage) -> str | None:
    """The model as the row names it."""
    usage = row.usage or {}
    raw = usage.get("raw")
    documents = (usage, *([raw] if isinstance(raw, Mapping) else []))
    named = (document.get(name) for document in documents for name in _MODELS_OF_RAW)
    return next((str(name) for name in named if name), None)


def quote_rows(
    client: Quoter, rows: Iterable[Usage], concurrency: int, on_progress: Callable[[int], None] | None = None
) -> DryRun:
    """Asks for the price of every row, with `concurrency` threads; charges nothing.

    `on_progress` gets the number of rows that are done.
    """
    quoted: list[QuotedRow] = []
    with _pool(concurrency) as pool:
        for each in pool.map(lambda row: quoted_row(client, row), rows):
            quoted.append(each)
            if on_progress:
                on_progress(len(quoted))
    return DryRun(tuple(quoted))


def insist_on_prices(client: Quoter, rows: Iterable[Usage], concurrency: int) -> None:
    """Raises UnknownModel, which names every model that has no price, with its rows.

    One row stands for all that use the same quantities of the same model. A token that may charge but not read prices
    checks nothing: the service refuses each such row anyway.
    """
    kinds = _kinds(rows)
    try:
        with _pool(concurrency) as pool:
            asked = list(pool.map(lambda alike: quoted_row(client, _newest(alike)), kinds))
    except Forbidden:
        return
    faults = [
        _fault(each, len(alike))
        for each, alike in zip(asked, kinds, strict=True)
        if each.error is not None and not _is_of_time_alone(each.error)
    ]
    if faults:
        raise UnknownModel("; ".join(faults))


@contextmanager
def _pool(concurrency: int) -> Iterator[ThreadPoolExecutor]:
    """After an error or Ctrl-C, what has not begun is left."""
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="quote")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def quoted_row(client: Quoter, row: Usage) -> QuotedRow:
    """Asks for the price of one row."""
    if row.cost_usd is not None:
        return QuotedRow(row, Decimal(row.cost_usd) * MILLICENTS_PER_DOLLAR)
    try:
        quote = client.quote(row.usage or {}, occurred_at=row.occurred_at)
    except ValidationFailed as error:
        return QuotedRow(row, error=error)
    return QuotedRow(row, sum((Decimal(item.amount) for item in quote.items), Decimal(0)), quote.card)


def _kinds(rows: Iterable[Usage]) -> Sequence[list[Usage]]:
    found: defaultdict[Hashable, list[Usage]] = defaultdict(list)
    for row in rows:
        if row.cost_usd is None:
            found[_kind(row)].append(row)
    return list(found.values())


def _kind(row: Usage) -> Hashable:
    """What decides whether usage has a price at all: the model, and which quantities it has."""
    usage = row.usage or {}
    named = tuple(str(usage.get(name)) for name in ("provider", "meter", "service_tier"))
    return named, model_of(row), frozenset(_used(usage))


def _used(usage: Mapping[str, Any]) -> Iterator[str]:
    for name, value in usage.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in _used(value))
        elif value:
            yield name


def _newest(alike: Sequence[Usage]) -> Usage:
    """The one whose time is the least likely to be too long ago for the service."""
    return max(alike, key=lambda row: (row.occurred_at is None, row.occurred_at or _EARLIEST))


def _is_of_time_alone(error: MillicentError) -> bool:
    """A time out of bounds: the row fails unless it is on the record already, which only charging finds out."""
    return isinstance(error, ValidationFailed) and {fault.path for fault in error.errors} == {_OCCURRED_AT}


def _fault(asked: QuotedRow, alike: int) -> str:
    others = f" and {alike - 1:,} more" if alike > 1 else ""
    return f"row {asked.row.row}{others}: {reason_of(asked.error)}"


def reason_of(error: MillicentError | None) -> str:
    """Why the service does not take a row: its sentence, with what that does not say of its fields."""
    told = str(error)
    faults = (fault for fault in getattr(error, "errors", ()) if fault.detail not in told)
    return ": ".join(filter(None, (told, "; ".join(f"{fault.path} {fault.detail}" for fault in faults))))
