"""Ports of the ingest queue. Apart from ports.py, so that its function alone has them."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. `sender` is who AWS says has sent it, `tenant` the one that it names."""

    id: str
    group: str
    sender: str
    body: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a message can never be recorded. `code` is the API's."""

    code: str
    why: str


class PoisonQueue(Protocol):
    """Where messages go that can never be recorded."""

    def set_aside(self, letter: Message, poison: Rejection) -> bool:
        """Whether the message is in safe keeping now."""
        ...
