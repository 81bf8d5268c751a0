"""Sizes and units of items, as DynamoDB's documentation states them."""

import pytest

from bench.wire_units import read_units, size_bytes


@pytest.mark.parametrize(
    ("item", "bytes_"),
    [
        ({"pk": {"S": "abc"}}, 5),
        ({"pk": {"S": "é"}}, 4),
        ({"n": {"N": "1"}}, 3),
        ({"n": {"N": "123"}}, 4),
        ({"n": {"N": "-123"}}, 5),
        ({"n": {"N": "1000000"}}, 3),
        ({"n": {"N": "0"}}, 2),
        ({"b": {"B": b"1234"}}, 5),
        ({"f": {"BOOL": True}}, 2),
        ({"l": {"L": [{"S": "a"}, {"S": "b"}]}}, 8),
        ({"m": {"M": {"ab": {"S": "c"}}}}, 8),
        ({"pk": {"S": "a"}, "sk": {"S": "b"}}, 6),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item: dict[str, object], bytes_: int) -> None:
    assert size_bytes(item) == bytes_


@pytest.mark.parametrize(
    ("length", "strong", "units"), [(0, True, 1), (4095, True, 1), (4096, True, 2), (10, False, 0.5)]
)
def test_a_read_takes_a_unit_for_4_kb_and_half_of_it_where_it_may_be_late(
    length: int, strong: bool, units: float
) -> None:
    answer = {"Item": {"a": {"S": "x" * length}}} if length else {}
    assert read_units("GetItem", {"ConsistentRead": strong}, answer) == units


def test_the_items_of_a_query_are_rounded_up_together() -> None:
    answer = {"Items": [{"a": {"S": "x" * 3000}}] * 2}
    assert read_units("Query", {"ConsistentRead": True}, answer) == 2
