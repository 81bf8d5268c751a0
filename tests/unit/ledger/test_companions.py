"""What lies beside the entries is what they add up to, and what differs is named."""

from dataclasses import replace

from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, PlaceHold, Refund, ReleaseHold, Terms
from shared.ledger.protocol import Commit, Found, Read
from shared.ledger.reducer import apply
from shared.verification.companions import CompanionItem, compare_companions, of_entries
from tests.builders import ALICE, NOW_MS, operation
from tests.simulation.table import LedgerTable

STORY: tuple[Terms, ...] = (
    GrantCredits(1000),
    Charge(100),
    PlaceHold(50, 60_000),
    PlaceHold(70, 60_000),
    CaptureHold("h3", 20),
    Refund("key-2", 30),
    Refund("key-2", 40),
    Refund("key-2", 40),
    ReleaseHold("h4"),
    ReleaseHold("h4"),
)


def recorded(story: tuple[Terms, ...]) -> tuple[LedgerTable, list[Entry]]:
    table = LedgerTable(lambda _account, _row: None)
    for number, terms in enumerate(story, start=1):
        found = table.execute(table.begin(Read(ALICE, terms)))
        assert isinstance(found, Found)
        state = found.state or AccountState(ALICE)
        table.execute(Commit(apply(state, operation(f"key-{number}", terms), NOW_MS, found.references)))
    return table, [row.entry for row in table.journal[ALICE]]


def stored_in(table: LedgerTable) -> list[CompanionItem]:
    return [*table.holds.values(), *table.tallies.values()]


TABLE, ENTRIES = recorded(STORY)
EXPECTED = of_entries(ALICE, ENTRIES)


def problems(stored: list[CompanionItem], settled_seq: int = 10, newest_seq: int = 10) -> dict[int | None, str]:
    found = compare_companions(ALICE, EXPECTED, stored, settled_seq, newest_seq)
    return {finding.seq: finding.problem for finding in found}


def test_the_entries_add_up_to_what_the_ledger_wrote_beside_them() -> None:
    assert list(EXPECTED) == ["hold h3", "hold h4", "refund of key-2"]
    assert list(EXPECTED.values()) == stored_in(TABLE)
    assert problems(stored_in(TABLE)) == {}


def test_an_entry_that_cannot_have_been_does_not_hide_the_others() -> None:
    impossible = replace(ENTRIES[7], parameters={"no": "terms"})
    kept = of_entries(ALICE, [*ENTRIES[:7], impossible, *ENTRIES[8:]])
    assert kept["hold h3"] == EXPECTED["hold h3"]
    assert isinstance(kept["hold h4"], Hold)
    assert kept["hold h4"].status == "released"


def test_what_is_missing_altered_or_too_much_is_named() -> None:
    altered = replace(TABLE.holds[ALICE, "h3"], captured=19)
    added = Hold("h1", 5, 0, "open", NOW_MS, (), 1)
    assert problems([altered, added, RefundTally("key-2", 70, 7)]) == {
        5: "hold h3 does not match the entries",
        1: "hold h1 is in no entry",
        9: "hold h4 is missing",
    }


def test_what_changed_while_it_was_read_is_not_judged_but_nothing_is_newer_than_the_state() -> None:
    newer = replace(TABLE.holds[ALICE, "h3"], status="expired", seq=12)
    stored = [newer, *stored_in(TABLE)[1:]]
    assert problems(stored, newest_seq=12) == {}
    assert problems(stored, newest_seq=11) == {12: "hold h3 is ahead of the state"}


def test_a_hold_of_which_parts_were_captured_is_what_its_entries_add_up_to() -> None:
    parts = (CaptureHold("h2", 20, final=False), CaptureHold("h2", 15, final=False))
    table, entries = recorded((GrantCredits(1000), PlaceHold(50, 60_000), *parts))
    expected, stored = of_entries(ALICE, entries), stored_in(table)
    assert list(expected.values()) == stored
    assert [(hold.captured, hold.status) for hold in stored if isinstance(hold, Hold)] == [(35, "open")]
    altered: list[CompanionItem] = [replace(hold, captured=20) for hold in stored if isinstance(hold, Hold)]
    (finding,) = compare_companions(ALICE, expected, altered, 4, 4)
    assert (finding.seq, finding.problem) == (4, "hold h2 does not match the entries")
