"""Port of the sums of tenants: where boards are kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from shared.ledger.accounts import Account
from shared.ledger.boards import Register
from shared.ledger.frozen import dataclass


@dataclass(frozen=True, slots=True)
class BoardPlace:
    """A part of a tenant's month, such as "2026-01": the accounts that fall on this shard."""

    tenant: str
    month: str
    shard: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the texts of a board are: `names` by part.

    `version` grows by one with each change. `replaced` are the names of the texts that the last change replaced.
    """

    version: int
    names: Mapping[str, str]
    replaced: tuple[str, ...]
    changed_at_ms: int


class PartGone(Exception):
    """A text is not there: it was replaced, or lost."""


class BoardStore(Protocol):
    """Texts, which never change, and pointers to them. Every call may be repeated. All reads are strong."""

    def shards(self, tenant: str, month: str) -> int:
        """How many parts the month has. What is answered first stays."""
        ...

    def pointer(self, place: BoardPlace) -> Pointer | None:
        """None before the first change."""
        ...

    def pointers(self, tenant: str, first_month: str, last_month: str) -> Sequence[tuple[BoardPlace, Pointer]]:
        """Of all boards of these months, both included."""
        ...

    def texts(self, wanted: Sequence[tuple[BoardPlace, str]]) -> Sequence[str]:
        """By place and name, in this order. Raises PartGone."""
        ...

    def lines(self, place: BoardPlace, name: str) -> Iterable[str]:
        """The lines of a text, which is unpacked as far as they are taken. Raises PartGone, at once."""
        ...

    def keep(self, place: BoardPlace, texts: Mapping[str, str]) -> None:
        """By name. No name is ever kept with another text."""
        ...

    def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
        """Points there if the pointer before has the version before; False if it has not."""
        ...

    def drop(self, place: BoardPlace, names: Iterable[str]) -> None:
        """Deletes what no pointer names any more. May fail unnoticed."""
        ...

    def listed(self, after: str | None) -> "TextPage":
        """Some of all texts, from `after` on (None: from the first), whether a pointer names them or not."""
        ...


class UsageItems(Protocol):
    """The items of the accounts' usage, as registers."""

    def of_account(self, account: Account) -> Sequence[Register]:
        """All of an account. A strong read."""
        ...

    def page(self, after: str | None) -> "RegisterPage":
        """Some of all accounts, from `after` on (None: from the first)."""
        ...


@dataclass(frozen=True, slots=True)
class TextPage:
    """Names of texts, each with its place. `next` continues; None at the end."""

    texts: Sequence[tuple[BoardPlace, str]]
    next: str | None


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """`next` continues; None at the end. `malformed` are the keys of items that are none of ours."""

    registers: Sequence[Register]
    malformed: Sequence[str]
    next: str | None
