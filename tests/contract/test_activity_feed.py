"""The feed of a tenant, wherever it is kept; and what is stored of it."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from in_memory.activity import MemoryActivityFeed, MemoryOpenHolds
from in_memory.ledger import MemoryLedger
from shared.adapters.dynamodb_activity import LINES_MAX, DynamoActivityFeed, packed, unpacked
from shared.adapters.dynamodb_expiring import HOLDS_MAX, DynamoOpenHoldsOfTenants
from shared.adapters.keys import activity_pk
from shared.ledger.accounts import Account
from shared.ledger.operations import FundingUpdate, PlaceHold, ReleaseHold
from shared.ports.activity import ActivityFeed, ActivityFilter, FeedLine, OpenHoldsOfTenants
from shared.ports.ledger import Ledger
from shared.usecases.list_activity import SETTLED_MS, ActivityAsked, list_activity
from tests.builders import ALICE, NOW_MS, SECOND_MS, operation
from tests.contract.conftest import _empty, _make
from tests.database import PATIENT_MS, patient_connections

LINE = FeedLine(
    "capture", "partial", "user:alice", NOW_MS, "key-1", 7, -12_345, -5, "me", "a note", "chat", "llm", "gpt", "h2",
    "user:bob", (500, 20),
)  # fmt: skip
PLAIN = FeedLine("check", "allowed", "user:bob", NOW_MS + 1, "c-1", 0, 100_000, 10**15)
HOSTILE = replace(LINE, actor="<script>alert(1)</script>", reason="\u202e</td>'; DROP TABLE\x00\x1b[2J ☃", key="';--")


@cache
def _feed_at(host: str | None) -> DynamoActivityFeed:
    with patient_connections():
        return DynamoActivityFeed("contract-activity", lambda: NOW_MS, 14, PATIENT_MS, host=host)


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def feed(request: pytest.FixtureRequest) -> ActivityFeed:
    def on_dynamodb(host: str | None) -> ActivityFeed:
        made = _feed_at(host)
        _empty(made._items)
        return made

    in_memory: Callable[[], ActivityFeed] = lambda: MemoryActivityFeed(lambda: NOW_MS)  # noqa: E731
    return _make(request, in_memory, on_dynamodb)


def listed(feed: ActivityFeed, tenant: str = "main", limit: int = 100, since_ms: int | None = None) -> list[FeedLine]:
    found: list[FeedLine] = []
    after = None
    while True:
        page = list_activity(tenant, ActivityAsked(limit, ActivityFilter(), after, since_ms), feed, NOW_MS)
        found += page.lines
        after = page.next
        if after is None:
            return found


def at_place(feed: ActivityFeed, now_ms: int) -> None:
    vars(feed)["_now_ms"] = lambda: now_ms


@pytest.fixture(autouse=True)
def _as_it_was(feed: ActivityFeed) -> None:
    at_place(feed, NOW_MS)


def test_lines_are_kept_word_for_word(feed: ActivityFeed) -> None:
    feed.add("main", [LINE, PLAIN, HOSTILE], "b1")
    assert set(listed(feed)) == {LINE, PLAIN, HOSTILE}


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_batches_are_listed_from_the_newest_line_to_the_oldest(feed: ActivityFeed, limit: int) -> None:
    lines = [replace(LINE, seq=seq, at_ms=NOW_MS + seq) for seq in range(30)]
    for batch in range(10):
        feed.add("main", lines[3 * batch : 3 * batch + 3], f"b{batch}")
    assert [line.seq for line in listed(feed, limit=limit)] == list(range(29, -1, -1))


def test_tenants_do_not_see_each_other(feed: ActivityFeed) -> None:
    feed.add("main", [LINE], "b1")
    feed.add("main2", [PLAIN], "b1")
    assert (listed(feed), listed(feed, "main2"), listed(feed, "mai")) == ([LINE], [PLAIN], [])


def test_what_came_since_an_instant_is_listed_by_when_it_came(feed: ActivityFeed) -> None:
    feed.add("main", [PLAIN], "b1")
    at_place(feed, NOW_MS + SETTLED_MS)
    feed.add("main", [replace(LINE, at_ms=NOW_MS - 3_600_000)], "late")
    found = listed(feed, since_ms=NOW_MS + 1)
    assert [line.kind for line in found] == ["capture"]


def test_the_lines_of_the_last_time_are_read_at_once(feed: ActivityFeed) -> None:
    old = replace(LINE, at_ms=NOW_MS - 10, seq=1)
    feed.add("main", [LINE, old], "b1")
    feed.add("main", [PLAIN], "b2")
    feed.add("other", [LINE], "b1")
    found = feed.newest("main", NOW_MS - 5)
    assert (found.lines, found.since_ms, found.is_complete) == ((PLAIN, LINE), NOW_MS - 5, True)


def test_a_batch_is_read_as_it_was_stored() -> None:
    lines = [LINE, PLAIN]
    assert unpacked(packed(lines)) == lines


def test_a_line_of_a_later_release_is_read_without_what_it_added() -> None:
    values = [*json.loads(zlib.decompress(packed([LINE]), -15))[0], "new"]
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    assert unpacked(deflater.compress(json.dumps([values]).encode()) + deflater.flush()) == [LINE]


def test_a_line_of_an_older_release_has_nothing_of_what_was_added_since() -> None:
    values = json.loads(zlib.decompress(packed([PLAIN]), -15))[0][:8]
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    assert unpacked(deflater.compress(json.dumps([values]).encode()) + deflater.flush()) == [PLAIN]


class TestItems:
    """On moto."""

    @pytest.fixture
    def on_moto(self, mocked_aws: None) -> DynamoActivityFeed:
        made = _feed_at(None)
        at_place(made, NOW_MS)
        _empty(made._items)
        return made

    def test_an_item_says_when_it_may_be_deleted(self, on_moto: DynamoActivityFeed) -> None:
        on_moto.add("main", [LINE], "b1")
        (item,) = [each for shard in range(4) for each in on_moto._items.query(activity_pk("main", shard))]
        assert item.expires_at == NOW_MS // 1000 + 14 * 86_400
        assert item.sk == "2025-11-23T12:13:20.000Z#b1"

    def test_the_same_batch_again_replaces_itself(self, on_moto: DynamoActivityFeed) -> None:
        for _ in range(2):
            on_moto.add("main", [LINE], "b1")
        assert on_moto._items.count() == 1

    def test_a_large_batch_is_several_items_each_below_the_limit(self, on_moto: DynamoActivityFeed) -> None:
        words: Any = dict.fromkeys(("actor", "key", "by", "app", "meter", "model", "hold", "member"), "x" * 128)
        longest = replace(HOSTILE, **words)
        on_moto.add("main", [replace(longest, seq=seq, reason=f"{seq:0256d}") for seq in range(2 * LINES_MAX)], "b1")
        assert len(listed(on_moto)) == 2 * LINES_MAX
        assert on_moto._items.count() == 2

    def test_shards_share_the_batches(self, on_moto: DynamoActivityFeed) -> None:
        for number in range(40):
            on_moto.add("main", [LINE], f"b{number}")
        counts = [on_moto._items.count(activity_pk("main", shard)) for shard in range(4)]
        assert (sum(counts), min(counts) > 0) == (40, True)


@pytest.fixture
def holds(ledger: Ledger) -> OpenHoldsOfTenants:
    if isinstance(ledger, MemoryLedger):
        return MemoryOpenHolds(ledger)
    name, host = ledger._table.whole.Meta.table_name, ledger._table.whole.Meta.host  # type: ignore[attr-defined]
    with patient_connections():
        return DynamoOpenHoldsOfTenants(name, PATIENT_MS, host=host)


class TestExpiringHolds:
    @pytest.fixture(autouse=True)
    def feed(self) -> None:
        """Not of the feed."""

    @pytest.fixture(autouse=True)
    def _as_it_was(self) -> None: ...

    def test_open_holds_of_a_tenant_are_listed_by_their_end(self, ledger: Ledger, holds: OpenHoldsOfTenants) -> None:
        bob, stranger = Account("main", "user:bob"), Account("main2", "user:alice")
        for account in (ALICE, bob, stranger):
            ledger.record(operation("f", FundingUpdate(0, 100_000), account=account), NOW_MS)
        for key, account, ttl_s in (("a", ALICE, 50), ("b", bob, 20), ("c", bob, 70), ("d", stranger, 20)):
            ledger.record(operation(key, PlaceHold(10, ttl_s * SECOND_MS), account=account), NOW_MS)
        ended = ledger.record(operation("e", PlaceHold(10, 30 * SECOND_MS)), NOW_MS).entry.hold or {}
        ledger.record(operation("r", ReleaseHold(ended["id"])), NOW_MS)
        found = holds.expiring("main", NOW_MS + 10 * SECOND_MS, NOW_MS + 60 * SECOND_MS)
        assert [(account.actor, hold.expires_at_ms - NOW_MS) for account, hold in found.items] == [
            ("user:bob", 20_000),
            ("user:alice", 50_000),
        ]
        assert found.is_complete

    def test_no_more_than_an_answer_has_are_listed(self, ledger: Ledger, holds: OpenHoldsOfTenants) -> None:
        if isinstance(ledger, MemoryLedger):
            pytest.skip("memory has no bounds")
        ledger.record(operation("f", FundingUpdate(0, 100_000)), NOW_MS)
        for number in range(HOLDS_MAX + 1):
            ledger.record(operation(f"h{number}", PlaceHold(1, 60 * SECOND_MS)), NOW_MS)
        found = holds.expiring("main", NOW_MS, NOW_MS + 60 * SECOND_MS)
        assert (len(found.items), found.is_complete) == (HOLDS_MAX, False)
