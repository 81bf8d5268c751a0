"""What a month costs, by item of AWS and by the way in which charges are sent.

An operation is what its own call takes and what is behind it: publishing its event, its audit row, its part of a count
of usage. The functions behind work in batches, and what a batch costs does not depend much on its size. How full
batches are follows from the load, taken as spread evenly over the month: peaks fill them better, and cost less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from millicent.bill.prices import PRICES
from millicent.bill.units import COUNTED, Units

MONTH_S: Final = 30 * 24 * 3600
BATCH: Final = 90
"""Lines of a batch that one transaction commits."""
FLUSH: Final = 500
"""Spends of a lease that one request settles."""
MEMORY_GB: Final = 1.0
MILLION: Final = 1_000_000

_STREAM_WINDOW_S: Final = 1
_AUDIT_WINDOW_S: Final = 5
_USAGE_WINDOW_S: Final = 10
_EVENTS_AT_ONCE: Final = 100
"""As the template sets them: how long batches fill, and how large they get."""
_ROW_UNITS: Final = 1
"""Of a row of the audit table."""
_QUEUE_CALL: Final = 10
"""Messages that a call of SQS receives or deletes, and events that a call of EventBridge takes."""

DURATION_MS: Final[Mapping[str, float]] = {
    "check": 8,
    "charge": 20,
    "hold": 20,
    "capture": 24,
    "release": 24,
    "batch": 80,
    "publish": 15,
    "audit": 15,
    "usage": 15,
    "each call": 10,
}
"""Billed milliseconds of warm functions. These are assumed, not counted: a strong read of 4 ms, a transaction of 10 ms,
and our own work of a few. The functions behind take theirs for a batch, and that of each call for ten events.
"""


@dataclass(frozen=True)
class Load:
    """Amounts by the units of PRICES."""

    amounts: Mapping[str, float]

    def times(self, factor: float) -> "Load":
        return Load({unit: amount * factor for unit, amount in self.amounts.items()})

    def plus(self, *others: "Load") -> "Load":
        loads = (self, *others)
        return Load({unit: sum(each.amounts.get(unit, 0) for each in loads) for unit in PRICES})

    @property
    def dollars(self) -> dict[str, float]:
        """By item of AWS."""
        return {price.item: price.of(self.amounts.get(unit, 0)) for unit, price in PRICES.items()}


@dataclass(frozen=True)
class Month:
    """A month's operations. `lease` is how many spends a slice pays; None without leases."""

    charges: float
    checks: float = 0
    holds: float = 0
    lease: int | None = None
    check_events: str = "all"


@dataclass(frozen=True)
class Estimate:
    """What the checks and the holds of the month cost, and its charges by design, each by item of AWS, in dollars."""

    checks: Mapping[str, float]
    holds: Mapping[str, float]
    charges: Mapping[str, Mapping[str, float]]


def estimate(month: Month) -> Estimate:
    designs = {"single": _single, f"batches of {BATCH}": _batched}
    if month.lease is not None:
        designs |= {"leased, each": _leased_each, "leased, summed": _leased_sum}
    return Estimate(
        _check(month).times(month.checks).dollars,
        _hold(month).times(month.holds).dollars,
        {name: design(month).times(month.charges).dollars for name, design in designs.items()},
    )


def dollars_per_million_charges(charges: float) -> float:
    """Of single charges and everything behind them, at this number a month."""
    return sum(_single(Month(charges)).times(MILLION).dollars.values())


def _single(month: Month) -> Load:
    return _request("charge").plus(_behind(month, _events(month)), _counted(month, COUNTED["usage, alone"]))


def _batched(month: Month) -> Load:
    request = _request("batch", COUNTED["batched charge"], lines=BATCH)
    return request.plus(_behind(month, _events(month)), _counted(month, COUNTED["usage, of a batch"]))


def _leased_each(month: Month) -> Load:
    """Each spend is a line of a batch, which captures a part of the slice's hold."""
    spends = month.lease or 1
    lines = min(spends, FLUSH)
    settled = _request("batch", COUNTED["batched part of a hold"], lines=lines, transactions=ceil(lines / BATCH))
    behind = _behind(month, _events(month))
    around = _request("hold").plus(_request("release"), behind.times(2))
    return settled.plus(behind, _counted(month, COUNTED["usage, of a batch"]), around.times(1 / spends))


def _leased_sum(month: Month) -> Load:
    """The slice is one hold and one capture."""
    return _held(Month(month.charges / (month.lease or 1), month.checks, month.holds)).times(1 / (month.lease or 1))


def _hold(month: Month) -> Load:
    return _held(month)


def _held(month: Month) -> Load:
    """A hold and its capture."""
    behind = _behind(month, _events(month)).times(2)
    return _request("hold").plus(_request("capture"), behind, _counted(month, COUNTED["usage, alone"]))


def _check(month: Month) -> Load:
    """The function publishes by itself what the parameter CheckEvents says; here all or none."""
    request = _request("check")
    if month.check_events == "none":
        return request
    published = Load({"events": 1, "gb_seconds": DURATION_MS["each call"] / 1000 * MEMORY_GB})
    return request.plus(published, _audited(_events(month), COUNTED["audit of a check"]))


def _events(month: Month) -> float:
    """Events a second on the bus."""
    of_checks = 0 if month.check_events == "none" else month.checks
    return (month.charges + 2 * month.holds + of_checks) / MONTH_S


def _request(operation: str, units: Units | None = None, lines: int = 1, transactions: int = 1) -> Load:
    """One operation over HTTP, or one line of a request with many."""
    units = units or COUNTED[operation]
    duration_s = DURATION_MS[operation] * transactions / 1000
    requests = Load({"http_requests": 1, "invocations": 1, "gb_seconds": duration_s * MEMORY_GB})
    return requests.times(1 / lines).plus(_of_tables(units), Load({"log_bytes": units.log_bytes}))


def _behind(month: Month, events_per_s: float) -> Load:
    """An entry's way to the bus and to the audit table."""
    entries_per_s = (month.charges + 2 * month.holds) / MONTH_S
    batch = _full(entries_per_s, _STREAM_WINDOW_S)
    published = _invoked("publish", COUNTED["publish, alone"], batch).plus(Load({"events": 1}))
    return published.plus(_audited(events_per_s, COUNTED["audit, alone"]))


def _audited(events_per_s: float, units: Units) -> Load:
    """A row, and a share of the item that a batch is in the feed of its tenant."""
    batch = _full(events_per_s, _AUDIT_WINDOW_S)
    of_feed = max(1 / batch, COUNTED["audit, of 90 accounts"].write_units - _ROW_UNITS)
    return _queued(batch).plus(_invoked("audit", units, batch), Load({"write_units": _ROW_UNITS + of_feed}))


def _counted(month: Month, units: Units) -> Load:
    """A charge's or capture's way to the sums of usage."""
    batch = _full((month.charges + month.holds) / MONTH_S, _USAGE_WINDOW_S)
    return _queued(batch).plus(_invoked("usage", COUNTED["usage, alone"], batch), _of_tables(units))


def _full(per_s: float, window_s: int) -> float:
    """How many events a batch has."""
    return max(1, min(_EVENTS_AT_ONCE, per_s * window_s))


def _queued(batch: float) -> Load:
    """One call to send, and a share of those that receive and delete."""
    return Load({"queue_requests": 1 + 2 * ceil(batch / _QUEUE_CALL) / batch})


def _invoked(function: str, units: Units, batch: float) -> Load:
    """A share of one invocation for a batch of events."""
    duration_ms = DURATION_MS[function] + DURATION_MS["each call"] * ceil(batch / _QUEUE_CALL)
    whole = {"invocations": 1, "gb_seconds": duration_ms / 1000 * MEMORY_GB, "log_bytes": units.log_bytes}
    return Load(whole).times(1 / batch)


def _of_tables(units: Units) -> Load:
    return Load({"write_units": units.write_units, "read_units": units.read_units})
