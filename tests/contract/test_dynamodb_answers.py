"""What DynamoDB's answers mean to the protocol. The answers are canned, everything from the socket up is real."""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from pynamodb.exceptions import PynamoDBException

from shared.adapters.driver import Pace
from shared.adapters.dynamodb_answers import FAILURES
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.items import BegunItem, EntryItem, StateItem
from shared.ledger.accounts import AccountState, Begun
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.operations import Charge, GrantCredits
from shared.ledger.protocol import (
    Busy,
    CommandOutcome,
    Commit,
    Committed,
    Conflict,
    Damaged,
    Found,
    FoundEntry,
    Lookup,
    Read,
    Unknown,
)
from shared.ledger.reducer import Change, apply
from shared.ports.ledger import EntryFilter
from tests.builders import ALICE, NOW_MS, history, operation

URL = "http://127.0.0.1"
STATE, (GRANT, CHARGE) = history(GrantCredits(100), Charge(30))
MOVED, (*_, NEWER) = history(Charge(1), state=STATE)


@dataclass
class Answer:
    """`headers` None: with the right checksum, as DynamoDB answers."""

    status: int
    body: bytes
    headers: dict[str, str] | None = None


@dataclass
class Wire:
    """Stands where the socket would be. Answers in turn, the last one for ever; an exception is raised."""

    answers: list[Answer | Exception]
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        self.sent.append(json.loads(request.body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        headers = {"x-amz-crc32": str(zlib.crc32(answer.body))} if answer.headers is None else answer.headers
        lower_cased: Any = HeadersDict(headers)
        return AWSResponse(request.url, answer.status, lower_cased, _Body(answer.body))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


class Clock:
    """Time that passes by sleeping alone, and a millisecond at every look."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.pauses_ms: list[int] = []

    def monotonic_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        self.pauses_ms.append(duration_ms)
        self.now_ms += duration_ms

    @property
    def pace(self) -> Pace:
        return Pace(self.monotonic_ms, self.sleep_ms, below=lambda ceiling: ceiling - 1)


Asked = Callable[..., tuple[DynamoLedger, Wire]]


@pytest.fixture(scope="module")
def wired(aws_credentials: None) -> Callable[[Clock, Wire], DynamoLedger]:
    """One client for all: it takes longer to make than a test to run."""
    plugged: list[Wire] = []
    ledger = DynamoLedger("ledger", deadline_ms=1000, host=URL)
    events: Any = ledger._table.connection.client.meta.events

    def answer(**request: Any) -> AWSResponse:
        return plugged[-1](**request)

    events.register_first("before-send.dynamodb", answer)

    def _wired(clock: Clock, wire: Wire) -> DynamoLedger:
        plugged.append(wire)
        ledger._pace = clock.pace
        return ledger

    return _wired


@pytest.fixture
def answering(wired: Callable[[Clock, Wire], DynamoLedger]) -> Asked:
    def _answering(*answers: Answer | Exception, clock: Clock | None = None) -> tuple[DynamoLedger, Wire]:
        wire = Wire(list(answers))
        return wired(clock or Clock(), wire), wire

    return _answering


def ok(content: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(content).encode())


def error(code: str, status: int = 400, **fields: Any) -> Answer:
    return Answer(status, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **fields}).encode())


def canceled(*reasons: dict[str, Any]) -> Answer:
    return error("TransactionCanceledException", Message="Transaction cancelled", CancellationReasons=list(reasons))


def reason(code: str, item: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Code": code, "Message": "…", **({} if item is None else {"Item": item})}


def entry_in_the_way(entry: Entry) -> dict[str, Any]:
    return reason("ConditionalCheckFailed", EntryItem.of(entry).to_dynamodb_dict())


def state_in_the_way(state: AccountState) -> dict[str, Any]:
    return reason("ConditionalCheckFailed", StateItem.of(state).to_dynamodb_dict())


FINE = reason("None")
A_CHANGE: Change = apply(STATE, operation("k", Charge(1)), NOW_MS)
THE_FIRST_CHANGE: Change = apply(AccountState(ALICE), operation("k", Charge(1)), NOW_MS)

THROTTLES = [
    error("ProvisionedThroughputExceededException"),
    error("ThrottlingException"),
    error("RequestLimitExceeded"),
    error("ThrottlingException", status=503),
]
LOST = [
    ReadTimeoutError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
    NoConnectionError(error=OSError("reset")),
    error("InternalServerError", status=500),
    error("ServiceUnavailable", status=503),
    error("TransactionInProgressException"),
    Answer(502, b"<html>Bad Gateway</html>", {}),
    Answer(500, b"", {}),
    Answer(400, b"<html>Bad Request</html>", {}),
    Answer(400, b"{}", {}),
    Answer(200, b"no json", {}),
    Answer(200, b"no json"),
    Answer(200, b"[]", {}),
    Answer(200, b'{"Item\x9c": {}}', {}),
    Answer(200, b'{"Item": {"pk": {"S": "\x9c"}}}', {}),
    Answer(200, b"", {}),
    Answer(200, b"{}", {"x-amz-crc32": "1"}),
    Answer(400, b'{"__type":"ValidationException"}', {"x-amz-crc32": "1"}),
]
THE_DEPLOYERS = [
    error("AccessDeniedException"),
    error("ResourceNotFoundException"),
    error("ValidationException"),
    error("UnrecognizedClientException"),
    error("ExpiredTokenException"),
    NoCredentialsError(),
]
COMMANDS = [Read(ALICE, Charge(1)), Commit(A_CHANGE), Lookup(ALICE, "k")]


def outcome_of(asked: tuple[DynamoLedger, Wire], command: Read | Commit | Lookup) -> CommandOutcome:
    return asked[0].execute(command)


def names(value: object) -> str:
    return type(value).__name__ if isinstance(value, Read | Commit | Lookup) else repr(value)[:60]


@pytest.mark.parametrize("command", COMMANDS, ids=names)
@pytest.mark.parametrize("answer", THROTTLES, ids=names)
def test_a_throttled_call_is_busy_for_want_of_capacity(
    answering: Asked, answer: Answer, command: Read | Commit | Lookup
) -> None:
    outcome = outcome_of(answering(answer), command)
    assert outcome == Busy(throttled=True)
    assert isinstance(outcome, Busy)
    assert isinstance(outcome.cause, FAILURES)


@pytest.mark.parametrize("command", COMMANDS, ids=names)
def test_a_call_that_met_a_transaction_is_busy(answering: Asked, command: Read | Commit | Lookup) -> None:
    assert outcome_of(answering(error("TransactionConflictException")), command) == Busy()


@pytest.mark.parametrize("command", COMMANDS, ids=names)
@pytest.mark.parametrize("answer", LOST, ids=names)
def test_without_an_answer_that_can_be_trusted_the_outcome_is_unknown(
    answering: Asked, answer: Answer | Exception, command: Read | Commit | Lookup
) -> None:
    outcome = outcome_of(answering(answer), command)
    assert outcome == Unknown()
    assert isinstance(outcome, Unknown)
    assert isinstance(outcome.cause, FAILURES)


@pytest.mark.parametrize("command", COMMANDS, ids=names)
@pytest.mark.parametrize("answer", THE_DEPLOYERS, ids=names)
def test_what_the_deployer_must_mend_is_not_swallowed(
    answering: Asked, answer: Answer | Exception, command: Read | Commit | Lookup
) -> None:
    with pytest.raises(PynamoDBException):
        outcome_of(answering(answer), command)


@pytest.mark.parametrize("answer", [*THROTTLES, *LOST[:8]], ids=names)
def test_the_sdk_sends_every_call_once(answering: Asked, answer: Answer | Exception) -> None:
    ledger, wire = answering(answer)
    ledger.execute(Commit(A_CHANGE))
    ledger.execute(Read(ALICE, Charge(1)))
    assert len(wire.sent) == 2


def test_the_sdk_waits_a_second_to_connect_and_two_for_an_answer(answering: Asked) -> None:
    ledger, _ = answering(ok({}))
    client: Any = ledger._table.connection.client
    patience = client._connections._patience
    assert (patience.connect_timeout_s, patience.read_timeout_s) == (1, 2)


def test_the_models_share_one_client(answering: Asked) -> None:
    table = answering(ok({}))[0]._table
    assert table.states._get_connection().connection is table.connection
    assert table.entries._get_connection().connection is table.connection


def test_reads_are_strong(answering: Asked) -> None:
    ledger, wire = answering(ok({}))
    assert ledger.execute(Read(ALICE, Charge(1))) == Found(None)
    assert ledger.execute(Lookup(ALICE, "k")) == FoundEntry(None)
    assert [sent["ConsistentRead"] for sent in wire.sent] == [True, True]


def test_a_committed_change_is_one_transaction_of_puts_whose_conditions_return_what_stood_in_the_way(
    answering: Asked,
) -> None:
    ledger, wire = answering(ok({}))
    assert ledger.execute(Commit(A_CHANGE)) == Committed()
    (sent,) = wire.sent
    puts = [item["Put"] for item in sent["TransactItems"]]
    assert [put["Item"]["sk"]["S"] for put in puts] == ["OP#k", "STATE"]
    assert {put["ReturnValuesOnConditionCheckFailure"] for put in puts} == {"ALL_OLD"}
    assert [_spelled_out(put) for put in puts] == ["attribute_not_exists (pk)", "seq = 2"]


def test_the_first_change_of_an_account_expects_no_state(answering: Asked) -> None:
    ledger, wire = answering(ok({}))
    ledger.execute(Commit(THE_FIRST_CHANGE))
    state = wire.sent[0]["TransactItems"][-1]["Put"]
    assert _spelled_out(state) == "attribute_not_exists (pk)"


def _spelled_out(put: dict[str, Any]) -> str:
    condition: str = put["ConditionExpression"]
    for placeholder, name in put["ExpressionAttributeNames"].items():
        condition = condition.replace(placeholder, name)
    for placeholder, value in put.get("ExpressionAttributeValues", {}).items():
        condition = condition.replace(placeholder, *value.values())
    return condition


def test_every_commit_has_a_token_of_its_own_although_the_operation_is_the_same(answering: Asked) -> None:
    ledger, wire = answering(ok({}))
    for _ in range(3):
        ledger.execute(Commit(A_CHANGE))
    assert len({sent["ClientRequestToken"] for sent in wire.sent}) == 3


@pytest.mark.parametrize(
    ("reasons", "entries", "state"),
    [
        ([entry_in_the_way(CHARGE), FINE], (CHARGE,), None),
        ([FINE, state_in_the_way(MOVED)], (), MOVED),
        ([entry_in_the_way(CHARGE), state_in_the_way(MOVED)], (CHARGE,), MOVED),
        ([state_in_the_way(MOVED), entry_in_the_way(CHARGE)], (CHARGE,), MOVED),
        ([state_in_the_way(MOVED), FINE], (), MOVED),
        ([FINE, entry_in_the_way(CHARGE)], (CHARGE,), None),
        ([entry_in_the_way(GRANT), entry_in_the_way(CHARGE), state_in_the_way(MOVED)], (GRANT, CHARGE), MOVED),
        ([reason("TransactionConflict"), state_in_the_way(MOVED)], (), MOVED),
        ([entry_in_the_way(CHARGE), reason("ConditionalCheckFailed")], (CHARGE,), None),
    ],
    ids=[
        "entry",
        "state",
        "entry and state",
        "state and entry",
        "state in the entry's place",
        "entry in the state's place",
        "two entries and state",
        "state, while the entry was in a conflict",
        "entry, while the state is gone",
    ],
)
def test_what_stood_in_the_way_is_known_by_what_it_is_and_not_by_its_place(
    answering: Asked, reasons: Sequence[dict[str, Any]], entries: tuple[Entry, ...], state: AccountState | None
) -> None:
    assert outcome_of(answering(canceled(*reasons)), Commit(A_CHANGE)) == Conflict(entries, state)


@pytest.mark.parametrize(
    ("reasons", "outcome"),
    [
        ([reason("TransactionConflict"), FINE], Busy()),
        ([FINE, reason("TransactionConflict")], Busy()),
        ([reason("ThrottlingError"), FINE], Busy(throttled=True)),
        ([FINE, reason("ProvisionedThroughputExceeded")], Busy(throttled=True)),
        ([reason("TransactionConflict"), reason("ThrottlingError")], Busy(throttled=True)),
    ],
)
def test_a_transaction_that_was_turned_away_is_busy(
    answering: Asked, reasons: Sequence[dict[str, Any]], outcome: Busy
) -> None:
    assert outcome_of(answering(canceled(*reasons)), Commit(A_CHANGE)) == outcome


@pytest.mark.parametrize(
    "reasons",
    [
        [FINE, reason("ConditionalCheckFailed")],
        [reason("TransactionConflict"), reason("ConditionalCheckFailed")],
        [FINE, FINE],
        [],
    ],
    ids=["its state is gone", "its state is gone and the entry in a conflict", "no reason", "no reasons at all"],
)
def test_an_account_whose_state_vanished_never_starts_again_from_nothing(
    answering: Asked, reasons: Sequence[dict[str, Any]]
) -> None:
    assert outcome_of(answering(canceled(*reasons)), Commit(A_CHANGE)) == Unknown()


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"])
def test_a_transaction_that_can_never_be_written_is_not_swallowed(answering: Asked, code: str) -> None:
    with pytest.raises(PynamoDBException):
        outcome_of(answering(canceled(reason(code), FINE)), Commit(A_CHANGE))


def test_a_charge_of_an_account_whose_state_vanished_ends_unrecorded(answering: Asked) -> None:
    seen = ok({"Item": StateItem.of(STATE).to_dynamodb_dict()})
    ledger, wire = answering(seen, canceled(FINE, reason("ConditionalCheckFailed")))
    with pytest.raises(LedgerUnavailable):
        ledger.record(operation("k", Charge(1)), NOW_MS)
    written = [sent["TransactItems"][-1]["Put"] for sent in wire.sent[1:]]
    assert {put["Item"]["seq"]["N"] for put in written} == {"3"}


READS: dict[str, Callable[[DynamoLedger], object]] = {
    "state": lambda ledger: ledger.state(ALICE),
    "entry": lambda ledger: ledger.entry(ALICE, "k"),
    "entries": lambda ledger: ledger.entries(ALICE, EntryFilter(10)),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_is_asked_again_until_it_is_answered(answering: Asked, read: Callable[[DynamoLedger], object]) -> None:
    clock = Clock()
    nothing = ok({"Items": [], "Count": 0, "ScannedCount": 0})
    ledger, wire = answering(THROTTLES[0], ReadTimeoutError(endpoint_url=URL), LOST[-1], nothing, clock=clock)
    read(ledger)
    assert len(wire.sent) == 4
    assert clock.pauses_ms == [20, 40, 80]


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize(
    ("answer", "raised"), [(THROTTLES[0], LedgerThrottled), (LOST[0], LedgerUnavailable)], ids=["throttled", "lost"]
)
def test_a_read_that_is_not_answered_by_the_deadline_says_why(
    answering: Asked, read: Callable[[DynamoLedger], object], answer: Answer, raised: type[Exception]
) -> None:
    clock = Clock()
    ledger, _ = answering(answer, clock=clock)
    with pytest.raises(raised):
        read(ledger)
    assert sum(clock.pauses_ms) <= 1000


def query_answer(*entries: Entry, last_seq: int | None) -> Answer:
    items = [EntryItem.of(entry).to_dynamodb_dict() for entry in entries]
    more = {} if last_seq is None else {"LastEvaluatedKey": {"entry_seq": {"N": str(last_seq)}}}
    return ok({"Items": items, "Count": len(items), "ScannedCount": 500, **more})


def test_a_page_of_entries_goes_on_where_a_query_found_nothing(answering: Asked) -> None:
    ledger, wire = answering(
        query_answer(last_seq=700), query_answer(CHARGE, last_seq=200), query_answer(GRANT, last_seq=None)
    )
    page = ledger.entries(ALICE, EntryFilter(5, kind="charge"))
    assert ([entry.seq for entry in page.items], page.next_before_seq) == ([2, 1], None)
    below = [[*sent["ExpressionAttributeValues"].values()] for sent in wire.sent]
    assert [{"N": "700"} in below[1], {"N": "200"} in below[2]] == [True, True]


def test_a_long_search_stops_at_the_deadline_and_says_where_to_go_on(answering: Asked) -> None:
    ledger, wire = answering(query_answer(NEWER, last_seq=700), query_answer(last_seq=600))
    page = ledger.entries(ALICE, EntryFilter(5, kind="grant"))
    assert ([entry.seq for entry in page.items], page.next_before_seq) == ([3], 600)
    assert len(wire.sent) > 2


BEGUN: Final = reason("ConditionalCheckFailed", BegunItem.of(ALICE, Begun()).to_dynamodb_dict())


def test_the_first_change_of_an_account_puts_what_says_that_it_has_begun_and_no_other_does(answering: Asked) -> None:
    ledger, wire = answering(ok({}))
    ledger.execute(Commit(THE_FIRST_CHANGE))
    ledger.execute(Commit(A_CHANGE))
    puts = [[item["Put"] for item in sent["TransactItems"]] for sent in wire.sent]
    assert [[put["Item"]["sk"]["S"] for put in each][1:] for each in puts] == [["BEGUN", "STATE"], ["STATE"]]
    assert _spelled_out(puts[0][1]) == "attribute_not_exists (pk)"


@pytest.mark.parametrize(
    ("reasons", "outcome"),
    [
        ([FINE, BEGUN, FINE], Damaged(ALICE)),
        ([FINE, BEGUN, reason("ConditionalCheckFailed")], Damaged(ALICE)),
        ([FINE, BEGUN, state_in_the_way(MOVED)], Conflict((), MOVED)),
        ([entry_in_the_way(CHARGE), BEGUN, FINE], Conflict((CHARGE,), None)),
        ([FINE, BEGUN, reason("TransactionConflict")], Busy()),
    ],
    ids=["no state", "no state, as told", "another was first", "the key answers", "its state is in another's hands"],
)
def test_an_account_that_has_begun_and_has_no_state_is_damaged(
    answering: Asked, reasons: Sequence[dict[str, Any]], outcome: CommandOutcome
) -> None:
    assert outcome_of(answering(canceled(*reasons)), Commit(THE_FIRST_CHANGE)) == outcome
