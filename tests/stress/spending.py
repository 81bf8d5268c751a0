"""The judge of the sums: what accounts and the tenant are said to have spent, against the entries, to the microcent.

It adds up the entries by itself: what was charged and captured, what was refunded, by account and by the UTC day on
which it occurred.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from shared.ledger.accounts import Account
from tests.simulation.table import LedgerTable
from tests.simulation.verdict import Verdict
from tests.stress.oracle import TENANT
from tests.stress.reading import GROUPINGS, Readings, Sums, Tenant

CHARGING: Final = frozenset({"charge", "capture"})
REFUNDING: Final = "refund"
BACKFILLED: Final = "a sum that only the backfill brought back"
LATE_SPENDING: Final = "spending counted on an earlier day"
TWO_MONTHS: Final = "spending of two months"
SPENDING_SCENES: Final = (BACKFILLED, LATE_SPENDING, TWO_MONTHS)

_parse: Final = msgspec.json.Decoder().decode
_TENANT: Final = Account(TENANT, "")


@dataclass(frozen=True)
class Spending:
    """By the entries. `through_members` is what parents paid for members; `late` is how many entries are of an earlier
    day than the one on which they were recorded.
    """

    accounts: Mapping[str, Mapping[str, Sums]]
    through_members: Sums
    late: int

    @property
    def days(self) -> dict[str, Sums]:
        found: dict[str, Sums] = {}
        for of_days in self.accounts.values():
            for day, sums in of_days.items():
                found[day] = _sum([found.get(day, _NOTHING), sums])
        return found


_NOTHING: Final[Sums] = [0, 0, 0]


def spending_of(ledger: LedgerTable) -> Spending:
    accounts: dict[str, dict[str, Sums]] = {}
    through_members, late = _NOTHING, 0
    for account, journal in ledger.journal.items():
        days: dict[str, Sums] = defaultdict(lambda: _NOTHING)
        for row in journal:
            fields = _parse(row.record)
            if (sums := _sums_of(fields)) is None:
                continue
            day = _day(fields["parameters"].get("occurred_at_ms", fields["at_ms"]))
            days[day] = _sum([days[day], sums])
            late += day < _day(fields["at_ms"])
            if "member" in fields:
                through_members = _sum([through_members, sums])
        accounts[account.actor] = dict(days)
    return Spending(accounts, through_members, late)


def judge_spending(spending: Spending, told: Readings, forgotten: Collection[str], verdict: Verdict) -> None:
    """`forgotten` are the actors of whom the boards need not know all before the backfill."""
    by_actor = _by_actor(spending.accounts)
    for actor, days in spending.accounts.items():
        _judge_account(actor, told.accounts.get(actor, {}), days, verdict)
    known = {actor: sums for actor, sums in told.before.actors.items() if actor not in forgotten}
    _judge_actors(known, {actor: sums for actor, sums in by_actor.items() if actor not in forgotten}, verdict)
    _judge_actors(told.after.actors, by_actor, verdict)
    wrong = [
        *(f"{what}, before the backfill" for what in _wrong_of_tenant(told.before, told.before.days)),
        *_wrong_of_tenant(told.after, spending.days),
    ]
    if told.after.through_members != spending.through_members:
        wrong.append(f"{told.after.through_members} through members, the entries say {spending.through_members}")
    for what in wrong:
        verdict.add("usage_miscounted", _TENANT, None, what)


def _judge_account(actor: str, said: Mapping[str, Sums], days: Mapping[str, Sums], verdict: Verdict) -> None:
    for day, found, expected in _differences(said, days):
        what = f"is said to have spent {found} on {day}, its entries say {expected}"
        verdict.add("usage_miscounted", Account(TENANT, actor), None, what)


def _judge_actors(said: Mapping[str, Sums], by_actor: Mapping[str, Sums], verdict: Verdict) -> None:
    for actor, found, expected in _differences(said, by_actor):
        verdict.add("usage_miscounted", Account(TENANT, actor), None, f"spent {expected}, the tenant has {found}")


def scenes_of_spending(spending: Spending, told: Readings) -> dict[str, int]:
    """How often the situations that matter have come about."""
    return {
        BACKFILLED: sum(told.before.actors.get(actor) != sums for actor, sums in told.after.actors.items()),
        LATE_SPENDING: spending.late,
        TWO_MONTHS: len({day[:7] for day in spending.days}) - 1,
    }


def _wrong_of_tenant(said: Tenant, days: Mapping[str, Sums]) -> Iterator[str]:
    """Every way to add up the tenant comes to the sum of its days."""
    for day, found, expected in _differences(said.days, days):
        yield f"spent {found} on {day}, its accounts {expected}"
    total = _sum(days.values())
    if _sum(said.actors.values()) != total:
        yield f"its actors spent {_sum(said.actors.values())}, its days {total}"
    for grouping in GROUPINGS:
        if said.groupings[grouping] != total:
            yield f"spent {said.groupings[grouping]} by {grouping}, {total} by day"


def _differences(found: Mapping[str, Sums], expected: Mapping[str, Sums]) -> Iterator[tuple[str, Sums, Sums]]:
    for name in sorted(found.keys() | expected.keys()):
        pair = found.get(name, _NOTHING), expected.get(name, _NOTHING)
        if pair[0] != pair[1]:
            yield name, *pair


def _by_actor(accounts: Mapping[str, Mapping[str, Sums]]) -> dict[str, Sums]:
    return {actor: _sum(days.values()) for actor, days in accounts.items()}


def _sums_of(fields: Mapping[str, Any]) -> Sums | None:
    if fields["outcome"] == "refused":
        return None
    if fields["kind"] in CHARGING:
        return [-fields["amount"], 0, 1]
    return [0, fields["amount"], 0] if fields["kind"] == REFUNDING else None


def _sum(several: Any) -> Sums:
    return [sum(column) for column in zip(*several, strict=True)] or _NOTHING


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
