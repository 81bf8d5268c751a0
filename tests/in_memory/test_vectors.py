"""Every vector of the service holds for `millicent.testing`, and the answers are the same to the byte."""

from collections.abc import Callable, Iterator
from itertools import count
from types import ModuleType
from typing import Any, Final

import pytest

from tests.in_memory.world import InMemoryStory, InMemoryWorld
from tests.integration import world as functions_on_moto
from tests.integration.conftest import modules, stack
from tests.integration.world import Answer
from tests.vectors.language import MUTATING, UNHURRIED, Story
from tests.vectors.test_vectors import VECTORS, name_of

__all__ = ["modules"]

EVERY: Final = 8
"""Of the vectors, one in so many is told to the functions on moto too, which are a hundred times slower."""


def told(story: Story, vector: dict[str, Any]) -> list[Answer]:
    """All answers of a vector, those of what was given included."""
    with story.timed():
        answers = story.tell(vector)
        story.assert_sound()
    return answers


@pytest.fixture
def in_memory(copied: Callable[[str], ModuleType]) -> InMemoryWorld:
    return InMemoryWorld(copied)


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_a_vector_holds_in_memory(in_memory: InMemoryWorld, vector: dict[str, Any]) -> None:
    told(InMemoryStory(in_memory, f"user:{name_of(vector)[:100]}"), vector)


@pytest.fixture
def on_moto(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[functions_on_moto.World]:
    """The functions, with requests that are numbered. However busy the machine is, they do not run out of time."""
    numbers = count(1)
    for name in MUTATING:
        monkeypatch.setitem(vars(modules[name].runtime.ledger), "_pace", UNHURRIED)
    monkeypatch.setattr(functions_on_moto, "uuid4", lambda: next(numbers))
    with stack(modules) as world:
        yield world


@pytest.mark.parametrize("vector", VECTORS[::EVERY], ids=name_of)
def test_the_answers_in_memory_are_those_of_the_functions(
    in_memory: InMemoryWorld, on_moto: functions_on_moto.World, vector: dict[str, Any]
) -> None:
    numbers = count(1)
    in_memory.service.new_request_id = lambda: f"request-{next(numbers)}"
    actor = f"user:{name_of(vector)[:100]}"
    expected = [as_sent(answer) for answer in told(Story(on_moto, actor), vector)]
    assert [as_sent(answer) for answer in told(InMemoryStory(in_memory, actor), vector)] == expected


def as_sent(answer: Answer) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers but for the length, which the transport adds."""
    headers = {name.title(): value for name, value in answer.headers.items() if name.title() != "Content-Length"}
    return answer.status, answer.text, headers
