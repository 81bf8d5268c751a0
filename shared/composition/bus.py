"""The event bus."""

from shared.adapters.eventbridge import EventBridgeBus, events_client
from shared.ports.ledger import EventBus
from shared.runtime.observability import Observability
from shared.runtime.settings import Settings


def bus_of(settings: Settings, seen: Observability, connect_timeout_s: float, read_timeout_s: float) -> EventBus:
    client = events_client(connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
    return EventBridgeBus(settings.event_bus, client, seen.warned)
