"""A kind of operation is one row of the table, and is known everywhere that a user or a check meets it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from shared.ledger.kinds import KINDS
from shared.ledger.operations import Kind, Terms
from tests.golden import golden_events
from tests.simulation.world import Plan, World

ROOT = Path(__file__).parents[3]

each_kind = pytest.mark.parametrize("kind", get_args(Kind))


@pytest.fixture(scope="module")
def simulated() -> frozenset[str]:
    """The kinds of what a small world put on record."""
    world = World(Plan("kinds", 6000, 0.02))
    world.run()
    texts = (row.record for journal in world.table.journal.values() for row in journal)
    applied = (fields for text in texts if (fields := json.loads(text))["outcome"] != "refused")
    return frozenset(fields["kind"] for fields in applied)


def _filters_by_kind(document: dict[str, Any]) -> Iterator[list[str]]:
    """What each call that filters by kind takes."""
    for path in document["paths"].values():
        for call in path.values():
            yield from (_values(each["schema"]) for each in call.get("parameters", ()) if each.get("name") == "kind")


def _values(schema: Mapping[str, Any]) -> list[str]:
    """Also of a schema that has several: activity is of checks too."""
    return [value for part in schema.get("anyOf", (schema,)) for value in part.get("enum", ())]


@each_kind
def test_a_kind_has_a_row_with_its_own_terms(kind: Kind) -> None:
    terms = KINDS[kind].terms
    assert terms.kind == kind
    assert terms in get_args(Terms)


def test_the_table_has_no_row_without_a_kind() -> None:
    assert set(KINDS) == set(get_args(Kind))
    assert {terms.kind for terms in get_args(Terms)} == set(KINDS)


@each_kind
def test_a_kind_that_ends_a_hold_or_gives_back_names_what_it_ends_or_gives_back(kind: Kind) -> None:
    meaning, fields = KINDS[kind], set(KINDS[kind].terms.__slots__)
    assert not meaning.ends_hold or "hold" in fields
    assert (meaning.usage == "refunded" or meaning.counts == "of_charge") == ("charge" in fields)
    assert not meaning.takes_what_is_held or (meaning.spends and meaning.ends_hold)


@each_kind
def test_subscribers_have_an_example_of_the_event_of_a_kind(kind: Kind) -> None:
    examples = [event for event in golden_events().values() if event.detail["data"].get("kind") == kind]
    assert KINDS[kind].event in {event.detail_type for event in examples}


@each_kind
def test_the_event_of_a_kind_is_in_the_documentation(kind: Kind) -> None:
    assert f"`{KINDS[kind].event}`" in (ROOT / "docs" / "events.md").read_text()


@each_kind
def test_whoever_lists_entries_can_filter_by_a_kind(kind: Kind) -> None:
    document = json.loads((ROOT / "functions" / "docs" / "openapi.json").read_text())
    filters = list(_filters_by_kind(document))
    assert filters
    assert all(kind in each for each in filters)


@each_kind
def test_the_simulator_puts_a_kind_on_record(kind: Kind, simulated: frozenset[str]) -> None:
    assert kind in simulated
