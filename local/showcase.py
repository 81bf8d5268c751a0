"""A company's accounts for the demo, so that every page of the console has something to show.

150 accounts: people with all kinds of grants, limits, allowances, thresholds and overdrafts, teams whose members spend
together, and services. They spent over the 30 days before today. Today some ran out of credits, some were refunded, and
some are frozen.

All of it follows from the names and the day alone. So it is the same under the same keys, however often it is run, and
a run of the next day adds that day.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from millicent import BatchCharge, Millicent, SpendingLimit
from millicent.errors import KeyReused, RateVersionConflict, Refused

DAYS: Final = 30
TEAMS: Final = ("team:research", "team:support", "team:growth")
MEMBERS_OF_A_TEAM: Final = 8
PEOPLE: Final = 140
_FIRST_NAMES: Final = (
    "ada", "alan", "barbara", "claude", "dennis", "donald", "edsger", "frances", "grace", "hedy",
    "john", "katherine", "ken", "leslie", "linus", "margaret", "niklaus", "radia", "shafi", "tim",
)  # fmt: skip
_DOMAINS: Final = ("acme.example", "globex.example", "initech.example", "umbrella.example", "hooli.example",
                   "stark.example", "wayne.example")  # fmt: skip
_SERVICES: Final = ("svc:crawler", "svc:transcriber", "svc:archive", "svc:mailer", "svc:search", "svc:batch",
                    "svc:evals")  # fmt: skip

CARDS: Final = (
    {"meter": "speech", "model": "narrator-2", "version": 1, "effective_from": "2026-01-01T00:00:00Z",
     "prices": {"seconds": {"price": "4", "minimum_units": "10"}}, "minimum_charge": "8"},
    {"meter": "speech", "model": "narrator-2", "version": 2, "effective_from": "2026-06-01T00:00:00Z",
     "prices": {"seconds": {"price": "5", "minimum_units": "10", "tiers": [{"above": "600", "price": "4"}]}},
     "request_price": "1", "minimum_charge": "8"},
    {"meter": "storage", "version": 1, "effective_from": "2026-01-01T00:00:00Z",
     "prices": {"gigabyte_hours": {"price": "0.35"}}},
)  # fmt: skip

Step = Callable[[Millicent], object]


@dataclass(frozen=True, slots=True)
class Showcase:
    """`setup` runs first, account by account; then the charges; then `work`. Amounts are in millicents."""

    setup: tuple[tuple[Step, ...], ...]
    charges: tuple[BatchCharge, ...]
    work: tuple[Step, ...]


def showcase(today: date) -> Showcase:
    """`today` is a day of UTC."""
    actors = _actors()
    setup = tuple(tuple(_setup_of(number, actor, today)) for number, actor in enumerate(actors))
    days = [today - timedelta(days=ago) for ago in range(DAYS, 0, -1)]
    charges = tuple(_charges(actors, days))
    return Showcase(setup, charges, tuple(_work(actors, today)))


def play(client: Millicent, plan: Showcase, concurrency: int) -> None:
    """Repeats change nothing. Raises millicent.errors.MillicentError."""
    for card in CARDS:
        with suppress(RateVersionConflict):
            client.put_rate(card)
    with ThreadPoolExecutor(concurrency) as pool:
        # Building the lists raises the errors of the threads. Teams come first: their members join them.
        list(pool.map(lambda steps: _all(client, steps), plan.setup[: len(TEAMS)]))
        list(pool.map(lambda steps: _all(client, steps), plan.setup[len(TEAMS) :]))
        client.charge_batch(plan.charges)
        list(pool.map(lambda step: _all(client, [step]), plan.work))


def _all(client: Millicent, steps: Iterable[Step]) -> None:
    for step in steps:
        # Refusals are part of the show. A key that was used before had another amount then, which stays.
        with suppress(Refused, KeyReused):
            step(client)


def _actors() -> list[str]:
    """The teams first."""
    people = [f"{_FIRST_NAMES[number % 20]}@{_DOMAINS[number // 20]}" for number in range(PEOPLE)]
    return [*TEAMS, *people, *_SERVICES]


def _setup_of(number: int, actor: str, today: date) -> Iterator[Step]:
    """A purse for each, and one thing more for many: by its number, so that each kind is there a few times."""
    month = today.replace(day=1)
    until = datetime.combine(_next_month(month), time(), UTC)
    named = f"show-{actor}-{month:%Y-%m}"
    if actor in TEAMS:
        yield lambda client: client.grant(actor, 40_000_000, category="purchased", key=f"{named}-paid")
        yield lambda client: client.set_limits(
            actor, [SpendingLimit(amount=30_000_000, window="month")], key=f"{named}-limits"
        )
        return
    if (number + 1) % 10:
        paid = 200_000 + _chance(actor, "paid") % 3_000_000
        yield lambda client: client.grant(actor, paid, category="purchased", reason="invoice", key=f"{named}-paid")
    else:
        yield lambda client: client.grant(actor, 12_000, category="promotional", reason="trial", key=f"{named}-trial")
    if number % 3 == 0:
        yield lambda client: client.grant(
            actor, 50_000, category="promotional", priority=5, expires_at=until, reason="welcome", key=f"{named}-promo"
        )
    yield from _extras(number, actor, named)


def _extras(number: int, actor: str, named: str) -> Iterator[Step]:
    member_of = (number - len(TEAMS)) // MEMBERS_OF_A_TEAM
    if member_of < len(TEAMS):
        yield lambda client: client.join(actor, TEAMS[member_of], key=f"{named}-join")
    if number % 5 == 0:
        yield lambda client: client.set_allowance(actor, 25_000, "monthly", key=f"{named}-allowance")
    if number % 4 == 0:
        limits = [
            SpendingLimit(amount=400_000, window="day"),
            SpendingLimit(amount=5_000_000, window="month", meter="llm"),
        ]
        yield lambda client: client.set_limits(actor, limits, key=f"{named}-limits")
    if number % 7 == 0 or not (number + 1) % 10:
        yield lambda client: client.configure(
            actor, low_balance_thresholds=[100_000, 10_000], time_zone="Europe/Berlin", key=f"{named}-settings"
        )
    if number % 29 == 0:
        yield lambda client: client.configure(actor, overdraft_limit=50_000, key=f"{named}-overdraft")


def _charges(actors: list[str], days: list[date]) -> Iterator[BatchCharge]:
    """In the order of the days. Whoever comes earlier in the list is busier."""
    for day in days:
        for number, actor in enumerate(actors[len(TEAMS) :]):
            drawn = _chance(actor, day.isoformat())
            is_weekend = day.isoweekday() > 5  # noqa: PLR2004 - Friday
            if drawn % (4 + number // 20 * 2) < (1 if is_weekend else 2):
                yield _charge(actor, day, drawn)


def _charge(actor: str, day: date, drawn: int) -> BatchCharge:
    app, usage = _usage(actor, drawn)
    return BatchCharge(
        actor=actor,
        usage=usage,
        occurred_at=datetime.combine(day, time(drawn % 24, drawn // 24 % 60), UTC),
        app=app,
        metadata={"request": f"{drawn:08x}", "region": ("eu", "us", "ap")[drawn % 3]},
        key=f"show-{actor}-{day}",
    )


def _usage(actor: str, drawn: int) -> tuple[str, dict[str, Any]]:
    """An app, and what it used."""
    if actor == "svc:archive" or drawn % 11 == 0:
        return "vault", {"meter": "storage", "gigabyte_hours": 500 + drawn % 20_000}
    if actor == "svc:transcriber" or drawn % 5 == 0:
        return "voice", {"meter": "speech", "model": "narrator-2", "seconds": 30 + drawn % 1_500}
    model = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash")[drawn // 7 % 4]
    tokens = {"input_tokens": 20_000 + drawn % 400_000, "output_tokens": 500 + drawn // 3 % 20_000}
    return ("chat", "search", "agents")[drawn // 5 % 3], {"meter": "llm", "model": model, **tokens}


def _work(actors: list[str], today: date) -> Iterator[Step]:
    """Of today: open holds, holds captured in parts, refunds, a void, checks, and accounts that are frozen."""
    for number, actor in enumerate(actors[len(TEAMS) : len(TEAMS) + 24]):
        key = f"show-{actor}-{today}"
        if number % 2:
            ttl_s = 600 if number % 4 == 1 else 86_400
            yield _hold(actor, f"{key}-hold", ttl_s)
        elif number % 4:
            yield _hold_in_parts(actor, f"{key}-work")
        else:
            yield _refunded(actor, f"{key}-mistake")
    yield from (_checked(actor) for actor in actors[-len(_SERVICES) :])
    yield from (_frozen(actor, f"show-{actor}-{today}") for actor in actors[60:150:29])
    yield from (_charged_too_much(actor, f"show-{actor}-{today}-big") for actor in actors[9:150:30])


def _checked(actor: str) -> Step:
    return lambda client: client.check(actor, 1_000)


def _frozen(actor: str, key: str) -> Step:
    def work(client: Millicent) -> None:
        client.freeze(actor, key=f"{key}-freeze")
        client.charge(actor, 500, app="chat", key=f"{key}-frozen")

    return work


def _charged_too_much(actor: str, key: str) -> Step:
    return lambda client: client.charge(actor, 90_000_000, app="chat", key=key)


def _hold(actor: str, key: str, ttl_s: int) -> Step:
    return lambda client: client.hold(actor, 5_000, ttl_s=ttl_s, app="agents", meter="llm", key=key)


def _hold_in_parts(actor: str, key: str) -> Step:
    def work(client: Millicent) -> None:
        held = client.hold(actor, 9_000, ttl_s=3_600, app="agents", meter="llm", key=key).entry.hold
        if held is not None:
            client.capture(actor, held.id, 2_500, final=False, app="agents", key=f"{key}-1")
            client.capture(actor, held.id, 4_000, app="agents", key=f"{key}-2")

    return work


def _refunded(actor: str, key: str) -> Step:
    def work(client: Millicent) -> None:
        client.charge(actor, 7_300, app="voice", meter="speech", metadata={"job": "retried by mistake"}, key=key)
        client.refund(actor, key, 7_000, key=f"{key}-refund")

    return work


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _chance(*of: str) -> int:
    """A number that looks drawn, and is the same in every version of Python."""
    return zlib.crc32("/".join(of).encode())
