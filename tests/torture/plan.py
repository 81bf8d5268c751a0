"""What is asked of the ledger: every operation with its key, made before anything is sent, and who sends it when.

Amounts are microcents. The plan comes from the seed; only the instants at which grants expire depend on the clock.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.times import rfc3339

Kind: TypeAlias = Literal["charge", "grant", "funding_update"]
Mode: TypeAlias = Literal["refuse", "partial", "overdraw"]

MODES: Final[tuple[Mode, ...]] = ("refuse", "partial", "overdraw")

CLIENTS: Final = 4
LANES_PER_CLIENT: Final = 4
"""Threads of a client. Sixteen in all, each with a function of its own to call."""
LANES: Final = CLIENTS * LANES_PER_CLIENT

SCARCE: Final = "user:scarce"
HOT: Final = "user:hot"
OTHERS: Final = tuple(f"user:{number:03d}" for number in range(200))

SCARCE_SHARE: Final = 0.05
HOT_SHARE: Final = 0.08
DUPLICATE_SHARE: Final = 0.18
REUSED_KEY_SHARE: Final = 0.01
KILL_SHARE: Final = 0.003
KILLS_MIN: Final = 12
SHORTEST_LIFE_MS: Final = 8000
LONGEST_KILL_DELAY_MS: Final = 25


@dataclass(frozen=True)
class Asked:
    """An operation as a client asks for it. `amount` is the cost, the grant, or the new total of a funding update."""

    key: str
    actor: str
    kind: Kind
    amount: int
    mode: Mode = "refuse"
    old_amount: int = 0
    expires_at_ms: int | None = None

    @property
    def function(self) -> str:
        return "cost" if self.kind == "charge" else "funding"

    @property
    def body(self) -> dict[str, Any]:
        if self.kind == "charge":
            return {"actor": self.actor, "cost": _millicents(self.amount), "if_insufficient": self.mode}
        if self.kind == "funding_update":
            totals = {"old_amount": _millicents(self.old_amount), "new_amount": _millicents(self.amount)}
            return {"actor": self.actor, **totals}
        grant = {"actor": self.actor, "amount": _millicents(self.amount)}
        if self.expires_at_ms is None:
            return grant
        return {**grant, "category": "promotional", "expires_at": rfc3339(self.expires_at_ms)}


@dataclass(frozen=True)
class Send:
    """One request. `kill_after_ms`: the function's process is killed so long after it was given the request."""

    number: int
    lane: int
    asked: Asked
    kill_after_ms: int | None


@dataclass(frozen=True)
class Plan:
    """`operations` is the number of keys. The sends of a lane are in the order in which it sends them."""

    operations: int
    sends: tuple[Send, ...]

    @property
    def actors(self) -> list[str]:
        return sorted({send.asked.actor for send in self.sends})


@dataclass(frozen=True)
class _Clock:
    starts_at_ms: int
    longest_life_ms: int

    def expiry_ms(self, chance: random.Random) -> int:
        """Soon after the start more often than late, so that there is time left to meet what has expired."""
        span = self.longest_life_ms / SHORTEST_LIFE_MS
        return self.starts_at_ms + int(SHORTEST_LIFE_MS * span ** chance.random())


def plan(operations: int, seed: int, now_ms: int) -> Plan:
    """`now_ms` is when the run starts."""
    clock = _Clock(now_ms, longest_life_ms=max(operations * 10, 60_000))
    chance = random.Random(seed)
    funded: dict[str, int] = {}
    due: list[tuple[float, int, Asked]] = []
    for number in range(operations):
        asked = _asked(chance, number, funded, clock)
        lane = chance.randrange(LANES)
        due.append((number, lane, asked))
        due += _more_sends(chance, number, lane, asked, operations)
    due.sort(key=lambda each: each[0])
    kill_share = max(KILL_SHARE, KILLS_MIN / operations)
    return Plan(
        operations,
        tuple(
            Send(number, lane, asked, _kill_after_ms(chance, kill_share)) for number, (_, lane, asked) in enumerate(due)
        ),
    )


def write(sends: tuple[Send, ...], directory: Path) -> None:
    """One file a client."""
    for client in range(CLIENTS):
        mine = (send for send in sends if client_of(send.lane) == client)
        text = "".join(json.dumps(asdict(send)) + "\n" for send in mine)
        plan_file(directory, client).write_text(text)


def read(directory: Path, client: int) -> Iterator[Send]:
    with plan_file(directory, client).open() as lines:
        for line in lines:
            fields = json.loads(line)
            yield Send(**{**fields, "asked": Asked(**fields["asked"])})


def plan_file(directory: Path, client: int) -> Path:
    return directory / f"plan-{client}.jsonl"


def client_of(lane: int) -> int:
    return lane // LANES_PER_CLIENT


def _asked(chance: random.Random, number: int, funded: dict[str, int], clock: _Clock) -> Asked:
    key, actor = f"op-{number:07d}", _actor(chance)
    if actor not in funded:
        amount = _first_funding(chance, actor)
        funded[actor] = amount
        return Asked(key, actor, "funding_update", amount)
    draw = chance.random()
    if draw < 0.08:
        return _grant(chance, key, actor, funded, clock)
    if draw < 0.1:
        return _funding_update(chance, key, actor, funded)
    mode = chance.choices(MODES, (90, 7, 3))[0]
    return Asked(key, actor, "charge", chance.randint(0, 40_000), mode)


def _actor(chance: random.Random) -> str:
    draw = chance.random()
    if draw < SCARCE_SHARE:
        return SCARCE
    return HOT if draw < SCARCE_SHARE + HOT_SHARE else chance.choice(OTHERS)


def _first_funding(chance: random.Random, actor: str) -> int:
    return 50_000_000_000 if actor == HOT else chance.randint(20_000, 400_000)


def _grant(chance: random.Random, key: str, actor: str, funded: dict[str, int], clock: _Clock) -> Asked:
    # The scarce account gets about half of what is asked of it; the others about what they need.
    amount = chance.randint(1, 150_000 if actor == SCARCE else 420_000)
    funded[actor] += amount
    expires_at_ms = clock.expiry_ms(chance) if chance.random() < 0.4 else None
    return Asked(key, actor, "grant", amount, expires_at_ms=expires_at_ms)


def _funding_update(chance: random.Random, key: str, actor: str, funded: dict[str, int]) -> Asked:
    """Often too late with its old total, as another came first: then it must be refused, for good."""
    old_amount = funded[actor]
    amount = max(old_amount + chance.randint(-60_000, 60_000), 0)
    funded[actor] = amount
    return Asked(key, actor, "funding_update", amount, old_amount=old_amount)


def _more_sends(
    chance: random.Random, number: int, lane: int, asked: Asked, operations: int
) -> Iterator[tuple[float, int, Asked]]:
    """Duplicates, sent by other clients: at the same time, a little later, or at any time until the end."""
    if chance.random() < DUPLICATE_SHARE:
        latest = chance.choice((0.5, 200, operations - number))
        yield number + chance.uniform(0, latest), _lane_of_another(chance, lane), asked
    if chance.random() < REUSED_KEY_SHARE:
        other = Asked(asked.key, asked.actor, "charge", 40_001 + number, "overdraw")
        yield number + chance.uniform(0, 200), _lane_of_another(chance, lane), other


def _lane_of_another(chance: random.Random, lane: int) -> int:
    return (lane + LANES_PER_CLIENT * chance.randrange(1, CLIENTS)) % LANES


def _kill_after_ms(chance: random.Random, share: float) -> int | None:
    return chance.randint(0, LONGEST_KILL_DELAY_MS) if chance.random() < share else None


def _millicents(microcents: int) -> str:
    return f"{Decimal(microcents).scaleb(-3):f}"
