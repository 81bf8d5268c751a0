"""Everything after the ledger: stream, outbox, bus, queue and audit, with consumers that are killed in mid-batch.

    python -m tests.stress.downstream STREAM_ARN DATABASE_URL AUDIT_PROXY_URL SEED

Ends when it reads on its standard input how many entries there are and all of them went through, or nothing more moves;
then prints what happened as JSON.
"""

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import boto3

from local.dynamodb_local import CREDENTIALS
from tests.stress.bus import Bus, Message, Queue, Shares, serving
from tests.stress.chance import happens
from tests.stress.environment import Environment, EnvironmentEndedError, prepare
from tests.stress.stream import Stream

OUTBOX_BATCH: Final = 100
AUDIT_BATCH: Final = 10
AUDIT_CONCURRENCY: Final = 4
STREAM_POLL_S: Final = 0.25
"""As often as Lambda looks into a shard."""
RECEIVES_MAX: Final = 100
"""A message that came so often goes to the failure queue."""
IDLE_LIMIT_S: Final = 60.0
POLL_S: Final = 0.1

KILLED_OUTBOX: Final = "the outbox killed in mid-batch"
KILLED_AUDIT: Final = "the audit killed in mid-batch"
REPEATED_BATCH: Final = "a batch of the stream delivered twice"
DOWNSTREAM_FAULTS: Final = (KILLED_OUTBOX, KILLED_AUDIT, REPEATED_BATCH)

KILL_SHARE: Final = 0.02
LONGEST_KILL_DELAY_MS: Final = 30
REPEAT_SHARE: Final = 0.02
HIGHEST_SHARE: Final = 0.1


@dataclass
class Report:
    """`faults` by name; `ended` environments that were not killed, so their handler raised."""

    entries: int
    faults: dict[str, int]
    ended: int
    poisoned: int
    is_drained: bool


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
        return {each["itemIdentifier"] for each in answer["batchItemFailures"]}

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
        self.entries += len(batch)
        if happens(self._chance, self._repeat_share, self.repeated):
            self.repeated += 1
            self._consumer.failed(batch)

    def _not_taken(self, batch: list[Any]) -> list[Any]:
        failed = self._consumer.failed(batch)
        if failed is None:
            return batch
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        first = min((numbers.index(number) for number in failed), default=len(batch))
        return batch[first:]


class QueueMapping:
    """In any order; what failed becomes visible again."""

    def __init__(self, queue: Queue, consumer: Consumer) -> None:
        self._queue = queue
        self._consumer = consumer
        self.given_up: list[Message] = []

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            batch = self._queue.receive(time.monotonic(), AUDIT_BATCH, wait_s=0.05)
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


@dataclass(frozen=True)
class Pipeline:
    """All of it, each part with chance of its own so that the seed decides what each meets."""

    bus: Bus
    queue: Queue
    stream_mapping: StreamMapping
    queue_mappings: list[QueueMapping]
    consumers: list[Consumer]

    def run(self, expected_entries: Callable[[], int | None]) -> Report:
        over = threading.Event()
        runs = [self.stream_mapping.run, *(each.run for each in self.queue_mappings)]
        threads = [threading.Thread(target=run, args=(over.is_set,)) for run in runs]
        for thread in threads:
            thread.start()
        is_drained = self._wait(expected_entries)
        over.set()
        for thread in threads:
            thread.join()
        return self._report(is_drained)

    def _wait(self, expected_entries: Callable[[], int | None]) -> bool:
        """Until all is through, or nothing has moved for long. Returns whether all is."""
        moved_s, last = time.monotonic(), (-1, -1)
        while time.monotonic() - moved_s < IDLE_LIMIT_S:
            time.sleep(POLL_S)
            expected, now = expected_entries(), (self.stream_mapping.entries, self.queue.unfinished)
            if expected is not None and self.stream_mapping.entries >= expected and not self.queue.unfinished:
                return True
            if expected is None or now != last:
                moved_s, last = time.monotonic(), now
        return False

    def _report(self, is_drained: bool) -> Report:
        faults = sum((each.struck for each in self.consumers), Counter(self.bus.struck))
        faults[REPEATED_BATCH] += self.stream_mapping.repeated
        given_up = sum(len(each.given_up) for each in self.queue_mappings)
        return Report(
            entries=self.stream_mapping.entries,
            faults=dict(faults),
            ended=sum(each.ended for each in self.consumers),
            poisoned=len(self.bus.poisoned) + given_up,
            is_drained=is_drained,
        )


def pipeline(stream: Stream, bus: Bus, queue: Queue, seed: int, scale: float) -> Pipeline:
    kill_share, repeat_share = (min(share * scale, HIGHEST_SHARE) for share in (KILL_SHARE, REPEAT_SHARE))
    outbox = Consumer("outbox", KILLED_OUTBOX, random.Random(f"outbox {seed}"), kill_share)
    audits = [
        Consumer("audit", KILLED_AUDIT, random.Random(f"audit {number} {seed}"), kill_share)
        for number in range(AUDIT_CONCURRENCY)
    ]
    return Pipeline(
        bus=bus,
        queue=queue,
        stream_mapping=StreamMapping(stream, outbox, random.Random(f"stream {seed}"), repeat_share),
        queue_mappings=[QueueMapping(queue, audit) for audit in audits],
        consumers=[outbox, *audits],
    )


class Expected:
    """How many entries there are, once the other side knows. Without the other side, all is over."""

    def __init__(self) -> None:
        self._entries: int | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def __call__(self) -> int | None:
        return self._entries

    def _read(self) -> None:
        line = sys.stdin.readline()
        if not line:
            os._exit(1)
        self._entries = int(line)


def main(stream_arn: str, database_url: str, audit_url: str, seed: int, scale: float) -> None:
    options: Any = {"endpoint_url": database_url, **CREDENTIALS}
    client = boto3.client("dynamodbstreams", **options)
    queue = Queue()
    bus = Bus(queue, random.Random(f"bus {seed}"), Shares().times(min(scale, 5)))
    with serving(bus, time.monotonic) as address:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = audit_url
        os.environ["AWS_ENDPOINT_URL_EVENTBRIDGE"] = address
        os.environ["AWS_ENDPOINT_URL_SQS"] = address
        os.environ["FAILURE_QUEUE_URL"] = f"{address}/123456789012/failures"
        prepare(("outbox", "audit"))
        report = pipeline(Stream(client, stream_arn), bus, queue, seed, scale).run(Expected())
    print(json.dumps(asdict(report)))  # noqa: T201 - for the process that started this one


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
