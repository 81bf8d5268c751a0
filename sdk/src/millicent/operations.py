"""Calls for the operators of the service: reconcile the accounts, make a digest."""

import base64
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from millicent.aws import Stack
from millicent.errors import MillicentError, UnexpectedAnswer
from millicent.verify_proof import fingerprint_of

_BUDGET_S: Final = 60
"""Per call, so that progress can be shown."""


class NothingRecorded(MillicentError):
    """Neither the ledger nor the audit table has a row of the account."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. `seq` is None if it is not in a single entry."""

    tenant: str
    actor: str
    place: str
    seq: int | None
    problem: str


class TenantActor(msgspec.Struct, frozen=True, kw_only=True):
    tenant: str
    actor: str


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a reconciliation. `late` entries are on their way to the audit table, `repaired` rows were written
    again.

    `unverified` accounts are too large for one run of the function. `next` continues, None at the end.
    """

    accounts: int = 0
    entries: int = 0
    audited: int = 0
    late: int = 0
    drift_microcents: int = 0
    repaired: int = 0
    findings: tuple[Finding, ...] = ()
    unverified: tuple[TenantActor, ...] = ()
    next: str | None = None

    @property
    def holds(self) -> bool:
        return not self.findings and not self.unverified and self.drift_microcents == 0

    @property
    def saw_nothing(self) -> bool:
        """No rows and no findings: the account does not exist."""
        return self.holds and not self.entries and not self.audited

    def plus(self, other: "Reconciliation") -> "Reconciliation":
        """The sum of both; `other` is the later one."""
        added = (getattr(self, name) + getattr(other, name) for name in _ADDED)
        return Reconciliation(**dict(zip(_ADDED, added, strict=True)), next=other.next)


_Answer = TypeVar("_Answer")
_ADDED: Final = tuple(name for name in Reconciliation.__struct_fields__ if name != "next")


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """A contradiction to the digest before. `tenant` and `actor` are empty if that digest itself was tampered with."""

    tenant: str
    actor: str
    problem: str


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """`root` is the hash over the heads of `count` accounts; `previous` is the hash of the digest before it.

    `regressions` counts the accounts that are missing, cut or rewritten since then; `findings` are the first of them.
    """

    number: int
    made_at: str
    count: int
    root: str
    previous: str
    key: str
    regressions: int = 0
    findings: tuple[Contradiction, ...] = ()


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """`fingerprint` is what a verifier must know from an independent source."""

    fingerprint: str
    pem: str
    key_id: str


def reconcile(
    stack: Stack, *, repair: bool, grace_s: int | None = None, tenant: str | None = None, actor: str | None = None
) -> Iterator[Reconciliation]:
    """The results so far, after each call of the function; the last one is complete."""
    request: dict[str, Any] = {"repair": repair, "grace_s": grace_s, "budget_s": _BUDGET_S}
    if actor is not None:
        request = {"repair": repair, "grace_s": grace_s, "tenant": tenant, "actor": actor}
    seen = Reconciliation()
    while True:
        answer = stack.invoke(stack.output("ReconcileFunctionName"), request | {"after": seen.next})
        seen = seen.plus(_as(answer, Reconciliation))
        yield seen
        if seen.next is None:
            return


def make_digest(stack: Stack) -> Digest:
    return _as(stack.invoke(stack.output("DigestFunctionName"), {}), Digest)


def signing_key(stack: Stack) -> SigningKey:
    """The public key, from KMS itself."""
    told = stack.call("kms", "get_public_key", KeyId=stack.output("SigningKeyArn"))
    der = told["PublicKey"]
    body = base64.encodebytes(der).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"
    return SigningKey(fingerprint=fingerprint_of(der), pem=pem, key_id=told["KeyId"])


def _as(answer: object, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as malformed:
        raise UnexpectedAnswer(f"the function did not answer like Millicent's: {malformed}") from malformed
