"""What to look at in a tenant: accounts that fell low, what was refused most, holds that expire soon, failure queues.

From what is there already: the feed, the accounts themselves and the index of open holds. Each part reads a bounded
number of items and says whether that was all.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ports.activity import (
    ActivityFeed,
    ExpiringHolds,
    FailureQueues,
    FeedLine,
    FeedStretch,
    OpenHoldsOfTenants,
    QueueDepth,
)
from shared.ports.ledger import Ledger
from shared.usecases.present_state import present_state

SINCE_MS: Final = 24 * 3_600_000
EXPIRING_MS: Final = 15 * 60_000
LOW_MAX: Final = 50
"""Accounts that are looked at, those that fell last."""
REFUSED_MAX: Final = 50
ACCOUNTS_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True)
class LowAccount:
    """An account that fell below `threshold` at `at_ms` and is below it now. Amounts in microcents."""

    actor: str
    threshold: int
    available: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """How often an actor was refused for a reason, checks included."""

    actor: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class LowAccounts:
    """Those that fell last first. `is_complete`: no others fell since then."""

    items: tuple[LowAccount, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Refusals:
    """The most frequent first, counted since `since_ms`. `is_complete`: that is a day, and these are all."""

    items: tuple[Refused, ...]
    since_ms: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class WaitingFailures:
    """The failure queues that are not empty; None if they did not answer, from `cause`."""

    items: tuple[QueueDepth, ...] | None
    cause: Exception | None = None


@dataclass(frozen=True, slots=True)
class Alerts:
    """`failures` is None for who may not see the failure queues."""

    low: LowAccounts
    refused: Refusals
    expiring: ExpiringHolds
    failures: WaitingFailures | None


def tenant_alerts(
    tenant: str,
    feed: ActivityFeed,
    ledger: Ledger,
    holds: OpenHoldsOfTenants,
    queues: FailureQueues | None,
    now_ms: int,
) -> Alerts:
    """Of the last 24 hours; holds that expire within 15 minutes. Without `queues`, nothing of failures."""
    stretch = feed.newest(tenant, now_ms - SINCE_MS)
    return Alerts(
        low_accounts(tenant, stretch, ledger, now_ms),
        refusals(stretch),
        holds.expiring(tenant, now_ms, now_ms + EXPIRING_MS),
        None if queues is None else waiting_failures(queues),
    )


def low_accounts(tenant: str, stretch: FeedStretch, ledger: Ledger, now_ms: int) -> LowAccounts:
    """Each account once. Whether it still is low is read strongly, and by its thresholds of now."""
    fell = {line.actor: line for line in reversed(stretch.lines) if line.low_balance}
    newest = sorted(fell.values(), key=lambda line: line.order, reverse=True)
    looked_at = newest[:LOW_MAX]
    if not looked_at:
        return LowAccounts((), stretch.is_complete)
    with ThreadPoolExecutor(min(len(looked_at), ACCOUNTS_AT_ONCE)) as threads:
        found = threads.map(lambda line: _low(Account(tenant, line.actor), line.at_ms, ledger, now_ms), looked_at)
        return LowAccounts(tuple(filter(None, found)), stretch.is_complete and len(looked_at) == len(newest))


def _low(account: Account, at_ms: int, ledger: Ledger, now_ms: int) -> LowAccount | None:
    state = present_state(account, ledger, now_ms)
    if state is None or not state.is_low:
        return None
    return LowAccount(account.actor, min(state.thresholds_above), state.available, at_ms)


def refusals(stretch: FeedStretch) -> Refusals:
    counts = Counter((line.actor, line.reason or "") for line in _refused(stretch.lines))
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    items = tuple(Refused(*name, count) for name, count in ranked[:REFUSED_MAX])
    return Refusals(items, stretch.since_ms, stretch.is_complete and len(items) == len(ranked))


def _refused(lines: Sequence[FeedLine]) -> Iterable[FeedLine]:
    """Each once: a message that was delivered twice made two lines."""
    return {line.name: line for line in lines if line.outcome == "refused"}.values()


def waiting_failures(queues: FailureQueues) -> WaitingFailures:
    """A failure of the queues takes nothing else from the answer."""
    try:
        return WaitingFailures(tuple(each for each in queues.depths() if each.messages))
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is logged, and the rest is answered
        return WaitingFailures(None, failure)
