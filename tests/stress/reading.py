"""Reads what was spent as anybody may: each account and the tenant, before and after a backfill of the boards.

    python -m tests.stress.reading FIRST_DAY LAST_DAY

Finds the actors on its standard input, as a JSON list, and prints the readings as JSON. Sums are in microcents.
"""

import calendar
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

from tests.stress.calls import account_usage_event, tenant_usage_event
from tests.stress.environment import Environment, prepare

PAGE: Final = 50
"""So few that the ranking of actors has several pages."""
GROUPINGS: Final = ("app", "meter", "model")

Event: TypeAlias = tuple[str, dict[str, Any]]
Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""Invokes a function with an event."""
Sums: TypeAlias = list[int]
"""Charged, refunded, and how many charges."""


@dataclass(frozen=True)
class Tenant:
    """What `GET /v1/usage` says: by day, by actor, altogether by other groupings, and what parents paid for members."""

    days: Mapping[str, Sums]
    actors: Mapping[str, Sums]
    groupings: Mapping[str, Sums]
    through_members: Sums


@dataclass(frozen=True)
class Readings:
    """`accounts` is what `GET /v1/accounts/{actor}/usage` says, by actor and day."""

    accounts: Mapping[str, Mapping[str, Sums]]
    before: Tenant
    after: Tenant


def readings(actors: list[str], first: str, last: str, ask: Ask) -> Readings:
    period = {"from": first, "to": last}
    accounts = {
        actor: _by_name(_items(partial(account_usage_event, actor), by("day", period), ask)) for actor in actors
    }
    before = tenant(first, last, ask)
    backfill(ask)
    return Readings(accounts, before, tenant(first, last, ask))


def tenant(first: str, last: str, ask: Ask) -> Tenant:
    period = {"from": first, "to": last}
    actors: dict[str, Sums] = {}
    for month in _months(first, last):
        for actor, sums in _items(tenant_usage_event, by("actor", month), ask):
            actors[actor] = _added(actors.get(actor, [0, 0, 0]), sums)
    groupings = {
        grouping: _total(sums for _, sums in _items(tenant_usage_event, by(grouping, period), ask))
        for grouping in GROUPINGS
    }
    days = _by_name(_items(tenant_usage_event, by("day", period), ask))
    through_members = _sums(_answer(tenant_usage_event(by("day", period)), ask)["through_members"])
    return Tenant(days, actors, groupings, through_members)


def backfill(ask: Ask) -> None:
    after: str | None = None
    while True:
        after = ask("boards", {"backfill": True, "after": after})["next"]
        if after is None:
            return


def by(grouping: str, period: Mapping[str, str]) -> dict[str, str]:
    return {"group_by": grouping, "limit": str(PAGE), **period}


def _items(
    event_of: Callable[[Mapping[str, str]], Event], query: Mapping[str, str], ask: Ask
) -> Iterator[tuple[str, Sums]]:
    """Of all pages."""
    after: str | None = None
    while True:
        page = _answer(event_of({**query, **({"after": after} if after else {})}), ask)
        for item in page["items"]:
            yield item[page["group_by"]] or "", _sums(item)
        after = page["next"]
        if after is None:
            return


def _answer(event: Event, ask: Ask) -> Any:
    answer = ask(*event)
    if answer["statusCode"] != 200:
        raise ValueError(f"{event[1]['rawPath']} was answered {answer['body']}")
    return json.loads(answer["body"], parse_float=Decimal)


def _by_name(items: Iterator[tuple[str, Sums]]) -> dict[str, Sums]:
    """Raises ValueError for a name that comes twice."""
    found: dict[str, Sums] = {}
    for name, sums in items:
        if name in found:
            raise ValueError(f"{name} was listed twice")
        found[name] = sums
    return found


def _sums(item: Mapping[str, Any]) -> Sums:
    return [_microcents(item["charged"]), _microcents(item["refunded"]), item["count"]]


def _microcents(millicents: Decimal | int) -> int:
    microcents = Decimal(millicents) * 1000
    if microcents != int(microcents):
        raise ValueError(f"{millicents} has more than three decimals")
    return int(microcents)


def _added(one: Sums, other: Sums) -> Sums:
    return [a + b for a, b in zip(one, other, strict=True)]


def _total(sums: Iterator[Sums]) -> Sums:
    total = [0, 0, 0]
    for each in sums:
        total = _added(total, each)
    return total


def _months(first: str, last: str) -> Iterator[dict[str, str]]:
    """The first and the last day of each month that has a day of the period."""
    year, month = int(first[:4]), int(first[5:7])
    while (name := f"{year:04d}-{month:02d}") <= last[:7]:
        yield {"from": f"{name}-01", "to": f"{name}-{calendar.monthrange(year, month)[1]:02d}"}
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def main(first: str, last: str) -> None:
    actors = json.load(sys.stdin)
    prepare(("history", "tenant", "boards"))
    environment = Environment()
    print(json.dumps(asdict(readings(actors, first, last, environment.invoke))))  # noqa: T201 - for who started this
    environment.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
