"""A check answers what a charge of the minimum would be told, by whoever pays."""

import pytest

from shared.ledger.accounts import Account
from shared.ledger.events import Event
from shared.ledger.operations import Charge, Configure, GrantCredits, Terms
from shared.ledger.ports import Published
from shared.usecases.check_credits import CreditQuestion, check_credits
from tests.builders import ALICE
from tests.till import TTL_MS, Till

TEAM = Account("main", "team:red")
ORG = Account("main", "org")


class NoBus:
    def publish(self, events: list[Event]) -> Published:
        raise AssertionError(f"nobody asked for {events}")


def asked(till: Till, minimum: int, app: str | None = None) -> dict[str, object]:
    question = CreditQuestion(ALICE, minimum, "check-1", "request-1", app)
    answer = check_credits(question, till.ledger, NoBus(), till.now_ms, "none")  # type: ignore[arg-type]  # never used
    assert answer.is_allowed == answer.body["allowed"]
    return answer.body


@pytest.fixture
def till() -> Till:
    """Alice is a member of the team, the team of the organisation; each has a hundred millicents."""
    till = Till()
    for account in (ALICE, TEAM, ORG):
        till.send(GrantCredits(100_000), account)
    till.send(Configure(parent=TEAM.actor))
    till.send(Configure(parent=ORG.actor), TEAM)
    return till


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_the_poorest_of_all_who_pay_decides_and_is_named(till: Till, account: Account) -> None:
    till.send(Charge(60_000), account)
    assert asked(till, 40_000)["allowed"]
    refused = asked(till, 40_001)
    assert refused["reason"] == "insufficient_credits"
    assert refused.get("limit") == (None if account == ALICE else {"account": account.actor})


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_a_limit_of_any_who_pay_is_told_with_its_reset(till: Till, account: Account) -> None:
    limit = {"amount": 50_000, "window": "day", "app": "chat", "meter": None}
    till.send(Configure(limits=[limit]), account)
    assert asked(till, 50_001)["allowed"]
    refused = asked(till, 50_001, app="chat")
    assert refused["reason"] == "limit_exceeded"
    told = refused["limit"]
    assert isinstance(told, dict)
    assert (told["amount"], told["used"], told["resets_at"]) == (50, 0, "2025-11-24T00:00:00.000Z")
    assert told.get("account") == (None if account == ALICE else account.actor)


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_one_frozen_account_refuses_for_all_below_it(till: Till, account: Account) -> None:
    till.send(Configure(status="frozen"), account)
    assert asked(till, 1)["reason"] == "account_frozen"


@pytest.mark.parametrize("terms", [Configure(parent=""), Configure(parent=ALICE.actor)])
def test_who_does_not_pay_is_not_asked(till: Till, terms: Terms) -> None:
    till.send(Charge(100_000), ORG)
    assert not asked(till, 1)["allowed"]
    till.send(terms, TEAM)
    assert asked(till, 1)["allowed"]


def test_a_parent_that_nothing_was_recorded_for_pays_nothing() -> None:
    till = Till()
    till.send(GrantCredits(100_000))
    till.send(Configure(parent=TEAM.actor))
    refused = asked(till, 1)
    assert (refused["reason"], refused["limit"]) == ("insufficient_credits", {"account": TEAM.actor})


def test_what_an_expired_hold_keeps_back_at_a_parent_is_there_again(till: Till) -> None:
    till.hold(100_000)
    assert not asked(till, 1)["allowed"]
    till.now_ms += TTL_MS
    assert asked(till, 100_000)["allowed"]
