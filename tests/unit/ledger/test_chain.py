"""The record: dense, chained, complete enough to be replayed and to show any change made to it."""

import itertools
from dataclasses import replace

import pytest

from shared.ledger.accounts import GENESIS_HASH, Account, Balances
from shared.ledger.entries import Entry
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits
from shared.ledger.records import entry_from_record, hash_of, record_of
from shared.ledger.reducer import replay
from shared.verification.chain import breaks
from tests.builders import ALICE, NOW_MS, history

TERMS = (
    FundingUpdate(0, 100, note="opening"),
    Charge(30, check_id="check-1"),
    Charge(500),
    GrantCredits(50, "promotional", 1, NOW_MS + 5),
    Charge(60, "partial"),
)


@pytest.fixture
def entries() -> list[Entry]:
    return history(*TERMS)[1]


def test_entries_are_numbered_from_one_without_a_gap_and_start_where_the_one_before_ended(
    entries: list[Entry],
) -> None:
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].prev_hash == GENESIS_HASH
    for earlier, later in itertools.pairwise(entries):
        assert (later.before, later.prev_hash) == (earlier.after, earlier.hash)


def test_an_untouched_history_has_no_break(entries: list[Entry]) -> None:
    assert breaks(entries) == []


def test_a_part_of_a_history_has_no_break_when_it_is_told_what_came_before(entries: list[Entry]) -> None:
    assert breaks(entries[2:], after_seq=2, after_hash=entries[1].hash) == []


def test_a_missing_entry_is_found(entries: list[Entry]) -> None:
    assert [found.seq for found in breaks(entries[:2] + entries[3:])] == [4]


def test_entries_out_of_order_are_found(entries: list[Entry]) -> None:
    assert [found.seq for found in breaks([entries[0], entries[2], entries[1], *entries[3:]])] == [3, 2, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": -1},
        {"after": Balances(1, 0, 0, 0)},
        {"by": "someone else"},
        {"parameters": {"cost": 1}},
        {"outcome": "refused"},
        {"metadata": {"a": 1}},
        {"at_ms": 1},
        {"account": Account("main", "user:bob")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_entry_is_found(entries: list[Entry], change: dict[str, object]) -> None:
    entries[1] = replace(entries[1], **change)  # type: ignore[arg-type]
    assert [(found.seq, found.problem) for found in breaks(entries)] == [(2, "differs from its hash")]


def test_a_changed_entry_with_a_new_hash_breaks_the_link_of_the_next(entries: list[Entry]) -> None:
    forged = replace(entries[1], amount=-1)
    entries[1] = replace(forged, hash=hash_of(forged))
    assert [(found.seq, found.problem) for found in breaks(entries)] == [(3, "does not link to the entry before it")]


def test_an_entry_is_read_back_from_its_record_word_for_word(entries: list[Entry]) -> None:
    for entry in entries:
        assert entry_from_record(record_of(entry), entry.hash) == entry


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema":2}', '{"schema":1,"tenant":"main"}'])
def test_what_is_no_record_is_not_read_as_one(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        entry_from_record(text, GENESIS_HASH)


def test_replaying_the_entries_gives_the_state() -> None:
    state, entries = history(*TERMS)
    assert replay(ALICE, entries) == state


def test_replaying_finds_an_entry_that_the_ledger_would_not_have_written(entries: list[Entry]) -> None:
    generous = replace(entries[1], amount=-1, after=replace(entries[1].after, available=99, spent=1))
    entries[1] = replace(generous, hash=hash_of(generous))
    with pytest.raises(ValueError, match="entry 2 differs from what the ledger would write"):
        replay(ALICE, entries)
