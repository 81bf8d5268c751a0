"""The feed of each tenant in memory, and what else alerts are made of."""

from collections.abc import Callable, Sequence
from threading import Lock

from in_memory.ledger import MemoryLedger
from shared.ledger.times import rfc3339
from shared.ports.activity import ExpiringHolds, FeedBatch, FeedLine, FeedStretch, QueueDepth, newest_first


class MemoryActivityFeed:
    """Implements ports.ActivityFeed, in one shard."""

    shards = 1

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = Lock()
        self._batches: dict[str, list[FeedBatch]] = {}

    def add(self, tenant: str, lines: Sequence[FeedLine], name: str) -> None:  # noqa: ARG002 - the port's
        with self._lock:
            batches = self._batches.setdefault(tenant, [])
            batches.append(FeedBatch(f"{rfc3339(self._now_ms())}#{len(batches):08d}", newest_first(lines)))

    def batches(
        self,
        tenant: str,
        shard: int,  # noqa: ARG002 - the port's
        below: str | None,
        since_ms: int | None,
        limit: int,
    ) -> list[FeedBatch]:
        first = "" if since_ms is None else rfc3339(since_ms)
        wanted = [each for each in self._of(tenant) if first <= each.name and (below is None or each.name < below)]
        return wanted[: -limit - 1 : -1]

    def newest(self, tenant: str, since_ms: int) -> FeedStretch:
        lines = [line for batch in self._of(tenant) for line in batch.lines if line.at_ms >= since_ms]
        return FeedStretch(newest_first(lines), since_ms, is_complete=True)

    def _of(self, tenant: str) -> list[FeedBatch]:
        with self._lock:
            return list(self._batches.get(tenant, ()))


class MemoryOpenHolds:
    """Implements ports.OpenHoldsOfTenants."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def expiring(self, tenant: str, from_ms: int, to_ms: int) -> ExpiringHolds:
        found = [
            (account, hold)
            for account, hold in self._ledger.all_holds()
            if account.tenant == tenant and hold.status == "open" and from_ms <= hold.expires_at_ms <= to_ms
        ]
        found.sort(key=lambda each: (each[1].expires_at_ms, each[0].actor, each[1].id))
        return ExpiringHolds(tuple(found), is_complete=True)


class NoFailureQueues:
    """Implements ports.FailureQueues: nothing fails here, so there are none."""

    def depths(self) -> tuple[QueueDepth, ...]:
        return ()
