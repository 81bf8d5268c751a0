"""What the bus carries, typed: `parse` turns an event into a model.

    from millicent.events import LowBalanceEvent, RecordCostEvent, parse

    def lambda_handler(event, context):
        match parse(event):
            case RecordCostEvent(actor=actor, data=entry):
                print(actor, entry.amount, entry.outcome)
            case LowBalanceEvent(actor=actor, data=entry):
                print(actor, "fell below", entry.threshold)

Events come at least once and in no guaranteed order: `event_id` is the same however often an event comes, and `seq` is
the order within an account. Members that a later service adds are ignored. A detail-type that this client does not know
is `UnknownEvent`, another version of one that it knows is `UnsupportedEventVersion`: whoever subscribes to some events
alone never meets the first, and the second says that it is time for a newer client.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from millicent.errors import MalformedEvent, UnknownEvent, UnsupportedEventVersion
from millicent.models import CheckResult, Entry, Time

SOURCE: Final = "millicent"
VERSION: Final = 1


class RecordedEntry(Entry, frozen=True, kw_only=True):
    """The entry as the API shows it, and `record`: the exact text that `hash` covers, with the hash before it."""

    record: str


class CrossingEntry(Entry, frozen=True, kw_only=True):
    """The entry that brought what is available below `threshold`. Its record is in the entry's own event."""

    threshold: Decimal


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """All that `millicent digest verify --kept` needs."""

    number: int
    text: str
    signature: str
    public_key: str
    key_id: str


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    version: Literal[1]
    event_id: str
    occurred_at: Time
    correlation_id: str

    detail_type: ClassVar[str]


class _OfAnAccount(_Detail, frozen=True, kw_only=True):
    tenant: str
    actor: str


class _OfAnEntry(_OfAnAccount, frozen=True, kw_only=True):
    seq: int
    data: RecordedEntry


class CheckAvailableEvent(_OfAnAccount, frozen=True, kw_only=True):
    """A check was answered. It changed nothing, so it has no seq."""

    seq: None = None
    data: CheckResult

    detail_type = "credit.check-available"


class RecordCostEvent(_OfAnEntry, frozen=True, kw_only=True):
    """A charge was recorded; a refused one says so in `data.outcome`."""

    detail_type = "credit.record-cost"


class FundingUpdateEvent(_OfAnEntry, frozen=True, kw_only=True):
    """A funding update, a grant, a void or the refill of an allowance was recorded, or refused."""

    detail_type = "credit.funding-update"


class HoldEvent(_OfAnEntry, frozen=True, kw_only=True):
    """A hold was placed or extended, or that was refused."""

    detail_type = "credit.hold"


class CaptureEvent(_OfAnEntry, frozen=True, kw_only=True):
    """A hold was captured, or that was refused."""

    detail_type = "credit.capture"


class ReleaseEvent(_OfAnEntry, frozen=True, kw_only=True):
    """A hold was released, or that was refused."""

    detail_type = "credit.release"


class RefundEvent(_OfAnEntry, frozen=True, kw_only=True):
    """A charge was refunded, or that was refused."""

    detail_type = "credit.refund"


class ExpireEvent(_OfAnEntry, frozen=True, kw_only=True):
    """Grants or a hold expired."""

    detail_type = "credit.expire"


class ConfigureEvent(_OfAnEntry, frozen=True, kw_only=True):
    """Settings, limits, the allowance or the parent of an account were changed."""

    detail_type = "credit.configure"


class LowBalanceEvent(_OfAnAccount, frozen=True, kw_only=True):
    """An entry brought what is available below a threshold; one event for each threshold."""

    seq: int
    data: CrossingEntry

    detail_type = "credit.low-balance"


class DigestEvent(_Detail, frozen=True, kw_only=True):
    """A digest over all accounts was made. It is of no tenant, actor or entry."""

    tenant: None = None
    actor: None = None
    seq: None = None
    data: Digest

    detail_type = "ledger.digest"


Event: TypeAlias = (
    CheckAvailableEvent
    | RecordCostEvent
    | FundingUpdateEvent
    | HoldEvent
    | CaptureEvent
    | ReleaseEvent
    | RefundEvent
    | ExpireEvent
    | ConfigureEvent
    | LowBalanceEvent
    | DigestEvent
)
EVENTS: Final[Mapping[str, type[Event]]] = {
    event.detail_type: event
    for event in (
        CheckAvailableEvent,
        RecordCostEvent,
        FundingUpdateEvent,
        HoldEvent,
        CaptureEvent,
        ReleaseEvent,
        RefundEvent,
        ExpireEvent,
        ConfigureEvent,
        LowBalanceEvent,
        DigestEvent,
    )
}
"""The models by detail-type."""


def parse(event: Mapping[str, Any] | str | bytes) -> Event:
    """The model of an event: what a rule hands to a function, or the text of it, as the body of a queue's message is.

    From a text every number is exact. A mapping has the floats that Lambda read; each amount is the decimal that its
    float is written as, which is exact up to 15 digits.

    Raises MalformedEvent, UnknownEvent or UnsupportedEventVersion.
    """
    envelope = _read(event)
    detail_type, detail = envelope.get("detail-type"), envelope.get("detail")
    model = EVENTS.get(detail_type) if envelope.get("source") == SOURCE and isinstance(detail_type, str) else None
    if model is None:
        raise UnknownEvent(f"{envelope.get('source')!r} {detail_type!r} is no event that this client knows")
    if isinstance(detail, Mapping) and detail.get("version", VERSION) != VERSION:
        raise UnsupportedEventVersion(
            f"{detail_type} has version {detail['version']!r}, this client reads version {VERSION}"
        )
    try:
        return msgspec.convert(_with_what_is_left(detail), model)
    except msgspec.ValidationError as invalid:
        raise MalformedEvent(f"{detail_type}: {invalid}") from invalid


def _with_what_is_left(detail: Any) -> Any:  # noqa: ANN401 - what an event brings, good or bad
    """The detail with `remaining` in its hold. Events from before captures in parts, as an archive replays, lack it."""
    data = detail.get("data") if isinstance(detail, Mapping) else None
    hold = data.get("hold") if isinstance(data, Mapping) else None
    if data is None or not isinstance(hold, Mapping) or "remaining" in hold:
        return detail
    remaining = hold.get("amount") if hold.get("status") == "open" else 0
    return {**detail, "data": {**data, "hold": {**hold, "remaining": remaining}}}


def _read(event: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    if isinstance(event, Mapping):
        return event
    try:
        return _ENVELOPE.decode(event)
    except (msgspec.DecodeError, UnicodeEncodeError) as unreadable:
        raise MalformedEvent(f"the event is no JSON object: {unreadable}") from unreadable


_ENVELOPE: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
