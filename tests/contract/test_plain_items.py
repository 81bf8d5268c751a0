"""Plain items are what PynamoDB makes, writes and reads: each model is compared with a twin without shortcuts."""

from collections.abc import Callable
from types import new_class
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.attributes import (
    Attribute,
    DiscriminatorAttribute,
    ListAttribute,
    MapAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.exceptions import AttributeNullError
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from shared.adapters.attributes import DrawsAttribute, GrantsAttribute, HashAttribute, IntegerAttribute, RecordAttribute
from shared.adapters.connection import bound_to
from shared.adapters.dynamodb_rates import NameItem, RateItem
from shared.adapters.dynamodb_terms import TermsItem
from shared.adapters.items import AnyItem, AuditItem, BegunItem, EntryItem, HoldItem, PolicyItem, StateItem, TallyItem
from shared.adapters.plain_items import PlainItem
from shared.adapters.usage_items import UsageItem
from shared.ledger.grants import Draw, Grant

CATEGORIES = st.sampled_from(["purchased", "promotional", "allowance"])
TIMES_MS = st.none() | st.integers(1, 10**14)
NUMBERS = st.integers(-(10**18), 10**18)
VALUES: Final[dict[type[Attribute[Any]], st.SearchStrategy[Any]]] = {
    UnicodeAttribute: st.text(max_size=20),
    IntegerAttribute: NUMBERS,
    GrantsAttribute: st.lists(st.builds(Grant, NUMBERS, NUMBERS, NUMBERS, NUMBERS, CATEGORIES, TIMES_MS)).map(tuple),
    DrawsAttribute: st.lists(st.builds(Draw, NUMBERS, NUMBERS, NUMBERS, CATEGORIES, TIMES_MS)).map(tuple),
    HashAttribute: st.binary(min_size=32, max_size=32).map(bytes.hex),
    RecordAttribute: st.binary(max_size=40),
}
CONDITIONS: Final[tuple[Callable[[Any, int], Condition | None], ...]] = (
    lambda _, __: None,
    lambda model, _: model.pk.does_not_exist(),
    lambda model, number: model.seq == number,
    lambda model, number: (model.seq == number) & (model.seq < number + 1) | ~model.pk.exists(),
)


def twin_of(model: type[PlainItem]) -> type[Model]:
    """The same attributes on PynamoDB's own model."""
    twin = new_class(model.__name__, (Model,), exec_body=lambda names: names.update(model.get_attributes()))
    return bound_to(twin, "ledger", "eu-central-1", None)


MODELS: Final = [
    (bound_to(model, "ledger", "eu-central-1", None), twin_of(model))
    for model in (
        *(AnyItem, AuditItem, BegunItem, EntryItem, HoldItem, PolicyItem, StateItem, TallyItem),
        *(NameItem, RateItem, TermsItem, UsageItem),
    )
]
models = pytest.mark.parametrize(("model", "twin"), MODELS, ids=lambda each: each.__name__)


def values_of(model: type[Model]) -> st.SearchStrategy[dict[str, Any]]:
    """For any of the attributes."""
    strategies = {name: st.none() | VALUES[type(attribute)] for name, attribute in model.get_attributes().items()}
    return st.fixed_dictionaries({}, optional=strategies)


def outcome(make: Callable[[], Any]) -> object:
    try:
        return make()
    except (AttributeNullError, ValueError, TypeError) as failure:
        return type(failure), str(failure)


@models
@given(data=st.data())
def test_an_item_has_and_writes_what_pynamodbs_own_has_and_writes(
    model: type[Model], twin: type[Model], data: st.DataObject
) -> None:
    values = data.draw(values_of(model))
    item, expected = model(**values), twin(**values)
    assert item.attribute_values == expected.attribute_values
    assert outcome(item.serialize) == outcome(expected.serialize)
    assert item.serialize(null_check=False) == expected.serialize(null_check=False)


@models
@given(data=st.data())
def test_an_item_is_read_as_pynamodb_reads_it(model: type[Model], twin: type[Model], data: st.DataObject) -> None:
    stored = twin(**data.draw(values_of(model))).serialize(null_check=False)
    nulls = data.draw(st.sets(st.sampled_from(sorted(model.get_attributes()))))
    stored |= {model.get_attributes()[name].attr_name: {"NULL": True} for name in nulls}
    stored["somebody's"] = {"S": "own"}
    read, expected = model.from_raw_data(stored), twin.from_raw_data(stored)
    assert read.attribute_values == expected.attribute_values
    for name, attribute in model.get_attributes().items():
        assert getattr(read, name) == Attribute.__get__(cast("Any", attribute), read, type(read))


@models
def test_a_value_of_another_type_is_refused_as_pynamodb_refuses_it(model: type[Model], twin: type[Model]) -> None:
    stored = {attribute.attr_name: {"SS": ["a"]} for attribute in model.get_attributes().values()}
    with pytest.raises(Exception, match="deserialize") as expected:
        twin.from_raw_data(stored)
    with pytest.raises(type(expected.value), match="deserialize"):
        model.from_raw_data(stored)


@models
@given(data=st.data(), number=NUMBERS, on_failure=st.sampled_from([None, "ALL_OLD"]))
def test_a_put_and_its_condition_are_spelled_as_pynamodb_spells_them(
    model: type[Model], twin: type[Model], data: st.DataObject, number: int, on_failure: str | None
) -> None:
    condition = data.draw(st.sampled_from(CONDITIONS if hasattr(model, "seq") else CONDITIONS[:2]))
    values = {name: data.draw(VALUES[type(attribute)]) for name, attribute in model.get_attributes().items()}
    put = model(**values).get_save_kwargs_from_instance(condition(model, number), on_failure)
    assert put == twin(**values).get_save_kwargs_from_instance(condition(twin, number), on_failure)


def test_an_attribute_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="colour specified does not exist"):
        StateItem("pk", colour="red")


@pytest.mark.parametrize(
    "attribute",
    [
        MapAttribute(),  # type: ignore[no-untyped-call] # as PynamoDB has it
        ListAttribute(),
        VersionAttribute(),
        DiscriminatorAttribute(),
        UnicodeAttribute(default=lambda: "now"),
        UnicodeAttribute(default_for_new="new"),
    ],
    ids=["map", "list", "version", "discriminator", "called default", "default for new"],
)
def test_a_model_that_is_not_plain_is_refused(attribute: Attribute[Any]) -> None:
    names = {"pk": UnicodeAttribute(hash_key=True), "other": attribute}
    model: type[Model] = cast("Any", new_class("Odd", (PlainItem,), exec_body=lambda body: body.update(names)))
    with pytest.raises(TypeError, match="Odd is not plain"):
        model("pk")
    with pytest.raises(TypeError, match="Odd is not plain"):
        model.from_raw_data({"pk": {"S": "pk"}})
