"""The tree in chunks is the same tree, and a proof made from one chunk the same proof."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.accounts import Account
from shared.verification.digest import (
    Digest,
    Head,
    chunk_of,
    digest_from_text,
    head_tree,
    in_digest_order,
    inclusion_proof,
    is_included,
    merkle_root,
    proof_in_chunks,
)


def heads(count: int) -> list[Head]:
    return [Head("main", f"user:{number:03d}", number + 1, f"{number:064x}") for number in range(count)]


@given(count=st.integers(0, 40), chunk_size=st.sampled_from([1, 2, 4, 8]))
def test_a_tree_in_chunks_has_the_root_of_the_whole(count: int, chunk_size: int) -> None:
    tree = head_tree(reversed(heads(count)), chunk_size)
    assert (tree.root, tree.count) == (merkle_root(in_digest_order(heads(count))), count)


@given(count=st.integers(1, 40), chunk_size=st.sampled_from([1, 2, 4, 8]), data=st.data())
def test_a_proof_from_one_chunk_is_the_proof_from_all(count: int, chunk_size: int, data: st.DataObject) -> None:
    tree = head_tree(heads(count), chunk_size)
    index = data.draw(st.integers(0, count - 1))
    head = heads(count)[index]
    chunk = chunk_of(head.account, tree.summary)
    assert chunk == index // chunk_size
    proof = proof_in_chunks(tree.chunks[chunk], index % chunk_size, chunk, tree.summary)
    assert proof == inclusion_proof(heads(count), index)
    assert is_included(head, proof, tree.root)


def test_an_account_before_all_others_is_in_no_chunk() -> None:
    summary = head_tree(heads(8), 2).summary
    assert chunk_of(Account("main", "aaron"), summary) is None
    assert chunk_of(Account("main", "zoe"), summary) == 3
    assert chunk_of(Account("main", "zoe"), ()) is None


def test_a_digest_is_read_back_from_its_text() -> None:
    digest = Digest(number=7, made_at="2026-01-31T03:00:00.000Z", count=2, root="a", previous="b", key="c")
    assert digest_from_text(digest.text) == digest


@pytest.mark.parametrize("text", ['{"version":2}', "{}", "[]", '{"version":1,"number":1}'])
def test_a_text_that_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        digest_from_text(text)
