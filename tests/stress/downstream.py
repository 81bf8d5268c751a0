"""Everything after the ledger, with consumers that are killed in mid-batch.

    the ledger's stream -> outbox -> bus -> two queues -> audit
                                                       -> usage -> the usage table's stream -> boards

    python -m tests.stress.downstream SETTINGS

SETTINGS is a JSON text. Ends when it reads on its standard input how many entries there are and all of them went
through, or nothing more moves; then prints what happened as JSON.
"""

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import boto3

from local.dynamodb_local import CREDENTIALS
from tests.stress.books import is_of_an_account, sums_of_accounts
from tests.stress.bus import Bus, Queue, Rule, Shares, serving
from tests.stress.consumers import Consumer, QueueMapping, StreamMapping
from tests.stress.environment import prepare
from tests.stress.script import OVERDRAWN, POOR
from tests.stress.stream import Stream, is_new_entry
from tests.stress.sums_stream import SHARDS, Boards, Image, Key, SumsMapping, SumsShard, SumsShares

AUDIT_BATCH: Final = 10
AUDIT_CONCURRENCY: Final = 4
USAGE_BATCH: Final = 100
USAGE_CONCURRENCY: Final = 2
SPENDING: Final = frozenset({"credit.record-cost", "credit.capture", "credit.refund"})
"""What the template's rule sends to the usage queue."""
IDLE_LIMIT_S: Final = 60.0
POLL_S: Final = 0.1

KILLED_OUTBOX: Final = "the outbox killed in mid-batch"
KILLED_AUDIT: Final = "the audit killed in mid-batch"
KILLED_USAGE: Final = "the usage killed in mid-batch"
KILLED_BOARDS: Final = "the boards killed in mid-batch"
REPEATED_BATCH: Final = "a batch of the stream delivered twice"
DOWNSTREAM_FAULTS: Final = (KILLED_OUTBOX, KILLED_AUDIT, KILLED_USAGE, KILLED_BOARDS, REPEATED_BATCH)

KILL_SHARE: Final = 0.02
REPEAT_SHARE: Final = 0.02
HIGHEST_SHARE: Final = 0.1
HIGHEST_SCALE: Final = 5.0


@dataclass(frozen=True)
class Settings:
    """What this process is told: `dynamodb_url` leads past every proxy, `faulty_url` through one."""

    ledger_stream: str
    usage_stream: str
    dynamodb_url: str
    faulty_url: str
    seed: int
    scale: float


@dataclass
class Report:
    """`faults` by name; `ended` environments that were not killed, so their handler raised.

    `forgotten` are the actors of whom the boards were never told something; a backfill tells it.
    """

    entries: int
    faults: dict[str, int]
    ended: int
    poisoned: int
    is_drained: bool
    forgotten: list[str]


@dataclass(frozen=True)
class Pipeline:
    """All of it, each part with chance of its own so that the seed decides what each meets."""

    bus: Bus
    queues: list[Queue]
    stream_mapping: StreamMapping
    queue_mappings: list[QueueMapping]
    sums_mapping: SumsMapping
    shards: list[SumsShard]
    consumers: list[Consumer]
    sums: Callable[[], dict[Key, Image]]

    def run(self, expected_entries: Callable[[], int | None]) -> Report:
        over = threading.Event()
        runs = [self.stream_mapping.run, *(each.run for each in self.queue_mappings), self.sums_mapping.run]
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
        moved_s, last = time.monotonic(), (-1, -1, -1)
        while time.monotonic() - moved_s < IDLE_LIMIT_S:
            time.sleep(POLL_S)
            expected = expected_entries()
            if expected is not None and self._is_through(expected):
                return True
            now = self.stream_mapping.entries, self._unfinished, self.sums_mapping.delivered
            if expected is None or now != last:
                moved_s, last = time.monotonic(), now
        return False

    def _is_through(self, expected: int) -> bool:
        """Once the queues are empty for the first time, what was set aside comes back."""
        if self.stream_mapping.entries < expected or self._unfinished or self.bus.redrive(time.monotonic()):
            return False
        return self.sums_mapping.has_delivered(self.sums())

    @property
    def _unfinished(self) -> int:
        return sum(queue.unfinished for queue in self.queues)

    def _report(self, is_drained: bool) -> Report:
        struck = [self.bus.struck, *(each.struck for each in self.consumers), *(each.struck for each in self.shards)]
        faults = sum(struck, Counter[str]())
        faults[REPEATED_BATCH] += self.stream_mapping.repeated
        given_up = sum(len(each.given_up) for each in self.queue_mappings)
        return Report(
            entries=self.stream_mapping.entries,
            faults=dict(faults),
            ended=sum(each.ended for each in self.consumers),
            poisoned=len(self.bus.poisoned) + given_up,
            is_drained=is_drained,
            forgotten=self.sums_mapping.forgotten_actors,
        )


def pipeline(settings: Settings, bus: Bus, audit_queue: Queue, usage_queue: Queue) -> Pipeline:
    kill_share, repeat_share = (min(share * settings.scale, HIGHEST_SHARE) for share in (KILL_SHARE, REPEAT_SHARE))

    def consumers(function: str, killed: str, number: int) -> list[Consumer]:
        chances = [random.Random(f"{function} {each} {settings.seed}") for each in range(number)]
        return [Consumer(function, killed, chance, kill_share) for chance in chances]

    (outbox,) = consumers("outbox", KILLED_OUTBOX, 1)
    audits = consumers("audit", KILLED_AUDIT, AUDIT_CONCURRENCY)
    usages = consumers("usage", KILLED_USAGE, USAGE_CONCURRENCY)
    boards = consumers("boards", KILLED_BOARDS, 2 * SHARDS)
    options: Any = {"endpoint_url": settings.dynamodb_url, **CREDENTIALS}
    client = boto3.client("dynamodbstreams", **options)
    shards = [_shard(number, boards[2 * number : 2 * number + 2], settings) for number in range(SHARDS)]
    return Pipeline(
        bus=bus,
        queues=[audit_queue, usage_queue],
        stream_mapping=StreamMapping(
            Stream(client, settings.ledger_stream, is_new_entry),
            outbox,
            random.Random(f"stream {settings.seed}"),
            repeat_share,
        ),
        queue_mappings=[
            *(QueueMapping(audit_queue, audit, AUDIT_BATCH) for audit in audits),
            *(QueueMapping(usage_queue, usage, USAGE_BATCH) for usage in usages),
        ],
        sums_mapping=SumsMapping(Stream(client, settings.usage_stream, lambda _, sk: is_of_an_account(sk)), shards),
        shards=shards,
        consumers=[outbox, *audits, *usages, *boards],
        sums=lambda: sums_of_accounts(settings.dynamodb_url),
    )


def _shard(number: int, boards: list[Consumer], settings: Settings) -> SumsShard:
    chance = random.Random(f"sums {number} {settings.seed}")
    shares = SumsShares().times(min(settings.scale, HIGHEST_SCALE))
    return SumsShard(Boards(*boards), chance, shares, frozenset({OVERDRAWN}))


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


def main(settings: Settings) -> None:
    audit_queue, usage_queue = Queue(), Queue()
    rules = [Rule(audit_queue), Rule(usage_queue, SPENDING, signals_alone=True, failing=frozenset({POOR}))]
    bus = Bus(rules, random.Random(f"bus {settings.seed}"), Shares().times(min(settings.scale, HIGHEST_SCALE)))
    with serving(bus, time.monotonic) as address:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = settings.faulty_url
        os.environ["AWS_ENDPOINT_URL_EVENTBRIDGE"] = address
        os.environ["AWS_ENDPOINT_URL_SQS"] = address
        os.environ["FAILURE_QUEUE_URL"] = f"{address}/123456789012/failures"
        prepare(("outbox", "audit", "usage", "boards"))
        report = pipeline(settings, bus, audit_queue, usage_queue).run(Expected())
    print(json.dumps(asdict(report)))  # noqa: T201 - for the process that started this one


if __name__ == "__main__":
    main(Settings(**json.loads(sys.argv[1])))
