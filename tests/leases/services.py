"""The ledgers that a world can have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from millicent import Clock, Millicent, RetryPolicy
from millicent.amounts import microcents, millicents

ACTOR: Final = "user:alice"
ONE_ATTEMPT: Final = RetryPolicy(deadline_s=0.0)
"""The world sends again itself."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was taken under a key, in microcents; `available` is what the account had after it."""

    key: str
    microcents: int
    available: int
    metadata: Mapping[str, Any]


class Service(Protocol):
    client: Millicent

    def set_now_ms(self, now_ms: int) -> None: ...

    def fund(self, microcents: int) -> None: ...

    def charge(self, microcents: int) -> None:
        """By somebody else."""

    def fail_next(self, failure: str) -> None: ...

    def taken(self) -> Iterator[Recorded]:
        """In the order of the record."""

    def held(self) -> int: ...

    def available(self) -> int: ...


def still() -> Clock:
    """A clock of the client's on which no time passes: the world has its own."""
    return Clock(now_s=lambda: 0.0, sleep=lambda _: None, uniform=lambda low, _: low, steady_now_s=lambda: 0.0)


class PlainService:
    """The plain ledger: quick, and nothing but arithmetic."""

    def __init__(self) -> None:
        from tests.leases.plain_ledger import PlainLedger  # noqa: PLC0415

        self.ledger = PlainLedger()
        self.client = self.ledger.client(still(), ONE_ATTEMPT)
        self._others = 0

    def set_now_ms(self, now_ms: int) -> None:
        self.ledger.now_s = now_ms / 1000

    def fund(self, microcents: int) -> None:
        self.ledger.available += millicents(microcents)

    def charge(self, microcents: int) -> None:
        self._others += 1
        line = {"key": f"other-{self._others}", "cost": str(millicents(microcents))}
        self.ledger.charge(line)

    def fail_next(self, failure: str) -> None:
        self.ledger.fail_next(failure)

    def taken(self) -> Iterator[Recorded]:
        for key, line in self.ledger.charges.items():
            after = self.ledger.after[key]
            yield Recorded(key, microcents(Decimal(line["cost"])), microcents(after), line.get("metadata") or {})

    def held(self) -> int:
        self.ledger.expire()
        return microcents(self.ledger.held)

    def available(self) -> int:
        return microcents(self.ledger.available)
