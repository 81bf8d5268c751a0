"""The audit table on DynamoDB. Rows are only added, never replaced or deleted."""

from typing import Any, Final

import msgspec

from shared.adapters.items import AuditItem, audit_table
from shared.adapters.keys import SEQ_MAX, account_pk, audit_check_sk, audit_entry_sk, audited_seq
from shared.adapters.pynamo import DoesNotExist
from shared.adapters.repeatable import RepeatableTable, put_once
from shared.adapters.stored_records import text_of
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import Event
from shared.ledger.protocol import Unknown
from shared.ledger.views import public_entry
from shared.ports.ledger import Kept, Page

# The same event has the same text, whatever the order of its keys and the type of its amounts.
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic")


class DynamoAuditTrail(RepeatableTable):
    """Implements ports.AuditTrail. Every call may be repeated; after the deadline it raises as the ledger does."""

    def _open(self) -> None:
        self._items = audit_table(*self._place)

    def keep_entry(self, entry: Entry, event_id: str) -> Kept:
        return self._keep(self._items.of(entry, event_id))

    def keep_check(self, event: Event) -> Kept:
        detail = event.detail
        return self._keep(
            self._items(
                account_pk(Account(detail["tenant"], detail["actor"])),
                audit_check_sk(detail["occurred_at"], detail["data"]["check_id"]),
                event_id=detail["event_id"],
                detail=_ENCODER.encode(detail).decode(),
            )
        )

    def page(self, account: Account, limit: int, before_seq: int | None) -> Page[Entry]:
        rows = self._until_deadline(lambda: self._query(account, limit + 1, before_seq))
        shown = rows[:limit]
        entries = tuple(entry for row in shown if (entry := _entry_of(row)) is not None)
        return Page(entries, audited_seq(shown[-1].sk) if len(rows) > limit else None, len(entries) == len(shown))

    def _keep(self, item: AuditItem) -> Kept:
        if self._until_deadline(lambda: put_once(item)):
            return "kept"
        stored = self._until_deadline(lambda: self._get(item))
        return "already_kept" if _content(stored) == _content(item) else "differs"

    def _get(self, item: AuditItem) -> AuditItem | Unknown:
        try:
            return self._items.get(item.pk, item.sk, consistent_read=True)
        except DoesNotExist:
            # The put found a row and the read did not. Rows are never deleted, so one of the two answers was wrong.
            return Unknown()

    def _query(self, account: Account, limit: int, before_seq: int | None) -> list[AuditItem]:
        newest = SEQ_MAX if before_seq is None else max(before_seq - 1, 0)
        return list(
            self._items.query(
                account_pk(account),
                range_key_condition=self._items.sk.between(audit_entry_sk(0), audit_entry_sk(newest)),
                scan_index_forward=False,
                consistent_read=True,
                limit=limit,
            )
        )


def _content(row: AuditItem) -> dict[str, Any]:
    """A row with the text of its record: the same text can be stored differently."""
    values = row.attribute_values
    try:
        return values | {"record": text_of(values["record"])} if "record" in values else values
    except ValueError:
        return values


def _entry_of(row: AuditItem) -> Entry | None:
    """The entry of a row; None if the row holds no entry, or one that belongs elsewhere."""
    try:
        entry = row.entry
        public_entry(entry)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return entry if entry.seq == audited_seq(row.sk) else None
