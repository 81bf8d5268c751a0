"""Texts of boards as they lie in the bucket."""

from typing import Any

import pytest

from bench.boards import Bucket
from shared.adapters.board_items import BoardPointers
from shared.adapters.stored_boards import StoredBoards
from shared.ports.boards import BoardPlace, PartGone

PLACE = BoardPlace("main", "2026-01", 0)


@pytest.fixture
def store() -> StoredBoards:
    bucket: Any = Bucket()
    return StoredBoards(BoardPointers("usage"), "boards", 1, lambda: bucket)


@pytest.mark.parametrize("number", [0, 1, 2, 20_000])
def test_a_text_comes_back_whole_and_in_lines(store: StoredBoards, number: int) -> None:
    lines = [f"user:{index:06} {index * 7919 % 100_003} 0 1" for index in range(number)]
    text = "".join(f"{line}\n" for line in lines)
    store.keep(PLACE, {"1-a/actors": text})
    assert store.texts([(PLACE, "1-a/actors")]) == [text]
    assert list(store.lines(PLACE, "1-a/actors")) == lines


def test_a_text_that_is_gone_is_told_before_any_line_is_taken(store: StoredBoards) -> None:
    with pytest.raises(PartGone, match="main/2026-01/0/1-a/actors is gone"):
        store.lines(PLACE, "1-a/actors")
