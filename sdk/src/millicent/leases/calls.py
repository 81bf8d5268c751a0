"""What a budget asks of the service: four calls of the public API, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeAlias

from millicent import ids
from millicent.amounts import microcents, millicents
from millicent.client import BatchCharge, Millicent
from millicent.errors import (
    ApiError,
    HoldEnded,
    MillicentError,
    ReferenceNotFound,
    Throttled,
    UnexpectedAnswer,
)
from millicent.models import BatchResult

LATE: Final = ".late"
"""Ends the key of a charge that stands for a spend whose hold has ended. It follows from the key of the spend, so that
every process that finds the spend unsettled makes the same charge."""
LEASE: Final = "lease"

_TOO_LARGE: Final = 413
_INVALID: Final = frozenset({400, 422})

Group: TypeAlias = tuple[str | None, str | None, str | None]
"""The app, the meter and the model whose spends are summed in one line."""


@dataclass(slots=True)
class Line:
    """What is sent for a spend, or for the sum of several: one part of the hold of its slice.

    `count` spends are in it. `content` are further members of the charge; with `usage` or `cost_usd` among them the
    service says what it costs. A line is `is_late` once the ledger has said that the hold has ended.
    """

    key: str
    slice: int
    app: str | None = None
    meter: str | None = None
    metadata: Mapping[str, Any] | None = None
    content: Mapping[str, Any] | None = None
    microcents: int = 0
    count: int = 0
    is_late: bool = False
    is_summed: bool = False

    @property
    def group(self) -> Group:
        return self.app, self.meter, (self.metadata or {}).get("model")

    @property
    def told(self) -> Mapping[str, Any] | None:
        """The metadata on the record."""
        if not self.is_summed:
            return self.metadata
        return {**(self.metadata or {}), "count": self.count}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold:
    """Asks for a slice; `is_repeated`: it was sent before, and its answer did not arrive."""

    slice: int
    key: str
    microcents: int
    minimum_microcents: int
    ttl_s: int
    app: str | None
    meter: str | None
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHold:
    slice: int
    hold: str
    key: str
    ttl_s: int
    asked_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold:
    slice: int
    hold: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleLines:
    """`holds` are those of the lines' slices, by the number of the slice; a slice that got none is not in it."""

    lines: Sequence[Line]
    holds: Mapping[int, str] = field(default_factory=dict)


Call: TypeAlias = PlaceHold | ExtendHold | ReleaseHold | SettleLines


@dataclass(frozen=True, slots=True)
class Placed:
    hold: str
    microcents: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The service said no, and no other answer will come under this key."""

    error: ApiError


@dataclass(frozen=True, slots=True)
class Done:
    """Extended, or released."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The hold has expired, or somebody else ended it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """In the order of the lines."""

    results: Sequence[BatchResult]


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer: the call may or may not have been carried out, and has to be sent again."""

    error: Exception


Answer: TypeAlias = Placed | Refused | Done | Ended | Settled | Failed


def perform(client: Millicent, actor: str, call: Call) -> Answer:
    """Sends the call, and again until the deadline of the client's policy. Raises nothing of the client's."""
    try:
        match call:
            case PlaceHold():
                return _place(client, actor, call)
            case ExtendHold():
                client.extend(actor, call.hold, call.ttl_s, key=call.key)
                return Done()
            case ReleaseHold():
                client.release(actor, call.hold, key=call.key)
                return Done()
            case SettleLines():
                return _settle(client, actor, call)
    except (HoldEnded, ReferenceNotFound):
        return Ended()
    except MillicentError as error:
        return Failed(error)


def _settle(client: Millicent, actor: str, call: SettleLines) -> Answer:
    try:
        return Settled(client.charge_batch(charge(actor, line, call.holds) for line in call.lines))
    except ApiError as error:
        return Refused(error) if _is_of_the_content(error) else Failed(error)


def _is_of_the_content(error: ApiError) -> bool:
    """Whether the service will never take these lines together. A gateway's 400, without a code, may pass."""
    return error.status == _TOO_LARGE or (error.status in _INVALID and error.code is not None)


def charge(actor: str, line: Line, holds: Mapping[int, str]) -> BatchCharge:
    """The line as the API takes it: a part of its hold, or a charge of its own where that hold has ended."""
    hold = holds.get(line.slice)
    about: dict[str, Any] = {"app": line.app, "meter": line.meter, "metadata": line.told, **_cost(line)}
    if not line.is_late:
        return BatchCharge(actor=actor, key=line.key, hold=hold, **about)
    about["metadata"] = {**(line.told or {}), LEASE: hold}
    return BatchCharge(actor=actor, key=_late_key(line.key), if_insufficient="overdraw", **about)


def _late_key(key: str) -> str:
    """Of a key that leaves no room for the end, its SHA-256 stands for it."""
    return (key if len(key + LATE) <= ids.LONGEST else sha256(key.encode()).hexdigest()) + LATE


def written(content: Mapping[str, Any]) -> dict[str, Any]:
    """Members of a charge as JSON has them."""
    at = content.get("occurred_at")
    return {**content, "occurred_at": at.isoformat()} if isinstance(at, datetime) else dict(content)


def _cost(line: Line) -> dict[str, Any]:
    content = dict(line.content or {})
    if "occurred_at" in content:
        content["occurred_at"] = datetime.fromisoformat(content["occurred_at"])
    is_priced = "usage" in content or "cost_usd" in content
    return content if is_priced else {"cost": millicents(line.microcents), **content}


def _place(client: Millicent, actor: str, call: PlaceHold) -> Answer:
    try:
        receipt = client.hold(
            actor,
            millicents(call.microcents),
            minimum_amount=millicents(call.minimum_microcents),
            ttl_s=call.ttl_s,
            app=call.app,
            meter=call.meter,
            key=call.key,
        )
    except Throttled as busy:
        return Failed(busy)
    except ApiError as error:
        return Refused(error)
    if receipt.hold is None:
        return Failed(UnexpectedAnswer("the service placed a hold but did not return its id", call.key))
    return Placed(receipt.hold.id, microcents(receipt.hold.amount))
