"""The bus and the failure queue, against a stubbed AWS."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import ANY, Stubber

from shared.adapters.eventbridge import EventBridgeBus, events_client, size_bytes
from shared.adapters.failure_queue import MAX_RECORD_CHARACTERS, SqsFailureQueue, sqs_client
from shared.adapters.kms_signer import KmsSigner, kms_client
from shared.ports.inspection import Signature, SignedDigest
from shared.ports.ledger import Published
from tests.golden import golden_events

EVENTS = list(golden_events().values())[:3]


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client() -> Any:
    return events_client(connect_timeout_s=1, read_timeout_s=1)


def bus(client: Any) -> EventBridgeBus:
    return EventBridgeBus("millicent", client, lambda _message, _cause: None)


def test_what_the_bus_did_not_take_is_told_by_its_place(client: Any) -> None:
    answer = {
        "FailedEntryCount": 1,
        "Entries": [{"EventId": "a"}, {"ErrorCode": "ThrottlingException"}, {"EventId": "c"}],
    }
    with Stubber(client) as stub:
        stub.add_response("put_events", answer, {"Entries": ANY})
        assert bus(client).publish(EVENTS) == Published((1,))


def test_an_event_is_sent_with_exact_numbers(client: Any) -> None:
    sent: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.events.PutEvents", lambda params, **_: sent.append(params))
    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "a"}]}, {"Entries": ANY})
        assert bus(client).publish([golden_events()["record-cost"]]) == Published()
    [entry] = sent[0]["Entries"]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (
        "millicent",
        "millicent",
        "credit.record-cost",
    )
    assert '"amount":-42.125' in entry["Detail"]


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalException", "AccessDeniedException"])
def test_a_call_that_fails_takes_nothing_and_raises_nothing(client: Any, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("put_events", code)
        assert bus(client).publish(EVENTS) == Published((0, 1, 2))


def test_a_network_that_fails_takes_nothing_and_is_tried_once(client: Any) -> None:
    attempts: list[int] = []

    def cut(**_: object) -> None:
        attempts.append(1)
        raise EndpointConnectionError(endpoint_url="https://events")

    client.meta.events.register("before-send.events.PutEvents", cut)
    assert bus(client).publish(EVENTS) == Published((0, 1, 2))
    assert len(attempts) == 1


def test_why_the_bus_took_nothing_goes_with_the_answer_and_into_the_log(client: Any) -> None:
    warned: list[tuple[str, Exception]] = []
    deaf = EventBridgeBus("millicent", client, lambda message, cause: warned.append((message, cause)))
    with Stubber(client) as stub:
        stub.add_client_error("put_events", "InternalException")
        published = deaf.publish(EVENTS)
    assert isinstance(published.cause, ClientError)
    assert warned == [("events not published", published.cause)]


def test_the_reason_of_one_refused_event_is_told_as_that_of_a_call_would_be(client: Any) -> None:
    answer = {"FailedEntryCount": 1, "Entries": [{"EventId": "a"}, {"ErrorCode": "ThrottlingException"}]}
    with Stubber(client) as stub:
        stub.add_response("put_events", answer, {"Entries": ANY})
        published = bus(client).publish(EVENTS[:2])
    assert isinstance(published.cause, ClientError)
    assert published.cause.response["Error"]["Code"] == "ThrottlingException"


def test_the_size_is_that_of_the_text_that_is_sent() -> None:
    event = golden_events()["expire"]
    assert size_bytes(event) > len(event.detail["data"]["record"].encode())


def test_a_poison_record_is_sent_whole_with_the_reason() -> None:
    client = sqs_client()
    with Stubber(client) as stub:
        body = '{"why":"no entry","record":"{\\"a\\":1}","is_cut":false}'
        stub.add_response("send_message", {"MessageId": "m"}, {"QueueUrl": "https://queue", "MessageBody": body})
        SqsFailureQueue("https://queue", client).send({"a": 1}, "no entry")
        stub.assert_no_pending_responses()


def test_a_record_that_no_message_could_hold_is_cut() -> None:
    client = sqs_client()
    sent: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: sent.append(params))
    with Stubber(client) as stub:
        stub.add_response("send_message", {"MessageId": "m"}, {"QueueUrl": ANY, "MessageBody": ANY})
        SqsFailureQueue("https://queue", client).send({"a": "é" * 400_000}, "too large")
    message = json.loads(sent[0]["MessageBody"])
    assert (len(message["record"]), message["is_cut"]) == (MAX_RECORD_CHARACTERS, True)
    assert len(sent[0]["MessageBody"].encode()) < 256 * 1024


SIGNED: SignedDigest = SignedDigest("text", Signature(b"signature", b"public key", "key"))
VERIFY: dict[str, Any] = {
    "KeyId": "key",
    "Message": b"text",
    "MessageType": "RAW",
    "Signature": b"signature",
    "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
}


@pytest.mark.parametrize("said", [True, False])
def test_a_digest_is_signed_with_our_key_if_kms_says_so(aws_credentials: None, said: bool) -> None:
    client = kms_client()
    with Stubber(client) as stub:
        stub.add_response("verify", {"SignatureValid": said}, VERIFY)
        assert KmsSigner("key", client).has_signed(SIGNED) is said


def test_a_signature_of_another_key_is_none_of_ours_and_a_failure_says_nothing(aws_credentials: None) -> None:
    client = kms_client()
    with Stubber(client) as stub:
        stub.add_client_error("verify", "KMSInvalidSignatureException", expected_params=VERIFY)
        assert KmsSigner("key", client).has_signed(SIGNED) is False
        stub.add_client_error("verify", "AccessDeniedException", expected_params=VERIFY)
        with pytest.raises(ClientError):
            KmsSigner("key", client).has_signed(SIGNED)
