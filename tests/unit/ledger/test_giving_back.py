"""What comes back to grants that were spent to the end, and what is said of what does not come back."""

from shared.edge.problems import refusal_of
from shared.ledger.grants import MAX_OPEN_GRANTS, MAX_REOPENED
from shared.ledger.operations import CaptureHold, Charge, Configure, GrantCredits, Refund, ReleaseHold
from shared.ledger.records import entry_from_record, record_of
from shared.ledger.views import public_entry
from tests.builders import NOW_MS
from tests.ledger_driver import LedgerDriver

TTL_MS = 600_000


def test_a_grant_that_is_given_back_to_in_parts_is_worth_no_more_than_it_says() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(100))
    charge = driver.send(Charge(100))
    shown = []
    for part in (30, 30, 40):
        driver.send(Refund(charge.key, part))
        shown += [(grant.amount, grant.remaining) for grant in driver.state().grants]
    assert shown == [(30, 30), (60, 60), (100, 100)]


def spent_again_and_again(times: int) -> LedgerDriver:
    """As many grants as there may be, spent and granted anew; then all is given back."""
    driver = LedgerDriver()
    charges = []
    for round_ in range(times):
        for number in range(MAX_OPEN_GRANTS):
            driver.send(GrantCredits(10, priority=20 + number, expires_at_ms=NOW_MS + (round_ + 1) * 10_000 + number))
        charges.append(driver.send(Charge(10 * MAX_OPEN_GRANTS)))
    for charge in charges:
        driver.send(Refund(charge.key))
    return driver


def test_however_much_is_given_back_the_lots_keep_within_bounds_and_nothing_is_lost() -> None:
    driver = spent_again_and_again(4)
    assert len(driver.state().grants) == MAX_REOPENED
    assert driver.balances() == (4 * 10 * MAX_OPEN_GRANTS, 0, 0)


def test_what_has_no_lot_of_its_own_joins_the_one_that_lasts_longest() -> None:
    driver = spent_again_and_again(3)
    # The first two charges have opened as many as there may be; the last of those lots takes all of the third.
    last = max(driver.state().grants, key=lambda grant: grant.expires_at_ms or 0)
    assert (last.expires_at_ms, last.remaining) == (NOW_MS + 20_000 + MAX_OPEN_GRANTS - 1, 10 + 10 * MAX_OPEN_GRANTS)


def test_an_entry_says_what_it_did_not_restore() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50_000, expires_at_ms=NOW_MS + 1000))
    driver.send(GrantCredits(5_000))
    charge, held = driver.send(Charge(20_000)), driver.hold(32_000, ttl_ms=TTL_MS)
    driver.now_ms += 2000
    assert public_entry(driver.send(Refund(charge.key)))["not_restored"] == 20
    assert public_entry(driver.send(ReleaseHold(held)))["not_restored"] == 30
    assert "not_restored" not in public_entry(driver.send(Charge(0)))


def test_an_entry_that_captures_part_of_a_hold_says_what_of_the_rest_had_expired() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50_000, expires_at_ms=NOW_MS + 1000))
    held = driver.hold(50_000, ttl_ms=TTL_MS)
    driver.now_ms += 2000
    assert public_entry(driver.send(CaptureHold(held, 20_000)))["not_restored"] == 30


def test_what_expires_by_itself_was_not_to_be_restored() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50_000, expires_at_ms=NOW_MS + 1000))
    driver.now_ms += 2000
    driver.send(Charge(0))
    assert [entry.kind for entry in driver.entries() if "not_restored" in public_entry(entry)] == []


def test_a_refusal_for_a_limit_is_the_same_text_when_it_is_read_back() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50_000))
    driver.send(Configure(limits=[{"amount": 10_000, "window": "day", "app": None, "meter": "llm"}]))
    refused = driver.send(Charge(20_000), meter="llm")
    read_back = entry_from_record(record_of(refused), refused.hash)
    assert str(refusal_of(read_back)) == str(refusal_of(refused))
