"""The cheap decorator makes what the standard one makes."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from shared.ledger import frozen, operations
from shared.ledger.accounts import Account

BOTH = [
    pytest.param(dataclasses.dataclass(frozen=True, slots=True), id="standard"),
    pytest.param(frozen.dataclass(frozen=True, slots=True), id="ours"),
]
_Value = TypeVar("_Value")


def sample(decorate: Callable[[Any], Any]) -> Any:
    class Sample:
        kind: ClassVar[str] = "sample"

        first: int
        second: str = "two"
        names: list[str] = dataclasses.field(default_factory=list, hash=False)
        note: str | None = dataclasses.field(default=None, compare=False, repr=False)
        made: int = dataclasses.field(init=False, default=7)
        last: bool = dataclasses.field(default=False, kw_only=True)

        @property
        def doubled(self) -> int:
            return self.first * 2

    return decorate(Sample)


@frozen.dataclass(frozen=True, slots=True)
class Sent:
    """At the top of a module, as pickle wants it."""

    number: int
    text: str = "text"


@pytest.mark.parametrize("decorate", BOTH)
def test_an_instance_has_what_it_was_given_and_the_defaults(decorate: Any) -> None:
    cls = sample(decorate)
    one = cls(1, "b", ["n"], note="x", last=True)
    assert (one.first, one.second, one.names, one.note, one.made, one.last) == (1, "b", ["n"], "x", 7, True)
    other = cls(first=1)
    assert (other.second, other.names, other.note, other.made, other.last) == ("two", [], None, 7, False)
    assert (other.doubled, other.kind) == (2, "sample")


@pytest.mark.parametrize("decorate", BOTH)
def test_each_instance_has_a_list_of_its_own(decorate: Any) -> None:
    cls = sample(decorate)
    assert cls(1).names is not cls(1).names


@pytest.mark.parametrize("decorate", BOTH)
@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), ((1, "b", [], None, True), {}), ((1,), {"other": 1}), ((1,), {"first": 1}), ((1,), {"made": 1})],
)
def test_arguments_that_do_not_fit_are_a_type_error(decorate: Any, arguments: Any, named: Any) -> None:
    cls = sample(decorate)
    for _ in range(2):  # the first call, and those after it
        with pytest.raises(TypeError):
            cls(*arguments, **named)


@pytest.mark.parametrize("decorate", BOTH)
def test_equality_is_by_class_and_by_the_fields_that_are_compared(decorate: Any) -> None:
    cls, twin = sample(decorate), sample(decorate)
    assert cls(1, note="x") == cls(1, note="y")
    assert cls(1) != cls(2)
    assert cls(1) != cls(1, names=["n"])
    assert cls(1) != twin(1)
    assert cls(1) != (1, "two", [], 7, False)


@pytest.mark.parametrize("decorate", BOTH)
@pytest.mark.parametrize("annotations", [{}, {"a": int}, {"a": int, "b": int}])
def test_equals_have_one_hash_however_many_fields_they_have(decorate: Any, annotations: dict[str, type]) -> None:
    cls = decorate(type("Small", (), {"__annotations__": annotations, "__module__": __name__}))
    values = range(len(annotations))
    assert hash(cls(*values)) == hash(cls(*values)) == hash(tuple(values))
    assert cls(*values) == cls(*values)
    assert {cls(*values): "kept"}[cls(*values)] == "kept"


@pytest.mark.parametrize("decorate", BOTH)
def test_nothing_of_an_instance_can_be_changed(decorate: Any) -> None:
    one = sample(decorate)(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'first'"):
        one.first = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'first'"):
        del one.first
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        one.unknown = 2
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize("decorate", BOTH)
def test_the_text_of_an_instance_names_its_fields(decorate: Any) -> None:
    text = repr(sample(decorate)(1, "b", note="x"))
    assert text == f"{sample.__name__}.<locals>.Sample(first=1, second='b', names=[], made=7, last=False)"


@pytest.mark.parametrize("decorate", BOTH)
def test_the_functions_of_the_standard_module_know_it(decorate: Any) -> None:
    cls = sample(decorate)
    one = cls(1)
    is_one: bool = dataclasses.is_dataclass(cls)
    assert is_one
    assert [field.name for field in dataclasses.fields(cls)] == ["first", "second", "names", "note", "made", "last"]
    assert cls.__match_args__ == ("first", "second", "names", "note")
    assert dataclasses.replace(one, first=3, last=True) == cls(3, last=True)
    assert dataclasses.asdict(one)["names"] == []
    assert dataclasses.astuple(one) == (1, "two", [], None, 7, False)


@pytest.mark.parametrize("decorate", BOTH)
def test_copies_are_equal(decorate: Any) -> None:
    one = sample(decorate)(1, names=["n"])
    assert copy.copy(one) == one
    deep = copy.deepcopy(one)
    assert deep == one
    assert deep.names is not one.names


def test_an_instance_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, "x"))) == Sent(1, "x")  # noqa: S301 - our own bytes


@pytest.mark.parametrize("decorate", BOTH)
def test_a_subclass_has_the_fields_of_both(decorate: Any) -> None:
    base = decorate(type("Base", (), {"__annotations__": {"a": int}, "__module__": __name__}))
    derived = decorate(type("Derived", (base,), {"__annotations__": {"b": int}, "b": 2, "__module__": __name__}))
    assert derived.__slots__ == ("b",)
    for _ in range(2):
        assert (derived(1).a, derived(1).b) == (1, 2)
        assert base(1) != derived(1)
        assert derived(1) == derived(1, 2)


@pytest.mark.parametrize("decorate", BOTH)
def test_what_a_class_defines_itself_stays(decorate: Any) -> None:
    class Own:  # noqa: PLW1641 - the decorator adds what is missing
        number: int

        def __repr__(self) -> str:
            return "its own"

        def __eq__(self, _other: object) -> bool:
            return True

        def __post_init__(self) -> None:
            object.__setattr__(self, "number", self.number + 1)

    cls = decorate(Own)
    assert repr(cls(1)) == "its own"
    assert cls(1) == "anything"
    assert cls(1).number == 2
    assert hash(cls(1)) == hash((2,))


def test_a_class_may_be_generic() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Box(Generic[_Value]):
        value: _Value

    assert Box[int](1).value == 1


def test_threads_that_make_the_first_instance_at_once_all_get_one() -> None:
    for _ in range(50):
        cls = sample(frozen.dataclass(frozen=True, slots=True))
        ready, made = Barrier(4), list[Any]()

        def make(cls: Any = cls, ready: Barrier = ready, made: list[Any] = made) -> None:
            ready.wait()
            made.append(cls(1))

        threads = [Thread(target=make) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert made == [cls(1)] * 4


def test_nothing_is_compiled_for_a_class_before_it_has_an_instance() -> None:
    cls = sample(frozen.dataclass(frozen=True, slots=True))
    methods = {name: each for name, each in vars(cls).items() if inspect.isfunction(each) and name != "__replace__"}
    generated = {name for name, each in methods.items() if each.__code__.co_filename == "<string>"}
    assert generated == set()
    cls(1)
    assert cls.__init__.__code__.co_filename == "<string>"


def test_a_class_that_is_not_frozen_or_has_no_slots_is_for_the_standard_decorator() -> None:
    decorator: Any = frozen.dataclass
    for options in ({"frozen": True, "slots": False}, {"frozen": False, "slots": True}):
        with pytest.raises(TypeError, match="for frozen dataclasses with slots"):
            decorator(**options)


def test_the_ledgers_types_are_made_by_it() -> None:
    made = [each for each in vars(operations).values() if dataclasses.is_dataclass(each)]
    assert len(made) > 10
    assert {each.__eq__ for each in made} == {Account.__eq__}
