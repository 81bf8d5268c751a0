"""Many come upon what is due of one account at once: operations, and those who do it in the background."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from shared.adapters.dynamodb_due import DynamoDueAccounts
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Charge, GrantCredits
from shared.usecases.do_what_is_due import Plan, Run, do_what_is_due
from tests.builders import ALICE, NOW_MS, SECOND_MS, operation
from tests.concurrency.test_many_at_once import NewLedger, assert_that_the_record_holds
from tests.contract.test_due import leak
from tests.database import patient_connections, record_patiently

LEAKED = 120
TTL_MS = 60 * SECOND_MS
OVER_MS = NOW_MS + TTL_MS
THREADS = 16


def state_of(ledger: DynamoLedger) -> AccountState:
    state = ledger.state(ALICE)
    assert state is not None
    return state


def together(works: list[Callable[[], object]]) -> list[object]:
    start = Barrier(len(works))

    def begin(work: Callable[[], object]) -> object:
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))


def assert_that_each_hold_returned_once(entries: list[Entry]) -> None:
    placed = [entry.hold["id"] for entry in entries if entry.kind == "hold" and entry.hold]
    returned = [entry.hold["id"] for entry in entries if entry.kind == "expire" and entry.hold]
    assert len(placed) == LEAKED
    assert Counter(returned) == Counter(placed)


def test_what_is_due_is_done_once_while_many_charge_and_others_do_it_in_the_background(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    leak(ledger, [TTL_MS] * LEAKED, spare=30)
    charging = [operation(f"charge-{number}", Charge(10)) for number in range(THREADS)]

    def charge(number: int) -> str:
        return record_patiently(ledger, charging[number], OVER_MS).entry.outcome

    def in_background(number: int) -> int:
        return ledger.do_what_is_due(ALICE, f"background-{number}", OVER_MS)

    works: list[Callable[[], object]] = [lambda number=number: charge(number) for number in range(THREADS)]  # type: ignore[misc]
    works += [lambda number=number: in_background(number) for number in range(4)]  # type: ignore[misc]
    outcomes = together(works)
    entries, state = assert_that_the_record_holds(ledger), state_of(ledger)
    assert_that_each_hold_returned_once(entries)
    # All 150 are there to be spent, by 15 of the charges: none was refused for what a hold had kept.
    assert Counter(outcomes[:THREADS]) == {"applied": 15, "refused": 1}
    assert (state.available, state.held, state.spent, state.open_holds) == (0, 0, 150, 0)
    assert state.next_hold_expiry_ms is None
    by = Counter(entry.correlation_id for entry in entries if entry.kind == "expire")
    assert [by[f"background-{number}"] for number in range(4)] == outcomes[THREADS:]
    assert sum(by.values()) == LEAKED


def test_runs_that_overlap_do_each_account_once_while_it_is_charged_and_funded(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    leak(ledger, [TTL_MS + number * SECOND_MS for number in range(LEAKED)], spare=100)
    with patient_connections():
        accounts = DynamoDueAccounts(ledger._table.whole.Meta.table_name, host=ledger._table.whole.Meta.host)
    now_ms = OVER_MS + LEAKED * SECOND_MS

    def go_round() -> Run:
        plan = Plan(0, "background", lambda: now_ms, lambda: False)
        return do_what_is_due(None, accounts, ledger, plan)

    def charge_and_fund(number: int) -> None:
        for turn in range(5):
            key = f"{number}-{turn}"
            record_patiently(ledger, operation(f"charge-{key}", Charge(2)), now_ms)
            record_patiently(ledger, operation(f"fund-{key}", GrantCredits(1)), now_ms)

    works: list[Callable[[], object]] = [lambda number=number: charge_and_fund(number) for number in range(6)]  # type: ignore[misc]
    together([*works, go_round, go_round, go_round])
    entries, state = assert_that_the_record_holds(ledger), state_of(ledger)
    assert_that_each_hold_returned_once(entries)
    assert (state.available, state.held, state.spent) == (LEAKED + 100 - 30, 0, 60)
    assert go_round() == Run(None)
