"""Compares kept digests with those of today: did the service change its history?

The service cannot take back a digest that somebody else keeps. Digests come by mail, as an event of the bus
(`ledger.digest`), from `GET /v1/digests/{number}` or within a proof; a file may contain one of them, a JSON array of
them, or one per line.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from millicent.verify_proof import NotProved, digest_of

Signed: TypeAlias = Mapping[str, Any]
"""A digest with its signature: `text`, `signature`, `public_key` and `key_id`."""

_WRAPPED_IN: Final = ("detail", "data", "digest")
"""The places of a digest: in an event's envelope, in its detail, in a proof."""


@dataclass(frozen=True)
class Kept:
    """All kept digests are still the service's, and lead without a gap to its newest digest.

    `contradictions` are the numbers of digests that themselves report regressions.
    """

    kept: int
    first: int
    newest: int
    made_at: str
    contradictions: tuple[int, ...]


def digests_from(text: str) -> list[Signed]:
    """The digests in a file. Raises ValueError for other content."""
    rows = _rows(text.strip())
    if not rows:
        raise ValueError("the file contains no digest")
    return [_unwrapped(row) for row in rows]


def verify_kept(
    kept: Iterable[Signed], fingerprint: str, numbered: Callable[[int], Signed | None], newest: Signed | None
) -> Kept:
    """`numbered` and `newest` return the service's present digests, None if there is none. Raises NotProved."""
    ours = _by_number(kept, fingerprint)
    first = min(ours)
    last = digest_of(_found(newest, "the service has no digest at all"), fingerprint)
    _require(
        last["number"] >= max(ours), f"digest {max(ours)} was kept, but the service's newest digest is {last['number']}"
    )
    before: str | None = None
    told = []
    for number in range(first, last["number"] + 1):
        signed = _found(numbered(number), f"the service no longer has digest {number}")
        digest = digest_of(signed, fingerprint)
        text = signed["text"]
        _require(digest["number"] == number, f"what the service shows as digest {number} is digest {digest['number']}")
        _require(ours.get(number, text) == text, f"the service's digest {number} differs from the kept digest")
        _require(before in (None, digest["previous"]), f"digest {number} does not follow from the one before it")
        before = hashlib.sha256(text.encode()).hexdigest()
        if digest.get("regressions"):
            told.append(number)
    _require(before == _hash(newest), "the service's newest digest is not the one of its number")
    return Kept(len(ours), first, last["number"], last["made_at"], tuple(told))


def sentence(found: Kept) -> str:
    said = (
        f"holds: {found.kept} kept digest(s), from {found.first} on, are the service's still, and lead to its newest, "
        f"{found.newest} of {found.made_at}"
    )
    if not found.contradictions:
        return said
    numbers = ", ".join(map(str, found.contradictions))
    return f"{said}; but digest(s) {numbers} say that what was digested before had been taken back"


def _by_number(kept: Iterable[Signed], fingerprint: str) -> dict[int, str]:
    """The texts of the kept digests, each signed with the trusted key."""
    ours: dict[int, str] = {}
    for signed in kept:
        number, text = digest_of(signed, fingerprint)["number"], signed["text"]
        _require(ours.setdefault(number, text) == text, f"two different digests {number} were kept, both signed")
    return ours


def _rows(text: str) -> list[Any]:
    try:
        whole = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def _unwrapped(row: Any) -> Signed:  # noqa: ANN401 - whatever JSON holds
    while isinstance(row, Mapping) and "signature" not in row:
        inner = next((row[name] for name in _WRAPPED_IN if name in row), None)
        if inner is None:
            break
        row = inner
    if not isinstance(row, Mapping) or not {"text", "signature", "public_key"} <= row.keys():
        raise ValueError("not a digest: text, signature or public_key is missing")
    return row


def _found(signed: Signed | None, otherwise: str) -> Signed:
    if signed is None:
        raise NotProved(otherwise)
    return signed


def _hash(signed: Signed | None) -> str:
    return hashlib.sha256(signed["text"].encode()).hexdigest() if signed else ""


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotProved(otherwise)
