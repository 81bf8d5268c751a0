"""A lease whose calls are carried out at once, or when a test says so, against a plain ledger in virtual time."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from millicent.amounts import exact_microcents
from millicent.leases.calls import Answer, Call, Line, perform
from millicent.leases.journal import Journal
from millicent.leases.lease import Lease, Reservation, spend_line
from millicent.leases.state import LANES, Lane
from millicent.leases.terms import Terms
from tests.leases.plain_ledger import PlainLedger
from tests.leases.services import ACTOR, ONE_ATTEMPT, still

CALLS_MAX = 1000
"""A budget that has more to do at one instant goes round in circles."""


def terms_of(slice_: int = 1000, **settings: Any) -> Terms:
    """Amounts are millicents."""
    minimum = settings.pop("minimum", 10)
    return Terms(slice_microcents=slice_ * 1000, minimum_microcents=minimum * 1000, **settings)


class Desk:
    """`now_s` is the time here and at the ledger. Amounts are millicents."""

    def __init__(self, available: int = 10_000, journal: Journal | None = None, **settings: Any) -> None:
        self.ledger = PlainLedger(available=Decimal(available))
        self.client = self.ledger.client(still(), ONE_ATTEMPT)
        self.now_s = 0.0
        self.lease = Lease(terms_of(**settings), "lease-1", 0.0, journal)
        self.made: list[Call] = []

    @property
    def state(self) -> Any:
        return self.lease.state

    def restart(self, journal: Journal | None, **settings: Any) -> None:
        """The process is no more; another one begins."""
        self.lease = Lease(terms_of(**settings), "lease-2", self.now_s, journal)

    def pass_s(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.ledger.now_s = self.now_s

    def spend(self, amount: Any, reserved: Reservation | None = None, ticket: object = None, **about: Any) -> bool:
        """False if it has to wait."""
        said = spend_line(
            about.get("app"),
            about.get("meter"),
            about.get("metadata"),
            is_summed=self.lease.terms.record == "sum",
            key=about.get("key", ""),
        )
        return self.lease.spend(exact_microcents(amount), self.now_s, said, reserved, ticket) is not None

    def spend_waiting(self, amount: Any) -> None:
        """As a spender does who waits: everything that is due is done meanwhile."""
        for _ in range(CALLS_MAX):
            if self.spend(amount, ticket="me"):
                del self.state.wanted["me"]
                return
            self.lease.wait("me", exact_microcents(amount), self.now_s)
            assert self.work(), "nothing is due, and the spend would wait for ever"
        raise AssertionError("it never fits")

    def work(self, lanes: tuple[Lane, ...] = LANES) -> list[Call]:
        """Carries out what is due until nothing is."""
        made = list(self._made(lanes))
        self.made += made
        return made

    def _made(self, lanes: tuple[Lane, ...]) -> Iterator[Call]:
        for _ in range(CALLS_MAX):
            found = [call for lane in lanes if (call := self.lease.due(lane, self.now_s)) is not None]
            if not found:
                return
            for call in found:
                self.lease.answered(call, self.answer(call), self.now_s)
                yield call
        raise AssertionError("there is always something more to do")

    def answer(self, call: Call) -> Answer:
        return perform(self.client, ACTOR, call)

    def close(self) -> None:
        self.state.close()
        self.work()

    def lines(self) -> list[Line]:
        return [*self.state._unsent.values(), *self.state._sent.values()]
