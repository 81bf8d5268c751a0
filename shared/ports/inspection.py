"""Ports for inspecting the record: for the reconciler, digests and proofs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.usage import StoredSums
from shared.verification.companions import CompanionItem
from shared.verification.digest import Chunk, Head, HeadTree


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is stored in a table. `name` is its sort key.

    `entry` is the entry in its text, None if the text is not an entry. `is_as_written`: its place and all attributes
    are those that the ledger writes for that entry.
    """

    name: str
    entry: Entry | None
    is_as_written: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A companion item as it is stored in the table. `name` is its sort key.

    `kept` is its value, None if it is not one of its kind. `is_as_written` as for a row.
    """

    name: str
    kept: CompanionItem | None
    is_as_written: bool


@dataclass(frozen=True, slots=True)
class StoredState:
    """`state` is None if there is none, or none that the ledger could have written (`is_as_written` is False).

    It comes without its policy, which is a companion item.
    """

    state: AccountState | None
    is_as_written: bool


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """An account in the listing; `cursor` continues the listing after it."""

    account: Account
    cursor: str


@dataclass(frozen=True, slots=True)
class AccountPlaces:
    """`strangers` are keys of rows that belong to no account, or that a list of accounts names though they begin none.

    `next` continues the listing, None at its end.
    """

    items: tuple[AccountPlace, ...]
    strangers: tuple[str, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class StoredUsage:
    """The sums of an account. `strangers` are the keys of items that are not sums."""

    stored: StoredSums
    strangers: tuple[str, ...] = ()


class LedgerInspection(Protocol):
    """The tables as they are stored, read strongly and without trust in any value."""

    def accounts(self, after: str | None) -> AccountPlaces:
        """Every account with any row in the ledger, then those only in the audit table, then those only in usage."""
        ...

    def has_rows(self, account: Account) -> bool:
        """Whether any table has any row of the account, so that `accounts` lists it."""
        ...

    def state(self, account: Account) -> StoredState: ...

    def entries(self, account: Account) -> Iterator[Row]:
        """All rows of the ledger that should be entries, in any order."""
        ...

    def entry(self, account: Account, key: str) -> Entry | None:
        """The entry under a key; None also if the item is not an entry."""
        ...

    def beside(self, account: Account) -> Iterator[Item]:
        """All companion items of the account, in any order."""
        ...

    def audited(self, account: Account) -> Iterator[Row]:
        """All rows of the audit table that should be copies of entries."""
        ...

    def usage(self, account: Account) -> StoredUsage | None:
        """None if the sums changed while they were read."""
        ...


class Heads(Protocol):
    def heads(self) -> Iterator[Head]:
        """The head of every account, in any order, without unreadable states."""
        ...


class Continuation(Protocol):
    """Invokes the function again with another request, asynchronously."""

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
    """Stores digests, numbered 1, 2, 3 …; nothing in it is ever replaced.

    A read returns the first version under a name, even if somebody has put another version over it or hidden it.
    """

    def newest(self, before_ms: int | None = None) -> SignedDigest | None:
        """The newest digest, or the newest before an instant."""
        ...

    def numbered(self, number: int) -> SignedDigest | None: ...

    def tampered(self) -> Sequence[str]:
        """The names of digests that somebody has hidden or overwritten."""
        ...

    def keep_regressions(self, number: int, text: str) -> None:
        """Stores the list whose hash is in the digest of this number."""
        ...

    def keep(self, number: int, digest: SignedDigest) -> None:
        """Raises DigestExists if there is a digest of that number."""
        ...

    def keep_heads(self, root: str, tree: HeadTree) -> None:
        """Stores the heads that proofs against this root need."""
        ...

    def summary(self, root: str) -> Sequence[Chunk]:
        """Raises HeadsNotFound."""
        ...

    def chunk(self, root: str, index: int) -> Sequence[Head]:
        """Raises HeadsNotFound."""
        ...
