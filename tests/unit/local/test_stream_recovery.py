"""What a restart publishes again and the reconciler waits for is what the rule of the template takes."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from functions.outbox.schema import new_entries
from local.stream_recovery import stream_event, uncounted
from local.tables import Item, Tables
from shared.adapters.items import EntryItem
from shared.adapters.keys import is_entry_sk
from shared.adapters.stored_records import text_of
from shared.ledger.entries import Entry
from shared.ledger.events import entry_event
from shared.ledger.kinds import KINDS
from shared.ledger.records import entry_from_record, hash_of, record_of
from shared.ledger.usage import is_counted
from tests.golden import golden_events
from tests.template.loading import properties

TAKEN: Final = frozenset(properties("UsageRule")["EventPattern"]["detail-type"])
ENTRIES: Final = [
    entry_from_record(data["record"], data["hash"])
    for event in golden_events().values()
    if "record" in (data := event.detail["data"])
]


class TablesOf(Tables):
    """The tables of an account with one entry, of which usage is counted through `through`."""

    def __init__(self, entry: Entry, through: int) -> None:
        self._item: Item = EntryItem.of(entry).serialize()
        self._through = through

    def ledger_items(self) -> Iterator[Item]:
        return iter([self._item])

    def counted_through(self) -> dict[str, int]:
        return {self._item["pk"]["S"]: self._through}


def kind_of(entry: Any) -> str:
    return str(entry.kind)


def test_there_is_an_entry_of_every_kind() -> None:
    assert {entry.kind for entry in ENTRIES} == set(KINDS)


@pytest.mark.parametrize("entry", ENTRIES, ids=kind_of)
def test_an_entry_is_published_again_until_it_is_counted_if_the_rule_takes_its_event(entry: Entry) -> None:
    is_taken = entry_event(entry).detail_type in TAKEN
    assert bool(uncounted(TablesOf(entry, entry.seq - 1))) == is_taken
    assert uncounted(TablesOf(entry, entry.seq)) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=kind_of)
def test_the_reconciler_waits_for_no_entry_whose_event_the_rule_does_not_take(entry: Entry) -> None:
    is_taken = entry_event(entry).detail_type in TAKEN
    assert is_counted(entry) == (is_taken and not entry.is_refused)


@pytest.mark.parametrize("entry", ENTRIES, ids=kind_of)
def test_the_outbox_reads_every_entry_that_is_published_again(entry: Entry) -> None:
    event = json.loads(stream_event([EntryItem.of(entry).serialize()]))
    (read,) = new_entries(event, is_entry_sk, text_of)
    assert (read.record, read.digest) == (record_of(entry), hash_of(entry))
