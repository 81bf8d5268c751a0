"""Which of a tenant's cards prices a model: the payer must not choose the price by how it spells the name."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.rates import MemoryRateStore
from shared.pricing.cards import RateBook, RateCard, reference_of
from shared.pricing.catalogue import ModelIdentity
from shared.pricing.matching import matches
from shared.pricing.rates import Price, Rate

NOW_MS = 1_000_000
GPT_4O = ModelIdentity("openai", "gpt-4o")
DATED = ("gpt-4o-2024-08-06", "gpt-4o-20240806", "openai/gpt-4o-2024-08-06", "openai/gpt-4o-20240806")
NAMES = dict.fromkeys(("gpt-4o", "openai/gpt-4o", "gpt-4o-2024-11-20", *DATED), GPT_4O) | {
    "o3": ModelIdentity("openai", "o3"),
    "openai/o3": ModelIdentity("openai", "o3"),
    "o3-2025-04-16": ModelIdentity("openai", "o3"),
    "azure/o3": ModelIdentity("azure", "o3-2025-04-16"),
    "azure/o3-2025-04-16": ModelIdentity("azure", "o3-2025-04-16"),
}


class Listed:
    """Every model that is known has a built-in price."""

    def resolve(self, name: str) -> ModelIdentity | None:
        return NAMES.get(name.lower())

    def provider(self, name: str) -> str | None:
        return name if name in {identity.provider for identity in NAMES.values()} else None

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        identity = None if model is None or meter != "llm" else self.resolve(model)
        return None if identity is None else replace(card("list"), reference="list", matched=identity.text)


def card(model: str | None, *aliases: str, version: int = 1, meter: str = "llm", from_ms: int = 0) -> RateCard:
    return RateCard(
        reference=reference_of(meter, model, version),
        version=version,
        meter=meter,
        model=model,
        rate=Rate(prices={"tokens": Price(price=Decimal(1))}),
        effective_from_ms=from_ms,
        aliases=aliases,
        by="admin",
    )


def book(*cards: RateCard) -> RateBook:
    store = MemoryRateStore()
    for each in cards:
        store.put("t", each)
    return RateBook(store, Listed(), lambda: 0)


def found(name: str, *cards: RateCard, meter: str = "llm") -> tuple[str, str | None] | None:
    """The card and the model that it was matched to."""
    one = book(*cards).find("t", meter, name, NOW_MS)
    return None if one is None else (one.reference, one.matched_model)


@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-4o", "GPT-4o", "gpt-4o-2024-08-06", "OpenAI/GPT-4O"])
@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "GPT-4o", "gpt-4o-2024-11-20"])
def test_a_card_under_any_name_of_a_model_prices_the_model_under_every_name(model: str, name: str) -> None:
    assert found(name, card(model)) == (f"llm/{model}@1", "openai/gpt-4o")


def test_a_look_alike_of_a_model_with_a_card_is_not_priced_by_it() -> None:
    assert found("gpt-4o-of-nobody", card("gpt-4o")) is None
    assert found("azure/o3", card("o3")) == ("list", "azure/o3-2025-04-16")


def test_the_most_exact_card_wins() -> None:
    cards = [
        card("gpt-4o-2024-08-06"),
        card("house", "gpt-4o-2024-08-06"),
        card("gpt-4o"),
        card("gpt-4o-2024-11-20"),
        card("gpt-4*-06"),
        card("gpt-4*"),
        card("*"),
    ]
    for place, winner in enumerate(cards):
        assert (found("gpt-4o-2024-08-06", *cards[place:]) or ("",))[0] == winner.reference
    assert found("gpt-4o-2024-08-06") == ("list", "openai/gpt-4o")


@pytest.mark.parametrize("name", [*DATED, "OpenAI/GPT-4o-20240806"])
@pytest.mark.parametrize("model", DATED)
def test_a_card_of_a_dated_model_prices_every_spelling_of_that_date(model: str, name: str) -> None:
    """Else whoever writes the provider before the name has the price of the model's other card."""
    assert found(name, card("gpt-4o"), card(model), card("gpt-*")) == (f"llm/{model}@1", "openai/gpt-4o")
    assert found("gpt-4o-2024-11-20", card("gpt-4o"), card(model)) == ("llm/gpt-4o@1", "openai/gpt-4o")


def test_the_name_as_it_is_written_comes_before_another_spelling_of_it() -> None:
    cards = card("gpt-4o-2024-08-06"), card("house", "openai/gpt-4o-2024-08-06")
    assert found("openai/gpt-4o-2024-08-06", *cards) == ("llm/house@1", "house")
    assert found("gpt-4o-20240806", *cards) == ("llm/gpt-4o-2024-08-06@1", "openai/gpt-4o")


def test_limits_know_a_model_by_its_provider_too_if_its_name_alone_is_the_model_of_another() -> None:
    """`azure/o3` has its own price and is another model than `o3`; one name for both would be a limit of neither."""
    mine = book()
    found = [mine.find("t", "llm", name, NOW_MS) for name in ("azure/o3", "o3-2025-04-16")]
    assert [one and mine.model_of(one) for one in found] == ["azure/o3-2025-04-16", "o3"]


@pytest.mark.parametrize("name", ["villa-7", "VILLA-7", "Villa-7"])
def test_limits_know_a_model_that_only_a_pattern_prices_by_one_case_of_letters(name: str) -> None:
    mine = book(card("Villa-*"))
    one = mine.find("t", "llm", name, NOW_MS)
    assert one is not None
    assert (one.matched_model, mine.model_of(one)) == ("villa-7", "villa-7")


def test_the_same_case_is_more_exact_than_another() -> None:
    cards = card("House"), card("house")
    assert found("House", *cards) == ("llm/House@1", "House")
    assert found("house", *cards) == ("llm/house@1", "house")
    assert found("HOUSE", cards[0]) == ("llm/House@1", "House")


def test_an_alias_is_a_name_of_the_cards_model() -> None:
    house = card("house", "house-large", "gpt-4o")
    assert found("house-large", house) == found("HOUSE-LARGE", house) == ("llm/house@1", "house")
    assert found("openai/gpt-4o", house) == ("llm/house@1", "house")


def test_an_alias_that_the_newest_version_lacks_is_none() -> None:
    assert found("old", card("house", "old"), card("house", version=2)) is None
    assert found("old", card("house", "old"), card("house", version=2, from_ms=NOW_MS + 1)) == ("llm/house@1", "house")


def test_a_card_that_is_not_yet_in_effect_leaves_the_price_to_the_next() -> None:
    coming = card("gpt-4o", from_ms=NOW_MS + 1)
    assert found("gpt-4o", coming, card("gpt-*")) == ("llm/gpt-*@1", "openai/gpt-4o")
    assert found("gpt-4o", coming) == ("list", "openai/gpt-4o")


def test_a_pattern_prices_what_it_matches_under_any_of_its_names() -> None:
    pattern = card("openai/*")
    assert found("gpt-4o", pattern) == ("llm/openai/*@1", "openai/gpt-4o")
    assert found("azure/o3", card("o3-*")) == ("llm/o3-*@1", "azure/o3-2025-04-16")
    assert found("house-7", card("house-*")) == ("llm/house-*@1", "house-7")
    assert found("my-house-7", card("house-*")) is None


@pytest.mark.parametrize("model", [None, "gpt-4o", "GPT-4o", "openai/gpt-4o", "gpt-4o-2024-11-20", "gpt-4*", "*"])
@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-4o", "GPT-4o", "gpt-4o-2024-08-06"])
def test_limits_know_a_model_by_one_name_whatever_card_prices_it(model: str | None, name: str) -> None:
    mine = book(*(() if model is None else (card(model),)))
    one = mine.find("t", "llm", name, NOW_MS)
    assert one is not None
    assert mine.model_of(one) == "gpt-4o"


def test_limits_know_a_model_that_no_catalogue_has_by_the_name_of_its_card() -> None:
    mine = book(card("house", "casa"), card("villa-*"), card(None))
    found = [mine.find("t", "llm", name, NOW_MS) for name in ("casa", "HOUSE", "villa-7", None)]
    assert [one and mine.model_of(one) for one in found] == ["house", "house", "villa-7", None]


def test_a_card_is_of_its_own_meter() -> None:
    assert found("gpt-4o", card("gpt-4o", meter="images"), card("*", meter="images")) == ("list", "openai/gpt-4o")
    assert found("GPT-4o", card("gpt-4o", meter="images"), meter="images") == ("images/gpt-4o@1", "openai/gpt-4o")


def test_a_pattern_does_not_price_usage_without_a_model() -> None:
    assert book(card("*", meter="pages")).find("t", "pages", None, NOW_MS) is None


def test_among_equally_exact_cards_one_is_first_in_whatever_order_they_were_put() -> None:
    several = [card("gpt-4o-2024-11-20"), card("house", "openai/gpt-4o"), card("gpt-4o")]
    shortest = [card("gpt-4o-2024-11-20"), card("house-of-gpt", "gpt-4o-2024-08-06")]
    for cards, winner in ((several, "llm/gpt-4o@1"), (shortest, "llm/gpt-4o-2024-11-20@1")):
        assert (found("GPT-4o", *cards) or ("",))[0] == winner
        assert (found("gpt-4o", *cards[::-1]) or ("",))[0] == winner


def test_a_hold_is_captured_at_its_price_under_every_name_of_its_model() -> None:
    mine = book(card("house", "casa"), card("gpt-4o"))
    assert mine.is_one_model("t", "llm", "gpt-4o", "gpt-4o-2024-08-06")
    assert mine.is_one_model("t", "llm", "casa", "House")
    assert not mine.is_one_model("t", "llm", "house", "gpt-4o")
    assert not mine.is_one_model("t", "llm", "house", None)
    assert mine.is_one_model("t", "pages", None, None)
    again = mine.find_again("t", "llm", "gpt-4o-2024-08-06", "llm/gpt-4o@1", NOW_MS)
    assert again == replace(card("gpt-4o"), matched="openai/gpt-4o")


@pytest.mark.parametrize(
    ("pattern", "name", "is_matched"),
    [
        ("*", "", True),
        ("a*", "a", True),
        ("a*a", "a", False),
        ("aa*aa", "aaa", False),
        ("a*b*c", "a-b-b-c", True),
        ("*b*", "abc", True),
        ("a**c", "abc", True),
        ("A.c*", "a.C", True),
        ("a.c*", "abc", False),
        ("a*", "ba", False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_for_others(
    pattern: str, name: str, is_matched: bool
) -> None:
    assert matches(pattern, name) == is_matched


@given(st.lists(st.text("ab.", max_size=4), min_size=2, max_size=5), st.text("ab.", max_size=3))
def test_a_pattern_matches_whatever_is_put_in_place_of_its_stars(parts: list[str], between: str) -> None:
    assert matches("*".join(parts), between.join(parts))
