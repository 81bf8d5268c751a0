"""A later digest may take nothing back of an earlier one."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.verification.digest import Digest, Head, digest_from_text
from shared.verification.regressions import LISTED_MAX, Regression, Regressions, listed, regressions_of

BEFORE = [Head("main", f"user:{name}", 5, name * 64) for name in "abc"]


def found(now: list[Head]) -> list[tuple[str, str]]:
    return [(each.actor, each.problem) for each in regressions_of(BEFORE, now)]


def test_accounts_that_stand_or_go_on_and_new_ones_are_no_contradiction() -> None:
    a, b, c = BEFORE
    between, beyond = Head("main", "user:aa", 1, "9"), Head("main", "user:z", 1, "9")
    assert found([a, between, Head("main", b.actor, 6, "other"), c, beyond]) == []


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        ([BEFORE[0], BEFORE[2]], "had 5 entries and no longer exists"),
        ([BEFORE[0], Head("main", "user:b", 4, "b" * 64), BEFORE[2]], "had 5 entries and has 4"),
        ([BEFORE[0], Head("main", "user:b", 5, "x" * 64), BEFORE[2]], "has a different entry 5 than before"),
    ],
)
def test_an_account_that_is_gone_fell_or_has_another_history_is_named(now: list[Head], problem: str) -> None:
    assert found(now) == [("user:b", problem)]


def test_the_same_actor_of_another_tenant_is_another_account() -> None:
    assert found([Head("other", head.actor, head.seq, head.hash) for head in BEFORE]) == [
        (head.actor, "had 5 entries and no longer exists") for head in BEFORE
    ]


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_what_is_gone_is_what_was_there_and_is_not(before: set[int], now: set[int]) -> None:
    heads = [[Head("main", f"{number:02d}", 1, "h") for number in sorted(each)] for each in (before, now)]
    assert {int(each.actor) for each in regressions_of(*heads)} == before - now


def test_all_are_counted_and_as_many_listed_as_a_list_may_have() -> None:
    many = listed(Regression("main", f"user:{number}", "is gone") for number in range(LISTED_MAX + 5))
    assert (many.count, len(many.listed)) == (LISTED_MAX + 5, LISTED_MAX)


def test_the_hash_in_the_digest_is_that_of_the_list_beside_it() -> None:
    some = Regressions(1, (Regression("main", "user:a", "is gone"),))
    assert some.text == '{"count":1,"listed":[["main","user:a","is gone"]]}'
    assert some.hash == hashlib.sha256(some.text.encode()).hexdigest()


def test_a_digest_of_the_first_version_is_read_and_says_nothing_of_the_one_before_it() -> None:
    first = (
        '{"count":3,"key":"k","made_at":"2026-01-31T03:00:00.000Z","number":17,"previous":"p","root":"r","version":1}'
    )
    assert digest_from_text(first) == Digest(17, "2026-01-31T03:00:00.000Z", 3, "r", "p", "k", 0, "")
