"""What hands batches of streams and queues to functions, as Lambda's event source mappings do."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.stress.bus import Message, Queue
from tests.stress.chance import happens
from tests.stress.environment import Environment, EnvironmentEndedError
from tests.stress.stream import Stream

LONGEST_KILL_DELAY_MS: Final = 30
OUTBOX_BATCH: Final = 100
STREAM_POLL_S: Final = 0.25
"""As often as Lambda looks into a shard."""
RECEIVES_MAX: Final = 100
"""A message that came so often goes to the failure queue."""


class Consumer:
    """Hands batches to a function, kills it now and then, and says what it did not take."""

    def __init__(self, function: str, killed: str, chance: random.Random, kill_share: float) -> None:
        self._function = function
        self._killed = killed
        self._chance = chance
        self._kill_share = kill_share
        self._environment = Environment()
        self.struck: Counter[str] = Counter()
        self.ended = 0

    def failed(self, records: Sequence[Any]) -> set[str] | None:
        """The ids that the function reported as failed; None when it ended before it had answered."""
        kills = happens(self._chance, self._kill_share, self.struck[self._killed])
        kill_after_ms = self._chance.randint(0, LONGEST_KILL_DELAY_MS) if kills else None
        try:
            answer = self._environment.invoke(self._function, {"Records": records}, kill_after_ms)
        except EnvironmentEndedError:
            self.struck[self._killed] += kills
            self.ended += not kills
            return None
        return {each["itemIdentifier"] for each in answer.get("batchItemFailures", ())}

    def close(self) -> None:
        self._environment.close()


class StreamMapping:
    """In order, and again from the first record that failed."""

    def __init__(self, stream: Stream, consumer: Consumer, chance: random.Random, repeat_share: float) -> None:
        self._stream = stream
        self._consumer = consumer
        self._chance = chance
        self._repeat_share = repeat_share
        self.entries = 0
        self.repeated = 0

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            records = self._stream.poll()
            for start in range(0, len(records), OUTBOX_BATCH):
                self._deliver(records[start : start + OUTBOX_BATCH])
            if len(records) < OUTBOX_BATCH:
                time.sleep(STREAM_POLL_S)
        self._consumer.close()

    def _deliver(self, batch: list[Any]) -> None:
        waiting = batch
        while waiting:
            waiting = self._not_taken(waiting)
        if happens(self._chance, self._repeat_share, self.repeated):
            self.repeated += 1
            self._consumer.failed(batch)
        self.entries += len(batch)

    def _not_taken(self, batch: list[Any]) -> list[Any]:
        failed = self._consumer.failed(batch)
        if failed is None:
            return batch
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        first = min((numbers.index(number) for number in failed), default=len(batch))
        return batch[first:]


class QueueMapping:
    """In any order; what failed becomes visible again."""

    def __init__(self, queue: Queue, consumer: Consumer, at_most: int) -> None:
        self._queue = queue
        self._consumer = consumer
        self._at_most = at_most
        self.given_up: list[Message] = []

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            batch = self._queue.receive(time.monotonic(), self._at_most, wait_s=0.05)
            if batch:
                self._deliver(batch)
        self._consumer.close()

    def _deliver(self, batch: list[Message]) -> None:
        failed = self._consumer.failed([{"messageId": str(each.number), "body": each.body} for each in batch])
        kept = [each for each in batch if failed is None or str(each.number) in failed]
        given_up = [each for each in kept if each.receives >= RECEIVES_MAX]
        self.given_up += given_up
        self._queue.delete([each for each in batch if each not in kept] + given_up)
        self._queue.give_back([each for each in kept if each not in given_up], time.monotonic())
