"""The tests of a gateway that charges every request of a busy customer out of a budget. Run with pytest."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from millicent import InsufficientCredits
from millicent.leases import Budget
from millicent.testing import InMemoryMillicent


class Gateway:
    """The code under test: no request waits for the ledger, and none is served that is not paid."""

    def __init__(self, budget: Budget, serve: Callable[[str], Decimal]) -> None:
        self.budget = budget
        self.serve = serve

    def fetch(self, path: str) -> None:
        """The price is known before: one millicent and a half."""
        self.budget.spend("1.5", app="gateway", metadata={"path": path})

    def ask(self, question: str) -> None:
        """The price is known afterwards, and is at most 400."""
        with self.budget.reserve(400) as part:
            part.spend(self.serve(question), app="gateway")


def test_a_thousand_requests_are_a_thousand_entries_and_nobody_waits(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 10_000)
    with millicent.budget("user:alice", 5000, meter="http") as budget:
        gateway = Gateway(budget, lambda _: Decimal("137.5"))
        for number in range(1000):
            gateway.fetch(f"/{number}")
        gateway.ask("What is a lease?")
    account = millicent.account("user:alice")
    assert (account.spent, account.held, account.available) == (Decimal("1637.5"), 0, Decimal("8362.5"))
    assert sum(1 for entry in millicent.entries("user:alice") if entry.app == "gateway") == 1001


def test_the_last_credit_is_spent_and_not_one_more(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    with millicent.budget("user:alice", 60, record="sum") as budget:
        gateway = Gateway(budget, lambda _: Decimal(1))
        for _ in range(66):
            gateway.fetch("/")
        with pytest.raises(InsufficientCredits) as refusal:
            gateway.fetch("/")
    assert (refusal.value.required, refusal.value.largest_affordable) == (Decimal("1.5"), 1)
    assert millicent.account("user:alice").available == 1
