"""The tests of an assistant that is paid by Millicent. `pip install "millicent[testing]"` and run pytest."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from millicent import InsufficientCredits, Millicent
from millicent.testing import InMemoryMillicent


class Assistant:
    """The code under test: sets the highest possible cost aside, works, and captures what the work did cost."""

    def __init__(self, ledger: Millicent, work: Callable[[str], Decimal]) -> None:
        self.ledger = ledger
        self.work = work

    def answer(self, user: str, question: str) -> None:
        with self.ledger.holding(user, 500, ttl_s=120, meter="llm") as held:
            held.capture(self.work(question))


def costs_137_5(_: str) -> Decimal:
    return Decimal("137.5")


def test_a_lost_answer_is_charged_exactly_once(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1000)
    assistant = Assistant(millicent, costs_137_5)
    # Both the hold and the capture reach the service; the client hears of neither and sends each again.
    millicent.fail_next("lost_answer", times=2)

    assistant.answer("user:alice", "What is a ledger?")

    account = millicent.account("user:alice")
    assert (account.spent, account.held, account.available) == (Decimal("137.5"), 0, Decimal("862.5"))
    assert [event["detail-type"] for event in millicent.events] == [
        "credit.funding-update",
        "credit.hold",
        "credit.capture",
    ]


def test_a_user_without_credits_is_not_answered(millicent: InMemoryMillicent) -> None:
    asked: list[str] = []
    assistant = Assistant(millicent, lambda question: asked.append(question) or Decimal(1))
    with pytest.raises(InsufficientCredits) as refusal:
        assistant.answer("user:bob", "What is a ledger?")
    assert (refusal.value.shortfall, asked) == (500, [])


def test_work_that_never_ends_gives_its_hold_back(millicent: InMemoryMillicent) -> None:
    millicent.clock.set("2026-01-31T23:59:00Z")
    millicent.fund("user:alice", 1000)
    millicent.hold("user:alice", 500, ttl_s=120)
    millicent.clock.advance(minutes=2)
    assert millicent.account("user:alice").available == 1000
    assert millicent.events[-1]["detail-type"] == "credit.expire"
