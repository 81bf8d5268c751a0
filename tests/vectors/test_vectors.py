"""Every line of vectors.yaml, over HTTP."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.integration.world import World
from tests.vectors.language import Story

VECTORS: Final[list[dict[str, Any]]] = yaml.safe_load((Path(__file__).parent / "vectors.yaml").read_text())


def name_of(vector: dict[str, Any]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(vector["vector"]).lower()).strip("-")


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_a_vector_holds(shared_world: World, vector: dict[str, Any]) -> None:
    story = Story(shared_world, f"user:{name_of(vector)[:100]}")
    with story.timed():
        for step in vector.get("given", []):
            story.do(step)
        story.answers.clear()
        for step in vector["when"]:
            story.do(step)
        for outcome in vector["then"]:
            story.expect(outcome)
        story.assert_sound()


def test_every_vector_has_a_name_of_its_own() -> None:
    assert len({name_of(vector)[:100] for vector in VECTORS}) == len(VECTORS) >= 140
