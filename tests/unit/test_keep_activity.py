"""What of a batch of messages comes to the feed, and what a failing feed costs: nothing but its own lines."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from in_memory.activity import MemoryActivityFeed
from in_memory.audit import MemoryAuditTrail
from shared.edge.http import encoded
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import Event, check_event, entry_event
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, PlaceHold
from shared.ports.activity import FeedLine
from shared.usecases.keep_activity import FeedKept, keep_activity, line_of
from shared.usecases.keep_audit import Message, keep_audit
from tests.builders import ALICE, NOW_MS, history

OTHER = Account("other", "user:alice")


def message(event: Event, message_id: str = "m", *, is_repeated: bool = False) -> Message:
    envelope = {"source": "millicent", "detail-type": event.detail_type, "detail": dict(event.detail)}
    return Message(message_id, encoded(envelope), is_repeated)


def checked(**answer: Any) -> Event:
    told = {"allowed": True, "actor": ALICE.actor, "minimum": 100, "available": -5.5, "held": 0, "check_id": "c1"}
    return check_event(ALICE, "c1", told | answer, NOW_MS, "request")


def entries(account: Account = ALICE) -> list[Entry]:
    return history(FundingUpdate(0, 100_000), Charge(5000), account=account)[1]


def kept(feed: MemoryActivityFeed, tenant: str = "main") -> list[tuple[str, int]]:
    return [(line.kind, line.seq) for batch in feed.batches(tenant, 0, None, None, 100) for line in batch.lines]


@pytest.fixture
def feed() -> MemoryActivityFeed:
    return MemoryActivityFeed(lambda: NOW_MS)


def audit(trail: MemoryAuditTrail, feed: MemoryActivityFeed, *messages: Message) -> FeedKept:
    return keep_activity(keep_audit(messages, trail), feed)


def test_a_line_says_what_the_entry_says() -> None:
    held = history(FundingUpdate(0, 100_000), PlaceHold(5000, 60_000))[1][1]
    assert line_of(held) == FeedLine(
        "hold", "applied", "user:alice", NOW_MS, "key-2", 2, -5000, 95_000, by="service", hold="h2"
    )


def test_a_note_is_the_reason_where_nothing_was_refused() -> None:
    (granted,) = history(GrantCredits(5, note="a present"))[1]
    assert line_of(granted).reason == "a present"


def test_a_check_is_a_line_of_what_was_asked_and_answered(feed: MemoryActivityFeed) -> None:
    audit(MemoryAuditTrail(), feed, message(checked(allowed=False, reason="insufficient_credits")))
    (batch,) = feed.batches("main", 0, None, None, 1)
    assert batch.lines == (
        FeedLine("check", "refused", "user:alice", NOW_MS, "c1", 0, 100_000, -5500, reason="insufficient_credits"),
    )


def test_a_batch_is_one_item_for_each_tenant(feed: MemoryActivityFeed) -> None:
    messages = [message(entry_event(each)) for each in (*entries(), *entries(OTHER))]
    assert audit(MemoryAuditTrail(), feed, *messages) == FeedKept(4, 0)
    assert [len(feed.batches(tenant, 0, None, None, 10)) for tenant in ("main", "other", "none")] == [1, 1, 0]
    assert kept(feed, "other") == [("charge", 2), ("funding_update", 1)]


def test_an_event_that_was_published_twice_is_news_once(feed: MemoryActivityFeed) -> None:
    trail, event = MemoryAuditTrail(), message(entry_event(entries()[0]))
    assert [audit(trail, feed, event).kept for _ in range(2)] == [1, 0]
    assert kept(feed) == [("funding_update", 1)]


def test_a_message_that_is_delivered_again_is_told_again_since_nobody_knows_whether_it_was(
    feed: MemoryActivityFeed,
) -> None:
    trail, event = MemoryAuditTrail(), entry_event(entries()[0])
    keep_audit([message(event)], trail)
    assert audit(trail, feed, message(event, is_repeated=True)).kept == 1


def test_what_is_no_row_and_what_contradicts_one_is_no_news(feed: MemoryActivityFeed) -> None:
    trail = MemoryAuditTrail()
    keep_audit([message(checked())], trail)
    other = message(checked(minimum=5), "m2", is_repeated=True)
    assert audit(trail, feed, Message("m1", "{}"), other) == FeedKept(0, 0)
    assert kept(feed) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"minimum": "100"}, {"minimum": None}, {"available": True}, {"check_id": "a#b"}, {"check_id": ["c"]},
        {"reason": ["a"]},        {"available": float("1e300")}, {"allowed": None, "minimum": -(10**18)},
    ],
    ids=repr,
)  # fmt: skip
def test_a_check_of_which_no_line_can_be_made_costs_its_line_and_no_other(
    feed: MemoryActivityFeed, answer: dict[str, Any]
) -> None:
    strange = checked()
    strange = Event(strange.detail_type, {**strange.detail, "data": {**strange.detail["data"], **answer}})
    body = json.dumps({"source": "millicent", "detail-type": strange.detail_type, "detail": strange.detail})
    told = audit(MemoryAuditTrail(), feed, Message("m1", body), message(entry_event(entries()[0])))
    assert (told.kept + told.lost, kept(feed)[-1]) == (2, ("funding_update", 1))


class BrokenFeed(MemoryActivityFeed):
    def __init__(self) -> None:
        super().__init__(lambda: NOW_MS)
        self.tried: list[str] = []

    def add(self, tenant: str, lines: Sequence[FeedLine], name: str) -> None:
        self.tried.append(tenant)
        raise ConnectionError("the table is away")


def test_a_feed_that_fails_costs_no_row_and_is_told() -> None:
    trail = MemoryAuditTrail()
    told = audit(trail, BrokenFeed(), *(message(entry_event(each)) for each in entries()))
    assert (told.kept, told.lost, type(told.cause)) == (0, 2, ConnectionError)
    assert [each.seq for each in trail.page(ALICE, 10, None).items] == [2, 1]


def test_a_table_that_is_away_is_not_asked_for_every_tenant() -> None:
    feed = BrokenFeed()
    accounts = [Account(f"tenant-{number}", "a") for number in range(200)]
    told = audit(MemoryAuditTrail(), feed, *(message(entry_event(entries(each)[0])) for each in accounts))
    assert told.lost == 200
    assert len(feed.tried) <= 20
