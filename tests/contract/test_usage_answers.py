"""What answers of DynamoDB mean to the usage of accounts. They are canned, everything from the socket up is real."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from shared.adapters.dynamodb_usage import DynamoEntriesForward, DynamoUsageBook
from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.usage import Slot, Sums, Tally
from tests.builders import ALICE
from tests.contract.test_dynamodb_answers import FINE, THROTTLES, URL, Answer, Clock, Wire, canceled, error, ok, reason

A_TALLY = Tally(3, 5, {Slot("meter", "llm", "2026-03-01"): Sums(charged=30, refunded=2, count=1)})
NO_ANSWER = ReadTimeoutError(endpoint_url=URL)
MOVED = canceled(reason("ConditionalCheckFailed"), FINE)

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
        return book, forward, wires[-1]

    return _answering


def test_a_tally_goes_out_as_one_transaction_under_one_condition(answering: Asked) -> None:
    book, _, wire = answering(ok({}))
    assert book.add(ALICE, A_TALLY)
    counted, added = (each["Update"] for each in wire.sent[0]["TransactItems"])
    assert counted["Key"]["sk"] == {"S": "COUNTED"}
    assert {"N": "3"} in counted["ExpressionAttributeValues"].values()
    assert added["Key"]["sk"] == {"S": "meter#llm#2026-03-01"}
    assert added["UpdateExpression"].startswith("ADD ")
    assert "ConditionExpression" not in added


def test_a_tally_that_does_not_follow_is_turned_down_at_once(answering: Asked) -> None:
    book, _, wire = answering(MOVED)
    assert not book.add(ALICE, A_TALLY)
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        canceled(FINE, reason("TransactionConflict")),
        canceled(reason("ThrottlingError"), FINE),
        error("TransactionConflictException"),
        error("InternalServerError", status=500),
        NO_ANSWER,
        *THROTTLES,
    ],
    ids=lambda each: repr(each)[:60],
)
def test_an_addition_without_a_certain_answer_is_sent_again(answering: Asked, trouble: Answer | Exception) -> None:
    book, _, wire = answering(trouble, trouble, ok({}))
    assert book.add(ALICE, A_TALLY)
    assert len(wire.sent) == 3


def test_an_addition_whose_answer_was_lost_is_not_made_twice(answering: Asked) -> None:
    book, _, wire = answering(NO_ANSWER, MOVED)
    assert not book.add(ALICE, A_TALLY)
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error("ThrottlingException"), LedgerThrottled),
        (NO_ANSWER, LedgerUnavailable),
        (error("AccessDeniedException"), PynamoDBException),
        (canceled(reason("ValidationError"), FINE), PynamoDBException),
    ],
    ids=["throttled", "lost", "forbidden", "invalid"],
)
def test_what_does_not_pass_is_raised(answering: Asked, answer: Answer | Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        answering(answer)[0].add(ALICE, A_TALLY)


def test_reads_are_repeated_until_they_are_answered(answering: Asked) -> None:
    nothing = ok({"Items": [], "Count": 0, "ScannedCount": 0})
    for ask, answer in (
        (lambda book, _: book.counted_through(ALICE), ok({})),
        (lambda _, forward: forward.following(ALICE, 0, 10), nothing),
        (lambda _, forward: forward.entry(ALICE, "k"), ok({})),
    ):
        book, forward, wire = answering(NO_ANSWER, error("ThrottlingException"), answer)
        assert not ask(book, forward)
        assert len(wire.sent) == 3
