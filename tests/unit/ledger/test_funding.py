"""Funding: compare and set of the total, and grants with priority and expiry."""

import pytest

from shared.ledger.accounts import AccountState
from shared.ledger.errors import InvalidOperation, TooManyGrants
from shared.ledger.grants import MAX_OPEN_GRANTS
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, ReleaseHold
from shared.ledger.reducer import apply, as_of
from tests.builders import ALICE, NOW_MS, SECOND_MS, after, drawn, history, operation, outcomes, remaining
from tests.ledger_driver import LedgerDriver

SOON_MS = NOW_MS + SECOND_MS
LATER_MS = NOW_MS + 2 * SECOND_MS


def test_the_first_funding_starts_from_zero() -> None:
    state, entries = history(FundingUpdate(0, 500))
    assert (state.funded, state.available, entries[0].amount) == (500, 500, 500)


def test_a_funding_update_moves_available_by_the_difference() -> None:
    state = after(FundingUpdate(0, 500), Charge(100), FundingUpdate(500, 300))
    assert (state.funded, state.available, state.spent) == (300, 200, 100)


def test_a_funding_update_from_another_total_than_the_stored_one_is_refused() -> None:
    state, entries = history(FundingUpdate(0, 500), FundingUpdate(400, 900))
    assert (entries[-1].outcome, entries[-1].reason) == ("refused", "funding_conflict")
    assert entries[-1].before.funded == state.funded == 500


def test_a_reduction_below_the_limit_is_refused_unless_forced() -> None:
    _, entries = history(FundingUpdate(0, 500), Charge(400), FundingUpdate(500, 399))
    assert (entries[-1].outcome, entries[-1].reason) == ("refused", "would_overdraw")
    assert after(FundingUpdate(0, 500), Charge(400), FundingUpdate(500, 399, force=True)).available == -1


def test_a_reduction_to_exactly_the_limit_is_accepted() -> None:
    assert after(FundingUpdate(0, 500), Charge(400), FundingUpdate(500, 400)).available == 0


def test_an_increase_is_accepted_even_while_the_account_owes_more() -> None:
    assert after(Charge(100, "overdraw"), FundingUpdate(0, 30)).available == -70


def test_an_update_to_the_same_total_is_recorded_and_changes_nothing() -> None:
    state, entries = history(FundingUpdate(0, 500), FundingUpdate(500, 500))
    assert (entries[-1].outcome, entries[-1].amount, state.available) == ("applied", 0, 500)


def test_a_reduction_takes_from_the_grant_that_would_be_spent_last() -> None:
    state = after(GrantCredits(100, priority=1), GrantCredits(100, priority=20), FundingUpdate(200, 130))
    assert remaining(state) == {"g1": 100, "g2": 30}


@pytest.mark.parametrize("first", [1, 2])
def test_grants_are_drawn_down_by_priority_whatever_the_order_they_came_in(first: int) -> None:
    grants = [GrantCredits(100, priority=first), GrantCredits(100, priority=3 - first)]
    state, _ = history(*grants, Charge(120))
    assert [(grant.priority, grant.remaining) for grant in state.grants] == [(2, 80)]


def test_the_same_priority_is_drawn_down_by_earliest_expiry_and_the_entry_says_which_paid() -> None:
    state, entries = history(
        GrantCredits(10),
        GrantCredits(10, expires_at_ms=LATER_MS),
        GrantCredits(10, expires_at_ms=SOON_MS),
        Charge(15),
    )
    assert drawn(entries[-1]) == {"g3": 10, "g2": 5}
    assert remaining(state) == {"g2": 5, "g1": 10}


def test_grants_alike_in_priority_expiry_and_category_merge() -> None:
    assert remaining(after(GrantCredits(10), GrantCredits(5), FundingUpdate(15, 20))) == {"g1": 20}


def test_a_promotional_grant_stays_apart_from_a_purchased_one_and_the_older_pays_first() -> None:
    state, entries = history(GrantCredits(10, "promotional"), GrantCredits(10, "purchased"), Charge(12))
    assert drawn(entries[-1]) == {"g1": 10, "g2": 2}
    assert remaining(state) == {"g2": 8}


def test_a_grant_first_pays_what_the_account_owes() -> None:
    state = after(Charge(30, "overdraw"), GrantCredits(100))
    assert (state.available, remaining(state)) == (70, {"g2": 70})


def test_a_grant_that_only_pays_a_debt_stays_closed() -> None:
    state = after(Charge(30, "overdraw"), GrantCredits(20))
    assert (state.available, state.grants) == (-10, ())


def test_one_open_grant_too_many_of_which_none_are_alike_is_not_recorded() -> None:
    full, _ = history(*(GrantCredits(1, priority=number) for number in range(MAX_OPEN_GRANTS)))
    with pytest.raises(TooManyGrants):
        history(GrantCredits(1, priority=99), state=full)
    _, entries = history(GrantCredits(1, priority=0), state=full)
    assert entries[-1].outcome == "applied", "one that merges needs no room"


HOURS = [2, 3, 7, 20, 21, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400]


def full_of(*hours: int) -> AccountState:
    """One grant without an expiry, and as many that expire after so many hours."""
    terms = [GrantCredits(10, "promotional", expires_at_ms=NOW_MS + hour * 3_600_000) for hour in hours]
    return history(GrantCredits(5, "promotional"), *terms)[0]


def test_a_purchase_is_never_refused_for_room_the_two_nearest_become_one_with_the_later_expiry() -> None:
    full = full_of(*HOURS)
    state, entries = history(GrantCredits(100, "purchased"), state=full)
    assert entries[-1].outcome == "applied"
    later_ms = NOW_MS + 3 * 3_600_000
    assert entries[-1].merged == {"grant": "g2", "into": "g3", "amount": 10, "expires_at_ms": later_ms}
    assert len(state.grants) == MAX_OPEN_GRANTS
    merged = next(grant for grant in state.grants if grant.id == "g3")
    assert (merged.amount, merged.remaining, merged.expires_at_ms) == (20, 20, later_ms)
    assert state.available == full.available + 100


def test_a_new_grant_takes_part_when_grants_become_one() -> None:
    full = full_of(*(hour * 10 for hour in HOURS))
    terms = GrantCredits(7, "promotional", expires_at_ms=NOW_MS + 199 * 3_600_000)
    state, entries = history(terms, state=full)
    assert entries[-1].merged is not None
    assert entries[-1].merged["grant"] == f"g{entries[-1].seq}"
    assert state.available == full.available + 7


def test_what_comes_back_to_a_grant_that_became_part_of_another_comes_back_as_it_was_drawn() -> None:
    driver = LedgerDriver()
    for hour in HOURS:
        driver.send(GrantCredits(10, "promotional", expires_at_ms=NOW_MS + hour * 3_600_000))
    held = driver.hold(4)
    driver.send(GrantCredits(10, "promotional"))
    assert driver.send(GrantCredits(10)).merged is not None
    driver.send(ReleaseHold(held))
    back = next(grant for grant in driver.state().grants if grant.id == "g1")
    assert (back.remaining, back.expires_at_ms) == (4, NOW_MS + 2 * 3_600_000)
    driver.check()


def test_a_grant_that_is_over_at_its_first_instant_is_no_operation() -> None:
    with pytest.raises(InvalidOperation, match="expires_at must be in the future"):
        history(GrantCredits(10, expires_at_ms=NOW_MS))


def test_a_grant_is_usable_until_just_before_it_expires() -> None:
    state = after(GrantCredits(10, expires_at_ms=SOON_MS))
    assert outcomes(apply(state, operation("c", Charge(10)), SOON_MS - 1).entries) == [("charge", "applied")]


def test_a_charge_at_the_instant_of_expiry_finds_the_grant_expired_with_an_entry_of_its_own() -> None:
    state = after(GrantCredits(10, expires_at_ms=SOON_MS), GrantCredits(5))
    change = apply(state, operation("c", Charge(10)), SOON_MS)
    assert outcomes(change.entries) == [("expire", "applied"), ("charge", "refused")]
    expiry = change.entries[0]
    assert (expiry.amount, drawn(expiry), expiry.by, expiry.seq) == (-10, {"g1": 10}, "millicent", 3)
    assert (change.state.available, change.state.expired, change.state.funded) == (5, 10, 15)


def test_what_was_spent_of_a_grant_does_not_expire() -> None:
    state = after(GrantCredits(10, expires_at_ms=SOON_MS), Charge(4))
    assert apply(state, operation("c", Charge(0)), SOON_MS).entries[0].amount == -6


def test_a_reader_sees_no_expired_credits_although_no_entry_says_so_yet() -> None:
    state = after(GrantCredits(10, expires_at_ms=SOON_MS), GrantCredits(5))
    assert as_of(state, SOON_MS - 1) is state
    assert (as_of(state, SOON_MS).available, remaining(as_of(state, SOON_MS))) == (5, {"g2": 5})


def test_an_account_without_entries_has_nothing() -> None:
    assert as_of(AccountState(ALICE), NOW_MS).balances == AccountState(ALICE).balances
