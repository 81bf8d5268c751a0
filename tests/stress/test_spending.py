"""The judge of the sums, on a small world: shipped code counts entries and keeps the boards, in memory.

The records of the sums come through the shards of the stress run, with every fault of theirs.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import Any, Final

import pytest

from functions.tenant.usage_schema import TenantUsageQuery, tenant_usage_listing
from in_memory.boards import MemoryBoardStore, MemoryUsageItems
from in_memory.usage import MemoryUsageBook
from shared.adapters.keys import account_pk
from shared.edge.usage_listing import public_sums
from shared.edge.validation import convert
from shared.ledger.accounts import Account, AccountState
from shared.ledger.boards import Board, Register
from shared.ledger.kinds import KINDS
from shared.ledger.operations import CaptureHold, Charge, FundingUpdate, PlaceHold, Refund, Terms
from shared.ledger.protocol import Commit, Found, Read
from shared.ledger.reducer import apply
from shared.ledger.usage import tallies
from shared.usecases.backfill_boards import backfill_boards
from shared.usecases.list_tenant_usage import list_tenant_usage
from shared.usecases.merge_boards import BoardDesk, merge_boards
from tests.builders import NOW_MS, operation
from tests.simulation.table import LedgerTable
from tests.simulation.verdict import Verdict
from tests.stress.reading import Readings, readings
from tests.stress.spending import (
    BACKFILLED,
    CHARGING,
    LATE_SPENDING,
    REFUNDING,
    TWO_MONTHS,
    judge_spending,
    scenes_of_spending,
    spending_of,
)
from tests.stress.sums_stream import Boards, SumsShard, SumsShares

DAY_MS: Final = 86_400_000
STORY: Final[tuple[Terms, ...]] = (
    FundingUpdate(0, 1_000_000),
    Charge(1_234),
    PlaceHold(20_000, 60_000),
    CaptureHold("h3", 17_001),
    Refund("key-2", 234),
    Charge(7, occurred_at_ms=NOW_MS - 34 * DAY_MS),
    Charge(9_000_000),
    Charge(11),
)
ACTORS: Final = [f"user:{number}" for number in range(120)]
FORGOTTEN: Final = ACTORS[7]
NEVER: Final = SumsShares(0, 0, 0, 0)
ALWAYS_AGAIN: Final = SumsShares(forgotten=0, again=1, again_late=1, twice_at_once=0)


def ledger_of_all() -> LedgerTable:
    ledger = LedgerTable(lambda _account, _row: None)
    for number, actor in enumerate(ACTORS):
        account = Account("main", actor)
        for place, terms in enumerate(STORY[: 2 + number % 7], start=1):
            found = ledger.execute(ledger.begin(Read(account, terms)))
            assert isinstance(found, Found)
            asked = operation(f"key-{place}", terms, account=account)
            change = apply(found.state or AccountState(account), asked, NOW_MS, found.references)
            ledger.execute(Commit(change))
    return ledger


class World:
    """Accounts whose entries are counted one by one, so that the stream has several records of an item."""

    def __init__(self, ledger: LedgerTable, shares: SumsShares, forgotten: Iterable[str] = ()) -> None:
        self._book = MemoryUsageBook()
        self._items = MemoryUsageItems(self._book)
        self._store = MemoryBoardStore(4)
        tokens = count()
        self._desk = BoardDesk(self._store, lambda: NOW_MS, token=lambda: str(next(tokens)))
        self.shard = SumsShard(
            Boards(_Merging(self._desk), _Merging(self._desk)), random.Random(1), shares, frozenset(forgotten)
        )
        self._count(ledger)

    def ask(self, function: str, event: Mapping[str, Any]) -> Any:
        """As the functions answer."""
        if function == "boards":
            done = backfill_boards(event["after"], self._items, self._desk, is_time_up=lambda: True)
            return {"next": done.next}
        query = event["queryStringParameters"]
        content = self._of_tenant(query) if function == "tenant" else self._of_account(event["rawPath"].split("/")[3])
        return {"statusCode": 200, "body": json.dumps(content, default=float)}

    def _of_tenant(self, query: Mapping[str, str]) -> Any:
        asked = convert(query, TenantUsageQuery).asked(NOW_MS)
        return tenant_usage_listing(asked, list_tenant_usage("main", asked, self._store))

    def _of_account(self, actor: str) -> Any:
        slots = self._book.sums_of(Account("main", actor)).items()
        items = [{"day": slot.day, **public_sums(sums)} for slot, sums in slots if slot.grouping == "day"]
        return {"group_by": "day", "items": items, "next": None}

    def _count(self, ledger: LedgerTable) -> None:
        for step in range(1, len(STORY) + 1):
            batch = [record for account in ledger.journal for record in self._counted(ledger, account, step)]
            for start in range(0, len(batch), 20):
                self.shard.deliver(batch[start : start + 20])
        self.shard.come_to_an_end()

    def _counted(self, ledger: LedgerTable, account: Account, step: int) -> list[Any]:
        entries = tuple(row.entry for row in ledger.journal[account])
        by_key = {entry.key: entry for entry in entries}
        for tally in tallies(entries[step - 1 : step], step - 1, by_key.get):
            assert self._book.add(account, tally)
        return [_record(each) for each in self._items.of_account(account)]


class _Merging:
    """Takes batches as the function does."""

    def __init__(self, desk: BoardDesk) -> None:
        self._desk = desk

    def failed(self, records: Sequence[Any]) -> set[str]:
        merge_boards([record["register"] for record in records], self._desk)
        return set()

    def close(self) -> None:
        pass


def _record(register: Register) -> Any:
    keys = {"pk": {"S": account_pk(register.account)}, "sk": {"S": f"DAY#{register.day}"}}
    return {"dynamodb": {"Keys": keys}, "register": register}


def told_by(
    ledger: LedgerTable, shares: SumsShares = NEVER, forgotten: Iterable[str] = ()
) -> tuple[Readings, set[str]]:
    world = World(ledger, shares, forgotten)
    days = spending_of(ledger).days
    told = readings(ACTORS, min(days), max(days), world.ask)
    return told, {key[0].rpartition("#")[2] for key in world.shard.forgotten}


def miscounted(ledger: LedgerTable, told: Readings, forgotten: Iterable[str] = ()) -> int:
    verdict = Verdict()
    judge_spending(spending_of(ledger), told, set(forgotten), verdict)
    return verdict.figures["usage_miscounted"]


@pytest.fixture(scope="module")
def ledger() -> LedgerTable:
    return ledger_of_all()


def test_the_judge_knows_every_kind_that_spends_or_refunds() -> None:
    assert {kind for kind, meaning in KINDS.items() if meaning.usage == "charged"} == CHARGING
    assert {kind for kind, meaning in KINDS.items() if meaning.usage == "refunded"} == {REFUNDING}


def test_the_judge_adds_up_the_entries_by_itself(ledger: LedgerTable) -> None:
    found = spending_of(ledger)
    # All of the story, and refusals are none of it.
    assert sorted(found.accounts[ACTORS[5]].values()) == [[7, 0, 1], [1_234 + 17_001, 234, 2]]
    assert found.accounts[ACTORS[0]] == {"2025-11-23": [1_234, 0, 1]}
    assert (found.late, found.through_members) == (sum(number % 7 >= 4 for number in range(120)), [0, 0, 0])


def test_nothing_is_wrong_where_every_record_arrives_once(ledger: LedgerTable) -> None:
    told, forgotten = told_by(ledger)
    assert forgotten == set()
    assert miscounted(ledger, told) == 0


def test_nothing_is_wrong_where_records_come_again_and_late_and_a_backfill_makes_up_for_the_lost(
    ledger: LedgerTable,
) -> None:
    told, forgotten = told_by(ledger, ALWAYS_AGAIN, [FORGOTTEN])
    assert FORGOTTEN in forgotten
    assert miscounted(ledger, told, forgotten) == 0
    assert miscounted(ledger, told) >= len(forgotten)
    seen = scenes_of_spending(spending_of(ledger), told)
    assert seen[BACKFILLED] == len(forgotten)
    assert min(seen[LATE_SPENDING], seen[TWO_MONTHS]) >= 1


def _counted_twice(self: Board, registers: Iterable[Register]) -> set[str]:
    """The mistake: what a register says is added, whatever was there before."""
    changed: set[str] = set()
    for each in registers:
        packed: Any = {
            slot.grouping: {slot.name: [sums.charged, sums.refunded, sums.count]} for slot, sums in each.sums.items()
        }
        self.change(each.day, each.account.actor, {}, {each.part: (each.through, packed)})
        changed.add(each.day)
    return changed


def _newest_is_the_last_to_come(self: Board, registers: Iterable[Register]) -> set[str]:
    """The mistake: a record that comes late takes the place of a newer one."""
    by_actor: dict[str, list[Register]] = {}
    for each in registers:
        by_actor.setdefault(each.account.actor, []).append(each)
    days: set[str] = set()
    for actor, mine in by_actor.items():
        days |= self.replace(actor, {each.day: [each] for each in mine})
    return days


@pytest.mark.parametrize("mistake", [_counted_twice, _newest_is_the_last_to_come])
def test_a_planted_mistake_in_the_boards_is_miscounted_usage(
    ledger: LedgerTable, mistake: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Board, "merge", mistake)
    told, forgotten = told_by(ledger, ALWAYS_AGAIN, [FORGOTTEN])
    assert miscounted(ledger, told, forgotten) > 0


def _account_is_short_by_a_microcent(told: Any) -> None:
    told.accounts[ACTORS[0]]["2025-11-23"][0] -= 1


def _account_lacks_a_day(told: Any) -> None:
    del told.accounts[ACTORS[5]]["2025-10-20"]


def _account_is_not_there(told: Any) -> None:
    del told.accounts[ACTORS[5]]


def _day_of_the_tenant_is_off_by_a_microcent(told: Any) -> None:
    told.after.days["2025-11-23"][0] += 1


def _refund_is_missing_for_the_tenant(told: Any) -> None:
    told.after.days["2025-11-23"][1] -= 234


def _charge_is_counted_again(told: Any) -> None:
    told.after.days["2025-11-23"][2] += 1


def _actor_is_missing_in_the_ranking(told: Any) -> None:
    del told.after.actors[ACTORS[3]]


def _actor_is_missing_before_the_backfill(told: Any) -> None:
    del told.before.actors[ACTORS[3]]


def _actor_has_what_another_spent(told: Any) -> None:
    actors = told.after.actors
    actors[ACTORS[0]], actors[ACTORS[5]] = actors[ACTORS[5]], actors[ACTORS[0]]


def _meters_do_not_add_up(told: Any) -> None:
    told.after.groupings["meter"][0] -= 1


def _days_and_actors_differ_before_the_backfill(told: Any) -> None:
    told.before.days["2025-10-20"][0] += 1


def _members_are_made_up(told: Any) -> None:
    told.after.through_members[0] += 1


@pytest.mark.parametrize(
    "mistake",
    [
        _account_is_short_by_a_microcent,
        _account_lacks_a_day,
        _account_is_not_there,
        _day_of_the_tenant_is_off_by_a_microcent,
        _refund_is_missing_for_the_tenant,
        _charge_is_counted_again,
        _actor_is_missing_in_the_ranking,
        _actor_is_missing_before_the_backfill,
        _actor_has_what_another_spent,
        _meters_do_not_add_up,
        _days_and_actors_differ_before_the_backfill,
        _members_are_made_up,
    ],
)
def test_whatever_is_misstated_is_miscounted_usage(
    ledger: LedgerTable, right: Readings, mistake: Callable[[Any], None]
) -> None:
    told = deepcopy(right)
    assert miscounted(ledger, told) == 0
    mistake(told)
    assert miscounted(ledger, told) > 0


@pytest.fixture(scope="module")
def right(ledger: LedgerTable) -> Readings:
    return told_by(ledger)[0]


def test_an_actor_of_whom_a_record_was_forgotten_must_be_right_after_the_backfill(
    ledger: LedgerTable, right: Readings
) -> None:
    before = replace(right.before, actors={**right.before.actors, FORGOTTEN: [0, 0, 0]})
    days = {**before.days}
    first = dict(spending_of(ledger).accounts[FORGOTTEN])
    for day, sums in first.items():
        days[day] = [have - lacks for have, lacks in zip(days[day], sums, strict=True)]
    total = [sum(column) for column in zip(*days.values(), strict=True)]
    before = replace(before, days=days, groupings=dict.fromkeys(before.groupings, total))
    told = replace(right, before=before)
    assert miscounted(ledger, told, [FORGOTTEN]) == 0
    assert miscounted(ledger, told) == 1
    assert miscounted(ledger, replace(told, after=before), [FORGOTTEN]) > 0


def test_a_reading_that_is_no_answer_ends_the_run(ledger: LedgerTable) -> None:
    world = World(ledger, NEVER)

    def ask(function: str, event: Mapping[str, Any]) -> Any:
        return {**world.ask(function, event), "statusCode": 503}

    with pytest.raises(ValueError, match="was answered"):
        readings(ACTORS, "2025-10-20", "2025-11-23", ask)
