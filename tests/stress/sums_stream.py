"""The stream of the sums of accounts, and the boards that it is delivered to.

It has two shards, so that boards are changed at once. The records of an account are in one of them, in their order. A
batch comes until it is taken, and may come again: at the same time, at once, or after one with newer sums. Or the
stream has forgotten it before it was taken. Then only the table has what it said.
"""

import queue
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol, TypeAlias

from shared.adapters.keys import account_of
from tests.stress.chance import happens
from tests.stress.consumers import STREAM_POLL_S
from tests.stress.stream import Stream

SHARDS: Final = 2
BATCH: Final = 20
"""So few that also a short run has many."""
RETRY_S: Final = 0.1
INBOX_POLL_S: Final = 0.05

FORGOTTEN: Final = "a batch of sums that the stream forgot"
AGAIN: Final = "a batch of sums delivered twice"
AGAIN_LATE: Final = "a batch of sums delivered again after one with newer sums"
TWICE_AT_ONCE: Final = "a batch of sums delivered to two at once"
SUMS_FAULTS: Final = (FORGOTTEN, AGAIN, AGAIN_LATE, TWICE_AT_ONCE)

Key: TypeAlias = tuple[str, str]
Image: TypeAlias = Mapping[str, Any]
Batch: TypeAlias = list[Any]


@dataclass(frozen=True)
class SumsShares:
    """How often each fault strikes, of batches."""

    forgotten: float = 0.01
    again: float = 0.02
    again_late: float = 0.02
    twice_at_once: float = 0.03

    def times(self, scale: float) -> "SumsShares":
        return SumsShares(*(getattr(self, each.name) * scale for each in fields(self)))


class Taker(Protocol):
    """A consumer, or what stands for one."""

    def failed(self, records: Sequence[Any]) -> set[str] | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Boards:
    """The function as a shard finds it: whom it hands a batch to, and another one who may be at the same batch."""

    first: Taker
    other: Taker

    def close(self) -> None:
        self.first.close()
        self.other.close()


class SumsShard:
    """Some accounts. `always_forgotten` are those of whom no record ever arrives."""

    def __init__(
        self, boards: Boards, chance: random.Random, shares: SumsShares, always_forgotten: frozenset[str]
    ) -> None:
        self._boards = boards
        self._chance = chance
        self._shares = shares
        self._always_forgotten = always_forgotten
        self._taken: dict[Key, Batch] = {}
        """By item, the batch with its newest record so far."""
        self.forgotten: set[Key] = set()
        """Items whose newest record did not arrive."""
        self.struck: Counter[str] = Counter()

    def deliver(self, batch: Batch, is_over: Callable[[], bool] = lambda: False) -> None:
        """Returns when it was taken, or it is over."""
        keys = {_key(record) for record in batch}
        if self._is_forgotten(batch):
            self.forgotten |= keys
            return
        self._until_taken(batch, is_over)
        self.forgotten -= keys
        self._again(batch)
        self._taken.update(dict.fromkeys(keys, batch))

    def come_to_an_end(self) -> None:
        self._boards.close()

    def _until_taken(self, batch: Batch, is_over: Callable[[], bool]) -> None:
        waiting = [batch]
        while waiting and not is_over():
            part = waiting.pop(0)
            if not self._is_taken(part):
                waiting[:0] = _halves(part)
                time.sleep(RETRY_S)

    def _is_taken(self, batch: Batch) -> bool:
        if not self._strikes(self._shares.twice_at_once, TWICE_AT_ONCE):
            return self._boards.first.failed(batch) is not None
        beside = threading.Thread(target=self._boards.other.failed, args=(batch,))
        beside.start()
        is_taken = self._boards.first.failed(batch) is not None
        beside.join()
        return is_taken

    def _again(self, batch: Batch) -> None:
        if self._strikes(self._shares.again, AGAIN):
            self._boards.first.failed(batch)
        older = next((self._taken[key] for key in map(_key, batch) if key in self._taken), None)
        if older is not None and self._strikes(self._shares.again_late, AGAIN_LATE):
            self._boards.first.failed(older)

    def _is_forgotten(self, batch: Batch) -> bool:
        if any(_actor(_key(record)) in self._always_forgotten for record in batch):
            self.struck[FORGOTTEN] += 1
            return True
        return self._strikes(self._shares.forgotten, FORGOTTEN)

    def _strikes(self, share: float, fault: str) -> bool:
        strikes = happens(self._chance, share, self.struck[fault])
        self.struck[fault] += strikes
        return strikes


class SumsMapping:
    """Reads the stream and hands each shard what is its own."""

    def __init__(self, stream: Stream, shards: Sequence[SumsShard]) -> None:
        self._stream = stream
        self._shards = shards
        self._inboxes: list[queue.SimpleQueue[Batch]] = [queue.SimpleQueue() for _ in shards]
        self._newest: dict[Key, Image] = {}
        self._read = 0
        self._done = [0 for _ in shards]

    @property
    def delivered(self) -> int:
        return sum(self._done)

    @property
    def forgotten_actors(self) -> list[str]:
        """Those of whom the newest record of some item did not arrive."""
        return sorted({_actor(key) for shard in self._shards for key in shard.forgotten})

    def has_delivered(self, items: Mapping[Key, Image]) -> bool:
        """Whether it is through with the newest record of each item, and so with all."""
        return self._newest == items and self.delivered == self._read

    def run(self, is_over: Callable[[], bool]) -> None:
        threads = [
            threading.Thread(target=self._run_shard, args=(number, is_over)) for number in range(len(self._shards))
        ]
        for thread in threads:
            thread.start()
        while not is_over():
            self._hand_out(self._stream.poll())
            time.sleep(STREAM_POLL_S)
        for thread in threads:
            thread.join()

    def _hand_out(self, records: Batch) -> None:
        self._read += len(records)
        self._newest.update((_key(record), record["dynamodb"]["NewImage"]) for record in records)
        for number, inbox in enumerate(self._inboxes):
            mine = [record for record in records if shard_of(record, len(self._shards)) == number]
            for start in range(0, len(mine), BATCH):
                inbox.put(mine[start : start + BATCH])

    def _run_shard(self, number: int, is_over: Callable[[], bool]) -> None:
        for batch in _batches(self._inboxes[number], is_over):
            self._shards[number].deliver(batch, is_over)
            self._done[number] += len(batch)
        self._shards[number].come_to_an_end()


def shard_of(record: Any, shards: int) -> int:
    return zlib.crc32(_key(record)[0].encode()) % shards


def _batches(inbox: "queue.SimpleQueue[Batch]", is_over: Callable[[], bool]) -> Iterator[Batch]:
    while not is_over():
        try:
            yield inbox.get(timeout=INBOX_POLL_S)
        except queue.Empty:
            continue


def _halves(batch: Batch) -> list[Batch]:
    """As BisectBatchOnFunctionError has it; a single record stays what it is."""
    middle = (len(batch) + 1) // 2
    return [half for half in (batch[:middle], batch[middle:]) if half]


def _key(record: Any) -> Key:
    keys = record["dynamodb"]["Keys"]
    return keys["pk"]["S"], keys["sk"]["S"]


def _actor(key: Key) -> str:
    account = account_of(key[0])
    if account is None:
        raise ValueError(f"nobody's sums: {key}")
    return account.actor
