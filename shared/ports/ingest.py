"""Ports of the ingest queue. In a module of their own, so that only its function packages them."""

from typing import Protocol

from shared.ledger.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it arrived.

    `sender` is the sender's identity from AWS, `tenant` the tenant that the message names.
    """

    id: str
    group: str
    sender: str
    body: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a message can never be recorded. `code` is that of the API."""

    code: str
    why: str


class PoisonQueue(Protocol):
    """A queue for messages that can never be recorded."""

    def set_aside(self, letter: Message, poison: Rejection) -> bool:
        """Whether the message was stored safely."""
        ...
