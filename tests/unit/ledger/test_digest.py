"""A digest covers every head, and nothing else passes for one of them."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.operations import FundingUpdate
from shared.verification.digest import (
    Head,
    head_of,
    in_digest_order,
    inclusion_proof,
    is_included,
    leaf_hash,
    merkle_root,
)
from tests.builders import ALICE, after


def heads(count: int) -> list[Head]:
    return in_digest_order(
        Head("main", f"user:{number}", number + 1, hashlib.sha256(b"%d" % number).hexdigest())
        for number in range(count)
    )


def test_a_head_is_the_newest_entry_of_an_account() -> None:
    state = after(FundingUpdate(0, 5))
    assert head_of(state) == Head("main", "user:alice", 1, state.head_hash)
    assert head_of(state).account == ALICE


def test_the_digest_of_no_accounts_is_the_hash_of_nothing() -> None:
    assert merkle_root([]) == hashlib.sha256(b"").hexdigest()


def test_the_tree_splits_at_the_largest_power_of_two() -> None:
    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    a, b, c = (leaf_hash(head) for head in heads(3))
    assert merkle_root(heads(3)) == node(node(a, b), c).hex()


@given(count=st.integers(1, 40), data=st.data())
def test_every_head_has_a_proof_and_no_changed_head_has_it(count: int, data: st.DataObject) -> None:
    all_heads, index = heads(count), data.draw(st.integers(0, count - 1))
    proof, root = inclusion_proof(all_heads, index), merkle_root(all_heads)
    assert is_included(all_heads[index], proof, root)
    assert not is_included(replace(all_heads[index], seq=0), proof, root)


@pytest.mark.parametrize("change", ["tenant", "actor", "hash"])
def test_any_change_of_a_head_changes_the_root(change: str) -> None:
    changed = [replace(heads(5)[0], **{change: "other"}), *heads(5)[1:]]  # type: ignore[arg-type]
    assert merkle_root(changed) != merkle_root(heads(5))


def test_a_node_does_not_pass_for_a_head() -> None:
    first, second, *_ = heads(4)
    assert merkle_root([first, second]) not in {leaf_hash(head).hex() for head in heads(4)}
