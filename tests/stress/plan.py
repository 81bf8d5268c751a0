"""What is asked of the ledger: every operation with its key, made before anything is sent, and who sends it when.

Amounts are microcents. The plan comes from the seed; only the instants at which grants expire depend on the clock. What
must happen in every run is in script.py, the rest is chance. A new kind is a line in WORK and the function that it
names, and its route in calls.py.
"""

import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.stress.asked import Asked
from tests.stress.script import EXPIRES_AFTER_MS, finale, opening

MODES: Final = ("refuse", "partial", "overdraw")

CLIENTS: Final = 4
LANES_PER_CLIENT: Final = 4
"""Threads of a client. Sixteen in all, each with a function of its own to call."""
LANES: Final = CLIENTS * LANES_PER_CLIENT

SCARCE: Final = "user:scarce"
HOT: Final = "user:hot"
OTHERS: Final = tuple(f"user:{number:03d}" for number in range(200))
VOIDED: Final = frozenset((SCARCE, *OTHERS[::4]))
"""Whose grants are voided at times. Nobody foresees what is left of one, nor then the funded total to be updated."""

TEAM: Final = "team"
MEMBERS: Final = ("member:fast", "member:slow")
"""They spend what their parent, the team, has; the one much more often than the other."""
GOVERNED: Final = (*("governed:1", "governed:2"), *MEMBERS, TEAM)
"""Whose settings change."""
GOVERNED_WEIGHTS: Final = (5, 5, 5, 1, 2)
GOVERNED_SHARE: Final = 0.15

SCARCE_SHARE: Final = 0.05
HOT_SHARE: Final = 0.08
DUPLICATE_SHARE: Final = 0.18
REUSED_KEY_SHARE: Final = 0.01
KILL_SHARE: Final = 0.003
KILLS_MIN: Final = 40
"""Three in four come too late: the function has answered by then."""
SHORTEST_LIFE_MS: Final = 8000
LONGEST_KILL_DELAY_MS: Final = 25


BATCH_SHARE: Final = 0.085
"""Of what is asked; a batch has many charges, so about three quarters of all operations come in one."""
BATCH_MAX: Final = 90
PARTS_SHARE: Final = 0.3
"""Of batches: those that have parts of a hold among their charges, half of their lines."""
BATCH_PAYERS_MAX: Final = 3
"""So few that a transaction records many charges of one account."""
REMEMBERED: Final = 30
"""A hold, charge or grant is named by what is asked soon after it, while that may still be under way."""
TTLS_S: Final = (1, 3, 600, 3600)
LATE_SHARE: Final = 0.04
"""Of charges: those of usage that is told late."""
LATE_BY_DAYS: Final = (1, 2, 34)
DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Send:
    """One request; several operations are a batch of charges and of parts of holds.

    `kill_after_ms`: the function's process is killed so long after it was given the request.
    `not_before_ms`: the request waits until then, for a grant or hold that has to expire before it.
    """

    number: int
    lane: int
    asked: tuple[Asked, ...]
    kill_after_ms: int | None
    not_before_ms: int | None = None

    @property
    def is_batch(self) -> bool:
        return len(self.asked) > 1


@dataclass(frozen=True)
class Plan:
    """`operations` is the number of keys. The sends of a lane are in the order in which it sends them."""

    operations: int
    sends: tuple[Send, ...]

    @property
    def actors(self) -> list[str]:
        return sorted({asked.actor for send in self.sends for asked in send.asked})


@dataclass(frozen=True)
class _Clock:
    starts_at_ms: int
    longest_life_ms: int

    def expiry_ms(self, chance: random.Random) -> int:
        """Soon after the start more often than late, so that there is time left to meet what has expired."""
        span = self.longest_life_ms / SHORTEST_LIFE_MS
        return self.starts_at_ms + int(SHORTEST_LIFE_MS * span ** chance.random())


@dataclass(frozen=True)
class _Desk:
    """Where the plan is made: chance, the clock, and what was asked so far."""

    chance: random.Random
    clock: _Clock
    funded: dict[str, int] = field(default_factory=dict)
    holds: deque[Asked] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    charges: deque[Asked] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    grants: deque[Asked] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def ask(self, key: str) -> Asked:
        """One operation of some kind; the first of an account pays in."""
        asked = self._draw().make(self, key)
        if asked.actor not in self.funded:
            return _first_funding(self, key, asked.actor)
        self._remember(asked)
        return asked

    def batch(self, keys: list[str]) -> tuple[Asked, ...]:
        payers = [_actor(self.chance) for _ in range(self.chance.randint(1, BATCH_PAYERS_MAX))]
        held = _one_of(self, self.holds) if self.chance.random() < PARTS_SHARE else None
        return tuple(
            _part_of(self, key, held)
            if held is not None and self.chance.random() < 0.5
            else _charge_to(self, key, self.chance.choice(payers))
            for key in keys
        )

    def _draw(self) -> "_Work":
        return self.chance.choices(WORK, [work.share for work in WORK])[0]

    def _remember(self, asked: Asked) -> None:
        match asked.kind:
            case "hold":
                self.holds.append(asked)
            case "charge" | "capture":
                self.charges.append(asked)
            case "funding_update":
                self.funded[asked.actor] = asked.terms["new_amount"]
            case "grant":
                self.funded[asked.actor] += asked.terms["amount"]
                # One that expires may come to nothing, and then there is none to name.
                if asked.actor in VOIDED and asked.expires_at_ms is None:
                    self.grants.append(asked)


class _Due(NamedTuple):
    at: float
    lane: int
    asked: tuple[Asked, ...]
    not_before_ms: int | None = None


class _Work(NamedTuple):
    share: float
    make: Callable[[_Desk, str], Asked]


def plan(operations: int, seed: int, now_ms: int, first_grant_lasts_ms: int = EXPIRES_AFTER_MS) -> Plan:
    """`now_ms` is when the run starts. The script's operations are among the number asked for, which exceeds theirs."""
    desk = _Desk(random.Random(seed), _Clock(now_ms, longest_life_ms=max(operations * 10, 60_000)))
    first, last = opening(now_ms, first_grant_lasts_ms), finale()
    all_is_expired_at_ms = now_ms + first_grant_lasts_ms
    by_chance = operations - len({asked.key for asked in (*first, *last)})
    due = [
        *_in_the_scripts_lane(-1, first),
        *_by_chance(desk, by_chance),
        *_in_the_scripts_lane(operations, last, all_is_expired_at_ms),
    ]
    due.sort(key=lambda each: each.at)
    kill_share = max(KILL_SHARE, KILLS_MIN / operations)
    return Plan(
        operations,
        tuple(
            Send(number, each.lane, each.asked, _kill_after_ms(desk.chance, kill_share), each.not_before_ms)
            for number, each in enumerate(due)
        ),
    )


def _in_the_scripts_lane(at: int, script: list[Asked], not_before_ms: int | None = None) -> list[_Due]:
    return [_Due(at, 0, (asked,), not_before_ms) for asked in script]


def _by_chance(desk: _Desk, operations: int) -> Iterator[_Due]:
    number = 0
    while number < operations:
        asked = _ask_at(desk, number, operations)
        lane = desk.chance.randrange(LANES)
        yield _Due(number, lane, asked)
        yield from _more_sends(desk.chance, number, lane, asked, operations)
        number += len(asked)


def _ask_at(desk: _Desk, number: int, operations: int) -> tuple[Asked, ...]:
    room = min(operations - number, BATCH_MAX)
    if room > 1 and desk.chance.random() < BATCH_SHARE:
        return desk.batch([_key(number + place) for place in range(desk.chance.randint(2, room))])
    return (desk.ask(_key(number)),)


def _key(number: int) -> str:
    return f"op-{number:07d}"


def write(sends: tuple[Send, ...], directory: Path) -> None:
    """One file a client, each there with all that is in it."""
    for client in range(CLIENTS):
        mine = (send for send in sends if client_of(send.lane) == client)
        text = "".join(json.dumps(asdict(send)) + "\n" for send in mine)
        unfinished = plan_file(directory, client).with_suffix(".unfinished")
        unfinished.write_text(text)
        unfinished.rename(plan_file(directory, client))


def read(directory: Path, client: int) -> Iterator[Send]:
    with plan_file(directory, client).open() as lines:
        for line in lines:
            fields = json.loads(line)
            yield Send(**{**fields, "asked": tuple(Asked(**each) for each in fields["asked"])})


def plan_file(directory: Path, client: int) -> Path:
    return directory / f"plan-{client}.jsonl"


def ready_file(directory: Path, client: int) -> Path:
    """There once the client is ready for its part of the plan."""
    return directory / f"ready-{client}"


def client_of(lane: int) -> int:
    return lane // LANES_PER_CLIENT


def _actor(chance: random.Random, scarce_share: float = SCARCE_SHARE) -> str:
    if chance.random() < GOVERNED_SHARE:
        return chance.choices(GOVERNED, GOVERNED_WEIGHTS)[0]
    draw = chance.random()
    if draw < scarce_share:
        return SCARCE
    return HOT if draw < scarce_share + HOT_SHARE else chance.choice(OTHERS)


def _first_funding(desk: _Desk, key: str, actor: str) -> Asked:
    amount = 50_000_000_000 if actor == HOT else desk.chance.randint(20_000, 400_000)
    desk.funded[actor] = amount
    return Asked(key, actor, "funding_update", {"old_amount": 0, "new_amount": amount, "force": False})


def _charge(desk: _Desk, key: str) -> Asked:
    return _charge_to(desk, key, _actor(desk.chance))


def _charge_to(desk: _Desk, key: str, actor: str) -> Asked:
    mode = desk.chance.choices(MODES, (90, 7, 3))[0]
    terms = {"cost": desk.chance.randint(0, 40_000), "if_insufficient": mode}
    if desk.chance.random() < LATE_SHARE:
        terms["occurred_at_ms"] = desk.clock.starts_at_ms - desk.chance.choice(LATE_BY_DAYS) * DAY_MS
    return Asked(key, actor, "charge", terms)


def _grant(desk: _Desk, key: str) -> Asked:
    # The scarce account gets about half of what is asked of it; the others about what they need.
    chance, actor = desk.chance, _actor(desk.chance)
    amount = chance.randint(1, 150_000 if actor == SCARCE else 420_000)
    terms = {"amount": amount, "category": "purchased", "priority": 10}
    if chance.random() < 0.4:
        terms |= {"category": "promotional", "expires_at_ms": desk.clock.expiry_ms(chance)}
    elif actor in VOIDED:
        # Alike grants are one, under the name of the first.
        terms |= {"priority": chance.randint(11, 99)}
    return Asked(key, actor, "grant", terms)


def _funding_update(desk: _Desk, key: str) -> Asked:
    """Often too late with its old total, as another came first: then it must be refused, for good."""
    actor = _actor(desk.chance)
    old_amount = desk.funded.get(actor, 0)
    amount = max(old_amount + desk.chance.randint(-60_000, 60_000), 0)
    return Asked(key, actor, "funding_update", {"old_amount": old_amount, "new_amount": amount, "force": False})


def _void(desk: _Desk, key: str) -> Asked:
    granted = _one_of(desk, desk.grants)
    return Asked(key, granted.actor, "void", {}, granted.key) if granted else _charge(desk, key)


def _hold(desk: _Desk, key: str) -> Asked:
    amount = desk.chance.randint(1, 60_000)
    terms = {"amount": amount, "ttl_ms": _ttl_ms(desk.chance)}
    least = {"minimum_amount": amount // 2 + 1} if desk.chance.random() < 0.3 else {}
    return Asked(key, _actor(desk.chance, scarce_share=0.3), "hold", terms | least)


def _capture(desk: _Desk, key: str) -> Asked:
    """All of a hold, a part of it, or more; often of one that another captures too."""
    held = _one_of(desk, desk.holds)
    if held is None:
        return _charge(desk, key)
    terms = {"overrun": desk.chance.choice(("refuse", "charge", "partial", "overdraw"))}
    if desk.chance.random() < 0.5:
        terms["if_expired"] = desk.chance.choice(("charge", "overdraw"))
    if desk.chance.random() < 0.3:
        return Asked(key, held.actor, "capture", terms, held.key)
    if desk.chance.random() < 0.5:
        return _part_of(desk, key, held)
    part = {"amount": desk.chance.randint(0, held.terms["amount"] * 3 // 2)}
    return Asked(key, held.actor, "capture", terms | part, held.key)


def _part_of(desk: _Desk, key: str, held: Asked) -> Asked:
    """A part of a hold, mostly a small one."""
    terms = {
        "overrun": desk.chance.choice(("refuse", "charge", "partial", "overdraw")),
        "amount": desk.chance.randint(0, held.terms["amount"] // desk.chance.choice((1, 20))),
        "final": False,
    }
    late = {"if_expired": "overdraw"} if desk.chance.random() < 0.5 else {}
    return Asked(key, held.actor, "capture", terms | late, held.key)


def _release(desk: _Desk, key: str) -> Asked:
    held = _one_of(desk, desk.holds)
    return Asked(key, held.actor, "release", {}, held.key) if held else _charge(desk, key)


def _extend(desk: _Desk, key: str) -> Asked:
    held = _one_of(desk, desk.holds)
    return Asked(key, held.actor, "extend", {"ttl_ms": _ttl_ms(desk.chance)}, held.key) if held else _charge(desk, key)


def _refund(desk: _Desk, key: str) -> Asked:
    """All that is left, or some of it; often more than that."""
    paid = _one_of(desk, desk.charges)
    if paid is None:
        return _charge(desk, key)
    part = {} if desk.chance.random() < 0.3 else {"amount": desk.chance.randint(1, 20_000)}
    return Asked(key, paid.actor, "refund", {"charge": paid.key} | part)


def _configure(desk: _Desk, key: str) -> Asked:
    """One setting; that of a parent as often as all others of a member."""
    chance, actor = desk.chance, desk.chance.choice(GOVERNED)
    if actor in MEMBERS and chance.random() < 0.5:
        return Asked(key, actor, "configure", {"parent": TEAM})
    return Asked(key, actor, "configure", chance.choice(_SETTINGS)(chance))


def _limit(chance: random.Random, window: str | None) -> dict[str, Any]:
    return {"amount": chance.randint(0, 600_000), "window": window, "app": None, "meter": None}


_SETTINGS: Final[tuple[Callable[[random.Random], dict[str, Any]], ...]] = (
    lambda chance: {"low_balance_thresholds": [chance.randint(100_001, 400_000), chance.randint(1, 100_000)]},
    lambda chance: {"limits": [_limit(chance, window) for window in ("hour", None) if chance.random() < 0.5]},
    lambda chance: {"status": "frozen" if chance.random() < 0.3 else "open"},
    lambda chance: {"overdraft_limit": chance.randint(0, 50_000)},
    lambda chance: {
        "allowance": {
            "amount": chance.randint(1, 400_000),
            "interval": chance.choice(("daily", "weekly", "monthly")),
            "priority": 5,
            "rollover_minimum": 0,
            "rollover_maximum": 0,
        }
    },
)


WORK: Final = (
    _Work(0.56, _charge),
    _Work(0.04, _configure),
    _Work(0.08, _grant),
    _Work(0.02, _funding_update),
    _Work(0.02, _void),
    _Work(0.1, _hold),
    _Work(0.08, _capture),
    _Work(0.03, _release),
    _Work(0.02, _extend),
    _Work(0.05, _refund),
)


def _one_of(desk: _Desk, asked: deque[Asked]) -> Asked | None:
    return desk.chance.choice(asked) if asked else None


def _ttl_ms(chance: random.Random) -> int:
    return chance.choice(TTLS_S) * 1000


def _more_sends(
    chance: random.Random, number: int, lane: int, asked: tuple[Asked, ...], operations: int
) -> Iterator[_Due]:
    """Duplicates, sent by other clients: at the same time, a little later, or at any time until the end.

    A batch comes again as a whole; and any one of its charges alone.
    """
    if chance.random() < DUPLICATE_SHARE:
        latest = chance.choice((0.5, 200, operations - number))
        yield _Due(number + chance.uniform(0, latest), _lane_of_another(chance, lane), asked)
    one = chance.choice(asked)
    if len(asked) > 1:
        yield _Due(number + chance.uniform(0, 200), _lane_of_another(chance, lane), (one,))
    if chance.random() < REUSED_KEY_SHARE:
        other = Asked(one.key, one.actor, "charge", {"cost": 40_001 + number, "if_insufficient": "overdraw"})
        yield _Due(number + chance.uniform(0, 200), _lane_of_another(chance, lane), (other,))


def _lane_of_another(chance: random.Random, lane: int) -> int:
    return (lane + LANES_PER_CLIENT * chance.randrange(1, CLIENTS)) % LANES


def _kill_after_ms(chance: random.Random, share: float) -> int | None:
    return chance.randint(0, LONGEST_KILL_DELAY_MS) if chance.random() < share else None
