"""An id is one thing, and names made of several ids are as different as the ids are."""

import re
from itertools import combinations
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.adapters.dynamodb_rates import card_prefix, card_sk
from shared.adapters.keys import (
    account_of,
    account_pk,
    audit_check_sk,
    entry_sk,
    hold_sk,
    is_rates_pk,
    rates_pk,
    tally_sk,
)
from shared.adapters.usage_items import COUNTED_SK, UsageItem, day_sk, sum_sk
from shared.ledger.accounts import Account
from shared.ledger.counterparts import counterpart_key
from shared.ledger.events import check_event
from shared.ledger.ids import PATTERN, is_id
from shared.ledger.usage import Grouping, Slot
from shared.pricing.cards import own_card, reference_of
from tests.ids import ALPHABET, ODD, REAL, ids, short_ids


@pytest.mark.parametrize("text", [*REAL, *ODD])
def test_an_id_that_people_have_is_one(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "a b", "a#b", "a~b", 'a"b', "a\\b", "a\n", "\ta", "é", "x" * 129, None, 7, b"a"])
def test_what_is_empty_too_long_or_has_a_separator_in_it_is_no_id(text: object) -> None:
    assert not is_id(text)


@given(st.text(max_size=140))
@example(ALPHABET)
def test_an_id_is_ascii_of_its_alphabet_through_and_through(text: str) -> None:
    assert is_id(text) == (0 < len(text) <= 128 and set(text) <= set(ALPHABET))


def test_the_alphabet_is_what_was_agreed_on() -> None:
    assert [c for c in map(chr, range(0x21, 0x7F)) if not re.fullmatch(PATTERN, c)] == ['"', "#", "\\", "~"]


accounts = st.builds(Account, short_ids, short_ids)


@given(st.builds(Account, ids, ids))
def test_an_account_is_read_back_from_its_partition(account: Account) -> None:
    assert account_of(account_pk(account)) == account
    assert not is_rates_pk(account_pk(account))
    assert is_rates_pk(rates_pk(account.tenant))
    assert account_of(rates_pk(account.tenant)) is None


@given(accounts, accounts)
def test_two_accounts_have_two_partitions(one: Account, other: Account) -> None:
    assert (account_pk(one) == account_pk(other)) == (one == other)


@given(accounts, accounts, short_ids, short_ids)
@example(Account("a/b", "c"), Account("a", "b/c"), "k", "k")
@example(Account("a", "b/check/c"), Account("a", "b"), "k", "c/check/k")
def test_the_events_of_two_accounts_or_checks_have_two_ids(
    one: Account, other: Account, check: str, check_2: str
) -> None:
    found = [
        check_event(account, name, {}, 0, "c").detail["event_id"] for account, name in ((one, check), (other, check_2))
    ]
    assert (found[0] == found[1]) == ((one, check) == (other, check_2))


@given(accounts, accounts, short_ids, short_ids)
def test_what_a_parent_records_for_two_operations_has_two_keys(
    one: Account, other: Account, key: str, key_2: str
) -> None:
    same = (one.actor, key) == (other.actor, key_2)
    assert (counterpart_key(one, key) == counterpart_key(other, key_2)) == same
    assert not is_id(counterpart_key(one, key))
    assert not counterpart_key(one, key).startswith("~~")
    # Its own key is a member's key again, where the parent has a parent.
    assert counterpart_key(other, counterpart_key(one, key)).removeprefix(f"~{other.actor}~") == counterpart_key(
        one, key
    )


@given(st.lists(short_ids, min_size=2, max_size=6, unique=True))
def test_the_items_of_an_account_have_names_of_their_own(names: list[str]) -> None:
    keys = [make(name) for name in names for make in (entry_sk, hold_sk, tally_sk)]
    keys += [audit_check_sk("2026-01-31T00:00:00Z", name) for name in names]
    slots = [Slot(grouping, name, "2026-01-31") for name in ["", *names] for grouping in get_args(Grouping)]
    sums = [UsageItem(pk="TENANT#t#ACTOR#a", sk=sum_sk(slot)) for slot in slots]
    assert [item.slot for item in sums] == slots
    keys += [item.sk for item in sums]
    keys += [day_sk("2026-01-31"), COUNTED_SK]
    assert len(set(keys)) == len(keys)


cards = st.tuples(short_ids, st.none() | short_ids, st.integers(1, 99))


@given(cards, cards)
@example(("a/b", None, 1), ("a", "b", 1))
@example(("a@1", None, 1), ("a", None, 1))
@example(("a%2Fb", None, 1), ("a/b", None, 1))
def test_two_versions_of_cards_have_two_references_and_two_items(
    one: tuple[str, str | None, int], other: tuple[str, str | None, int]
) -> None:
    for name in (reference_of, card_sk):
        assert (name(*one) == name(*other)) == (one == other), name
    assert own_card(reference_of(*one), one[0]) == one[1:]
    assert (own_card(reference_of(*one), other[0]) is not None) == (one[0] == other[0])


@given(st.lists(short_ids, min_size=2, max_size=3, unique=True))
def test_no_card_is_listed_under_another_meter(meters: list[str]) -> None:
    for one, other in combinations(meters, 2):
        assert not card_sk(one, "m", 1).startswith(card_prefix(other, "*"))
