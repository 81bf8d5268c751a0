"""The scenarios: a few callers of one account, or of a member and its parent, and the account as they find it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.adapters.driver import Pace, drive
from shared.ledger.accounts import Account
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    Operation,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.protocol import DUE_WITH_ONE, Steps, do_what_is_due, record, record_batch
from tests.builders import ALICE, NOW_MS
from tests.explore.requests import Attempt, Caller
from tests.explore.tables import Table

TEAM: Final = Account("main", "team:one")
COMPANY: Final = Account("main", "company:one")
BOB: Final = Account("main", "user:bob")
_TTL_MS: Final = 60_000
_OVER_MS: Final = NOW_MS + _TTL_MS
"""When a hold that was placed at first is over."""
_AT_ONCE: Final = Pace(monotonic_ms=lambda: 0, sleep_ms=lambda _: None, below=lambda _: 0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`calls` is after how many calls the time of a request is over, unless another number is asked for."""

    name: str
    calls: int
    first: tuple[tuple[Account, Terms], ...]
    callers: tuple[Caller, ...]
    is_index_late: bool = False

    def table(self) -> Table:
        """The table after what was done at first, each under a key of its own: first-1, first-2 and so on."""
        table = Table(is_index_late=self.is_index_late)
        for number, (account, terms) in enumerate(self.first, start=1):
            operation = Operation(account, f"first-{number}", terms, "service", f"r{number}")
            drive(record(operation, NOW_MS), table.execute, _AT_ONCE, 1000)
        return table


def _asks(
    name: str,
    terms: Terms,
    *,
    key: str | None = None,
    account: Account = ALICE,
    at_ms: Sequence[int] = (NOW_MS,),
    alike: int | None = None,
) -> Caller:
    """Asks for one operation, and for the same again at each of the later times while there is no answer."""

    def attempt(number: int, now_ms: int) -> Attempt:
        request = name if number == 1 else f"{name}-again"
        operation = Operation(account, key or f"key-of-{name}", terms, "service", request)
        return Attempt(lambda: record(operation, now_ms), (operation,), f"{terms.kind} {operation.key}")

    return Caller(name, tuple(attempt(number, now_ms) for number, now_ms in enumerate(at_ms, start=1)), alike)


def _asks_batch(name: str, lines: Mapping[str, Terms | int], *, attempts: int = 1) -> Caller:
    """Each line by its key; a number is a charge."""

    def attempt(number: int) -> Attempt:
        request = name if number == 1 else f"{name}-again"
        asked = tuple(
            Operation(ALICE, key, Charge(line) if isinstance(line, int) else line, "service", request)
            for key, line in lines.items()
        )
        return Attempt(lambda: record_batch(asked, NOW_MS), asked, f"batch of {', '.join(lines)}")

    return Caller(name, tuple(attempt(number) for number in range(1, attempts + 1)))


def _part(amount: int, hold: str = "h2") -> CaptureHold:
    return CaptureHold(hold, amount, final=False)


def _background(name: str, now_ms: int) -> Caller:
    steps: Callable[[], Steps[Any]] = lambda: do_what_is_due(ALICE, name, now_ms)  # noqa: E731
    return Caller(name, (Attempt(steps, (), "do what is due"),))


def _funded(amount: int, account: Account = ALICE) -> tuple[Account, Terms]:
    return account, FundingUpdate(0, amount)


_LIMIT: Final = {"amount": 90, "window": None, "app": None, "meter": None}
_HELD: Final = (_funded(100), (ALICE, PlaceHold(60, _TTL_MS)))
"""A hold h2 of 60 of 100."""
_TWICE: Final = (NOW_MS, NOW_MS)
_MANY_HELD: Final = (_funded(100), *((ALICE, PlaceHold(1, _TTL_MS)) for _ in range(DUE_WITH_ONE + 1)))
"""One hold more than is returned in the transaction of a charge."""
_LAPSING: Final = (_funded(40), (ALICE, GrantCredits(60, "promotional", 1, _OVER_MS)))
"""Credits of which the first to be spent lapse."""
_LINE: Final = (
    _funded(100, TEAM),
    (TEAM, Configure(parent=COMPANY.actor)),
    _funded(100, COMPANY),
    _funded(100),
    (ALICE, Configure(parent=TEAM.actor)),
)
"""A member, its parent, and its parent's parent."""
_FAMILY: Final = (
    _funded(100, TEAM),
    _funded(100),
    (ALICE, Configure(parent=TEAM.actor)),
    _funded(100, BOB),
    (BOB, Configure(parent=TEAM.actor)),
)

SCENARIOS: Final = (
    Scenario(
        "one key, two requests", 7, (_funded(100),),
        (_asks("a", Charge(60), key="k", alike=1), _asks("b", Charge(60), key="k", alike=1)),
    ),
    Scenario(
        "one key, three requests", 5, (_funded(100),),
        tuple(_asks(name, Charge(60), key="k", alike=1) for name in "abc"),
    ),
    Scenario(
        "one key, asked again where there was no answer", 5, (_funded(100),),
        tuple(_asks(name, Charge(60), key="k", at_ms=_TWICE, alike=1) for name in "ab"),
    ),
    Scenario(
        "one key, the first entry of an account", 6, (),
        (_asks("a", FundingUpdate(0, 50), key="k", alike=1), _asks("b", FundingUpdate(0, 50), key="k", alike=1)),
    ),
    Scenario(
        "one key, other content", 6, (_funded(100),),
        (_asks("a", Charge(60), key="k", at_ms=_TWICE), _asks("b", Charge(30), key="k", at_ms=_TWICE)),
    ),
    Scenario(
        "two charges, credits for one", 7, (_funded(100),),
        (_asks("a", Charge(60), alike=1), _asks("b", Charge(60), alike=1)),
    ),
    Scenario(
        "two charges, credits for one, asked again", 5, (_funded(100),),
        (_asks("a", Charge(60), at_ms=_TWICE, alike=1), _asks("b", Charge(60), at_ms=_TWICE, alike=1)),
    ),
    Scenario(
        "three charges, credits for one", 5, (_funded(100),),
        tuple(_asks(name, Charge(60), alike=1) for name in "abc"),
    ),
    Scenario(
        "a hold captured and released", 7, _HELD,
        (_asks("captures", CaptureHold("h2", 50)), _asks("releases", ReleaseHold("h2"))),
    ),
    Scenario(
        "a hold captured twice", 7, _HELD,
        (_asks("a", CaptureHold("h2", 50), alike=1), _asks("b", CaptureHold("h2", 50), alike=1)),
    ),
    Scenario(
        "a part of a hold and its release", 6, _HELD,
        (_asks("a part", CaptureHold("h2", 50, final=False)), _asks("releases", ReleaseHold("h2"))),
    ),
    Scenario(
        "two parts of a hold, enough for one", 6, _HELD,
        (
            _asks("a", CaptureHold("h2", 40, final=False), alike=1),
            _asks("b", CaptureHold("h2", 40, final=False), alike=1),
        ),
    ),
    Scenario(
        "a hold placed, and the credits charged", 6, (_funded(100),),
        (_asks("holds", PlaceHold(60, _TTL_MS), at_ms=_TWICE), _asks("charges", Charge(60))),
    ),
    Scenario(
        "a hold captured, released and extended", 4, _HELD,
        (
            _asks("captures", CaptureHold("h2", 50)),
            _asks("releases", ReleaseHold("h2")),
            _asks("extends", ExtendHold("h2", 2 * _TTL_MS)),
        ),
    ),
    Scenario(
        "a hold placed and captured at once", 5, (_funded(100),),
        (
            _asks("holds", PlaceHold(60, _TTL_MS)),
            _asks("captures", CaptureHold("h2", 50)),
            _asks("charges", Charge(60)),
        ),
    ),
    Scenario(
        "a capture as the hold is over", 5, _HELD,
        (
            _asks("captures", CaptureHold("h2", 50), at_ms=(_OVER_MS - 1, _OVER_MS)),
            _asks("charges", Charge(70), at_ms=(_OVER_MS,)),
        ),
    ),
    Scenario(
        "a capture, a charge and the background as the hold is over", 4, _HELD,
        (
            _asks("captures", CaptureHold("h2", 50, if_expired="charge"), at_ms=(_OVER_MS,)),
            _asks("charges", Charge(70), at_ms=(_OVER_MS,)),
            _background("background", _OVER_MS),
        ),
    ),
    Scenario(
        "an extension as the hold is over, with an index that trails", 5, _HELD,
        (
            _asks("extends", ExtendHold("h2", _TTL_MS), at_ms=(_OVER_MS - 1,)),
            _asks("charges", Charge(70), at_ms=(_OVER_MS, _OVER_MS)),
        ),
        is_index_late=True,
    ),
    Scenario(
        "a charge refunded twice", 7, (_funded(100), (ALICE, Charge(80))),
        (_asks("a", Refund("first-2", 50), alike=1), _asks("b", Refund("first-2", 50), alike=1)),
    ),
    Scenario(
        "a charge and its refund at once", 6, (_funded(100),),
        (_asks("charges", Charge(60), at_ms=_TWICE), _asks("refunds", Refund("key-of-charges"), at_ms=_TWICE)),
    ),
    Scenario(
        "a batch and a charge", 6, (_funded(100),),
        (_asks_batch("batch", {"k1": 40, "k2": 50}), _asks("charges", Charge(40))),
    ),
    Scenario(
        "a batch of a hold's parts and its release", 5, _HELD,
        (_asks_batch("batch", {"k1": _part(40), "k2": 20, "k3": _part(20)}), _asks("releases", ReleaseHold("h2"))),
    ),
    Scenario(
        "a member's batch and a charge of its parent", 5, (*_FAMILY, (ALICE, PlaceHold(20, _TTL_MS))),
        (
            _asks_batch("batch", {"k1": 20, "k2": _part(10, "h3"), "k3": 20}, attempts=2),
            _asks("charges", Charge(30), account=TEAM),
        ),
    ),
    Scenario(
        "a batch and one of its keys", 5, (_funded(100),),
        (_asks_batch("batch", {"k1": 40, "k2": 50}, attempts=2), _asks("charges", Charge(40), key="k1", at_ms=_TWICE)),
    ),
    Scenario(
        "a member and its parent", 6, _FAMILY,
        (_asks("member", Charge(60)), _asks("parent", Charge(60), account=TEAM)),
    ),
    Scenario(
        "two members, their parent has credits for one", 6, _FAMILY,
        (_asks("alice", Charge(60)), _asks("bob", Charge(60), account=BOB)),
    ),
    Scenario(
        "two members and their parent", 4, _FAMILY,
        (_asks("alice", Charge(60)), _asks("bob", Charge(60), account=BOB), _asks("parent", Charge(60), account=TEAM)),
    ),
    Scenario(
        "a member, one key, two requests", 5, _FAMILY,
        tuple(_asks(name, Charge(60), key="k", at_ms=_TWICE, alike=1) for name in "ab"),
    ),
    Scenario(
        "a member's hold captured and released", 5, (*_FAMILY, (ALICE, PlaceHold(60, _TTL_MS))),
        (_asks("captures", CaptureHold("h3", 50)), _asks("releases", ReleaseHold("h3"))),
    ),
    Scenario(
        "a charge as its account joins a parent", 6, (_funded(50, TEAM), _funded(100)),
        (_asks("charges", Charge(60), at_ms=_TWICE), _asks("joins", Configure(parent=TEAM.actor))),
    ),
    Scenario(
        "a charge under a limit as its account joins a parent", 5,
        (_funded(50, TEAM), _funded(100), (ALICE, Configure(limits=[_LIMIT]))),
        (_asks("charges", Charge(60), at_ms=_TWICE), _asks("joins", Configure(parent=TEAM.actor))),
    ),
    Scenario(
        "an extension and a capture as the hold is over, with an index that trails", 5, _HELD,
        (
            _asks("extends", ExtendHold("h2", _TTL_MS), at_ms=(_OVER_MS - 1,)),
            _asks("captures", CaptureHold("h2", 50), at_ms=(_OVER_MS, _OVER_MS)),
        ),
        is_index_late=True,
    ),
    Scenario(
        "a charge as its account is frozen", 6,
        (_funded(100), (ALICE, Configure(overdraft_limit=20, low_balance_thresholds=[10]))),
        (_asks("charges", Charge(60), at_ms=_TWICE), _asks("freezes", Configure(status="frozen"))),
    ),
    Scenario(
        "a charge and the funding set", 6, (_funded(100),),
        (_asks("charges", Charge(60), at_ms=_TWICE), _asks("sets", FundingUpdate(100, 50), at_ms=_TWICE)),
    ),
    Scenario(
        "two charges of a member, and the parent's parent has credits for one", 4, _LINE,
        (_asks("a", Charge(60), alike=1), _asks("b", Charge(60), alike=1)),
    ),
    Scenario(
        "a member's hold as it is over, and what its parent's parent pays for it", 3,
        (*_LINE, (ALICE, PlaceHold(60, _TTL_MS))),
        (
            _asks("captures", CaptureHold("h3", 50, if_expired="charge"), at_ms=(_OVER_MS - 1, _OVER_MS)),
            _asks("company", Charge(30), account=COMPANY, at_ms=(_OVER_MS,)),
        ),
    ),
    Scenario(
        "a member's charge refunded twice", 5, (*_FAMILY, (ALICE, Charge(80))),
        (_asks("a", Refund("first-6", 50), alike=1), _asks("b", Refund("first-6", 50), alike=1)),
    ),
    Scenario(
        "two charges as a grant lapses", 6, _LAPSING,
        (_asks("before", Charge(30), at_ms=(_OVER_MS - 1, _OVER_MS)), _asks("after", Charge(30), at_ms=(_OVER_MS,))),
    ),
    Scenario(
        "a charge and the grant taken back", 6, _LAPSING,
        (_asks("charges", Charge(50), at_ms=_TWICE), _asks("voids", VoidGrant("g2"), at_ms=_TWICE)),
    ),
    Scenario(
        "a grant that may be too late when it is asked for again", 5, (_funded(10),),
        (
            _asks("grants", GrantCredits(60, "promotional", 1, _OVER_MS), at_ms=(_OVER_MS - 1, _OVER_MS)),
            _asks("charges", Charge(40), at_ms=_TWICE),
        ),
    ),
    Scenario(
        "more holds over than a transaction returns, and two charges", 5, _MANY_HELD,
        (_asks("a", Charge(60), at_ms=(_OVER_MS,), alike=1), _asks("b", Charge(60), at_ms=(_OVER_MS,), alike=1)),
    ),
    Scenario(
        "more holds over than a transaction returns, a capture and the background", 5, _MANY_HELD,
        (
            _asks("captures", CaptureHold("h5", if_expired="charge"), at_ms=(_OVER_MS - 1, _OVER_MS)),
            _background("background", _OVER_MS),
        ),
    ),
    Scenario(
        "a batch of a member that joins a parent", 5, (_funded(50, TEAM), _funded(100)),
        (_asks_batch("batch", {"k1": 40, "k2": 20}), _asks("joins", Configure(parent=TEAM.actor))),
    ),
    Scenario(
        "three requests for one key, asked again where there was no answer", 3, (_funded(100),),
        tuple(_asks(name, Charge(60), key="k", at_ms=_TWICE, alike=1) for name in "abc"),
    ),
)  # fmt: skip


def named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)
