"""A bus that nobody asks for."""

from collections.abc import Sequence

from shared.ledger.events import Event
from shared.ports.ledger import Published


class NoBus:
    """Implements ports.EventBus."""

    def publish(self, events: Sequence[Event]) -> Published:
        raise AssertionError(f"nobody asked for {events}")
