import re
from typing import Any, Final

import msgspec

from shared.edge import cursors
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.validation import DEFAULT_PAGE, Cursor, Identifier, PageLimit
from shared.ledger.accounts import Account
from shared.ledger.amounts import to_millicents
from shared.ledger.holds import Hold
from shared.ledger.times import rfc3339
from shared.ledger.views import public_hold
from shared.ports.activity import ActivityFilter, ActivityKind, ActivityOutcome, FeedLine
from shared.usecases.list_activity import ActivityAsked, ActivityPage, FeedPlace, ShardPlace
from shared.usecases.tenant_alerts import Alerts, WaitingFailures

_BETWEEN: Final = "|"
_PLACE: Final = re.compile(r"(?P<batch>[0-9A-Za-z:.#-]{1,64})(=(?P<lines>[0-9]{1,4}))?")
_END: Final = "-"
_EPOCH_MS: Final = re.compile(r"[0-9]{1,14}")

_NEEDS_ADMIN: Final = "needs the scope credits/admin"
_NO_ANSWER: Final = "the queues did not answer"


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call without query parameters."""


class ActivityQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: PageLimit = PageLimit(DEFAULT_PAGE)
    after: Cursor | None = None
    newer_than: Cursor | None = None
    kind: ActivityKind | None = None
    outcome: ActivityOutcome | None = None
    actor: Identifier | None = None

    def asked(self, shards: int) -> ActivityAsked:
        """Raises ValidationFailed for a cursor that is not from an earlier page."""
        return ActivityAsked(
            limit=int(self.limit),
            filter=ActivityFilter(self.kind, self.outcome, self.actor),
            after=None if self.after is None else _place_in(self.after, shards),
            since_ms=None if self.newer_than is None else _time_in(self.newer_than),
        )


def activity_listing(tenant: str, page: ActivityPage) -> dict[str, Any]:
    return {
        "items": [public_line(tenant, line) for line in page.lines],
        "next": None if page.next is None else _place_cursor(page.next),
        "newer": cursors.cursor(str(page.newer_ms).encode()),
    }


def public_line(tenant: str, line: FeedLine) -> dict[str, Any]:
    """An item of the answer: the words of an entry or a check, in millicents."""
    item: dict[str, Any] = {
        "type": "check" if line.is_check else "entry",
        "id": line.event_id(tenant),
        "actor": line.actor,
        "at": rfc3339(line.at_ms),
        "kind": line.kind,
        "outcome": line.outcome,
        "reason": line.reason,
        "amount": None if line.is_check else to_millicents(line.amount),
        "available_after": to_millicents(line.available_after),
        "app": line.app,
        "meter": line.meter,
        "model": line.model,
        "by": line.by,
        "key": None if line.is_check else line.key,
        "seq": None if line.is_check else line.seq,
    }
    if line.is_check:
        return item | {"check_id": line.key, "minimum": to_millicents(line.amount)}
    more = {"hold": line.hold, "member": line.member, "low_balance": list(map(to_millicents, line.low_balance))}
    return item | {name: value for name, value in more.items() if value}


def alerts_shown(alerts: Alerts) -> dict[str, Any]:
    low, refused, holds = alerts.low, alerts.refused, alerts.expiring
    return {
        "low": [
            {
                "actor": each.actor,
                "threshold": to_millicents(each.threshold),
                "available": to_millicents(each.available),
                "at": rfc3339(each.at_ms),
            }
            for each in low.items
        ],
        "low_complete": low.is_complete,
        "refused": {
            "since": rfc3339(refused.since_ms),
            "complete": refused.is_complete,
            "items": [{"actor": each.actor, "reason": each.reason, "count": each.count} for each in refused.items],
        },
        "expiring_holds": {
            "complete": holds.is_complete,
            "items": [_expiring(account, hold) for account, hold in holds.items],
        },
        **_failures(alerts.failures),
    }


def _expiring(account: Account, hold: Hold) -> dict[str, Any]:
    shown = public_hold(account, hold.summary)
    return {name: shown[name] for name in ("actor", "id", "amount", "remaining", "expires_at")}


def _failures(failures: WaitingFailures | None) -> dict[str, Any]:
    """The queues that are not empty, or why they are not told."""
    if failures is None or failures.items is None:
        return {"withheld": {"failure_queues": _NEEDS_ADMIN if failures is None else _NO_ANSWER}}
    return {"failure_queues": [{"name": each.name, "messages": each.messages} for each in failures.items]}


def _place_cursor(place: FeedPlace) -> str:
    return cursors.cursor(_BETWEEN.join(map(_place_text, place)).encode())


def _place_text(place: ShardPlace) -> str:
    if place.batch is None:
        return _END
    return place.batch if place.lines is None else f"{place.batch}={place.lines}"


def _place_in(cursor: str, shards: int) -> FeedPlace:
    texts = cursors.text_in(cursor).split(_BETWEEN)
    places = [_shard_place(text) for text in texts]
    if len(places) != shards or None in places:
        raise ValidationFailed([cursors.NO_CURSOR])
    return tuple(place for place in places if place is not None)


def _shard_place(text: str) -> ShardPlace | None:
    """None for a text that is no place."""
    if text == _END:
        return ShardPlace(None)
    found = _PLACE.fullmatch(text)
    return found and ShardPlace(found["batch"], None if found["lines"] is None else int(found["lines"]))


def _time_in(cursor: str) -> int:
    text = cursors.text_in(cursor)
    if not _EPOCH_MS.fullmatch(text):
        raise ValidationFailed([FieldError("query.newer_than", "must be the `newer` of an earlier page")])
    return int(text)
