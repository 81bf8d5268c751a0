"""The ledgers that a world can have."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import millicent as client_package
from millicent import Clock, InsufficientCredits, Millicent, RetryPolicy
from millicent.amounts import microcents, millicents
from millicent.testing import InMemoryTransport
from tests.in_memory.conftest import ROOT, build_hook
from tests.leases.plain_ledger import PlainLedger

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


class InMemoryLedger:
    """The service itself, in memory: its functions, its reducer and its protocol, with a clock that the world sets.

    `service_copy` has to be there: the package that a wheel has.
    """

    def __init__(self) -> None:
        module = importlib.import_module("millicent._service.in_memory.service")
        self.service = module.InMemoryService()
        self.service.tokens["token"] = {"sub": "tests", "client_id": "tests", "scope": "credits/admin"}
        self.client = Millicent(
            "http://127.0.0.1",
            "token",
            transport=InMemoryTransport(self.service, module.AnswerLost),
            clock=still(),
            retry=ONE_ATTEMPT,
        )
        self.service.clock.set("2026-01-01T00:00:00Z")
        self._begun = self.service.clock.now
        self._others = 0

    def set_now_ms(self, now_ms: int) -> None:
        self.service.clock.set(self._begun + timedelta(milliseconds=now_ms))

    def fund(self, microcents: int) -> None:
        self._others += 1
        self.client.grant(ACTOR, millicents(microcents), key=f"other-{self._others}")

    def charge(self, microcents: int) -> None:
        self._others += 1
        with suppress(InsufficientCredits):
            self.client.charge(ACTOR, millicents(microcents), key=f"other-{self._others}")

    def fail_next(self, failure: str) -> None:
        self.service.fail_next(failure)

    def taken(self) -> Iterator[Recorded]:
        for entry in self.service.ledger.written:
            if entry.kind in {"charge", "capture"} and entry.outcome == "applied":
                yield Recorded(entry.key, -entry.amount, entry.after.available, entry.metadata or {})

    def held(self) -> int:
        return microcents(self.client.account(ACTOR).held)

    def available(self) -> int:
        return microcents(self.client.account(ACTOR).available)


@contextmanager
def service_copy() -> Iterator[None]:
    """Within it `millicent` has the copy of the service that a wheel has, made of the checkout as it is."""
    with TemporaryDirectory() as directory:
        build_hook().copy_service(ROOT, Path(directory) / "_service")
        client_package.__path__.append(directory)
        try:
            yield
        finally:
            client_package.__path__.remove(directory)
