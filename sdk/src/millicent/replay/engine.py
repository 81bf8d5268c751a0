"""Charges many rows of usage in parallel, each exactly once: alone, in batches, held before and captured after, or
out of slices.

The service prices: a row is sent as what was used and when, never as an amount that was computed here. Each row has
one key: that of its charge, or of the capture of its hold. The hold has the key with the suffix `.hold`.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from functools import partial
from itertools import groupby
from typing import Any, Final, Literal, Protocol, TypeAlias

from millicent.amounts import MICROCENTS_PER_DOLLAR, Amount, Dollars, microcents, millicents
from millicent.client import BatchCharge, IfInsufficient, Overrun
from millicent.client import Usage as UsageDocument
from millicent.errors import (
    ApiError,
    Circumstances,
    ConfigurationError,
    Forbidden,
    KeyReused,
    MillicentError,
    NotFound,
    Refused,
    TokenError,
    Unauthenticated,
    Unavailable,
    Unreachable,
    ValidationFailed,
    error_from,
)
from millicent.models import BatchResult, Entry, Operation, Problem, Receipt
from millicent.replay.leased import Budgets, spend_leased
from millicent.replay.quoting import Quoter, insist_on_prices, quoted_row
from millicent.replay.usage import Usage

RowResult: TypeAlias = Literal["charged", "refused", "replayed", "failed"]

DEFAULT_CONCURRENCY: Final = 8
HOLD_SUFFIX: Final = ".hold"
OUTPUT: Final = "output_tokens"
_PARTS_OF_OUTPUT: Final = "output_"
_LEAST_HOLD: Final = Decimal("0.001")
"""A hold by amount needs more than 0."""
_FAILURES_KEPT: Final = 20

_HOPELESS: Final = (Unauthenticated, Forbidden, Unreachable, TokenError, ConfigurationError)
"""Errors that will occur for all rows: the run stops."""


class Charger(Quoter, Budgets, Protocol):
    """The methods of the client that a replay needs."""

    def charge(  # noqa: PLR0913 - the client's own signature
        self,
        actor: str,
        *,
        usage: UsageDocument | None = ...,
        cost_usd: Dollars | None = ...,
        occurred_at: datetime | None = ...,
        if_insufficient: IfInsufficient = ...,
        app: str | None = ...,
        meter: str | None = ...,
        metadata: Mapping[str, Any] | None = ...,
        key: str | None = ...,
    ) -> Receipt: ...

    def charge_batch(self, charges: Iterable[BatchCharge]) -> tuple[BatchResult, ...]: ...

    def hold(  # noqa: PLR0913 - the client's own signature
        self,
        actor: str,
        amount: Amount | None = ...,
        *,
        usage: UsageDocument | None = ...,
        ttl_s: int | None = ...,
        app: str | None = ...,
        meter: str | None = ...,
        metadata: Mapping[str, Any] | None = ...,
        key: str | None = ...,
    ) -> Receipt: ...

    def capture(  # noqa: PLR0913 - the client's own signature
        self,
        actor: str,
        hold: str,
        *,
        usage: UsageDocument | None = ...,
        cost_usd: Dollars | None = ...,
        occurred_at: datetime | None = ...,
        overrun: Overrun = ...,
        app: str | None = ...,
        meter: str | None = ...,
        metadata: Mapping[str, Any] | None = ...,
        key: str | None = ...,
    ) -> Receipt: ...

    def operation(self, key: str, actor: str) -> Operation: ...


@dataclass(frozen=True, slots=True)
class HoldTerms:
    """What is held for a row before its work: the most that its input and its maximum output may cost.

    That maximum is `max_output_tokens`, as in a request to a model; None: `factor` times the actual output. Usage as a
    provider reports it is held as it is. A row with its cost in dollars is held at `factor` times that cost. A higher
    cost is still charged. Rows with a time are held at the price of that time, which needs a token that may read. A run
    that was interrupted between hold and capture can be continued within `ttl_s`.
    """

    factor: Decimal = Decimal(2)
    max_output_tokens: int | None = None
    ttl_s: int = 86_400

    def of(self, row: Usage) -> dict[str, Any]:
        """The amount or the usage to hold, as an argument of `hold`."""
        if row.cost_usd is not None:
            most = math.ceil(Decimal(row.cost_usd) * MICROCENTS_PER_DOLLAR * self.factor)
            return {"amount": max(millicents(most), _LEAST_HOLD)}
        return {"usage": self.most(row.usage or {})}

    def most(self, usage: Mapping[str, Any]) -> Mapping[str, Any]:
        """The usage with an upper bound in place of the output, of which nothing is known before the work."""
        if OUTPUT not in usage:
            return usage
        bound = self.max_output_tokens
        if bound is None:
            bound = math.ceil(Decimal(str(usage[OUTPUT])) * self.factor)
        before = {name: value for name, value in usage.items() if not name.startswith(_PARTS_OF_OUTPUT)}
        return before | {f"max_{OUTPUT}": bound}


@dataclass(frozen=True, slots=True)
class Terms:
    """How every row of a run is charged: alone, `batch` rows per call, with a hold of these `holds`, or out of slices
    of `lease` millicents.

    `app` is that of rows without an app of their own.
    """

    if_insufficient: IfInsufficient = "refuse"
    app: str | None = None
    batch: int | None = None
    holds: HoldTerms | None = None
    lease: Amount | None = None

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.batch, self.holds, self.lease)) > 1:
            raise ValueError("a row is either charged in a batch, or held first, or leased")


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """The result of one row. `amount_microcents` is the amount of its charge, which a replayed row had the first time.

    `is_held_now`: this run placed a hold for it. `used` are the quantities on the record, if it is there.
    """

    row: Usage
    result: RowResult
    amount_microcents: int = 0
    shortfall_microcents: int = 0
    error: MillicentError | None = None
    is_held_now: bool = False
    used: Mapping[str, Any] | None = None

    def units(self, quantity: str) -> int:
        """What the row used of this, as the record says, else as the file does; 0 if neither says it."""
        return int(Decimal(str((self.used or self.row.usage or {}).get(quantity) or 0)))


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run; `last` is the row that was just finished."""

    done: int
    total: int
    last: RowOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The result of a run. requests = charged + refused + replayed + failed; less than `rows` if it ended early.

    `charged_microcents` was charged by this run, `replayed_microcents` by earlier runs or by an attempt of this run
    whose answer was lost. `shortfall_microcents` is what partial charges of this run could not take. `failures` are the
    first of the failed rows. `holds` were placed and `captures` made by this run. `outcomes` are those of the rows that
    were tried.
    """

    rows: int
    requests: int
    charged: int
    refused: int
    replayed: int
    failed: int
    charged_microcents: int
    replayed_microcents: int
    shortfall_microcents: int
    input_tokens: int
    output_tokens: int
    seconds: float
    holds: int = 0
    captures: int = 0
    interrupted: bool = False
    stopped_by: MillicentError | None = None
    failures: tuple[RowOutcome, ...] = ()
    outcomes: tuple[RowOutcome, ...] = field(default=(), repr=False)

    @property
    def is_complete(self) -> bool:
        """Every row is on the record, charged or refused, now or before."""
        return self.requests == self.rows and self.failed == 0

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def replay(
    client: Charger,
    rows: Iterable[Usage],
    concurrency: int = DEFAULT_CONCURRENCY,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    terms: Terms | None = None,
    check_prices: bool = True,
) -> Summary:
    """Charges all rows with `concurrency` threads. `client` should have as many connections.

    A row that is already on the record is a replay, so a run that ended early can simply be run again. On Ctrl-C the
    running requests are finished and the summary covers what was done; a second Ctrl-C does not wait. `on_progress` is
    called in the calling thread. With `check_prices` it first asks for a price of every model, and raises UnknownModel
    before anything is charged if there is none; without it, such rows fail one by one.
    """
    terms, rows = terms or Terms(), list(rows)
    started_s = time.monotonic()
    try:
        if check_prices:
            insist_on_prices(client, rows, concurrency)
    except (*_HOPELESS, Unavailable) as error:
        ending = _Ending([], interrupted=False, stopped_by=error)
    else:
        run = _Run(partial(_charge_part, client, terms), _parts(rows, terms), concurrency)
        ending = _charge_all(run, on_progress or _ignore)
    return _summary(len(rows), ending, terms, time.monotonic() - started_s)


_Part: TypeAlias = Sequence[Usage]


@dataclass(frozen=True, slots=True)
class _Run:
    """`parts` are groups of rows; one thread charges one group at a time."""

    charge: Callable[[_Part], list[RowOutcome]]
    parts: Sequence[_Part]
    concurrency: int

    @property
    def rows(self) -> int:
        return sum(map(len, self.parts))


@dataclass(frozen=True, slots=True)
class _Ending:
    outcomes: Sequence[RowOutcome]
    interrupted: bool
    stopped_by: MillicentError | None


def _ignore(_: Progress) -> None:
    """The default of `on_progress`."""


def _parts(rows: Sequence[Usage], terms: Terms) -> list[_Part]:
    if terms.lease is not None:
        return list(_by_actor(rows))
    if terms.batch is None:
        return [[row] for row in rows]
    # All rows of an actor together: the service records the charges of one account in a batch at once, and two batches
    # with the same account would wait for each other.
    by_actor = sorted(rows, key=_actor)
    return [by_actor[start : start + terms.batch] for start in range(0, len(by_actor), terms.batch)]


def _by_actor(rows: Sequence[Usage]) -> Iterator[_Part]:
    return (list(alike) for _, alike in groupby(sorted(rows, key=_actor), key=_actor))


def _actor(row: Usage) -> str:
    return row.actor


def _charge_all(run: _Run, on_progress: Callable[[Progress], None]) -> _Ending:
    interrupted = False
    stopped_by: MillicentError | None = None
    futures: list[Future[list[RowOutcome]]] = []
    with ThreadPoolExecutor(run.concurrency, thread_name_prefix="replay") as pool:
        try:
            futures.extend(pool.submit(run.charge, part) for part in run.parts)
            outcomes = (outcome for future in as_completed(futures) for outcome in future.result())
            for done, outcome in enumerate(outcomes, start=1):
                on_progress(Progress(done, run.rows, outcome))
        except KeyboardInterrupt:
            interrupted = True
        except _HOPELESS as error:
            stopped_by = error
        finally:
            pool.shutdown(cancel_futures=True)
    return _Ending(list(_finished(futures)), interrupted, stopped_by)


def _finished(futures: Iterable[Future[list[RowOutcome]]]) -> Iterator[RowOutcome]:
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is None:
            yield from future.result()


def _charge_part(client: Charger, terms: Terms, part: _Part) -> list[RowOutcome]:
    if terms.batch is not None:
        return _charge_batch(client, terms, part)
    if terms.lease is not None:
        return _charge_leased(client, terms, terms.lease, part)
    if terms.holds is not None:
        return [_charge_held(client, terms, terms.holds, row) for row in part]
    return [_charge(client, terms, row) for row in part]


def _charge(client: Charger, terms: Terms, row: Usage) -> RowOutcome:
    charge = partial(client.charge, row.actor, if_insufficient=terms.if_insufficient, key=row.key)
    answer = _attempt(row, lambda: charge(**_cost(row), **_about(terms, row)))
    return answer if isinstance(answer, RowOutcome) else _recorded(row, answer)


def _charge_held(client: Charger, terms: Terms, holds: HoldTerms, row: Usage) -> RowOutcome:
    placed = _attempt(row, lambda: _hold(client, terms, holds, row))
    if isinstance(placed, RowOutcome):
        return placed
    capture = partial(client.capture, row.actor, placed.hold.id if placed.hold else "", overrun="charge", key=row.key)
    captured = _attempt(row, lambda: capture(**_cost(row), **_about(terms, row)))
    outcome = captured if isinstance(captured, RowOutcome) else _recorded(row, captured)
    return replace(outcome, is_held_now=not placed.replayed)


def _hold(client: Charger, terms: Terms, holds: HoldTerms, row: Usage) -> Receipt:
    """The hold of the row, which an earlier run may have placed. Raises MillicentError."""
    key = f"{row.key}{HOLD_SUFFIX}"
    meter = {"meter": row.usage.get("meter")} if row.usage is not None else {}
    try:
        held = _to_hold(client, holds, row)
        return client.hold(row.actor, ttl_s=holds.ttl_s, key=key, **held, **(_about(terms, row) | meter))
    except (ValidationFailed, KeyReused) as error:
        # The row may be on the record, although its time is out of bounds by now, or at a price that was corrected.
        return _placed_before(client, row.actor, key, error)


def _to_hold(client: Charger, holds: HoldTerms, row: Usage) -> dict[str, Any]:
    held = holds.of(row)
    if "usage" not in held or row.occurred_at is None:
        return held
    # The capture of a hold of usage has the price of the hold, which is the present one. Of an amount, it has the price
    # of its own time.
    quoted = client.quote(held["usage"], occurred_at=row.occurred_at)
    return {"amount": max(quoted.hold, _LEAST_HOLD)}


def _placed_before(client: Charger, actor: str, key: str, error: ApiError) -> Receipt:
    """The hold under the key. Raises its refusal if it was refused, and `error` if there is none."""
    try:
        found = client.operation(key, actor)
    except NotFound:
        raise error from None
    if found.problem is not None:
        raise error_from(found.problem, Circumstances(key, replayed=True))
    return Receipt(entry=found.entry, balance=found.balance, hold=found.entry.hold, replayed=True)


def _charge_batch(client: Charger, terms: Terms, part: _Part) -> list[RowOutcome]:
    try:
        results = client.charge_batch([_batched(terms, row) for row in part])
    except MillicentError as failure:
        return [_not_recorded(row, failure) for row in part]
    return [_in_batch(row, result) for row, result in zip(part, results, strict=True)]


def _batched(terms: Terms, row: Usage) -> BatchCharge:
    cost, about = _cost(row), _about(terms, row)
    return BatchCharge(actor=row.actor, if_insufficient=terms.if_insufficient, key=row.key, **cost, **about)


def _in_batch(row: Usage, result: BatchResult) -> RowOutcome:
    if result.entry is None:
        problem = result.problem or Problem(status=result.status)
        return _not_recorded(row, error_from(problem, Circumstances(row.key, replayed=result.replayed)))
    return _charged(row, result.entry, result.shortfall, replayed=result.replayed)


def _charge_leased(client: Charger, terms: Terms, slice_: Amount, part: _Part) -> list[RowOutcome]:
    """All rows of one actor, out of one budget."""
    outcomes: list[RowOutcome] = []
    asked = {row.key: row for row in part}
    to_spend = [(row.key, _most(client, row), _cost(row) | _about(terms, row)) for row in asked.values()]
    for key, answer in spend_leased(client, part[0].actor, slice_, to_spend):
        row = asked[key]
        if isinstance(answer, BatchResult):
            outcomes.append(_in_lease(client, row, answer))
        else:
            outcomes.append(_not_recorded(row, answer))
    return outcomes


def _most(client: Charger, row: Usage) -> Decimal | MillicentError:
    """What the row may cost. Its account may carry a fraction, which makes it a microcent more."""
    quoted = quoted_row(client, row)
    return quoted.error or quoted.exact.quantize(_LEAST_HOLD, ROUND_CEILING) + _LEAST_HOLD


def _in_lease(client: Charger, row: Usage, result: BatchResult) -> RowOutcome:
    """A row that an earlier run has charged, otherwise or of another hold, is a replay too."""
    if result.problem is None or result.problem.code != "idempotency_key_reused":
        return _in_batch(row, result)
    try:
        found = client.operation(row.key, row.actor)
    except MillicentError as error:
        return _not_recorded(row, error)
    if found.problem is not None:
        return _not_recorded(row, error_from(found.problem, Circumstances(row.key, replayed=True)))
    return _charged(row, found.entry, Decimal(0), replayed=True)


def _attempt(row: Usage, call: Callable[[], Receipt]) -> Receipt | RowOutcome:
    try:
        return call()
    except MillicentError as error:
        return _not_recorded(row, error)


def _not_recorded(row: Usage, error: MillicentError) -> RowOutcome:
    """Raises the error if it will occur for every row."""
    if isinstance(error, _HOPELESS):
        raise error
    if isinstance(error, Refused):
        return RowOutcome(row, "replayed" if error.replayed else "refused", error=error)
    return RowOutcome(row, "failed", error=error)


def _recorded(row: Usage, receipt: Receipt) -> RowOutcome:
    return _charged(row, receipt.entry, receipt.shortfall, replayed=receipt.replayed)


def _charged(row: Usage, entry: Entry, shortfall: Decimal, *, replayed: bool) -> RowOutcome:
    return RowOutcome(
        row,
        "replayed" if replayed else "charged",
        amount_microcents=microcents(-entry.amount),
        shortfall_microcents=microcents(shortfall),
        used=entry.usage,
    )


def _cost(row: Usage) -> dict[str, Any]:
    """What is charged, and when it was used. The cost in dollars counts if the row has one."""
    what = {"usage": row.usage} if row.cost_usd is None else {"cost_usd": row.cost_usd}
    return what | {"occurred_at": row.occurred_at}


def _about(terms: Terms, row: Usage) -> dict[str, Any]:
    if row.cost_usd is None or row.usage is None:
        return {"app": row.app or terms.app, "metadata": row.metadata}
    # The service takes either dollars or usage. What the dollars were for is metadata, so that it is on the record.
    used = {name: value for name, value in row.usage.items() if name != "meter"}
    metadata = used | dict(row.metadata or {})
    return {"app": row.app or terms.app, "meter": row.usage.get("meter"), "metadata": metadata}


def _summary(rows: int, ending: _Ending, terms: Terms, seconds: float) -> Summary:
    outcomes = ending.outcomes
    counts = Counter(outcome.result for outcome in outcomes)
    charged = [outcome for outcome in outcomes if outcome.result == "charged"]
    return Summary(
        rows=rows,
        requests=len(outcomes),
        charged=counts["charged"],
        refused=counts["refused"],
        replayed=counts["replayed"],
        failed=counts["failed"],
        charged_microcents=sum(outcome.amount_microcents for outcome in charged),
        replayed_microcents=sum(outcome.amount_microcents for outcome in outcomes if outcome.result == "replayed"),
        shortfall_microcents=sum(outcome.shortfall_microcents for outcome in charged),
        input_tokens=sum(outcome.units("input_tokens") for outcome in outcomes),
        output_tokens=sum(outcome.units(OUTPUT) for outcome in outcomes),
        seconds=round(seconds, 3),
        holds=sum(outcome.is_held_now for outcome in outcomes),
        captures=counts["charged"] if terms.holds or terms.lease else 0,
        interrupted=ending.interrupted,
        stopped_by=ending.stopped_by,
        failures=tuple(outcome for outcome in outcomes if outcome.result == "failed")[:_FAILURES_KEPT],
        outcomes=tuple(outcomes),
    )
