"""Charging usage, many rows at once, each exactly once."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeAlias

from millicent.amounts import Amount, microcents
from millicent.client import IfInsufficient
from millicent.errors import (
    ConfigurationError,
    Forbidden,
    MillicentError,
    Refused,
    TokenError,
    Unauthenticated,
    Unreachable,
)
from millicent.models import Receipt
from millicent.replay.pricing import Price, PricedUsage, Pricer, price_all
from millicent.replay.usage import Usage

Fate: TypeAlias = Literal["charged", "refused", "replayed", "failed"]

DEFAULT_CONCURRENCY: Final = 8
METER: Final = "llm"
_FAILURES_KEPT: Final = 5

_HOPELESS: Final = (Unauthenticated, Forbidden, Unreachable, TokenError, ConfigurationError)
"""What befell one row will befall all the others: go no further."""


class Charger(Protocol):
    """The one method of the client that a replay needs."""

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


@dataclass(frozen=True, slots=True)
class Terms:
    """How every row of a run is charged."""

    if_insufficient: IfInsufficient = "refuse"
    app: str | None = None


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row. `amount_microcents` is what its charge took, now or, replayed, the first time."""

    priced: PricedUsage
    fate: Fate
    amount_microcents: int = 0
    shortfall_microcents: int = 0
    error: MillicentError | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `last` is the row that was just done."""

    done: int
    total: int
    last: RowOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run did. requests = charged + refused + replayed + failed; less than `rows` when it ended early.

    `charged_microcents` was taken by this run, `replayed_microcents` by runs before it or by an attempt of this run
    whose answer was lost. `shortfall_microcents` is what partial charges of this run could not take. `failures` are the
    first of the failed rows.
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
    interrupted: bool = False
    stopped_by: MillicentError | None = None
    failures: tuple[RowOutcome, ...] = ()

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

    A row that is on the record already is a replay, so a run that ended early can simply be run again. On Ctrl-C the
    requests under way are finished and the summary tells what was done until then; a second Ctrl-C does not wait.
    `on_progress` is called in the calling thread. Raises UnknownModel before anything is sent.
    """
    priced = price_all(rows, price or Pricer())
    started_s = time.monotonic()
    ending = _charge_all(partial(_charge, client, terms or Terms()), priced, concurrency, on_progress or _ignore)
    return _summary(len(priced), ending, time.monotonic() - started_s)


@dataclass(frozen=True, slots=True)
class _Ending:
    outcomes: Sequence[RowOutcome]
    interrupted: bool
    stopped_by: MillicentError | None


def _ignore(_: Progress) -> None:
    """Nobody wants to know."""


def _charge_all(
    charge: Callable[[PricedUsage], RowOutcome],
    priced: Sequence[PricedUsage],
    concurrency: int,
    on_progress: Callable[[Progress], None],
) -> _Ending:
    interrupted = False
    stopped_by: MillicentError | None = None
    futures: list[Future[RowOutcome]] = []
    with ThreadPoolExecutor(concurrency, thread_name_prefix="replay") as pool:
        try:
            futures.extend(pool.submit(charge, row) for row in priced)
            for done, future in enumerate(as_completed(futures), start=1):
                on_progress(Progress(done, len(priced), future.result()))
        except KeyboardInterrupt:
            interrupted = True
        except _HOPELESS as error:
            stopped_by = error
        finally:
            pool.shutdown(cancel_futures=True)
    return _Ending(list(_finished(futures)), interrupted, stopped_by)


def _finished(futures: Iterable[Future[RowOutcome]]) -> Iterator[RowOutcome]:
    for future in futures:
        if future.done() and not future.cancelled() and future.exception() is None:
            yield future.result()


def _charge(client: Charger, terms: Terms, priced: PricedUsage) -> RowOutcome:
    usage = priced.usage
    try:
        receipt = client.charge(
            usage.actor,
            priced.cost,
            if_insufficient=terms.if_insufficient,
            app=terms.app,
            meter=METER,
            metadata=_metadata(usage),
            key=usage.key,
        )
    except Refused as refusal:
        return RowOutcome(priced, "replayed" if refusal.replayed else "refused", error=refusal)
    except _HOPELESS:
        raise
    except MillicentError as failure:
        return RowOutcome(priced, "failed", error=failure)
    return _recorded(priced, receipt)


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


def _summary(rows: int, ending: _Ending, seconds: float) -> Summary:
    outcomes = ending.outcomes
    fates = Counter(outcome.fate for outcome in outcomes)
    charged = [outcome for outcome in outcomes if outcome.fate == "charged"]
    return Summary(
        rows=rows,
        requests=len(outcomes),
        charged=fates["charged"],
        refused=fates["refused"],
        replayed=fates["replayed"],
        failed=fates["failed"],
        charged_microcents=sum(outcome.amount_microcents for outcome in charged),
        replayed_microcents=sum(outcome.amount_microcents for outcome in outcomes if outcome.fate == "replayed"),
        shortfall_microcents=sum(outcome.shortfall_microcents for outcome in charged),
        input_tokens=sum(outcome.priced.usage.input_tokens for outcome in outcomes),
        output_tokens=sum(outcome.priced.usage.output_tokens for outcome in outcomes),
        seconds=round(seconds, 3),
        interrupted=ending.interrupted,
        stopped_by=ending.stopped_by,
        failures=tuple(outcome for outcome in outcomes if outcome.fate == "failed")[:_FAILURES_KEPT],
    )
