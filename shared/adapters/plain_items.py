"""A model whose attributes are plain values, made, read and written without PynamoDB's detours.

PynamoDB asks of every attribute of every item whether it is a map, a list or a discriminator, and sets and gets each
through a descriptor: most of what PynamoDB costs a charge. Our items have none of these. What is asked once a class is
kept here; attributes and conditions stay PynamoDB's. The tests compare each item with what PynamoDB makes of it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple, Self

from shared.adapters.pynamo import (
    NULL,
    Attribute,
    AttributeNullError,
    Condition,
    DiscriminatorAttribute,
    ListAttribute,
    MapAttribute,
    Model,
    VersionAttribute,
)

_Raw = dict[str, dict[str, Any]]
_EXPRESSION: Final = "ConditionExpression"
_NAMES: Final = "ExpressionAttributeNames"
_VALUES: Final = "ExpressionAttributeValues"
_ON_FAILURE: Final = "ReturnValuesOnConditionCheckFailure"


class _Field(NamedTuple):
    """An attribute, by its name in Python and in DynamoDB."""

    name: str
    stored_as: str
    type: str
    may_be_absent: bool
    attribute: Attribute[Any]


class PlainItem(Model):
    """Base of models without maps, lists, discriminators, versions, and defaults that are called.

    A model that has one of these, or a default for new items alone, raises TypeError when its first item is made,
    written or read.
    """

    def _set_defaults(self, _user_instantiated: bool = True) -> None:
        self.attribute_values.update(_defaults(type(self)))

    def _set_attributes(self, **attributes: Any) -> None:  # noqa: ANN401 - as PynamoDB has it
        if not attributes.keys() <= self.get_attributes().keys():
            super()._set_attributes(**attributes)  # raises
        self.attribute_values.update(attributes)

    def _container_serialize(self, null_check: bool = True) -> _Raw:
        values, item = self.attribute_values, {}
        for name, stored_as, kind, may_be_absent, attribute in _fields(type(self)):
            value = values.get(name)
            written = None if value is None else attribute.serialize(value)
            if written is not None:
                item[stored_as] = {kind: written}
            elif null_check and not may_be_absent:
                raise AttributeNullError(name)
        return item

    @classmethod
    def _instantiate(cls, attribute_values: _Raw) -> Self:
        item = cls.__new__(cls)
        item.attribute_values = values = dict(_defaults(cls))
        for name, stored_as, _, _, attribute in _fields(cls):
            stored = attribute_values.get(stored_as)
            if stored and NULL not in stored:
                values[name] = attribute.deserialize(attribute.get_value(stored))
        return item

    def get_save_kwargs_from_instance(
        self, condition: Condition | None = None, return_values_on_condition_failure: str | None = None
    ) -> dict[str, Any]:
        put = {"TableName": self.Meta.table_name, "Item": self._container_serialize()}
        if condition is not None:
            put |= rendered(condition)
        if return_values_on_condition_failure is not None:
            put[_ON_FAILURE] = return_values_on_condition_failure
        return put


def rendered(condition: Condition) -> dict[str, Any]:
    """The members of a request that a condition becomes."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    members: dict[str, Any] = {_EXPRESSION: condition.serialize(names, values)}
    if names:
        members[_NAMES] = {placeholder: name for name, placeholder in names.items()}
    if values:
        members[_VALUES] = values
    return members


@cache
def _fields(model: type[PlainItem]) -> tuple[_Field, ...]:
    """Raises TypeError for a model that is not plain."""
    attributes = model.get_attributes()
    if not all(map(_is_plain, attributes.values())):
        raise TypeError(f"{model.__name__} is not plain: derive it from Model")
    return tuple(
        _Field(name, each.attr_name, each.attr_type, bool(each.null), each) for name, each in attributes.items()
    )


def _is_plain(attribute: Attribute[Any]) -> bool:
    is_special = isinstance(attribute, MapAttribute | ListAttribute | DiscriminatorAttribute | VersionAttribute)
    return not is_special and not callable(attribute.default) and attribute.default_for_new is None


@cache
def _defaults(model: type[PlainItem]) -> Mapping[str, Any]:
    return {field.name: field.attribute.default for field in _fields(model) if field.attribute.default is not None}
