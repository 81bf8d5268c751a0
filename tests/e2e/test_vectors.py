"""The vectors on the deployed stack, whose roles are enforced: all but those that set a clock or run a race."""

import re
from collections.abc import Mapping
from typing import Any, Final
from unittest.mock import Mock

import httpx
import pytest

from shared.runtime.clock import epoch_now_ms
from tests.e2e.laptop import Laptop
from tests.integration.world import Answer, World
from tests.vectors.language import Story
from tests.vectors.test_vectors import VECTORS, name_of

pytestmark = pytest.mark.e2e

NOT_HERE: Final = re.compile(
    r"at once .*|.* pass|it is .*|starts again at .*|next allowance at .*|audit pending .*|[a-z-]+ cost .* in \w+"
)
"""Phrases that set the clock, read a time of the story's own, run a race or ask what no client can wait for."""
REQUEST_TIMEOUT_S: Final = 60


class DeployedWorld(World):
    """The same calls, over HTTP, with the token of the client that may do everything."""

    def __init__(self, laptop: Laptop, connection: httpx.Client) -> None:
        # What these functions keep of prices is kept where no test reaches it: the vectors here have one price each.
        self.modules = {name: Mock() for name in ("cost", "holds")}
        self._connection = connection
        self._connection.headers["Authorization"] = f"Bearer {laptop.token('admin')}"

    def call(self, method: str, path: str, body: object = None, **how: Any) -> Answer:
        headers = {"Content-Type": "application/json"} | _given("Idempotency-Key", how.get("key"))
        content = {"content": how["text"]} if how.get("text") is not None else _given("json", body)
        answer = self._connection.request(method, path, headers=headers, params=how.get("query"), **content)
        return Answer(answer.status_code, answer.headers, answer.text)


class DeployedStory(Story):
    def __init__(self, world: World, actor: str) -> None:
        super().__init__(world, actor)
        self.now_ms = epoch_now_ms()


def _given(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _steps(vector: Mapping[str, Any]) -> list[str]:
    return [*vector.get("given", []), *vector["when"], *vector["then"]]


def _changes_a_price(vector: Mapping[str, Any]) -> bool:
    """What a function has read of prices it keeps for a while: that there is no adjustment, too."""
    if any(re.match(r"adjust the |a unit of ", step) for step in _steps(vector)):
        return True
    priced = [step.split(" ")[0] for step in _steps(vector) if re.fullmatch(r"[a-z-]+ cost .* per .*", step)]
    return len(set(priced)) < len(priced)


def _runs_here(vector: Mapping[str, Any]) -> bool:
    return not _changes_a_price(vector) and not any(NOT_HERE.fullmatch(step) for step in _steps(vector))


HERE: Final = [vector for vector in VECTORS if _runs_here(vector)]


@pytest.fixture(scope="module")
def world(laptop: Laptop) -> Any:
    with httpx.Client(base_url=laptop.base_url, timeout=REQUEST_TIMEOUT_S) as connection:
        yield DeployedWorld(laptop, connection)


@pytest.mark.parametrize("vector", HERE, ids=name_of)
def test_a_vector_holds_on_the_deployed_stack(world: World, vector: dict[str, Any]) -> None:
    story = DeployedStory(world, f"user:v.{name_of(vector)[:90]}")
    story.tell(vector)


def test_the_books_of_all_vectors_hold(laptop: Laptop) -> None:
    assert laptop.books_when_audited().holds


def test_most_vectors_run_here() -> None:
    assert len(HERE) > len(VECTORS) / 2
