"""The feed of each tenant: what the rows of a batch are about, in a few words.

It is for people who look on. The rows are kept first, and no failure of the feed reaches them: what the feed lost is
counted, and is in the ledger and the audit table all the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from shared.ledger.amounts import MICROCENTS_PER_MILLICENT
from shared.ledger.canonical import sha256_hex
from shared.ledger.entries import Entry
from shared.ledger.events import Event
from shared.ledger.frozen import dataclass
from shared.ledger.ids import is_id
from shared.ledger.times import epoch_ms
from shared.ports.activity import CHECK, ActivityFeed, FeedLine
from shared.usecases.keep_audit import Audited

TENANTS_AT_ONCE: Final = 10
_LARGEST_MILLICENTS: Final = 10**15
"""What no account has, and what 64 bits of microcents still hold."""
_NAME_CHARACTERS: Final = 12
"""Of a batch: enough that no two of the same millisecond have the same."""


@dataclass(frozen=True, slots=True)
class FeedKept:
    """How many lines the feed has and has not. `cause` is why it lacks the first of those, None for a line that cannot
    be read.
    """

    kept: int
    lost: int
    cause: Exception | None = None


def keep_activity(audited: Iterable[Audited], feed: ActivityFeed) -> FeedKept:
    """Adds what is news to the feed of its tenant: one batch each. Raises nothing."""
    news = [each for each in audited if each.is_news]
    by_tenant: defaultdict[str, list[FeedLine]] = defaultdict(list)
    for each in news:
        if (told := _told(each.row)) is not None:
            by_tenant[told[0]].append(told[1])
    name = sha256_hex(" ".join(each.message_id for each in news))[:_NAME_CHARACTERS]
    failures = _added(by_tenant, name, feed)
    kept = sum(len(lines) for tenant, lines in by_tenant.items() if tenant not in failures)
    return FeedKept(kept, len(news) - kept, next(iter(failures.values()), None))


def _added(by_tenant: dict[str, list[FeedLine]], name: str, feed: ActivityFeed) -> dict[str, Exception]:
    """The tenants whose lines were not added, and why. After a failure no other is tried: the table may be away."""
    failures: dict[str, Exception] = {}

    def add(tenant: str, lines: Sequence[FeedLine]) -> None:
        if failures:
            failures[tenant] = next(iter(failures.values()))
            return
        try:
            feed.add(tenant, lines, name)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the rows of the batch are kept
            failures[tenant] = failure

    if len(by_tenant) <= 1:
        for tenant, lines in by_tenant.items():
            add(tenant, lines)
        return failures
    with ThreadPoolExecutor(min(len(by_tenant), TENANTS_AT_ONCE)) as threads:
        list(threads.map(lambda each: add(*each), by_tenant.items()))
    return failures


def line_of(row: Entry | Event) -> FeedLine:
    """Raises ValueError, KeyError, TypeError or AttributeError for a check that does not say what checks say."""
    return FeedLine.of(row) if isinstance(row, Entry) else _of_check(row.detail["data"], row)


def _told(row: Entry | Event | None) -> tuple[str, FeedLine] | None:
    """The tenant and the line; None where no line can be made."""
    try:
        if isinstance(row, Entry):
            return row.account.tenant, line_of(row)
        return (row.detail["tenant"], line_of(row)) if row is not None else None
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        return None


def _of_check(data: Any, event: Event) -> FeedLine:  # noqa: ANN401 - JSON
    actor, reason = event.detail["actor"], data.get("reason")
    if not all(map(is_id, (event.detail["tenant"], actor, data["check_id"]))):
        raise ValueError("a check of ids that are none")
    if not isinstance(reason, str | None):
        raise TypeError("a reason that is no text")
    return FeedLine(
        CHECK,
        "allowed" if data["allowed"] else "refused",
        actor,
        epoch_ms(datetime.fromisoformat(event.detail["occurred_at"])),
        data["check_id"],
        0,
        _microcents(data["minimum"]),
        _microcents(data["available"]),
        reason=reason,
    )


def _microcents(millicents: int | Decimal) -> int:
    if isinstance(millicents, bool) or not isinstance(millicents, int | Decimal):
        raise TypeError("an amount that is no number")
    if not -_LARGEST_MILLICENTS <= millicents <= _LARGEST_MILLICENTS:
        raise ValueError("more than any account has")
    return int(millicents * MICROCENTS_PER_MILLICENT)
