import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge import exact_json
from shared.edge.errors import DuplicateJsonKey, InvalidJson
from shared.edge.exact_json import MAX_DEPTH, body_bytes, read_object

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def is_object_or_refused(body: bytes) -> bool:
    try:
        return isinstance(read_object(body), dict)
    except (InvalidJson, DuplicateJsonKey) as refused:
        return bool(str(refused))


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.booleans())
def test_what_was_written_is_what_is_read(document: dict[str, Any], escaped: bool) -> None:
    assert read_object(json.dumps(document, ensure_ascii=escaped).encode()) == document


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_a_number_is_never_a_float(number: Decimal) -> None:
    read = read_object(f'{{"n": {number:f}}}'.encode())["n"]
    assert (type(read), read) == (Decimal, number)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert is_object_or_refused(body)


@given(st.text(alphabet='[]{}":,\\ a1', max_size=200))
def test_any_brackets_and_quotes_are_read_or_refused(text: str) -> None:
    assert is_object_or_refused(text.encode())


def nested(depth: int) -> bytes:
    return ('{"a":' * depth + "1" + "}" * depth).encode()


def test_a_body_may_nest_to_the_bound_and_no_deeper() -> None:
    assert read_object(nested(MAX_DEPTH))
    with pytest.raises(InvalidJson, match="at most 32 levels of nesting"):
        read_object(nested(MAX_DEPTH + 1))


def test_brackets_in_a_text_are_no_nesting() -> None:
    text = '[{"\\' * 50
    assert read_object(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize("end", ["", "\\"])
def test_a_text_that_does_not_end_is_looked_at_once(end: str) -> None:
    # From each quote in it again would take minutes for the body of a batch.
    text = '"' + '\\"' * 1000 + end
    assert exact_json._STRING.findall(text) == [text]
    with pytest.raises(InvalidJson, match="must be JSON"):
        read_object((nested(MAX_DEPTH - 1).decode() + "[" * MAX_DEPTH + text).encode())


def test_many_short_lists_are_no_nesting() -> None:
    assert len(read_object(json.dumps({"a": [[]] * 100}).encode())["a"]) == 100


def test_a_body_that_is_missing_is_empty() -> None:
    assert body_bytes(None, is_base64=False) == b""
    assert body_bytes(None, is_base64=True) == b""
