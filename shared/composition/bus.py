"""The event bus."""

from collections.abc import Sequence

from shared.adapters.eventbridge import EventBridgeBus, events_client
from shared.ledger.events import Event
from shared.ports.ledger import EventBus, Published
from shared.runtime.observability import Observability
from shared.runtime.settings import Settings


class _NoBus:
    """Of a function that is set to publish nothing, which then makes no client. What it gets is not published."""

    def publish(self, events: Sequence[Event]) -> Published:
        return Published(tuple(range(len(events))))


def bus_of(settings: Settings, seen: Observability, connect_timeout_s: float, read_timeout_s: float) -> EventBus:
    if settings.check_events == "none":
        return _NoBus()
    client = events_client(connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
    return EventBridgeBus(settings.event_bus, client, seen.warned)
