"""Events of the bus. Each derives from an entry or a check, so that it can be made again at any time."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.ledger.accounts import Account
from shared.ledger.amounts import to_millicents
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.kinds import KINDS
from shared.ledger.records import record_of
from shared.ledger.times import rfc3339
from shared.ledger.views import public_entry

SOURCE: Final = "millicent"
VERSION: Final = 1
CHECK_DETAIL_TYPE: Final = "credit.check-available"
LOW_BALANCE_DETAIL_TYPE: Final = "credit.low-balance"
DIGEST_DETAIL_TYPE: Final = "ledger.digest"

_NAMESPACE: Final[UUID] = uuid5(NAMESPACE_URL, "urn:millicent:event")


@dataclass(frozen=True, slots=True)
class Event:
    """`detail` is plain data; amounts in it are int or Decimal millicents."""

    detail_type: str
    detail: Mapping[str, Any]


def entry_events(entry: Entry) -> tuple[Event, ...]:
    """All events of an entry: its own, and one for each low-balance threshold that it fell below."""
    return entry_event(entry), *(_low_balance_event(entry, threshold) for threshold in entry.alerts)


def entry_event(entry: Entry) -> Event:
    """The event of an entry. `data` is the public entry, with `record`: the exact text that the entry's hash covers."""
    data = {**public_entry(entry), "record": record_of(entry)}
    return Event(KINDS[entry.kind].event, _detail(entry, entry_event_id(entry), data))


def _low_balance_event(entry: Entry, threshold: int) -> Event:
    event_id = _event_id(entry.account, f"entry/{entry.seq}/low-balance/{threshold}")
    data = {"threshold": to_millicents(threshold), **public_entry(entry)}
    return Event(LOW_BALANCE_DETAIL_TYPE, _detail(entry, event_id, data))


def _detail(entry: Entry, event_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` contains the public entry."""
    account = entry.account
    return {
        "version": VERSION,
        "event_id": event_id,
        "tenant": account.tenant,
        "actor": account.actor,
        "seq": entry.seq,
        "occurred_at": data["at"],
        "correlation_id": entry.correlation_id,
        "data": data,
    }


def entry_event_id(entry: Entry) -> str:
    """The id of the entry's event, without building the event."""
    return event_id_of_entry(entry.account, entry.seq)


def event_id_of_entry(account: Account, seq: int) -> str:
    return _event_id(account, f"entry/{seq}")


def event_id_of_check(account: Account, check_id: str) -> str:
    return _event_id(account, f"check/{check_id}")


def check_event(account: Account, check_id: str, answer: Mapping[str, Any], at_ms: int, correlation_id: str) -> Event:
    """The event of a check, which changes nothing and has no seq; `data` is the answer."""
    return Event(
        detail_type=CHECK_DETAIL_TYPE,
        detail={
            "version": VERSION,
            "event_id": event_id_of_check(account, check_id),
            "tenant": account.tenant,
            "actor": account.actor,
            "seq": None,
            "occurred_at": rfc3339(at_ms),
            "correlation_id": correlation_id,
            "data": dict(answer),
        },
    )


def digest_event(signed: Mapping[str, str], number: int, made_at: str) -> Event:
    """The event of a digest, which belongs to no account. `signed` is all that must be stored to verify it."""
    return Event(
        detail_type=DIGEST_DETAIL_TYPE,
        detail={
            "version": VERSION,
            "event_id": str(uuid5(_NAMESPACE, f"digest/{number}/{signed['text']}")),
            "tenant": None,
            "actor": None,
            "seq": None,
            "occurred_at": made_at,
            "correlation_id": f"digest-{number}",
            "data": {"number": number, **signed},
        },
    )


def _event_id(account: Account, subject: str) -> str:
    # No id contains "#", so no two accounts have the same name. Events of ids without a "/" keep the ids that they had.
    separator = "#" if "/" in account.tenant + account.actor else "/"
    return str(uuid5(_NAMESPACE, separator.join((account.tenant, account.actor, subject))))
