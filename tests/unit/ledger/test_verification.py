"""Verification names what is wrong, and nothing where nothing is."""

from dataclasses import replace

import pytest

from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits
from shared.ledger.records import hash_of
from shared.ledger.reducer import apply
from shared.verification.accounts import Finding, compare_audit, drift_microcents, verify_account
from tests.builders import ALICE, NOW_MS, history, operation

STATE, ENTRIES = history(FundingUpdate(0, 100), Charge(30), Charge(500), GrantCredits(50, "promotional"), Charge(60))


def places(findings: list[Finding] | tuple[Finding, ...]) -> list[tuple[str, int | None]]:
    return [(finding.place, finding.seq) for finding in findings]


def resealed(entry: Entry, **change: object) -> Entry:
    changed = replace(entry, **change)  # type: ignore[arg-type]
    return replace(changed, hash=hash_of(changed))


def test_an_account_in_order_has_no_findings() -> None:
    assert verify_account(ALICE, ENTRIES, STATE) == []
    assert drift_microcents(ALICE, ENTRIES, STATE) == 0


def test_an_account_that_was_never_used_has_no_findings() -> None:
    assert verify_account(ALICE, [], None) == []


def test_a_state_that_was_changed_by_hand_is_found_with_the_name_of_the_field() -> None:
    findings = verify_account(ALICE, ENTRIES, replace(STATE, spent=STATE.spent - 7))
    assert [finding.problem for finding in findings] == ["spent does not match the entries"]


def test_the_drift_is_the_sum_of_the_differences_of_the_balances() -> None:
    assert drift_microcents(ALICE, ENTRIES, replace(STATE, spent=STATE.spent - 7, available=STATE.available + 5)) == 12


def test_a_state_whose_grants_do_not_hold_what_is_available_is_found() -> None:
    problems = [finding.problem for finding in verify_account(ALICE, ENTRIES, replace(STATE, grants=()))]
    assert "grants do not add up to the available balance" in problems


def test_a_missing_state_is_found() -> None:
    assert {finding.place for finding in verify_account(ALICE, ENTRIES, None)} == {"state"}


@pytest.mark.parametrize("seq", [1, 3])
def test_a_missing_entry_is_found(seq: int) -> None:
    findings = verify_account(ALICE, [entry for entry in ENTRIES if entry.seq != seq], STATE)
    assert ("ledger", seq + 1) in places(findings)


def test_an_altered_entry_is_found_even_with_a_matching_hash() -> None:
    entries = [*ENTRIES]
    entries[4] = resealed(ENTRIES[4], amount=-1, after=replace(ENTRIES[4].after, spent=31))
    assert ("ledger", 5) in places(verify_account(ALICE, entries, replace(STATE, head_hash=entries[4].hash)))


def test_an_entry_that_records_an_impossible_operation_is_found() -> None:
    entries = [resealed(ENTRIES[0], parameters={"cost": 1}), *ENTRIES[1:]]
    assert ("ledger", 1) in places(verify_account(ALICE, entries, STATE))


def test_an_added_entry_is_found() -> None:
    added = apply(STATE, operation("forged", Charge(1)), NOW_MS).entries
    assert {place for place, _ in places(verify_account(ALICE, [*ENTRIES, *added], STATE))} == {"state"}


def test_an_audit_table_with_every_entry_compares_clean_in_any_order() -> None:
    comparison = compare_audit(ALICE, ENTRIES, reversed(ENTRIES))
    assert (comparison.missing, comparison.findings) == ((), ())


def test_missing_altered_and_added_audit_rows_are_told_apart() -> None:
    altered = replace(ENTRIES[1], amount=-1)
    added = replace(ENTRIES[4], seq=6)
    comparison = compare_audit(ALICE, ENTRIES, [ENTRIES[0], altered, ENTRIES[2], ENTRIES[4], added])
    assert comparison.missing == (ENTRIES[3],)
    assert [(finding.seq, finding.problem) for finding in comparison.findings] == [
        (4, "is missing"),
        (2, "differs from the ledger"),
        (6, "is in no ledger"),
    ]


def test_a_state_that_is_not_the_accounts_own_is_found() -> None:
    other = replace(AccountState(ALICE), seq=STATE.seq)
    assert {place for place, _ in places(verify_account(ALICE, ENTRIES, other))} == {"state"}
