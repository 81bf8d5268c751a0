"""Every file in events/ is an invocation that works, or shows what the stream and the bus carry."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.samples import EVENTS, STORY, Sample, before, table
from shared.edge.http import encoded
from tests.golden import golden_events, queue_samples
from tests.integration.world import FUNCTIONS, World, create_digests

GOLDEN = sorted((EVENTS / "bus").glob("*.json"))
STREAM = EVENTS / "stream" / "entries.json"
OF_NO_CALL = [sample for sample in STORY if "routeKey" not in json.loads(sample.file.read_bytes())]
"""What the calls of the API need is tested where their answers are, in test_docs.py."""
README = EVENTS / "README.md"


def content(path: Path) -> dict[str, Any]:
    """The samples are of a stack's tenant when nothing else is said, `default`; this world's is `main`."""
    text = path.read_text().replace('"tenant": "default"', '"tenant": "main"')
    text = text.replace('\\"tenant\\":\\"default\\"', '\\"tenant\\":\\"main\\"')
    loaded: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return loaded


def invoke(world: World, sample: Sample) -> Any:
    return world.invoke(sample.function.removesuffix("Function").lower(), content(sample.file))


def prepared(world: World, sample: Sample) -> World:
    """With what the sample builds on, and nothing else."""
    create_digests()
    for each in before(sample):
        assert each.is_answered_by(invoke(world, each))
    return world


def told(world: World) -> Iterator[str]:
    """The samples in their order that are not answered as they should be."""
    for sample in STORY:
        answer = invoke(world, sample)
        if not sample.is_answered_by(answer):
            yield f"{sample.name}: {sample.in_short(answer)} {answer.get('body', '')}"


def entry_keys(world: World) -> list[str]:
    return sorted(key for item in world.contents()["ledger"] if (key := item["sk"]["S"]).startswith("OP#"))


def test_every_file_is_listed_and_every_function_has_a_sample() -> None:
    files = {path for path in EVENTS.rglob("*") if path.is_file()}
    assert files == {sample.file for sample in STORY} | {*GOLDEN, STREAM, README}
    assert {sample.function.removesuffix("Function").lower() for sample in STORY} == set(FUNCTIONS)


def test_the_readme_lists_the_samples_in_their_order() -> None:
    assert table() in README.read_text(), "python -m local.samples prints the table"


def test_a_sample_builds_on_samples_that_come_before_it() -> None:
    names = [sample.name for sample in STORY]
    assert [
        (sample.name, name)
        for position, sample in enumerate(STORY)
        for name in sample.builds_on
        if name not in names[:position]
    ] == []


def test_all_samples_work_in_their_order_and_are_replays_when_they_are_sent_again(world: World) -> None:
    create_digests()
    assert list(told(world)) == []
    recorded = entry_keys(world)
    assert list(told(world)) == []
    assert entry_keys(world) == recorded


@pytest.mark.parametrize("sample", OF_NO_CALL, ids=lambda sample: sample.name)
def test_a_sample_needs_no_more_than_it_builds_on(world: World, sample: Sample) -> None:
    answer = invoke(prepared(world, sample), sample)
    assert sample.is_answered_by(answer), answer


@pytest.mark.parametrize("name", queue_samples())
def test_a_queue_hands_over_the_events_of_the_bus(name: str) -> None:
    text = (EVENTS / f"{name}.json").read_text()
    sent = [json.loads(record["body"], parse_float=Decimal) for record in json.loads(text)["Records"]]
    assert [(event["detail-type"], event["detail"]) for event in sent] == [
        (event.detail_type, json.loads(encoded(event.detail), parse_float=Decimal)) for event in queue_samples()[name]
    ]


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


def test_the_entries_of_the_stream_are_published(world: World) -> None:
    assert world.invoke("outbox", content(STREAM)) == {"batchItemFailures": []}
    assert [event["detail"]["seq"] for event in world.bus_events()] == [1, 2, 3]


def test_the_sample_of_the_outbox_publishes_nothing(world: World) -> None:
    world.invoke("outbox", content(EVENTS / "outbox.json"))
    assert world.bus_events() == []
