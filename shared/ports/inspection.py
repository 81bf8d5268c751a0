"""Ports of those who inspect the record: the reconciler, and the makers of digests and proofs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.usage import Slot, Sums
from shared.verification.companions import CompanionItem
from shared.verification.digest import Chunk, Head, HeadTree


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it lies in a table. `name` is its sort key.

    `entry` is what its text says, None where the text is no entry. `is_as_written`: its place and every attribute are
    those that the ledger gives to that entry.
    """

    name: str
    entry: Entry | None
    is_as_written: bool


@dataclass(frozen=True, slots=True)
class Item:
    """An item beside the entries as it lies in the table. `name` is its sort key.

    `kept` is what it says, None where that is nothing of its kind. `is_as_written` as for a row.
    """

    name: str
    kept: CompanionItem | None
    is_as_written: bool


@dataclass(frozen=True, slots=True)
class StoredState:
    """`state` is None where there is none, or none that the ledger could have written (`is_as_written` is False).

    It is without its policy, which is an item beside it.
    """

    state: AccountState | None
    is_as_written: bool


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """An account in the listing of all; `cursor` continues the listing after it."""

    account: Account
    cursor: str


@dataclass(frozen=True, slots=True)
class AccountPlaces:
    """`strangers` are keys of rows that belong to no account. `next` continues the listing, None at its end."""

    items: tuple[AccountPlace, ...]
    strangers: tuple[str, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """The sums of an account and how far they go. `strangers` are the keys of what is no sum."""

    through: int
    sums: Mapping[Slot, Sums]
    strangers: tuple[str, ...] = ()


class LedgerInspection(Protocol):
    """The tables as they lie, read strongly and without trusting any of it."""

    def accounts(self, after: str | None) -> AccountPlaces:
        """Every account that has any row in the ledger, then those that only the audit table has, then usage."""
        ...

    def has_rows(self, account: Account) -> bool:
        """Whether any table has any row of the account, so that `accounts` lists it."""
        ...

    def state(self, account: Account) -> StoredState: ...

    def entries(self, account: Account) -> Iterator[Row]:
        """All rows of the ledger that should be entries, in any order."""
        ...

    def entry(self, account: Account, key: str) -> Entry | None:
        """What is recorded under a key; None also where that is no entry."""
        ...

    def beside(self, account: Account) -> Iterator[Item]:
        """All items of the account that are neither its state nor an entry, in any order."""
        ...

    def audited(self, account: Account) -> Iterator[Row]:
        """All rows of the audit table that should be copies of entries."""
        ...

    def usage(self, account: Account) -> StoredUsage | None:
        """None where it was added to while it was read."""
        ...


class Heads(Protocol):
    def heads(self) -> Iterator[Head]:
        """The head of every account, in any order; what is no state of an account is left out."""
        ...


class Continuation(Protocol):
    """Starts the function again with another request, later and on its own time."""

    def go_on(self, function: str, request: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Signature:
    """RSASSA-PKCS1-v1_5 with SHA-256. `public_key` is a SubjectPublicKeyInfo in DER."""

    value: bytes
    public_key: bytes
    key_id: str


class Signer(Protocol):
    def public_key(self) -> bytes:
        """A SubjectPublicKeyInfo in DER."""
        ...

    def sign(self, text: str) -> Signature: ...

    def has_signed(self, digest: "SignedDigest") -> bool:
        """Whether the signature is of this key and over this text."""
        ...


@dataclass(frozen=True, slots=True)
class SignedDigest:
    """`text` is the canonical text of a digest, which the signature covers."""

    text: str
    signature: Signature


class DigestStore(Protocol):
    """Where digests are kept, numbered 1, 2, 3 …; nothing in it is ever replaced.

    What was kept first under a name is what is read, whatever somebody has put over it or hidden it behind.
    """

    def newest(self, before_ms: int | None = None) -> SignedDigest | None:
        """The newest, or the newest that was kept before an instant."""
        ...

    def numbered(self, number: int) -> SignedDigest | None: ...

    def tampered(self) -> Sequence[str]:
        """The names of digests that somebody has hidden, or put something else over."""
        ...

    def keep_regressions(self, number: int, text: str) -> None:
        """Keeps the list that the digest of this number has the hash of."""
        ...

    def keep(self, number: int, digest: SignedDigest) -> None:
        """Raises DigestExists when there is one of that number."""
        ...

    def keep_heads(self, root: str, tree: HeadTree) -> None:
        """Keeps what proofs against this root are made of."""
        ...

    def summary(self, root: str) -> Sequence[Chunk]:
        """Raises HeadsNotFound."""
        ...

    def chunk(self, root: str, index: int) -> Sequence[Head]:
        """Raises HeadsNotFound."""
        ...
