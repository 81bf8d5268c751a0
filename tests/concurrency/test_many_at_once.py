"""Threads and processes at one account, on a database that is atomic as the real one is."""

import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Barrier

from local.dynamodb_local import Database
from local.paths import ROOT
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.entries import Entry
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, Operation
from shared.ledger.protocol import Recorded
from shared.ports.ledger import EntryFilter
from shared.verification.accounts import drift_microcents, verify_account
from tests.builders import ALICE, NOW_MS, operation
from tests.concurrency.workers import charge_each
from tests.database import record_patiently

THREADS = 16
CREDITS = 50

NewLedger = Callable[[], DynamoLedger]


def fund(ledger: DynamoLedger, amount: int = CREDITS) -> None:
    record_patiently(ledger, operation("funding", GrantCredits(amount)), NOW_MS)


def at_once(ledger: DynamoLedger, operations: list[Operation], now_ms: int = NOW_MS) -> list[Recorded]:
    """Sends all of them from sixteen threads that start together."""
    start = Barrier(THREADS)

    def send(mine: list[Operation]) -> list[Recorded]:
        start.wait()
        return [record_patiently(ledger, each, now_ms) for each in mine]

    with ThreadPoolExecutor(THREADS) as threads:
        shares = [operations[number::THREADS] for number in range(THREADS)]
        return [recorded for share in threads.map(send, shares) for recorded in share]


def all_entries(ledger: DynamoLedger) -> list[Entry]:
    page = ledger.entries(ALICE, EntryFilter(1000))
    assert page.next_before_seq is None
    return list(page.items)[::-1]


def assert_that_the_record_holds(ledger: DynamoLedger) -> list[Entry]:
    """Dense, chained, and adding up to the stored state."""
    entries, stored = all_entries(ledger), ledger.state(ALICE)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert verify_account(ALICE, entries, stored) == []
    assert drift_microcents(ALICE, entries, stored) == 0
    return entries


def test_sixteen_threads_spend_what_is_there_and_not_one_credit_more(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    fund(ledger)
    answers = at_once(ledger, [operation(f"k-{number}", Charge(1)) for number in range(80)])
    entries = assert_that_the_record_holds(ledger)
    charges = Counter(entry.outcome for entry in entries if entry.kind == "charge")
    assert Counter(answer.entry.outcome for answer in answers) == {"applied": CREDITS, "refused": 30}
    assert charges == {"applied": CREDITS, "refused": 30}
    assert not any(answer.replayed for answer in answers)
    assert sorted((answer.entry for answer in answers), key=lambda entry: entry.seq) == entries[1:]


def test_one_key_sent_by_sixteen_threads_is_charged_once_and_answered_alike(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    fund(ledger)
    answers = at_once(ledger, [operation("k", Charge(7), request=f"request-{number}") for number in range(THREADS)])
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: THREADS - 1}
    assert len({answer.entry.hash for answer in answers}) == 1
    assert len(assert_that_the_record_holds(ledger)) == 2


def test_one_key_that_is_refused_is_refused_to_all(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    answers = at_once(ledger, [operation("k", Charge(7), request=f"request-{number}") for number in range(THREADS)])
    assert {answer.entry.outcome for answer in answers} == {"refused"}
    assert len(assert_that_the_record_holds(ledger)) == 1


def test_the_first_operations_of_an_account_make_one_account(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    at_once(ledger, [operation(f"k-{number}", GrantCredits(10)) for number in range(THREADS)])
    state = ledger.state(ALICE)
    assert len(assert_that_the_record_holds(ledger)) == THREADS
    assert state is not None
    assert (state.available, state.seq) == (10 * THREADS, THREADS)


def test_of_sixteen_funding_updates_from_the_same_total_one_wins(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    answers = at_once(ledger, [operation(f"k-{number}", FundingUpdate(0, 100 + number)) for number in range(THREADS)])
    (winner,) = [answer.entry for answer in answers if answer.entry.outcome == "applied"]
    state = ledger.state(ALICE)
    assert_that_the_record_holds(ledger)
    assert state is not None
    assert state.funded == winner.after.funded


def test_what_is_due_expires_once_however_many_come_upon_it(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    expiring = GrantCredits(CREDITS, "promotional", expires_at_ms=NOW_MS + 1)
    record_patiently(ledger, operation("promo", expiring), NOW_MS)
    answers = at_once(ledger, [operation(f"k-{number}", Charge(1)) for number in range(THREADS)], NOW_MS + 1)
    entries = assert_that_the_record_holds(ledger)
    assert {answer.entry.outcome for answer in answers} == {"refused"}
    assert [entry.amount for entry in entries if entry.kind == "expire"] == [-CREDITS]


def test_several_processes_spend_what_is_there_and_not_one_credit_more(
    new_ledger: NewLedger, database: Database
) -> None:
    ledger = new_ledger()
    fund(ledger, 25)
    keys = [[f"p{process}-{number}" for number in range(10)] for process in range(4)]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawned) as processes:
        runs = [processes.submit(charge_each, _table_of(ledger), database.url, mine) for mine in keys]
        outcomes = Counter(outcome for run in runs for outcome, _ in run.result())
    assert outcomes == {"applied": 25, "refused": 15}
    assert len(assert_that_the_record_holds(ledger)) == 41


def test_a_process_killed_at_work_leaves_a_whole_record_and_its_keys_can_be_sent_again(
    new_ledger: NewLedger, database: Database
) -> None:
    ledger = new_ledger()
    fund(ledger, 1000)
    keys = [f"k-{number}" for number in range(120)]
    call = f"charge_until_killed({_table_of(ledger)!r}, {database.url!r}, {keys[:80]})"
    script = f"from tests.concurrency.workers import charge_until_killed; {call}"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as process:
        while process.poll() is None and len(all_entries(ledger)) < 20:
            time.sleep(0.02)
        process.kill()
    written = assert_that_the_record_holds(ledger)
    answers = [record_patiently(ledger, operation(key, Charge(1)), NOW_MS) for key in keys]
    state = ledger.state(ALICE)
    assert 20 <= len(written) < len(keys)
    # The database may have had one more in hand when the process died.
    assert sum(answer.replayed for answer in answers) - (len(written) - 1) in {0, 1}
    assert len(assert_that_the_record_holds(ledger)) == len(keys) + 1
    assert state is not None
    assert state.spent == len(keys)


def _table_of(ledger: DynamoLedger) -> str:
    return ledger._table.entries.Meta.table_name
