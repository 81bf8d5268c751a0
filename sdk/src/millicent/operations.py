"""Calls for the operators of the service: reconcile the accounts, make a digest."""

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from millicent.aws import Stack
from millicent.errors import MillicentError, UnexpectedAnswer
from millicent.verify_proof import fingerprint_of

_POLL_INTERVAL_S: Final = 2
_USAGE: Final = "usage"
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


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that has not reached `place` yet: `audit` or `usage`."""

    tenant: str
    actor: str
    place: str
    seq: int
    at_ms: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a reconciliation. `late` entries are on their way to the audit table, `repaired` rows were written
    again.

    `uncounted` entries are on their way to the sums of usage; `waiting` are the oldest of both. `unverified` accounts
    are too large for one run of the function. `next` continues, None at the end.
    """

    accounts: int = 0
    entries: int = 0
    audited: int = 0
    late: int = 0
    uncounted: int = 0
    drift_microcents: int = 0
    repaired: int = 0
    findings: tuple[Finding, ...] = ()
    unverified: tuple[TenantActor, ...] = ()
    waiting: tuple[Waiting, ...] = ()
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


def with_sums_repaired(stack: Stack, seen: Reconciliation, grace_s: int | None = None) -> Reconciliation:
    """`seen` after the sums of tenants were set to what the sums of the accounts with findings in usage say.

    The sums may be too large, which a backfill leaves as it is. Each of these accounts is looked at again.
    """
    for tenant, actor in sorted({(each.tenant, each.actor) for each in seen.findings if each.place == _USAGE}):
        stack.invoke(stack.output("BoardsFunctionName"), {"recount": True, "tenant": tenant, "actor": actor})
        *_, again = reconcile(stack, repair=True, grace_s=grace_s, tenant=tenant, actor=actor)
        others = tuple(each for each in seen.findings if (each.tenant, each.actor) != (tenant, actor))
        still = tuple(each for each in again.findings if (each.tenant, each.actor) == (tenant, actor))
        seen = msgspec.structs.replace(seen, findings=others + still)
    return seen


def with_standstills(
    stack: Stack,
    seen: Reconciliation,
    wait_s: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> Reconciliation:
    """`seen` with a finding for each place where entries wait and none of the oldest arrives within `wait_s`.

    An entry that was just made waits for a moment, and one whose event failed for minutes. But where none arrives at
    all, evidence is made and nobody reads it.
    """
    ends_s = now_s() + wait_s
    moving: set[str] = set()
    while still := [each for each in seen.waiting if each.place not in moving]:
        moving |= {each.place for each in still if not _is_waiting(stack, each)}
        if now_s() >= ends_s:
            break
        sleep(_POLL_INTERVAL_S)
    stopped = {each.place: each for each in reversed(seen.waiting) if each.place not in moving}
    found = tuple(_standstill(seen, each, wait_s) for _, each in sorted(stopped.items()))
    return msgspec.structs.replace(seen, findings=seen.findings + found)


def _is_waiting(stack: Stack, waiting: Waiting) -> bool:
    *_, now = reconcile(stack, repair=False, tenant=waiting.tenant, actor=waiting.actor)
    return any((each.place, each.seq) == (waiting.place, waiting.seq) for each in now.waiting)


def _standstill(seen: Reconciliation, oldest: Waiting, wait_s: float) -> Finding:
    count = {"audit": seen.late, "usage": seen.uncounted}.get(oldest.place, 0)
    what = f"{count:,} {'entry waits' if count == 1 else 'entries wait'}, and none arrived in {wait_s:g} s"
    return Finding(
        tenant=oldest.tenant, actor=oldest.actor, place=oldest.place, seq=oldest.seq, problem=f"stands still: {what}"
    )


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """How far a part of a backfill has come. `next` continues it, None at the end."""

    part: str
    looked_at: int = 0
    changed: int = 0
    next: str | None = None


@dataclass(frozen=True)
class BackfillPart:
    """What a newer release needs of what older releases wrote, and the function that adds it.

    The function takes `backfill`, `after` and `budget_s`. Of its answer `looked_at` and `changed` are the names of two
    counts, and `next` continues.
    """

    name: str
    function: str
    looked_at: str
    changed: str


BACKFILL: Final = (
    BackfillPart("accounts", "DueFunctionName", "accounts", "listed"),
    BackfillPart("boards", "BoardsFunctionName", "items", "boards"),
)
"""In this order."""


def backfill(stack: Stack, part: BackfillPart, after: str | None = None) -> Iterator[Backfilled]:
    """The sums so far, after each call of the function; the last one is complete. It may be stopped and run again."""
    done = Backfilled(part=part.name, next=after)
    while True:
        request = {"backfill": True, "after": done.next, "budget_s": _BUDGET_S}
        answer = _as(stack.invoke(stack.output(part.function), request), dict[str, Any])
        try:
            looked_at, changed = answer[part.looked_at] + done.looked_at, answer[part.changed] + done.changed
            done = Backfilled(part=part.name, looked_at=looked_at, changed=changed, next=answer["next"])
        except (KeyError, TypeError) as malformed:
            raise UnexpectedAnswer(f"the function did not answer like Millicent's: {malformed!r}") from malformed
        yield done
        if done.next is None:
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
