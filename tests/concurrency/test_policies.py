"""Threads at accounts with limits, thresholds and parents, on a database that is atomic as the real one is."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.operations import CaptureHold, Charge, Configure, GrantCredits, Operation, PlaceHold, Terms
from shared.ledger.protocol import Recorded
from shared.ports.ledger import EntryFilter
from shared.verification.accounts import compare_halves, other_halves, verify_account
from tests.builders import ALICE, NOW_MS, operation
from tests.database import record_patiently
from tests.ledger_driver import TTL_MS

THREADS = 16
BOB = Account("main", "user:bob")
TEAM = Account("main", "team:red")
DAILY = {"amount": 50, "window": "day", "app": "chat", "meter": None}

NewLedger = Callable[[], DynamoLedger]


def send(ledger: DynamoLedger, key: str, terms: Terms, account: Account = ALICE) -> Entry:
    return record_patiently(ledger, operation(key, terms, account=account), NOW_MS).entry


def at_once(ledger: DynamoLedger, operations: Sequence[Operation]) -> list[Recorded]:
    start = Barrier(THREADS)

    def work(mine: Sequence[Operation]) -> list[Recorded]:
        start.wait()
        return [record_patiently(ledger, each, NOW_MS) for each in mine]

    with ThreadPoolExecutor(THREADS) as threads:
        shares = [operations[number::THREADS] for number in range(THREADS)]
        return [recorded for share in threads.map(work, shares) for recorded in share]


def record_that_holds(ledger: DynamoLedger, account: Account = ALICE) -> list[Entry]:
    """The entries, in order; verified against the state and, where there are any, their other halves."""
    entries = list(ledger.entries(account, EntryFilter(1000)).items)[::-1]
    assert verify_account(account, entries, ledger.state(account)) == []
    for entry in entries:
        for half in other_halves(entry):
            assert compare_halves(entry, half, ledger.entry(half.account, half.key)) == []
    return entries


def test_five_hundred_charges_at_once_fire_each_of_three_thresholds_once(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    send(ledger, "fund", GrantCredits(950))
    send(ledger, "watch", Configure(low_balance_thresholds=[900, 700, 500]))
    answers = at_once(ledger, [operation(f"k-{number}", Charge(1)) for number in range(500)])
    entries = record_that_holds(ledger)
    assert Counter(answer.entry.outcome for answer in answers) == {"applied": 500}
    assert [(entry.alerts, entry.after.available) for entry in entries if entry.alerts] == [
        ((900,), 899),
        ((700,), 699),
        ((500,), 499),
    ]


def test_a_limit_of_fifty_under_sixteen_threads_lets_fifty_through(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    send(ledger, "fund", GrantCredits(1000))
    send(ledger, "limit", Configure(limits=[DAILY]))
    charges = [replace(operation(f"k-{number}", Charge(1)), app="chat") for number in range(80)]
    answers = at_once(ledger, charges)
    record_that_holds(ledger)
    state = ledger.state(ALICE)
    assert Counter(answer.entry.reason for answer in answers) == {None: 50, "limit_exceeded": 30}
    assert state is not None
    assert state.policy is not None
    assert (state.spent, state.policy.limits[0].used) == (50, 50)


def test_two_members_never_spend_more_than_the_last_credits_of_their_parent(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    send(ledger, "fund", GrantCredits(30), TEAM)
    for member in (ALICE, BOB):
        send(ledger, "fund", GrantCredits(100), member)
        send(ledger, "join", Configure(parent=TEAM.actor), member)
    charges = [operation(f"k-{number}", Charge(1), account=(ALICE, BOB)[number % 2]) for number in range(48)]
    answers = at_once(ledger, charges)
    entries = {account: record_that_holds(ledger, account) for account in (ALICE, BOB, TEAM)}
    assert Counter(answer.entry.outcome for answer in answers) == {"applied": 30, "refused": 18}
    assert [entry.amount for entry in entries[TEAM]] == [30] + [-1] * 30
    assert sum(entry.after.spent for account in (ALICE, BOB) for entry in entries[account][-1:]) == 30


def test_settings_that_change_while_an_account_charges_hold_for_every_charge_after_them(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    send(ledger, "fund", GrantCredits(1000))
    send(ledger, "fund", GrantCredits(1000), TEAM)
    charges = [replace(operation(f"k-{number}", Charge(1)), app="chat") for number in range(64)]
    changes: list[Terms] = [
        Configure(limits=[DAILY | {"amount": 5}]),
        Configure(status="frozen"),
        Configure(status="open", limits=[]),
        Configure(parent=TEAM.actor),
    ]
    for number, terms in enumerate(changes, start=1):
        charges.insert(THREADS * number - 1, operation(f"change-{number}", terms))
    at_once(ledger, charges)
    entries = record_that_holds(ledger)
    joined = next(entry.seq for entry in entries if entry.parameters.get("parent"))
    paid_by_both = [entry for entry in record_that_holds(ledger, TEAM) if entry.member]
    assert len(entries) == 1 + len(charges)
    # What verification replays is the reducer's own word; that a charge has gone by the parent it has is not.
    assert all((entry.parent is None) == (entry.seq <= joined) for entry in entries if entry.kind == "charge")
    assert len(paid_by_both) == sum(
        entry.seq > joined and not entry.is_refused for entry in entries if entry.amount < 0
    )


def test_of_sixteen_captures_of_a_members_hold_one_wins_at_both(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    send(ledger, "fund", GrantCredits(100))
    send(ledger, "fund", GrantCredits(100), TEAM)
    send(ledger, "join", Configure(parent=TEAM.actor))
    placed = send(ledger, "hold", PlaceHold(40, TTL_MS))
    assert placed.hold is not None
    hold = str(placed.hold["id"])
    answers = at_once(ledger, [operation(f"k-{number}", CaptureHold(hold, 25)) for number in range(THREADS)])
    assert Counter(answer.entry.reason for answer in answers) == {None: 1, "hold_captured": THREADS - 1}
    for account in (ALICE, TEAM):
        record_that_holds(ledger, account)
        state = ledger.state(account)
        assert state is not None
        assert (state.available, state.held, state.spent) == (75, 0, 25)


def test_of_sixteen_parts_of_a_hold_as_many_are_taken_as_it_has_room_for(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    send(ledger, "fund", GrantCredits(100))
    send(ledger, "fund", GrantCredits(100), TEAM)
    send(ledger, "join", Configure(parent=TEAM.actor))
    placed = send(ledger, "hold", PlaceHold(40, TTL_MS))
    assert placed.hold is not None
    hold = str(placed.hold["id"])
    parts = [operation(f"k-{number}", CaptureHold(hold, 13, final=False)) for number in range(THREADS)]
    answers = at_once(ledger, parts)
    assert Counter(answer.entry.reason for answer in answers) == {None: 3, "exceeds_hold": THREADS - 3}
    for account in (ALICE, TEAM):
        record_that_holds(ledger, account)
        state = ledger.state(account)
        assert state is not None
        assert (state.available, state.held, state.spent) == (60, 1, 39)
