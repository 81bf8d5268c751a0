"""Policies: the settings of an account.

A policy has the account's status, time zone, low-balance thresholds, spending limits, allowance and parent. Most
accounts have no policy. A policy is replaced together with the state, under the condition on the state, so the two
always match. Amounts are microcents.

Theory of operation. A spending limit is a counter and its window. No clock resets the counter: after its window it is
read as 0, and the next entry that it counts begins the current window. A release or a refund reduces the counter only
if the amount was counted in the window that is still current, and by this very limit (`counted_from_seq`).

Example, a limit of 100 a day:

    Monday   charge 70      used 70, 30 left
    Monday   hold 20        used 90: a hold counts when it is placed
    Tuesday  charge 10      a new window: used 10
    Tuesday  release        the hold was counted on Monday, whose window has ended: still 10

A rolling window has no end: it counts in parts, each of which leaves it by itself (rolling.py).

An allowance has its terms and the instant of its next refill. Each period is given once, even if the settings change:
new terms apply from the next refill; an allowance that is ended and set again waits for the end of the period that was
given; a change of the time zone gives no hours twice (`moved_ms`).

A threshold warns once when the balance falls below it. Funding that raises the balance above it arms it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Literal, TypeAlias, cast

from shared.ledger.calendar import Period, Periods, end_after
from shared.ledger.frozen import dataclass
from shared.ledger.models import Through
from shared.ledger.rolling import Part, Parts, in_window, window_ms, with_less, with_more

Status: TypeAlias = Literal["open", "frozen"]
Window: TypeAlias = Literal["hour", "day", "week", "month"]
"""Of the calendar. A window may also roll: then it is a length, such as PT5H (rolling.py)."""
Interval: TypeAlias = Literal["daily", "weekly", "monthly"]

DEFAULT_TIME_ZONE: Final = "UTC"
MAX_LIMITS: Final = 20
MAX_ROLLING_LIMITS: Final = 5
"""Each may keep up to 2 KB of parts in the policy, which is written again with every entry that it counts."""
MAX_THRESHOLDS: Final = 10
_PERIOD: Final[Mapping[Interval, Period]] = {"daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True, slots=True)
class Spending:
    """`amount` spent by the entry of `seq`; a negative amount returns a part of that."""

    amount: int
    seq: int
    through: Through


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` may be spent through `app`, on `meter` and of `model` (None: any) in a window (None: ever).

    `used` counts from the entry of `counted_from_seq` on, including holds, and restarts at `resets_at_ms`. `moved_ms`
    is how far the account's zone has moved west since that instant was computed. In a rolling window `used` is the sum
    of the `parts`, and `resets_at_ms` is when the first of them leaves.
    """

    amount: int
    window: str | None = None
    app: str | None = None
    meter: str | None = None
    used: int = 0
    counted_from_seq: int = 0
    resets_at_ms: int | None = None
    moved_ms: int = 0
    model: str | None = None
    parts: Parts = ()

    @property
    def headroom(self) -> int:
        return self.amount - self.used

    @property
    def scope(self) -> tuple[str | None, ...]:
        """Identifies the limit when its amount changes."""
        return self.window, self.app, self.meter, self.model

    def covers(self, through: Through) -> bool:
        app, meter, model = through
        return self.app in {None, app} and self.meter in {None, meter} and self.model in {None, model}

    def at(self, periods: Periods, seq: int) -> "Limit":
        """The limit for the entry of `seq` at the instant of `periods`: reset if its window has ended.

        A clock that is behind does not reset it.
        """
        if self.window is None or (self.resets_at_ms is not None and periods.at_ms < self.resets_at_ms):
            return self
        if (length_ms := window_ms(self.window)) is not None:
            left = in_window(self.parts, length_ms, periods.at_ms)
            return self if left == self.parts else self._with_parts(left, length_ms, seq)
        end_ms = periods.end_of(cast("Window", self.window), self.resets_at_ms, self.moved_ms)
        return replace(self, used=0, counted_from_seq=seq, resets_at_ms=end_ms, moved_ms=0)

    def counting(self, spending: Spending, at_ms: int) -> "Limit":
        """`at_ms` is the instant of the entry, which only a rolling window needs."""
        amount = spending.amount
        if (length_ms := window_ms(self.window)) is None:
            return replace(self, used=max(self.used + amount, 0))
        if amount > 0:
            parts = with_more(self.parts, length_ms, Part(at_ms, spending.seq, amount))
        else:
            parts = with_less(self.parts, spending.seq, -amount)
        return self if parts == self.parts else self._with_parts(parts, length_ms, self.counted_from_seq)

    def _with_parts(self, parts: Parts, length_ms: int, seq: int) -> "Limit":
        """`seq` is what it counts from if there are no parts."""
        return replace(
            self,
            parts=parts,
            used=sum(part.amount for part in parts),
            counted_from_seq=parts[0].seq if parts else seq,
            resets_at_ms=parts[0].at_ms + length_ms if parts else None,
        )


@dataclass(frozen=True, slots=True)
class Threshold:
    """Warns when available and held together fall below `amount`.

    It warns once, and again after a funding that raised them above it or leaves them below it.
    """

    amount: int
    is_armed: bool


@dataclass(frozen=True, slots=True)
class Allowance:
    """`amount` every interval, next at `next_at_ms`, in a grant that lasts until the next refill; `moved_ms` as for a
    limit.

    The unspent part of a period rolls over if it is at least `rollover_minimum`, and at most `rollover_maximum` of it.
    """

    amount: int
    interval: Interval
    priority: int
    rollover_minimum: int
    rollover_maximum: int
    next_at_ms: int
    moved_ms: int = 0

    def is_due(self, now_ms: int) -> bool:
        return self.next_at_ms <= now_ms

    def due_by(
        self, now_ms: int, time_zone: str, remaining: int, owed: int, *, is_first: bool = False
    ) -> tuple[int, int]:
        """The sum of all refills that are due by `now_ms`, and the instant of the next one.

        Each counts as if it came in time: of the amount `remaining` in a period only the rollover is left at its end,
        so a refill can be negative. A refill first pays what the account owes. `is_first`: the allowance begins within
        a period.
        """
        total, next_at_ms, period, moved_ms = 0, self.next_at_ms, _PERIOD[self.interval], self.moved_ms
        given_until_ms = None if is_first else next_at_ms
        while next_at_ms <= now_ms:
            refill = self.amount + self._rolled_over(remaining) - remaining
            paid_off = min(owed, max(refill, 0))
            total, owed, remaining = total + refill, owed - paid_off, remaining + refill - paid_off
            # Once a refill adds nothing, the later ones add nothing either.
            around_ms = next_at_ms if refill else now_ms
            given_until_ms = next_at_ms = end_after(period, around_ms, time_zone, given_until_ms, moved_ms)
            moved_ms = 0
        return total, next_at_ms

    def _rolled_over(self, remaining: int) -> int:
        return min(remaining, self.rollover_maximum) if remaining >= self.rollover_minimum else 0


@dataclass(frozen=True, slots=True)
class Policy:
    """`seq` is the entry that last changed the policy; `thresholds` are in descending order.

    `allowed_until_ms` is the end of the last given period of an ended allowance, and `allowed_moved_ms` how far the
    zone has moved west since. `given_seq` is the grant of the allowance's current period; None if the allowance begins
    within a period.
    """

    seq: int = 0
    status: Status = "open"
    time_zone: str = DEFAULT_TIME_ZONE
    thresholds: tuple[Threshold, ...] = ()
    limits: tuple[Limit, ...] = ()
    allowance: Allowance | None = None
    parent: str | None = None
    allowed_until_ms: int = 0
    allowed_moved_ms: int = 0
    given_seq: int | None = None

    def limits_at(self, periods: Periods, seq: int = 0) -> tuple[Limit, ...]:
        """The limits for the entry of `seq`; 0 for a reader, which writes none."""
        return tuple(limit.at(periods, seq) for limit in self.limits)

    def counting(self, spending: Spending, periods: Periods, seq: int) -> "Policy":
        """The policy after the entry of `seq`, which counts `spending` in the current windows."""
        limits = self.limits_at(periods, seq)
        counted = tuple(
            limit.counting(spending, periods.at_ms)
            if limit.covers(spending.through) and spending.seq >= limit.counted_from_seq
            else limit
            for limit in limits
        )
        return self if counted == limits else replace(self, limits=counted)

    def crossing(self, there: int, *, arms: bool, warns: bool) -> "tuple[Policy, tuple[int, ...]]":
        """The policy after an entry that left `there` available and held, and the thresholds that it warns of.

        `arms`: credits were added, which arm the thresholds that are now reached. `warns`: the entry warns of every
        threshold above the balance, armed or not.
        """
        below = tuple(each.amount for each in self.thresholds if there < each.amount and (each.is_armed or warns))
        thresholds = tuple(
            replace(each, is_armed=there >= each.amount and (each.is_armed or arms)) for each in self.thresholds
        )
        return self if thresholds == self.thresholds else replace(self, thresholds=thresholds), below


def in_zone(policy: Policy, zone_name: str, periods: Periods, seq: int) -> Policy:
    """The policy of an account that changes its zone. Current windows and periods keep their ends."""
    moved_ms = periods.moved_ms(zone_name)
    limits = tuple(replace(limit, moved_ms=limit.moved_ms + moved_ms) for limit in policy.limits_at(periods, seq))
    allowance = policy.allowance and replace(policy.allowance, moved_ms=policy.allowance.moved_ms + moved_ms)
    ended_ms = policy.allowed_moved_ms + moved_ms
    return replace(policy, time_zone=zone_name, limits=limits, allowance=allowance, allowed_moved_ms=ended_ms)


def with_limits(policy: Policy, limits: Iterable[Limit], periods: Periods, seq: int) -> Policy:
    """The policy with other limits, set by the entry of `seq`.

    A limit with the scope of a present one keeps its count.
    """
    counted = {limit.scope: limit for limit in policy.limits}
    return replace(
        policy,
        limits=tuple(
            replace(counted[limit.scope], amount=limit.amount)
            if limit.scope in counted
            else replace(limit.at(periods, seq), counted_from_seq=seq)
            for limit in limits
        ),
    )


def limit_values(limit: Limit) -> dict[str, Any]:
    """The fields of the limit that a refusal shows."""
    of_model = {} if limit.model is None else {"model": limit.model}
    return {
        "app": limit.app,
        "meter": limit.meter,
        **of_model,
        "window": limit.window,
        "amount": limit.amount,
        "used": limit.used,
        "resets_at_ms": limit.resets_at_ms,
    }


def policy_values(policy: Policy) -> dict[str, Any]:
    """The policy as plain JSON values. `policy_from` is the inverse."""
    values = asdict(policy)
    return values | {"limits": tuple(_without_what_is_missing(limit) for limit in values["limits"])}


def _without_what_is_missing(limit: Mapping[str, Any]) -> dict[str, Any]:
    # A limit without a model, in a window of the calendar, stays as older releases wrote it and can read it.
    return {name: value for name, value in limit.items() if value or name not in {"model", "parts"}}


def _limit_from(values: Mapping[str, Any]) -> Limit:
    return Limit(**{**values, "parts": tuple(Part(*part) for part in values.get("parts", ()))})


def policy_from(values: Mapping[str, Any]) -> Policy:
    """Raises KeyError or TypeError if the values are not a policy."""
    allowance = values["allowance"]
    return Policy(
        seq=values["seq"],
        status=values["status"],
        time_zone=values["time_zone"],
        thresholds=tuple(Threshold(**each) for each in values["thresholds"]),
        limits=tuple(_limit_from(each) for each in values["limits"]),
        allowance=None if allowance is None else Allowance(**allowance),
        parent=values["parent"],
        allowed_until_ms=values["allowed_until_ms"],
        allowed_moved_ms=values["allowed_moved_ms"],
        given_seq=values["given_seq"],
    )
