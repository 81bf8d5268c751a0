"""How the ledger's values are laid out in DynamoDB's items."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.wire_units import size_bytes
from shared.adapters.attributes import GrantsAttribute, IntegerAttribute
from shared.adapters.items import AuditItem, EntryItem, HoldItem, StateItem
from shared.adapters.keys import account_pk
from shared.ledger.accounts import Account, AccountState
from shared.ledger.grants import Grant
from shared.ledger.holds import HeldPrice, Hold
from shared.ledger.operations import Charge, GrantCredits
from tests.builders import ALICE, NOW_MS, history

KIB = 1024
LARGEST = 999_999_999_999_999
"""Microcents, of as many digits as an amount can have."""
LATE_SEQ = 987_654_321_987

WORST_CASE = AccountState(
    account=Account("t" * 128, "a" * 128),
    available=16 * LARGEST,
    held=LARGEST,
    funded=99 * LARGEST,
    spent=99 * LARGEST,
    expired=99 * LARGEST,
    overdraft_limit=LARGEST,
    grants=tuple(
        Grant(LATE_SEQ - index, LARGEST, LARGEST - index, 1000 + index, "promotional", 1_999_999_999_999 + index)
        for index in range(16)
    ),
    seq=LATE_SEQ,
    head_hash="f" * 64,
    next_hold_expiry_ms=1_999_999_999_999,
    open_holds=9_999,
    carry=-499_999_999_999_999,
    policy_seq=LATE_SEQ,
    updated_at_ms=253_402_300_799_999,
)

grants = st.lists(
    st.builds(
        Grant,
        seq=st.integers(1, LATE_SEQ),
        amount=st.integers(1, 10**18),
        remaining=st.integers(1, 10**18),
        priority=st.integers(-1000, 1000),
        category=st.sampled_from(["purchased", "promotional", "allowance"]),
        expires_at_ms=st.none() | st.integers(1, 10**14),
    ),
    max_size=16,
).map(tuple)


def test_a_state_of_sixteen_grants_and_the_largest_numbers_and_ids_takes_at_most_a_kibibyte() -> None:
    assert size_bytes(StateItem.of(WORST_CASE).serialize()) <= KIB


def test_the_worst_case_holds_nothing_that_comes_out_small() -> None:
    serialized = StateItem.of(WORST_CASE).serialize()
    assert set(serialized) == set(StateItem.get_attributes())
    assert len(serialized["pk"]["S"]) == len("TENANT##ACTOR#") + 2 * 128


def test_the_worst_case_comes_back_as_it_was() -> None:
    raw = StateItem.of(WORST_CASE).serialize()
    assert StateItem.from_raw_data(raw).state_of(WORST_CASE.account) == WORST_CASE


@given(grants)
def test_grants_come_back_as_they_were_packed(several: tuple[Grant, ...]) -> None:
    attribute = GrantsAttribute()
    assert attribute.deserialize(attribute.serialize(several)) == several


@given(grants.filter(bool), st.data())
def test_packed_grants_that_were_cut_short_are_refused(several: tuple[Grant, ...], data: st.DataObject) -> None:
    packed = GrantsAttribute().serialize(several)
    cut = packed[: data.draw(st.integers(max(len(packed) - 5, 1), len(packed) - 1))]
    with pytest.raises(ValueError, match=r"shorter|cut off"):
        GrantsAttribute().deserialize(cut)


def test_a_state_of_another_schema_is_not_guessed_at() -> None:
    item = StateItem.of(AccountState(ALICE))
    item.schema = 2
    with pytest.raises(ValueError, match="schema 2"):
        item.state_of(ALICE)


@pytest.mark.parametrize("value", [1.0, True, Decimal(1), "1"])
def test_a_number_that_is_no_int_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        IntegerAttribute(attr_name="amount").serialize(value)  # type: ignore[arg-type]  # on purpose


def test_an_entry_item_says_in_its_own_attributes_what_its_record_says() -> None:
    entry = history(GrantCredits(100), Charge(30))[1][1]
    item = EntryItem.of(entry)
    assert (item.pk, item.sk) == ("TENANT#main#ACTOR#user:alice", f"OP#{entry.key}")
    assert (item.entry_seq, item.kind, item.outcome, item.amount, item.at_ms) == (2, "charge", "applied", -30, NOW_MS)
    assert item.entry == entry


def test_audit_rows_sort_by_seq() -> None:
    entry = history(*[Charge(1)] * 11)[1]
    keys = [AuditItem.of(each, "event").sk for each in entry]
    assert keys == sorted(keys)
    assert keys[0] == "SEQ#000000000001"


@pytest.mark.parametrize(
    ("one", "other"),
    [(Account("a", "b"), Account("b", "a")), (Account("a:b", "c"), Account("a", "b:c")), (ALICE, Account("x", "y"))],
)
def test_no_two_accounts_share_a_partition(one: Account, other: Account) -> None:
    assert account_pk(one) != account_pk(other)


@pytest.mark.parametrize(
    "price", [None, HeldPrice("calls@3", None, NOW_MS), HeldPrice("genai-prices@0.2.3", "gpt-4o", NOW_MS)]
)
def test_a_hold_comes_back_with_the_price_that_it_holds(price: HeldPrice | None) -> None:
    hold = Hold("h7", 100, 0, "open", NOW_MS, (), 7, meter="llm", price=price)
    assert HoldItem.from_raw_data(HoldItem.of(ALICE, hold).serialize()).hold == hold
