"""The contracts of the bus: schemas, AsyncAPI document and the client's models say the same of the golden events."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from millicent import events
from millicent.errors import EventError, MalformedEvent, UnknownEvent, UnsupportedEventVersion
from openapi.events import ASYNCAPI_FILE, SCHEMAS, files
from shared.ledger.events import CHECK_DETAIL_TYPE, DIGEST_DETAIL_TYPE, LOW_BALANCE_DETAIL_TYPE, SOURCE, VERSION
from shared.ledger.kinds import KINDS
from tests.event_contracts import faults_of

GOLDEN: Final = sorted((Path(__file__).parents[2] / "events" / "bus").glob("*.json"))
PUBLISHED: Final = {
    CHECK_DETAIL_TYPE, LOW_BALANCE_DETAIL_TYPE, DIGEST_DETAIL_TYPE, *(each.event for each in KINDS.values()),
}  # fmt: skip
ASYNCAPI: Final[dict[str, Any]] = json.loads(ASYNCAPI_FILE.read_text())


def golden(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(next(path for path in GOLDEN if path.stem == name).read_text())
    return content


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_kept_is_what_the_code_says_today(path: Path) -> None:
    assert path.read_text() == files()[path], "run `make openapi`"


def test_every_event_that_is_published_has_a_model_and_a_schema_and_no_other_has() -> None:
    assert set(events.EVENTS) == PUBLISHED
    assert {path.stem for path in SCHEMAS.iterdir()} == PUBLISHED
    assert (events.SOURCE, events.VERSION) == (SOURCE, VERSION)


def test_every_event_has_a_golden_one() -> None:
    assert {json.loads(path.read_text())["detail-type"] for path in GOLDEN} == PUBLISHED


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.stem)
def test_a_schema_is_one(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_event_is_as_it_is_described(path: Path) -> None:
    assert faults_of(json.loads(path.read_text())) == []


@pytest.mark.parametrize("change", [{"amount": "1"}, {"seq": None}, {"more": 1}, {"at": "yesterday"}])
def test_an_event_that_is_not_as_it_is_described_is_noticed(change: dict[str, Any]) -> None:
    event = golden("record-cost")
    event["detail"]["data"] |= change
    assert faults_of(event) != []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_event_is_read_as_text_and_as_what_lambda_makes_of_it(path: Path) -> None:
    text = path.read_text()
    event = events.parse(text)
    assert event == events.parse(json.loads(text)) == events.parse(text.encode())
    assert event.detail_type == json.loads(text)["detail-type"]
    assert event.event_id == json.loads(text)["detail"]["event_id"]


def test_amounts_are_exact_and_times_have_their_offset() -> None:
    event = events.parse(golden("record-cost"))
    assert isinstance(event, events.RecordCostEvent)
    assert event.data.amount == Decimal("-42.125")
    assert event.occurred_at.isoformat() == "2025-11-23T12:13:20+00:00"


def test_what_a_later_service_adds_is_ignored() -> None:
    event = golden("record-cost")
    event["detail"] |= {"more": 1}
    event["detail"]["data"] |= {"more": {"still": "more"}}
    assert events.parse(event) == events.parse(golden("record-cost"))


@pytest.mark.parametrize("name", ["hold", "release", "capture"])
def test_an_event_from_before_captures_in_parts_says_what_is_left_of_its_hold(name: str) -> None:
    event = golden(name)
    del event["detail"]["data"]["hold"]["remaining"]
    assert events.parse(event) == events.parse(golden(name))


def test_an_event_of_another_source_or_kind_is_unknown() -> None:
    changes: list[dict[str, Any]] = [
        {"detail-type": "credit.other"},
        {"source": "another"},
        {"detail-type": None},
        {"detail-type": []},
    ]
    for change in changes:
        with pytest.raises(UnknownEvent, match="no event that this client knows"):
            events.parse(golden("hold") | change)


def test_another_version_is_told_apart_from_a_malformed_event() -> None:
    event = golden("hold")
    event["detail"]["version"] = 2
    with pytest.raises(UnsupportedEventVersion, match=r"credit\.hold has version 2, this client reads version 1"):
        events.parse(event)


@pytest.mark.parametrize(
    "event", ["", "[]", "nonsense", b"\xff", {"source": "millicent", "detail-type": "credit.hold"}]
)
def test_what_cannot_be_read_is_malformed(event: Any) -> None:
    with pytest.raises(MalformedEvent):
        events.parse(event)


def test_an_event_that_lacks_something_says_what() -> None:
    event = golden("refund")
    del event["detail"]["data"]["amount"]
    with pytest.raises(MalformedEvent, match=r"credit.refund: .*`amount`"):
        events.parse(event)
    assert issubclass(MalformedEvent, EventError)


def test_the_asyncapi_document_has_a_message_for_every_event() -> None:
    messages = ASYNCAPI["components"]["messages"]
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {message["name"] for message in messages.values()} == PUBLISHED
    assert list(ASYNCAPI["channels"]["bus"]["messages"]) == list(messages)
    assert ASYNCAPI["operations"]["publish"]["channel"] == {"$ref": "#/channels/bus"}


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    for reference in references(ASYNCAPI):
        found = ASYNCAPI
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_event_is_as_the_asyncapi_document_describes_it(path: Path) -> None:
    event = json.loads(path.read_text())
    messages = ASYNCAPI["components"]["messages"].values()
    payload = next(message["payload"] for message in messages if message["name"] == event["detail-type"])
    assert list(Draft202012Validator(payload | {"components": ASYNCAPI["components"]}).iter_errors(event)) == []


def references(document: Any) -> list[str]:
    if isinstance(document, list):
        return [found for each in document for found in references(each)]
    if not isinstance(document, dict):
        return []
    own = [document["$ref"]] if isinstance(document.get("$ref"), str) else []
    return own + [found for each in document.values() for found in references(each)]
