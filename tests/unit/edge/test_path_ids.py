"""An id in a path arrives as it was, whatever stands between the client and the function."""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.history.schema import recorded_key
from millicent import ids as sdk_ids
from shared.edge.path_ids import LEDGER_KEY_PATTERN, PATTERN, PLAIN_PATTERN, from_path, in_path
from shared.ledger import ids as ledger_ids
from tests.ids import ODD, REAL, ids, short_ids
from tests.integration.gateway import decoded_path

ON_THE_WAY: dict[str, Callable[[str], str]] = {
    "nothing decodes": lambda path: path,
    "an HTTP API decodes all but %25": decoded_path,
    "a server decodes all": unquote,
    "an HTTP API ends the path at a decoded ?": lambda path: decoded_path(path).partition("?")[0],
    "a client takes out steps": lambda path: httpx.URL(f"http://host{path}").raw_path.decode(),
}
KEYS_OF_THE_LEDGER = ("~expire-h2", "~alice~key", "~a/b~k?", "~a~~expire-h2", "~1~2F", "~2F~2F")


@pytest.mark.parametrize("way", ON_THE_WAY)
@pytest.mark.parametrize("text", [*REAL, *ODD, *KEYS_OF_THE_LEDGER])
def test_an_id_is_one_segment_and_is_read_back(text: str, way: str) -> None:
    path = ON_THE_WAY[way](f"/v1/accounts/{in_path(text)}/entries")
    found = re.fullmatch("/v1/accounts/([^/]+)/entries", path)
    assert found is not None
    assert from_path(found[1]) == text


@given(ids, ids)
def test_any_id_is_read_back_on_every_way_and_no_two_have_one_segment(one: str, other: str) -> None:
    for way in ON_THE_WAY.values():
        segment = way(f"/{in_path(one)}").removeprefix("/")
        assert "/" not in segment
        assert from_path(segment) == one
    assert (in_path(one) == in_path(other)) == (one == other)


@given(short_ids)
@example("a%2Fb")
@example("%2525")
def test_an_id_that_is_percent_encoded_alone_is_read_back_where_the_gateway_leaves_it_whole(text: str) -> None:
    assert from_path(quote(text, safe="")) == text
    if "/" not in text:
        assert from_path(decoded_path(quote(text, safe=""))) == text


@pytest.mark.parametrize("text", ["auth0|5f7c", "alice+test@example.com", "user:alice"])
def test_an_id_without_anything_that_gateways_change_is_percent_encoded(text: str) -> None:
    assert in_path(text) == quote(text, safe="")


@given(ids)
@example(".")
@example("..a")
@example("a%2Fb")
def test_each_id_has_the_spelling_that_the_document_describes(text: str) -> None:
    is_plain = re.fullmatch(PLAIN_PATTERN, text) is not None
    assert in_path(text) == quote(text, safe="") if is_plain else re.fullmatch(PATTERN, in_path(text))


def test_the_second_spelling_is_readable() -> None:
    assert in_path("a/b") == "~~a~2Fb"
    assert in_path("..") == "~~.."


@pytest.mark.parametrize("segment", ["~~a~zz", "~~a~2f", "~~a~0A", "~~", "~~a~FF", "~~é"])
def test_what_is_no_spelling_stays_as_it_is_and_is_no_id(segment: str) -> None:
    assert from_path(segment) == segment
    assert not ledger_ids.is_id(from_path(segment))


@given(ids)
def test_the_client_spells_and_knows_ids_as_the_service_does(text: str) -> None:
    assert sdk_ids.in_path(text) == in_path(text)
    assert sdk_ids.is_id(text)
    assert urlsplit(f"/{sdk_ids.in_path(text)}").query == ""


def test_the_client_has_the_same_definition_of_an_id() -> None:
    assert (sdk_ids.PATTERN, sdk_ids.REQUIREMENT) == (ledger_ids.PATTERN, ledger_ids.REQUIREMENT)


@given(ids)
def test_the_pattern_of_the_second_spelling_fits_every_id(text: str) -> None:
    everything = "~~" + "".join(f"~{ord(character):02X}" for character in text)
    assert re.fullmatch(PATTERN, everything)
    assert from_path(everything) == text


@given(st.from_regex(PATTERN, fullmatch=True))
def test_whatever_is_described_as_a_spelling_is_one_of_an_id(segment: str) -> None:
    assert ledger_ids.is_id(from_path(segment))


@given(st.from_regex(LEDGER_KEY_PATTERN, fullmatch=True))
def test_whatever_is_described_as_a_key_of_the_ledger_can_be_asked_for(segment: str) -> None:
    assert recorded_key(from_path(segment)).startswith("~")


@pytest.mark.parametrize("segment", ["~%00", "~a/b", "~a?b"])
def test_a_key_of_the_ledger_with_a_character_that_gateways_change_is_described_in_the_second_spelling_only(
    segment: str,
) -> None:
    assert re.fullmatch(LEDGER_KEY_PATTERN, segment) is None
