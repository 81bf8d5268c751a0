"""Texts of boards as they lie in the bucket."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from bench.boards import Bucket
from shared.adapters.board_items import BoardPointers
from shared.adapters.stored_boards import StoredBoards
from shared.ledger.boards import lines_of_text, text_of_lines
from shared.ledger.errors import LedgerUnavailable
from shared.ports.boards import BoardPlace, PartGone

PLACE = BoardPlace("main", "2026-01", 0)


class FailingBucket(Bucket):
    """Answers every call with `failure`, once there is one."""

    failure: Exception | None = None

    def __getattribute__(self, name: str) -> Any:
        failure = None if name in {"failure", "objects", "calls"} else self.failure
        if failure is not None:
            raise failure
        return super().__getattribute__(name)


def error(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")


@pytest.fixture
def bucket() -> Any:
    return FailingBucket()


@pytest.fixture
def store(bucket: Any) -> StoredBoards:
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


def test_no_character_but_the_end_of_a_line_ends_a_line(store: StoredBoards) -> None:
    text = 'user:a 1 0 1 {"":[1,{"model":{"a\u2028b\x85c\x1cd":[1,0,1]}}]}\n'
    store.keep(PLACE, {"1-a/2026-01-01": text})
    assert [f"{line}\n" for line in store.lines(PLACE, "1-a/2026-01-01")] == [text]
    assert text_of_lines(lines_of_text(text)) == text


@pytest.mark.parametrize("kept", [0, 1, 40, 100])
def test_a_text_of_which_a_part_is_missing_is_gone(store: StoredBoards, bucket: Any, kept: int) -> None:
    """Whoever reads it as it is would count too little, or wait for its end for ever."""
    store.keep(PLACE, {"1-a/actors": "".join(f"user:{index:06} {index * 7919} 0 1\n" for index in range(20_000))})
    ((key, body),) = bucket.objects.items()
    bucket.objects[key] = body[:kept]
    with pytest.raises(PartGone, match="main/2026-01/0/1-a/actors"):
        store.texts([(PLACE, "1-a/actors")])
    with pytest.raises(PartGone, match="main/2026-01/0/1-a/actors"):
        list(store.lines(PLACE, "1-a/actors"))


@pytest.mark.parametrize("place", [1, 30, -3])
def test_a_text_that_was_damaged_is_gone(store: StoredBoards, bucket: Any, place: int) -> None:
    store.keep(PLACE, {"1-a/actors": "".join(f"user:{index:06} {index * 7919} 0 1\n" for index in range(20_000))})
    ((key, body),) = bucket.objects.items()
    damaged = bytearray(body)
    damaged[place] ^= 0x55
    bucket.objects[key] = bytes(damaged)
    with pytest.raises(PartGone):
        store.texts([(PLACE, "1-a/actors")])
    with pytest.raises(PartGone):
        list(store.lines(PLACE, "1-a/actors"))


@pytest.mark.parametrize(
    "failure",
    [
        error("SlowDown", 503),
        error("InternalError", 500),
        ReadTimeoutError(endpoint_url="https://s3"),
        EndpointConnectionError(endpoint_url="https://s3"),
    ],
    ids=["slow down", "internal error", "timeout", "no connection"],
)
def test_a_bucket_that_does_not_answer_makes_the_sums_unavailable(
    store: StoredBoards, bucket: Any, failure: Exception
) -> None:
    """The caller then hears 503 and when to ask again, as from a table that does not answer."""
    bucket.failure = failure
    with pytest.raises(LedgerUnavailable):
        store.texts([(PLACE, "1-a/actors")])
    with pytest.raises(LedgerUnavailable):
        store.lines(PLACE, "1-a/actors")
    with pytest.raises(LedgerUnavailable):
        store.keep(PLACE, {"1-a/actors": ""})


def test_a_bucket_that_refuses_is_an_error_that_somebody_has_to_mend(store: StoredBoards, bucket: Any) -> None:
    bucket.failure = error("AccessDenied", 403)
    with pytest.raises(ClientError):
        store.texts([(PLACE, "1-a/actors")])


def test_texts_are_listed_with_their_places_and_what_is_none_is_passed_over(store: StoredBoards, bucket: Any) -> None:
    places = [BoardPlace(tenant, "2026-01", 3) for tenant in ("main", "..", "a/b%", "ten.ant")]
    for place in places:
        store.keep(place, {"12-x-7_/totals": "{}", "1-a/2026-01-31": ""})
    for key in ("readme", "main/2026-01/3/totals", "main/2026-01/03/1-a/totals", "a.b/2026-01/3/1-a/totals"):
        bucket.objects[key] = b""
    found, after = list[tuple[BoardPlace, str]](), None
    while True:
        page = store.listed(after)
        found += page.texts
        after = page.next
        if after is None:
            break
    assert sorted(found, key=str) == sorted(
        ((place, name) for place in places for name in ("12-x-7_/totals", "1-a/2026-01-31")), key=str
    )
