"""Charges many rows of usage in parallel, each exactly once: alone, in batches, or held before and captured after.

Each row has one key: that of its charge, or of the capture of its hold. The hold has the key with the suffix `.hold`.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeAlias

from millicent.amounts import Amount, microcents, millicents
from millicent.client import BatchCharge, IfInsufficient, Overrun
from millicent.errors import (
    Circumstances,
    ConfigurationError,
    Forbidden,
    MillicentError,
    Refused,
    TokenError,
    Unauthenticated,
    Unreachable,
    error_from,
)
from millicent.models import BatchResult, Problem, Receipt
from millicent.replay.pricing import Price, PricedUsage, Pricer, price_all
from millicent.replay.usage import Usage

RowResult: TypeAlias = Literal["charged", "refused", "replayed", "failed"]

DEFAULT_CONCURRENCY: Final = 8
METER: Final = "llm"
HOLD_SUFFIX: Final = ".hold"
_FAILURES_KEPT: Final = 5

_HOPELESS: Final = (Unauthenticated, Forbidden, Unreachable, TokenError, ConfigurationError)
"""Errors that will occur for all rows: the run stops."""


class Charger(Protocol):
    """The methods of the client that a replay needs."""

    def charge(  # noqa: PLR0913 - the client's own signature
        self,
        actor: str,
        cost: Amount,
        *,
        if_insufficient: IfInsufficient = ...,
        app: str | None = ...,
        meter: str | None = ...,
        metadata: dict[str, Any] | None = ...,
        key: str | None = ...,
    ) -> Receipt: ...

    def charge_batch(self, charges: Iterable[BatchCharge]) -> tuple[BatchResult, ...]: ...

    def hold(  # noqa: PLR0913 - the client's own signature
        self,
        actor: str,
        amount: Amount,
        *,
        ttl_s: int | None = ...,
        app: str | None = ...,
        meter: str | None = ...,
        metadata: dict[str, Any] | None = ...,
        key: str | None = ...,
    ) -> Receipt: ...

    def capture(  # noqa: PLR0913 - the client's own signature
        self,
        actor: str,
        hold: str,
        amount: Amount | None = ...,
        *,
        overrun: Overrun = ...,
        app: str | None = ...,
        meter: str | None = ...,
        metadata: dict[str, Any] | None = ...,
        key: str | None = ...,
    ) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class HoldTerms:
    """The amount that is held for a row before its work: the price of its input and of its maximum output.

    That maximum is `max_output_tokens`, as in a request to a model; None: `factor` times the actual output. A higher
    cost is still charged. A run that was interrupted between hold and capture can be continued within `ttl_s`.
    """

    factor: Decimal = Decimal(2)
    max_output_tokens: int | None = None
    ttl_s: int = 86_400

    def most(self, usage: Usage) -> Usage:
        """The usage that the hold is placed for."""
        if self.max_output_tokens is not None:
            return replace(usage, output_tokens=self.max_output_tokens)
        return replace(usage, output_tokens=math.ceil(usage.output_tokens * self.factor))


@dataclass(frozen=True, slots=True)
class Terms:
    """How every row of a run is charged: alone, `batch` rows per call, or with a hold of these `holds`."""

    if_insufficient: IfInsufficient = "refuse"
    app: str | None = None
    batch: int | None = None
    holds: HoldTerms | None = None

    def __post_init__(self) -> None:
        if self.batch is not None and self.holds is not None:
            raise ValueError("a row is either charged in a batch or held first")


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """The result of one row. `amount_microcents` is the amount of its charge, which a replayed row had the first time.

    `is_held_now`: this run placed a hold for it.
    """

    priced: PricedUsage
    result: RowResult
    amount_microcents: int = 0
    shortfall_microcents: int = 0
    error: MillicentError | None = None
    is_held_now: bool = False


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
    price: Price | None = None,
    terms: Terms | None = None,
) -> Summary:
    """Prices all rows, then charges them with `concurrency` threads. `client` should have as many connections.

    A row that is already on the record is a replay, so a run that ended early can simply be run again. On Ctrl-C the
    running requests are finished and the summary covers what was done; a second Ctrl-C does not wait. `on_progress` is
    called in the calling thread. Raises UnknownModel before any request is sent.
    """
    terms, price = terms or Terms(), price or Pricer()
    priced = price_all(rows, price)
    started_s = time.monotonic()
    run = _Run(partial(_charge_part, client, terms, price), _parts(priced, terms), concurrency)
    return _summary(len(priced), _charge_all(run, on_progress or _ignore), terms, time.monotonic() - started_s)


_Part: TypeAlias = Sequence[PricedUsage]


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


def _parts(priced: Sequence[PricedUsage], terms: Terms) -> list[_Part]:
    if terms.batch is None:
        return [[each] for each in priced]
    # All rows of an actor together: the service records the charges of one account in a batch at once, and two batches
    # with the same account would wait for each other.
    by_actor = sorted(priced, key=lambda each: each.usage.actor)
    return [by_actor[start : start + terms.batch] for start in range(0, len(by_actor), terms.batch)]


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


def _charge_part(client: Charger, terms: Terms, price: Price, part: _Part) -> list[RowOutcome]:
    if terms.batch is not None:
        return _charge_batch(client, terms, part)
    if terms.holds is not None:
        return [_charge_held(client, terms, terms.holds, price, each) for each in part]
    return [_charge(client, terms, each) for each in part]


def _charge(client: Charger, terms: Terms, priced: PricedUsage) -> RowOutcome:
    usage = priced.usage
    answer = _attempt(
        priced,
        lambda: client.charge(
            usage.actor,
            priced.cost,
            if_insufficient=terms.if_insufficient,
            app=terms.app,
            meter=METER,
            metadata=_metadata(usage),
            key=usage.key,
        ),
    )
    return answer if isinstance(answer, RowOutcome) else _recorded(priced, answer)


def _charge_held(client: Charger, terms: Terms, holds: HoldTerms, price: Price, priced: PricedUsage) -> RowOutcome:
    usage, most = priced.usage, holds.most(priced.usage)
    about: dict[str, Any] = {"app": terms.app, "meter": METER}
    # A hold needs an amount above 0, so work that costs nothing is held with the smallest amount.
    amount = millicents(max(price(most), 1))
    key = f"{usage.key}{HOLD_SUFFIX}"
    placed = _attempt(
        priced,
        lambda: client.hold(usage.actor, amount, ttl_s=holds.ttl_s, metadata=_metadata(most), key=key, **about),
    )
    if isinstance(placed, RowOutcome):
        return placed
    hold = placed.hold.id if placed.hold else ""
    captured = _attempt(
        priced,
        lambda: client.capture(
            usage.actor, hold, priced.cost, overrun="charge", metadata=_metadata(usage), key=usage.key, **about
        ),
    )
    outcome = captured if isinstance(captured, RowOutcome) else _recorded(priced, captured)
    return replace(outcome, is_held_now=not placed.replayed)


def _charge_batch(client: Charger, terms: Terms, part: _Part) -> list[RowOutcome]:
    try:
        results = client.charge_batch([_batched(terms, priced) for priced in part])
    except MillicentError as failure:
        return [_not_recorded(priced, failure) for priced in part]
    return [_in_batch(priced, result) for priced, result in zip(part, results, strict=True)]


def _batched(terms: Terms, priced: PricedUsage) -> BatchCharge:
    return BatchCharge(
        actor=priced.usage.actor,
        cost=priced.cost,
        if_insufficient=terms.if_insufficient,
        app=terms.app,
        meter=METER,
        metadata=_metadata(priced.usage),
        key=priced.usage.key,
    )


def _in_batch(priced: PricedUsage, result: BatchResult) -> RowOutcome:
    if result.entry is None:
        problem = result.problem or Problem(status=result.status)
        return _not_recorded(priced, error_from(problem, Circumstances(priced.usage.key, replayed=result.replayed)))
    return RowOutcome(
        priced,
        "replayed" if result.replayed else "charged",
        amount_microcents=microcents(-result.entry.amount),
        shortfall_microcents=microcents(result.shortfall),
    )


def _attempt(priced: PricedUsage, call: Callable[[], Receipt]) -> Receipt | RowOutcome:
    try:
        return call()
    except MillicentError as error:
        return _not_recorded(priced, error)


def _not_recorded(priced: PricedUsage, error: MillicentError) -> RowOutcome:
    """Raises the error if it will occur for every row."""
    if isinstance(error, _HOPELESS):
        raise error
    if isinstance(error, Refused):
        return RowOutcome(priced, "replayed" if error.replayed else "refused", error=error)
    return RowOutcome(priced, "failed", error=error)


def _recorded(priced: PricedUsage, receipt: Receipt) -> RowOutcome:
    return RowOutcome(
        priced,
        "replayed" if receipt.replayed else "charged",
        amount_microcents=microcents(-receipt.entry.amount),
        shortfall_microcents=microcents(receipt.shortfall),
    )


def _metadata(usage: Usage) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "model": usage.model,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }
    return metadata | ({"used_at": usage.at.isoformat()} if usage.at else {})


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
        input_tokens=sum(outcome.priced.usage.input_tokens for outcome in outcomes),
        output_tokens=sum(outcome.priced.usage.output_tokens for outcome in outcomes),
        seconds=round(seconds, 3),
        holds=sum(outcome.is_held_now for outcome in outcomes),
        captures=counts["charged"] if terms.holds else 0,
        interrupted=ending.interrupted,
        stopped_by=ending.stopped_by,
        failures=tuple(outcome for outcome in outcomes if outcome.result == "failed")[:_FAILURES_KEPT],
        outcomes=tuple(outcomes),
    )
