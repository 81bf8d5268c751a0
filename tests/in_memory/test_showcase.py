"""The accounts of the demo, on the service in memory."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from local.showcase import DAYS, TEAMS, play, showcase
from millicent.models import Entry
from millicent.testing import InMemoryMillicent

NOON = datetime(2027, 3, 14, 12, tzinfo=UTC)
ACTORS = sorted({charge.actor for charge in showcase(NOON.date()).charges} | set(TEAMS))


@pytest.fixture(scope="module")
def played() -> Iterator[InMemoryMillicent]:
    with InMemoryMillicent() as service:
        service.clock.set(NOON)
        play(service, showcase(NOON.date()), concurrency=1)
        yield service


def entries_of(service: InMemoryMillicent) -> list[Entry]:
    return [entry for actor in ACTORS for entry in service.entries(actor)]


def test_there_is_something_of_every_kind(played: InMemoryMillicent) -> None:
    found = entries_of(played)
    assert {"charge", "grant", "hold", "capture", "refund", "configure", "allowance"} <= {each.kind for each in found}
    refused = Counter(each.reason for each in found if each.outcome == "refused")
    assert {"insufficient_credits", "limit_exceeded", "account_frozen"} <= refused.keys()
    assert {each.meter for each in found} >= {"llm", "speech", "storage"}
    accounts = [played.account(actor) for actor in ACTORS]
    assert {account.status for account in accounts} >= {"open", "frozen"}
    assert any(account.parent for account in accounts)
    assert any(hold.expires_at < NOON + timedelta(minutes=15) for account in accounts for hold in account.holds)


def test_there_was_spending_on_every_one_of_the_days(played: InMemoryMillicent) -> None:
    days = Counter(each.occurred_at.date() for each in entries_of(played) if each.occurred_at is not None)
    assert set(days) == {NOON.date() - timedelta(days=ago) for ago in range(1, DAYS + 1)}


def test_a_repeated_run_changes_nothing_and_one_of_the_next_day_adds_a_day(played: InMemoryMillicent) -> None:
    before = len(entries_of(played))
    play(played, showcase(NOON.date()), concurrency=1)
    assert len(entries_of(played)) == before
    played.clock.advance(days=1)
    due = len(entries_of(played))
    play(played, showcase(NOON.date() + timedelta(days=1)), concurrency=1)
    new = len(entries_of(played)) - due
    plan = showcase(NOON.date() + timedelta(days=1))
    of_the_day = [charge for charge in plan.charges if charge.key.endswith(str(NOON.date()))]
    assert len(of_the_day) < new < len(of_the_day) + 3 * len(plan.work)
