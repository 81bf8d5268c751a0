"""Every file in events/ is an invocation that works, or an event of the bus that is kept."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.edge.http import encoded
from tests.golden import golden_events
from tests.integration.world import FUNCTIONS, World, create_digests

EVENTS = Path(__file__).parents[2] / "events"
BEFORE = {
    **dict.fromkeys(
        ("cost", "cost-overdraw", "cost-usage", "cost-batch", "holds", "funding-void"), ("funding-update",)
    ),
    **dict.fromkeys(
        ("accounts-account", "history-audit", "history-entries", "history-statement", "history-usage"),
        ("funding-update",),
    ),
    **dict.fromkeys(("holds-capture", "holds-release", "holds-extend"), ("funding-update", "holds")),
    "history-operation": ("funding-update",),
    "cost-refund": ("funding-update", "cost"),
    "usage": ("funding-update", "cost", "cost-overdraw"),
}
"""The samples that a sample builds on."""
SAMPLES = sorted(EVENTS.glob("*.json"))
GOLDEN = sorted((EVENTS / "bus").glob("*.json"))


def content(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(), parse_float=Decimal)
    return loaded


def function_of(path: Path) -> str:
    return path.stem.split("-", maxsplit=1)[0]


def test_every_file_is_one_that_is_run_and_every_function_has_one() -> None:
    assert set(EVENTS.rglob("*")) - {EVENTS / "bus"} == {*SAMPLES, *GOLDEN}
    assert {function_of(path) for path in SAMPLES} == set(FUNCTIONS)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_invocation_works(world: World, path: Path) -> None:
    for name in BEFORE.get(path.stem, ()):
        assert world.invoke(function_of(EVENTS / name), content(EVENTS / f"{name}.json"))["statusCode"] == 201
    if function_of(path) in {"digest", "proof"}:
        create_digests()
        world.invoke("funding", content(EVENTS / "funding-update.json"))
        world.invoke("digest", content(EVENTS / "digest.json"))
    answer = world.invoke(function_of(path), content(path))
    if function_of(path) in {"outbox", "audit", "usage", "ingest"}:
        assert answer == {"batchItemFailures": []}
    elif function_of(path) == "reconcile":
        assert answer["findings"] == []
    elif function_of(path) == "due":
        assert answer == {"accounts": 0, "entries": 0, "failed": [], "next": None}
    elif function_of(path) == "digest":
        assert (answer["number"], answer["count"]) == (2, 1)
    else:
        records_one = function_of(path) in {"cost", "funding", "holds"} and path.stem != "cost-batch"
        assert answer["statusCode"] == (201 if records_one or path.stem == "rates-put" else 200)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_event_of_the_bus_has_not_changed(path: Path) -> None:
    event = golden_events()[path.stem]
    golden = content(path)
    assert (golden["source"], golden["detail-type"]) == ("millicent", event.detail_type)
    assert golden["detail"] == json.loads(encoded(event.detail), parse_float=Decimal)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_event_of_the_bus_is_kept(world: World, path: Path) -> None:
    message = {"messageId": path.stem, "body": path.read_text()}
    assert world.invoke("audit", {"Records": [message, message]}) == {"batchItemFailures": []}
    assert len(world.contents()["audit"]) == (0 if path.stem in {"low-balance", "digest"} else 1)


def test_the_sample_stream_publishes_what_it_holds(world: World) -> None:
    world.invoke("outbox", content(EVENTS / "outbox.json"))
    assert [event["detail"]["seq"] for event in world.bus_events()] == [1, 2, 3]
