"""Every line of vectors.yaml and prices.yaml, over HTTP."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import tests.vectors.prices  # noqa: F401 - its words are known once it is imported
from tests.integration.world import World
from tests.vectors.language import Story

VECTORS: Final[list[dict[str, Any]]] = [
    vector for file in sorted(Path(__file__).parent.glob("*.yaml")) for vector in yaml.safe_load(file.read_text())
]


def name_of(vector: dict[str, Any]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(vector["vector"]).lower()).strip("-")


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_a_vector_holds(shared_world: World, vector: dict[str, Any]) -> None:
    story = Story(shared_world, f"user:{name_of(vector)[:100]}")
    with story.timed():
        story.tell(vector)
        story.assert_sound()


def test_every_vector_has_a_name_of_its_own() -> None:
    assert len({name_of(vector)[:100] for vector in VECTORS}) == len(VECTORS) >= 140
