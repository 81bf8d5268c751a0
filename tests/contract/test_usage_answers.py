"""What answers of DynamoDB mean to the usage of accounts. They are canned, everything from the socket up is real."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from shared.adapters.dynamodb_usage import DynamoEntriesForward, DynamoUsageBook
from shared.adapters.usage_items import UsageItem
from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.usage import Counted, Slot, Sums, Tally
from shared.ledger.usage_days import Day
from tests.builders import ALICE
from tests.contract.test_dynamodb_answers import THROTTLES, URL, Answer, Clock, Wire, error, ok

DAY = "2026-03-01"
A_TALLY = Tally(3, 5, (Counted(5, {Slot("meter", "llm", DAY): Sums(charged=30, refunded=2, count=1)}),))
HEAD = ok(
    {
        "Items": [UsageItem.of_day(ALICE, Day(DAY, 3, 3, {Slot("meter", "llm", DAY): Sums(10, 0, 1)})).serialize()],
        "Count": 1,
        "ScannedCount": 1,
    }
)
NO_ANSWER = ReadTimeoutError(endpoint_url=URL)
MOVED = error("ConditionalCheckFailedException")

Asked = Callable[..., tuple[DynamoUsageBook, DynamoEntriesForward, Wire]]


@pytest.fixture(scope="module")
def plugged(aws_credentials: None) -> tuple[DynamoUsageBook, DynamoEntriesForward, list[Wire]]:
    """One client each for all tests: it takes longer to make than a test to run."""
    wires: list[Wire] = []

    def answer(**request: Any) -> AWSResponse:
        return wires[-1](**request)

    book = DynamoUsageBook("usage", deadline_ms=1000, host=URL)
    forward = DynamoEntriesForward("ledger", deadline_ms=1000, host=URL)
    for model in (book._items, forward._items):
        events: Any = model._get_connection().connection.client.meta.events
        events.register_first("before-send.dynamodb", answer)
    return book, forward, wires


@pytest.fixture
def answering(plugged: tuple[DynamoUsageBook, DynamoEntriesForward, list[Wire]]) -> Asked:
    book, forward, wires = plugged

    def _answering(*answers: Answer | Exception) -> tuple[DynamoUsageBook, DynamoEntriesForward, Wire]:
        wires.append(Wire(list(answers)))
        book._pace = forward._pace = Clock().pace
        book._seen = {}
        return book, forward, wires[-1]

    return _answering


def test_a_tally_of_the_newest_day_is_one_write_under_the_condition_that_the_day_is_as_it_was(answering: Asked) -> None:
    book, _, wire = answering(HEAD, ok({}))
    assert book.add(ALICE, A_TALLY)
    asked, put = wire.sent
    assert asked["ConsistentRead"]
    assert put["Item"]["sk"] == {"S": "DAY#2026-03-01"}
    assert (put["Item"]["through"], put["Item"]["counted"]) == ({"N": "5"}, {"N": "5"})
    assert put["Item"]["sums"] == {"S": '{"meter":{"llm":[40,2,2]}}'}
    assert list(put["ExpressionAttributeValues"].values()) == [{"N": "3"}, {"N": "3"}]


def test_what_was_just_read_is_not_read_again(answering: Asked) -> None:
    book, _, wire = answering(HEAD, ok({}), ok({}))
    assert book.counted_through(ALICE) == 3
    assert book.add(ALICE, A_TALLY)
    assert book.add(ALICE, replace(A_TALLY, after=5, through=6))
    assert len(wire.sent) == 3


def test_a_tally_that_does_not_follow_is_turned_down_at_once(answering: Asked) -> None:
    book, _, wire = answering(HEAD, MOVED)
    assert not book.add(ALICE, A_TALLY)
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    "trouble",
    [error("TransactionConflictException"), error("InternalServerError", status=500), NO_ANSWER, *THROTTLES],
    ids=lambda each: repr(each)[:60],
)
def test_an_addition_without_a_certain_answer_is_sent_again(answering: Asked, trouble: Answer | Exception) -> None:
    book, _, wire = answering(HEAD, trouble, trouble, ok({}))
    assert book.add(ALICE, A_TALLY)
    assert len(wire.sent) == 4


def test_an_addition_whose_answer_was_lost_is_not_made_twice(answering: Asked) -> None:
    book, _, wire = answering(HEAD, NO_ANSWER, MOVED)
    assert not book.add(ALICE, A_TALLY)
    assert len(wire.sent) == 3


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("ThrottlingException"), LedgerThrottled),
        (NO_ANSWER, LedgerUnavailable),
        (error("AccessDeniedException"), PynamoDBException),
        (error("ValidationException"), PynamoDBException),
    ],
    ids=["throttled", "lost", "forbidden", "invalid"],
)
def test_what_does_not_pass_is_raised(answering: Asked, answer: Answer | Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        answering(HEAD, answer)[0].add(ALICE, A_TALLY)


def test_reads_are_repeated_until_they_are_answered(answering: Asked) -> None:
    nothing = ok({"Items": [], "Count": 0, "ScannedCount": 0})
    for ask, answer in (
        (lambda book, _: book.counted_through(ALICE), HEAD),
        (lambda _, forward: forward.following(ALICE, 0, 10), nothing),
        (lambda _, forward: forward.entry(ALICE, "k"), ok({})),
    ):
        book, forward, wire = answering(NO_ANSWER, error("ThrottlingException"), answer)
        assert ask(book, forward) in {3, (), None}
        assert len(wire.sent) == 3
