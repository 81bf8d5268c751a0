"""What lies between the entries and the sums of a tenant: the bus's rules, faults by table, and the stream of sums."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import boto3
import jmespath  # type: ignore[import-untyped]
import pytest
from botocore.stub import ANY, Stubber

from shared.adapters.keys import account_pk
from shared.ledger.accounts import Account
from tests.stress.books import SUMS_OF_ACCOUNTS, is_of_an_account
from tests.stress.bucket import client_settings
from tests.stress.bus import LOST, SET_ASIDE, Bus, Queue, Rule, Shares
from tests.stress.downstream import SPENDING, USAGE_BATCH
from tests.stress.names import AUDIT_TABLE, USAGE_TABLE
from tests.stress.proxy import downstream_rules
from tests.stress.stream import Stream
from tests.stress.sums_stream import (
    AGAIN,
    AGAIN_LATE,
    BATCH,
    FORGOTTEN,
    SHARDS,
    TWICE_AT_ONCE,
    Boards,
    SumsMapping,
    SumsShard,
    SumsShares,
    shard_of,
)
from tests.template.loading import properties

NEVER: Final = Shares(0, 0, 0, 0, 0, 0)
NO_FAULT: Final = SumsShares(0, 0, 0, 0)


class Taker:
    """Takes every batch, but for the first `refusals`."""

    def __init__(self, refusals: int = 0) -> None:
        self.offered: list[list[str]] = []
        self._refusals = refusals

    def failed(self, records: Sequence[Any]) -> set[str] | None:
        self.offered.append([record["says"] for record in records])
        self._refusals -= 1
        return None if self._refusals >= 0 else set()

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.stress.sums_stream.RETRY_S", 0)


def record(actor: str, says: str = "") -> Any:
    keys = {"pk": {"S": account_pk(Account("main", actor))}, "sk": {"S": "DAY#2026-01-31"}}
    return {"dynamodb": {"Keys": keys, "NewImage": {**keys, "sums": {"S": says}}}, "says": says}


def shard(shares: SumsShares, first: Taker, other: Taker | None = None, forgotten: str = "") -> SumsShard:
    return SumsShard(Boards(first, other or Taker()), random.Random(1), shares, frozenset([forgotten]))


def event(kind: str, actor: str, seq: int) -> dict[str, Any]:
    return {
        "Source": "millicent",
        "DetailType": kind,
        "Detail": json.dumps({"tenant": "main", "actor": actor, "seq": seq}),
    }


def received(queue: Queue) -> list[tuple[str, int]]:
    details = [json.loads(each.body)["detail"] for each in queue.receive(0.0, at_most=100, wait_s=0)]
    return [(detail["actor"], detail["seq"]) for detail in details]


def test_the_usage_queue_gets_what_the_template_sends_it() -> None:
    assert properties("UsageRule")["EventPattern"] == {"source": ["millicent"], "detail-type": sorted_kinds()}
    assert properties("UsageQueueMapping")["BatchSize"] == USAGE_BATCH


def sorted_kinds() -> list[str]:
    """As the template lists them."""
    return sorted(SPENDING, key=["credit.record-cost", "credit.capture", "credit.refund"].index)


def test_the_boards_get_what_the_template_sends_them() -> None:
    (criterion,) = properties("BoardsStream")["FilterCriteria"]["Filters"]
    prefixes = json.loads(criterion["Pattern"])["dynamodb"]["Keys"]["sk"]["S"]
    assert prefixes == [{"prefix": each} for each in SUMS_OF_ACCOUNTS]
    assert [is_of_an_account(sk) for sk in ("DAY#2026-01-31", "COUNTED", "2026-01", "2026-01#00")] == [
        True,
        False,
        False,
        False,
    ]


def test_a_rule_takes_the_kinds_that_it_names_and_all_where_it_names_none() -> None:
    everything, spending = Queue(), Queue()
    bus = Bus([Rule(everything), Rule(spending, SPENDING)], random.Random(1), NEVER)
    bus.put_events([event("credit.hold", "a", 1), event("credit.capture", "a", 2)], 0.0)
    assert (received(everything), received(spending)) == ([("a", 1), ("a", 2)], [("a", 2)])


def test_of_signals_that_were_set_aside_the_newest_of_each_account_comes_back() -> None:
    queue = Queue()
    bus = Bus([Rule(queue, signals_alone=True)], random.Random(1), Shares(0, 0, 0, 0, 0, 1))
    bus.put_events(
        [event("credit.capture", actor, seq) for actor, seq in (("a", 3), ("a", 9), ("a", 4), ("b", 1))], 0.0
    )
    assert received(queue) == []
    assert bus.redrive(0.0) == 2
    assert sorted(received(queue)) == [("a", 9), ("b", 1)]
    assert (bus.struck[SET_ASIDE], bus.struck[LOST], bus.redrive(0.0)) == (4, 2, 0)


def test_every_signal_of_a_failing_account_is_set_aside_and_no_entry_of_another_rule() -> None:
    audit, usage = Queue(), Queue()
    rules = [Rule(audit), Rule(usage, signals_alone=True, failing=frozenset({"a"}))]
    bus = Bus(rules, random.Random(1), NEVER)
    bus.put_events([event("credit.capture", actor, 1) for actor in "ab"], 0.0)
    assert (received(audit), received(usage)) == ([("a", 1), ("b", 1)], [("b", 1)])


PUTS: Final[Mapping[str, Any]] = {
    "audit": {"TableName": AUDIT_TABLE, "Item": {"pk": {"S": "TENANT#main#ACTOR#a"}, "sk": {"S": "SEQ#1"}}},
    "sums": {"TableName": USAGE_TABLE, "Item": {"pk": {"S": "TENANT#main#ACTOR#a"}, "sk": {"S": "DAY#2026-01-31"}}},
    "boards": {"TableName": USAGE_TABLE, "Item": {"pk": {"S": "TENANT#main#BOARDS"}, "sk": {"S": "2026-01#00"}}},
}


@pytest.mark.parametrize("table", PUTS)
def test_the_faults_of_a_table_are_those_of_its_writes_alone(table: str) -> None:
    rules = {name: rule for name, rule in downstream_rules(1).items() if rule["operation"] == "PutItem"}
    meant = {name for name, rule in rules.items() if jmespath.search(cast("str", rule["body"]), PUTS[table])}
    assert meant == {name for name in rules if name.startswith(f"{table} ")} != set()


def test_the_reads_of_pointers_have_faults_of_their_own() -> None:
    read = {"TableName": USAGE_TABLE, "Key": {"pk": {"S": "TENANT#main#BOARDS"}, "sk": {"S": "2026-01"}}}
    rules = [rule for name, rule in downstream_rules(1).items() if name.startswith("boards GetItem")]
    assert [bool(jmespath.search(cast("str", rule["body"]), read)) for rule in rules] == [True, True]


def test_a_bucket_is_found_behind_any_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(client_settings(tmp_path)))
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    client = session.client("s3", endpoint_url="http://localhost:1")
    address = client.generate_presigned_url("get_object", {"Bucket": "boards", "Key": "main/2026-01"})
    assert address.startswith("http://localhost:1/boards/main/2026-01?")


def test_a_batch_comes_until_it_is_taken_and_in_halves_where_it_is_not() -> None:
    taker = Taker(refusals=2)
    shard(NO_FAULT, taker).deliver([record("a", says) for says in "123"])
    assert taker.offered == [["1", "2", "3"], ["1", "2"], ["1"], ["2"], ["3"]]


def test_nobody_waits_for_a_batch_that_is_never_taken_when_all_is_over() -> None:
    taker = Taker(refusals=1_000_000)
    shard(NO_FAULT, taker).deliver([record("a")], is_over=lambda: len(taker.offered) > 3)
    assert len(taker.offered) == 4


def test_a_batch_comes_twice_and_again_after_one_with_newer_sums() -> None:
    taker = Taker()
    found = shard(SumsShares(forgotten=0, again=1, again_late=1, twice_at_once=0), taker)
    for actor, says in (("a", "old"), ("b", "other"), ("a", "new")):
        found.deliver([record(actor, says)])
    assert taker.offered == [["old"], ["old"], ["other"], ["other"], ["new"], ["new"], ["old"]]
    assert (found.struck[AGAIN], found.struck[AGAIN_LATE]) == (3, 1)


def test_two_are_at_one_batch_at_once() -> None:
    first, other = Taker(), Taker()
    found = shard(SumsShares(forgotten=0, again=0, again_late=0, twice_at_once=1), first, other)
    found.deliver([record("a", "1")])
    assert first.offered == other.offered == [["1"]]
    assert found.struck[TWICE_AT_ONCE] == 1


def test_what_is_forgotten_never_comes_and_is_told_until_something_newer_has_come() -> None:
    taker = Taker()
    found = shard(SumsShares(forgotten=1e-9, again=0, again_late=1, twice_at_once=0), taker)
    # The first for sure, and then by chance.
    found.deliver([record("a", "forgotten"), record("b", "forgotten")])
    assert (taker.offered, len(found.forgotten)) == ([], 2)
    found.deliver([record("a", "newer")])
    assert (taker.offered, len(found.forgotten)) == ([["newer"]], 1)
    assert found.struck[FORGOTTEN] == 1


def test_of_some_accounts_no_record_ever_comes() -> None:
    taker = Taker()
    found = shard(NO_FAULT, taker, forgotten="a")
    for actors in ("ab", "b", "a"):
        found.deliver([record(actor, actor) for actor in actors])
    assert taker.offered == [["b"]]
    assert found.struck[FORGOTTEN] == 2


class Records:
    """In the place of a stream: says each of its pages once."""

    def __init__(self, *pages: list[Any]) -> None:
        self._pages = list(pages)

    def poll(self) -> list[Any]:
        return self._pages.pop(0) if self._pages else []


def test_the_records_of_an_account_are_in_one_shard_in_their_order_and_the_last_of_all_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.stress.sums_stream.STREAM_POLL_S", 0.001)
    records = [record(f"user:{number % 60}", f"{number}") for number in range(150)]
    takers = [Taker() for _ in range(SHARDS)]
    stream = cast("Stream", Records(records[:90], records[90:]))
    mapping = SumsMapping(stream, [shard(NO_FAULT, taker) for taker in takers])
    newest = {(each["dynamodb"]["Keys"]["pk"]["S"], "DAY#2026-01-31"): each["dynamodb"]["NewImage"] for each in records}
    assert not mapping.has_delivered(newest)
    mapping.run(lambda: mapping.has_delivered(newest))
    for number, taker in enumerate(takers):
        mine = [each["says"] for each in records if shard_of(each, SHARDS) == number]
        assert [says for batch in taker.offered for says in batch] == mine
        assert len(mine) > 2 * BATCH >= 2 * max(map(len, taker.offered))
    assert (mapping.delivered, mapping.forgotten_actors) == (150, [])


def test_a_stream_that_has_trimmed_what_an_iterator_points_to_is_read_from_what_was_read_last() -> None:
    client = boto3.client("dynamodbstreams", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    description = {"StreamDescription": {"Shards": [{"ShardId": "s" * 28}]}}
    asked = {"StreamArn": "a" * 37, "ShardId": "s" * 28}
    keys = {"pk": {"S": "TENANT#main#ACTOR#a"}, "sk": {"S": "DAY#2026-01-31"}}
    told = {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": keys,
            "SequenceNumber": "0" * 20 + "7",
            "ApproximateCreationDateTime": datetime(2026, 1, 31, tzinfo=UTC),
        },
    }
    with Stubber(client) as stub:
        stub.add_response("describe_stream", description)
        stub.add_response("get_shard_iterator", {"ShardIterator": "1"}, {**asked, "ShardIteratorType": "TRIM_HORIZON"})
        stub.add_client_error("get_records", "TrimmedDataAccessException")
        stub.add_response("get_shard_iterator", {"ShardIterator": "2"}, {**asked, "ShardIteratorType": "TRIM_HORIZON"})
        stub.add_response("describe_stream", description)
        stub.add_response(
            "get_records", {"Records": [told], "NextShardIterator": "3"}, {"ShardIterator": "2", "Limit": ANY}
        )
        stub.add_response("describe_stream", description)
        stub.add_client_error("get_records", "TrimmedDataAccessException")
        after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "0" * 20 + "7"}
        stub.add_response("get_shard_iterator", {"ShardIterator": "4"}, {**asked, **after})
        stream = Stream(client, "a" * 37, lambda _, sk: is_of_an_account(sk))
        assert [len(stream.poll()) for _ in range(3)] == [0, 1, 0]
