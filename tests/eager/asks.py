"""What is asked of the accounts: random, and each without regard to the others, so that any of it can be left out.

An ask says when it comes (after how long, or when the next thing falls due) and what is wanted; which hold, grant or
charge it names is a number that counts round those that there are by then.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.eager.calendar import DAY_MS, HOUR_MS

MINUTE_MS = 60_000
MEMBER, PARENT = "bob", "team"
ZONES = {"UTC": 0, "Asia/Kathmandu": 345, "Asia/Tokyo": 540, "America/Phoenix": -420, "Pacific/Honolulu": -600}
"""Minutes east of UTC, the whole year round."""
START_MS = 1_773_144_000_000
"""Noon on 10 March 2026, in UTC."""

RULES = (
    "parts",
    "if_expired",
    "overruns",
    "excess",
    "merging",
    "warnings",
    "lowering",
    "likeness",
    "zones",
    "parents",
    "frozen parents",
    "freezing",
    "checks",
)
"""What can be left out beside the kinds themselves."""


@dataclass(frozen=True)
class Ask:
    """`then` is where the time goes first: a number of milliseconds, or -1 for the next instant at which something is
    due, -2 for a millisecond before that. `looks` are how long after it readers look at the accounts."""

    kind: str
    actor: str
    then: int
    terms: dict[str, Any] = field(default_factory=dict)
    looks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Opening:
    start_ms: int
    zone: str
    overdraft_limits: dict[str, int]
    is_family: bool


@dataclass(frozen=True)
class Sequence:
    opening: Opening
    asks: tuple[Ask, ...]


def sequence_of(seed: str, operations: int, without: AbstractSet[str] = frozenset()) -> Sequence:
    chance = Random(seed)
    is_family = chance.random() < 0.3 and "parents" not in without
    opening = Opening(
        START_MS + chance.choice([0, 0, chance.randrange(0, 365) * DAY_MS, chance.randrange(365 * 24) * HOUR_MS]),
        chance.choice(["UTC", "UTC", *ZONES]),
        {actor: chance.choice([0, 0, 10, 50]) for actor in (MEMBER, PARENT)},
        is_family,
    )
    theme = chance.choice(THEMES)
    kinds = [kind for kind in theme.kinds or MAKERS if kind not in without]
    # Some kinds often and others hardly ever, so that those that are rare together meet.
    weights = [WEIGHTS.get(kind, 1) * chance.choice([0.2, 1, 1, 3]) for kind in kinds]
    pace = chance.choice(theme.paces)
    asks = [first_funding(chance, MEMBER), *([first_funding(chance, PARENT)] if is_family else [])]
    asks += [Ask(kind, MEMBER, 0, MAKERS[kind](chance)) for kind in theme.first if kind not in without]
    while len(asks) < operations:
        kind = chance.choices(kinds, weights)[0]
        actor = PARENT if is_family and chance.random() < 0.2 else MEMBER
        asks.append(Ask(kind, actor, pace(chance), MAKERS[kind](chance), looks(chance)))
    return Sequence(opening, tuple(asks[:operations]))


@dataclass(frozen=True)
class Theme:
    """What a sequence is about: what comes in it (all where it names none), what it begins with, how time passes."""

    kinds: tuple[str, ...]
    first: tuple[str, ...]
    paces: "tuple[Callable[[Random], int], ...]"


def first_funding(chance: Random, actor: str) -> Ask:
    return Ask("grant", actor, 0, {**grant(chance), "amount": chance.choice([20, 100, 200, 300]), "lasts_ms": None})


def looks(chance: Random) -> tuple[int, ...]:
    if chance.random() < 0.7:
        return ()
    return (chance.choice([1, 1000, 5 * MINUTE_MS, HOUR_MS, 13 * HOUR_MS, DAY_MS, 3 * DAY_MS, 40 * DAY_MS]),)


def some_amount(chance: Random) -> int:
    return chance.choice([0, 1, 5, 10, 20, 20, 30, 50, 80, 100, chance.randrange(1, 150)])


def minutes(chance: Random) -> int:
    return chance.choice([0, 1000, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, -1, -1, -2, 5 * HOUR_MS])


def hours(chance: Random) -> int:
    return chance.choice([0, 1, HOUR_MS, 3 * HOUR_MS, 7 * HOUR_MS, 12 * HOUR_MS, -1, -1, -2, DAY_MS])


def days(chance: Random) -> int:
    return chance.choice([0, 2 * HOUR_MS, 9 * HOUR_MS, DAY_MS, 2 * DAY_MS, 8 * DAY_MS, 33 * DAY_MS, -1, -1, -2])


THEMES = (
    Theme((), (), (minutes, hours, hours, days)),
    Theme((), ("allowance", "limits", "thresholds", "overdraft"), (minutes, hours, hours, days)),
    # Debts: what comes back or comes in pays them first, so it matters what comes when.
    Theme(("charge", "hold", "grant", "release", "capture", "refund", "overdraft", "void"), ("overdraft",), (hours,)),
    Theme(("charge", "hold", "leaks", "allowance", "overdraft", "glance"), ("allowance", "overdraft"), (hours, days)),
    Theme(("charge", "hold", "allowance", "zone", "limits", "glance"), ("allowance", "limits"), (hours, hours, days)),
    Theme(("charge", "hold", "capture", "extend", "refund", "limits", "release"), ("limits",), (minutes, hours)),
    Theme(("charge", "hold", "grant", "grants", "release", "refund", "funding_update"), ("grants",), (minutes, hours)),
)


def app(chance: Random) -> str | None:
    return chance.choice([None, None, "chat", "mail"])


def lifetime(chance: Random) -> int | str:
    """How long a hold lasts; "midnight" is until the next one in the account's zone."""
    if chance.random() < 0.1:
        return "midnight"
    return chance.choice([1000, MINUTE_MS, MINUTE_MS, HOUR_MS, HOUR_MS, 12 * HOUR_MS, DAY_MS])


def charge(chance: Random) -> dict[str, Any]:
    mode = chance.choice(["refuse", "refuse", "refuse", "partial", "overdraw"])
    return {"cost": some_amount(chance), "mode": mode, "app": app(chance)}


def hold(chance: Random) -> dict[str, Any]:
    minimum = chance.choice([None, None, 0, 20, 60])
    return {"amount": some_amount(chance), "minimum": minimum, "lifetime": lifetime(chance), "app": app(chance)}


def leaks(chance: Random) -> dict[str, Any]:
    """Holds that nobody ends: more of them than are returned in one transaction."""
    apart_ms = chance.choice([0, 0, 1, MINUTE_MS, 30 * MINUTE_MS])
    return {"count": chance.choice([5, 20, 60]), "amount": chance.choice([0, 1, 3]), "apart_ms": apart_ms}


def extend(chance: Random) -> dict[str, Any]:
    return {"which": chance.randrange(1000), "lifetime": lifetime(chance)}


def capture(chance: Random) -> dict[str, Any]:
    return {
        "which": chance.randrange(1000),
        "part": chance.choice([None, 0, 0.5, 0.9, 1, 1.5, 3, "more"]),
        "more": chance.choice([1, 10, 70, 200]),
        "overrun": chance.choice(["refuse", "charge", "charge", "partial", "overdraw"]),
        "if_expired": chance.choice(["refuse", "refuse", "charge", "overdraw"]),
        "final": chance.choice([True, False]),
    }


def release(chance: Random) -> dict[str, Any]:
    return {"which": chance.randrange(1000)}


def refund(chance: Random) -> dict[str, Any]:
    return {"which": chance.randrange(1000), "amount": chance.choice([None, None, 1, 10, 50])}


def grant(chance: Random) -> dict[str, Any]:
    return {
        "amount": chance.choice([10, 50, 100, chance.randrange(1, 200)]),
        "category": chance.choice(["purchased", "promotional", "promotional", "allowance"]),
        "priority": chance.choice([1, 5, 5, 10, 10]),
        "lasts_ms": chance.choice([None, MINUTE_MS, HOUR_MS, HOUR_MS, 12 * HOUR_MS, DAY_MS, 3 * DAY_MS, "midnight"]),
    }


def grants(chance: Random) -> dict[str, Any]:
    """Many at once, each with an expiry of its own."""
    return {
        "amount": chance.choice([1, 10]),
        "category": chance.choice(["purchased", "promotional"]),
        "priority": chance.choice([5, 10]),
        "count": chance.choice([3, 6, 14]),
        "apart_ms": chance.choice([MINUTE_MS, HOUR_MS, 5 * HOUR_MS]),
        "priorities": chance.choice([1, 1, 2, 30]),
    }


def funding_update(chance: Random) -> dict[str, Any]:
    return {
        "change": chance.choice([0, 10, 100, -10, -50, -200, chance.randrange(-100, 100)]),
        "stale": chance.choice([0, 0, 0, 1]),
        "force": chance.random() < 0.4,
    }


def void(chance: Random) -> dict[str, Any]:
    return {"which": chance.randrange(1000)}


def overdraft(chance: Random) -> dict[str, Any]:
    return {"amount": chance.choice([0, 10, 50, 100])}


def freeze(chance: Random) -> dict[str, Any]:
    return {"is_frozen": chance.random() < 0.4}


def thresholds(chance: Random) -> dict[str, Any]:
    return {"amounts": sorted(chance.sample([0, 10, 50, 100, 150, 300], chance.choice([0, 1, 2, 3])))}


def limits(chance: Random) -> dict[str, Any]:
    scopes = chance.sample([(window, app) for window in WINDOWS for app in (None, "chat")], chance.choice([0, 1, 1, 2]))
    return {"limits": [(chance.choice([20, 50, 100, 150]), *scope) for scope in scopes]}


WINDOWS = (None, "hour", "day", "week", "month")


def allowance(chance: Random) -> dict[str, Any]:
    if chance.random() < 0.25:
        return {"terms": None}
    interval = chance.choice(["daily", "daily", "weekly", "monthly"])
    rollover = chance.choice([(0, 0), (0, 0), (0, 30), (10, 30), (0, 500)])
    return {"terms": (chance.choice([10, 20, 20, 50, 100]), interval, chance.choice([5, 5, 20]), *rollover)}


def zone(chance: Random) -> dict[str, Any]:
    return {"name": chance.choice(list(ZONES))}


def join(chance: Random) -> dict[str, Any]:
    return {"parent": chance.choice([PARENT, PARENT, None])}


def glance(chance: Random) -> dict[str, Any]:
    """Somebody reads, and asks whether so much can be spent."""
    return {"minimum": some_amount(chance), "app": app(chance)}


MAKERS: dict[str, Callable[[Random], dict[str, Any]]] = {
    "charge": charge,
    "hold": hold,
    "leaks": leaks,
    "extend": extend,
    "capture": capture,
    "release": release,
    "refund": refund,
    "grant": grant,
    "grants": grants,
    "funding_update": funding_update,
    "void": void,
    "overdraft": overdraft,
    "freeze": freeze,
    "thresholds": thresholds,
    "limits": limits,
    "allowance": allowance,
    "zone": zone,
    "join": join,
    "glance": glance,
}
WEIGHTS: dict[str, float] = {
    "charge": 5, "hold": 6, "leaks": 0.15,
    "capture": 3, "release": 1, "extend": 1, "refund": 1.5, "grant": 3, "grants": 0.3,
    "void": 0.7, "overdraft": 0.4, "freeze": 0.4, "zone": 0.3, "join": 0.3, "glance": 1.2,
}  # fmt: skip
