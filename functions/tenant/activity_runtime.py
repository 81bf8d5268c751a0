"""The runtime of activity and alerts."""

from shared.composition.activity import failure_queues_of, feed_of, open_holds_of
from shared.composition.ledger import ledger_of
from shared.ledger.frozen import dataclass
from shared.ports.activity import ActivityFeed, FailureQueues, OpenHoldsOfTenants
from shared.ports.ledger import Ledger
from shared.runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRuntime:
    feed: ActivityFeed
    ledger: Ledger
    holds: OpenHoldsOfTenants
    queues: FailureQueues


def activity_runtime(settings: Settings) -> ActivityRuntime:
    return ActivityRuntime(
        feed=feed_of(settings),
        ledger=ledger_of(settings),
        holds=open_holds_of(settings),
        queues=failure_queues_of(settings),
    )
