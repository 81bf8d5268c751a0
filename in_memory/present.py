"""The world that the request under way is in: the functions are imported once, worlds are as many as are started."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final, Protocol

from in_memory.activity import MemoryActivityFeed, MemoryOpenHolds
from in_memory.audit import MemoryAuditTrail
from in_memory.boards import MemoryBoardStore
from in_memory.rates import MemoryRateStore
from in_memory.terms import MemoryTermsStore
from in_memory.usage import MemoryUsageBook
from shared.adapters.driver import Pace, retry_until_deadline
from shared.ledger.protocol import Busy, Unknown
from shared.ports.accounts import AccountList
from shared.ports.ledger import EventBus, Ledger


class PresentClock(Protocol):
    def now_ms(self) -> int: ...


class World(Protocol):
    """Everything that a service in memory keeps. `fault` is what every part answers to the request under way."""

    @property
    def clock(self) -> PresentClock: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def accounts(self) -> AccountList: ...
    @property
    def trail(self) -> MemoryAuditTrail: ...
    @property
    def book(self) -> MemoryUsageBook: ...
    @property
    def feed(self) -> MemoryActivityFeed: ...
    @property
    def holds(self) -> MemoryOpenHolds: ...
    @property
    def boards(self) -> MemoryBoardStore: ...
    @property
    def rates(self) -> MemoryRateStore: ...
    @property
    def terms(self) -> MemoryTermsStore: ...
    @property
    def bus(self) -> EventBus: ...
    @property
    def fault(self) -> Busy | Unknown | None: ...


_one_at_a_time = RLock()
"""The router of a function keeps the request under way in itself, as a Lambda environment has one at a time."""
_present: list[World] = []
_BY_THE_PROTOCOL: Final = frozenset({"record", "record_batch", "do_what_is_due"})
"""What of the ledger meets a fault step by step, and decides itself what it means."""


def present() -> World:
    return _present[-1]


@contextmanager
def within(world: World) -> Iterator[None]:
    """The functions work for this world; nobody else's request is between."""
    with _one_at_a_time:
        _present.append(world)
        try:
            yield
        finally:
            _present.pop()


class Part:
    """A part of the present world, by its name in it. In a world with a fault its calls fail as DynamoDB's would."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever the part has
        world = present()
        found = getattr(getattr(world, self._name), attribute)
        if world.fault is None or self._name == "bus" or attribute in _BY_THE_PROTOCOL or not callable(found):
            return found
        fault = world.fault
        return lambda *_asked, **_how: fail(fault)


def unhurried() -> Pace:
    """Time of its own, which passes only by pauses: a deadline of seconds is over at once."""
    waited_ms = 0

    def sleep_ms(duration_ms: int) -> None:
        nonlocal waited_ms
        waited_ms += duration_ms

    return Pace(monotonic_ms=lambda: waited_ms, sleep_ms=sleep_ms, below=lambda ceiling: ceiling - 1)


def fail(fault: Busy | Unknown) -> None:
    """Raises what a call of the table raises that was answered by nothing else until its deadline."""
    retry_until_deadline(lambda: fault, unhurried(), deadline_ms=0)
