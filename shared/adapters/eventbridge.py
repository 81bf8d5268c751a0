"""The event bus on EventBridge."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.aws_session import shared_session
from shared.ledger.events import SOURCE, Event
from shared.ports.ledger import Published

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsResponseTypeDef, PutEventsResultEntryTypeDef

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def events_client(*, connect_timeout_s: float, read_timeout_s: float) -> "EventBridgeClient":
    """A client that does not retry: the publisher decides which events to send again."""
    from botocore.config import Config  # noqa: PLC0415 - it loads what a session does: see aws_session.py

    config = Config(
        connect_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    return cast("EventBridgeClient", shared_session().create_client("events", config=config))


class EventBridgeBus:
    """Publishes up to ten events per call. Events that the bus did not accept are logged and returned, never raised.

    `warn` logs a message and its cause.
    """

    def __init__(self, bus_name: str, client: "EventBridgeClient", warn: Callable[[str, Exception], None]) -> None:
        self._bus_name = bus_name
        self._client = client
        self._warn = warn

    def publish(self, events: Sequence[Event]) -> Published:
        try:
            answer = self._client.put_events(Entries=[self._entry(event) for event in events])
        except (BotoCoreError, ClientError) as error:
            return self._without(range(len(events)), error)
        failed = dict(_failures(answer["Entries"]))
        return self._without(failed, _error_of(answer, min(failed.values()))) if failed else Published()

    def _without(self, failed: Iterable[int], cause: Exception) -> Published:
        self._warn("events not published", cause)
        return Published(tuple(failed), cause)

    def _entry(self, event: Event) -> Any:  # noqa: ANN401 - the request types exist for type checkers alone
        return {
            "EventBusName": self._bus_name,
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Detail": _ENCODER.encode(event.detail).decode(),
        }


def size_bytes(event: Event) -> int:
    """The size of the event on the bus: its source, detail-type and detail in UTF-8."""
    return len(SOURCE) + len(event.detail_type) + len(_ENCODER.encode(event.detail))


def _error_of(answer: "PutEventsResponseTypeDef", code: str) -> ClientError:
    """As if the bus had refused the call for the reason for which it refused an event in it."""
    details: Any = {"Error": {"Code": code}, "ResponseMetadata": answer.get("ResponseMetadata", {})}
    return ClientError(details, "PutEvents")


def _failures(results: "Sequence[PutEventsResultEntryTypeDef]") -> Iterator[tuple[int, str]]:
    for index, result in enumerate(results):
        if code := result.get("ErrorCode"):
            yield index, code
