"""Which card holds, and when."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.pricing.cards import (
    VERSIONS_KEPT,
    RateBook,
    RateCard,
    effective,
    names_of,
    own_card,
    rate_from,
    reference_of,
)
from shared.pricing.catalogue import NoModels
from shared.pricing.documents import document_of, text_of
from shared.pricing.matching import CardName
from shared.pricing.rates import Price, Rate, Tier

NOW_MS = 1_000_000
CARD = RateCard(
    reference="llm/m@1",
    version=1,
    meter="llm",
    model="m",
    rate=Rate(prices={"tokens": Price(price=Decimal(1))}),
    effective_from_ms=0,
    by="admin",
)
BUILT_IN = replace(CARD, reference="built-in@7", version="7", by=None)


class Cards:
    """A tenant's, and a count of how often they were read."""

    def __init__(self, *newest_first: RateCard) -> None:
        self.cards = newest_first
        self.reads = 0
        self.name_reads = 0

    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        self.name_reads += 1
        return tuple({name: None for card in self.cards if card.meter == meter for name in names_of(card)})

    def newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        self.reads += 1
        return tuple(each for each in self.cards if (each.meter, each.model) == (meter, model))

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None:
        self.reads += 1
        return next((each for each in self.newest(tenant, meter, model, 0) if each.version == version), None)


class BuiltIn(NoModels):
    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        return BUILT_IN if meter == "llm" else None


class Clock:
    def __init__(self) -> None:
        self.at_ms = 5_000

    def __call__(self) -> int:
        return self.at_ms


def version(number: int, effective_from_ms: int) -> RateCard:
    return replace(CARD, reference=f"llm/m@{number}", version=number, effective_from_ms=effective_from_ms)


def test_the_newest_version_that_is_effective_holds() -> None:
    versions = (version(3, NOW_MS + 1), version(2, NOW_MS), version(1, 0))
    assert effective(versions, NOW_MS) == versions[1]
    assert effective(versions, NOW_MS + 1) == versions[0]
    assert effective(versions[:1], NOW_MS) is None


def test_a_tenants_own_card_comes_before_the_built_in_one() -> None:
    assert RateBook(Cards(CARD), BuiltIn(), Clock()).find("t", "llm", "m", NOW_MS) == CARD


@pytest.mark.parametrize("cards", [Cards(), Cards(version(1, NOW_MS + 1)), Cards(replace(CARD, model="other"))])
def test_without_a_card_of_its_own_that_is_effective_the_built_in_one_holds(cards: Cards) -> None:
    assert RateBook(cards, BuiltIn(), Clock()).find("t", "llm", "m", NOW_MS) == BUILT_IN


def test_without_any_card_there_is_none() -> None:
    assert RateBook(Cards(), BuiltIn(), Clock()).find("t", "storage", None, NOW_MS) is None


def test_what_was_read_is_remembered_for_a_while() -> None:
    cards, clock = Cards(CARD), Clock()
    book = RateBook(cards, BuiltIn(), clock, keep_ms=10_000)
    for _ in range(3):
        book.find("t", "llm", "m", NOW_MS)
    assert cards.reads == 1
    clock.at_ms += 9_999
    book.find("t", "llm", "m", NOW_MS)
    assert cards.reads == 1
    clock.at_ms += 1
    book.find("t", "llm", "m", NOW_MS)
    assert cards.reads == 2


def test_the_names_of_the_cards_of_a_meter_are_read_together_and_once() -> None:
    cards, clock = Cards(*(replace(CARD, model=f"m{number}") for number in range(100))), Clock()
    book = RateBook(cards, BuiltIn(), clock, keep_ms=10_000)
    for number in range(200):
        book.find("t", "llm", f"no-such-model-{number}", NOW_MS)
    assert (cards.name_reads, cards.reads) == (1, 0)
    clock.at_ms += 10_000
    book.find("t", "llm", "m1", NOW_MS)
    assert (cards.name_reads, cards.reads) == (2, 1)


def test_that_there_is_no_card_is_remembered_too() -> None:
    cards = Cards()
    book = RateBook(cards, BuiltIn(), Clock(), keep_ms=10_000)
    book.find("t", "storage", None, NOW_MS)
    book.find("t", "storage", None, NOW_MS)
    assert cards.reads == 1


def test_a_version_that_becomes_effective_holds_at_that_instant_though_it_was_read_before() -> None:
    cards = Cards(version(2, NOW_MS + 1), version(1, 0))
    book = RateBook(cards, BuiltIn(), Clock(), keep_ms=10_000)
    assert [book.find("t", "llm", "m", at_ms) for at_ms in (NOW_MS, NOW_MS + 1)] == [cards.cards[1], cards.cards[0]]
    assert cards.reads == 1


class OfTheTable(Cards):
    """Tells no more versions than it is asked for, as the table does."""

    def newest(self, tenant: str, meter: str, model: str | None, at_ms: int) -> tuple[RateCard, ...]:
        versions = super().newest(tenant, meter, model, at_ms)
        last = next((place for place, each in enumerate(versions) if each.is_effective(at_ms)), len(versions))
        return versions[: last + 1]


def test_a_time_before_what_is_remembered_is_looked_up_again() -> None:
    cards = OfTheTable(*(version(number, number * 100) for number in range(9, 0, -1)))
    book = RateBook(cards, BuiltIn(), Clock(), keep_ms=10_000)
    found = [book.find("t", "llm", "m", at_ms) for at_ms in (NOW_MS, 350, 899, 350, 300, 299, NOW_MS)]
    assert [card and card.version for card in found] == [9, 3, 8, 3, 3, 2, 9]
    assert cards.reads == 3


def test_a_time_before_the_first_version_is_looked_up_once_and_has_the_built_in_card() -> None:
    cards = OfTheTable(version(2, 200), version(1, 100))
    book = RateBook(cards, BuiltIn(), Clock(), keep_ms=10_000)
    assert [book.find("t", "llm", "m", at_ms) for at_ms in (NOW_MS, 99, 50)] == [cards.cards[0], BUILT_IN, BUILT_IN]
    assert cards.reads == 2


def test_what_is_remembered_of_one_tenant_is_not_told_to_another() -> None:
    cards = Cards(CARD)
    book = RateBook(cards, BuiltIn(), Clock(), keep_ms=10_000)
    book.find("one", "llm", "m", NOW_MS)
    book.find("other", "llm", "m", NOW_MS)
    assert cards.reads == 2


def test_what_was_remembered_long_ago_is_forgotten() -> None:
    clock = Clock()
    book = RateBook(Cards(), BuiltIn(), clock, keep_ms=10)
    for number in range(100):
        clock.at_ms += 20
        book.find("t", f"meter-{number}", None, NOW_MS)
    assert len(book._kept) == 1


def test_a_reference_says_meter_model_and_version() -> None:
    assert (reference_of("llm", "gpt-4o", 3), reference_of("storage", None, 1)) == ("llm/gpt-4o@3", "storage@1")


@pytest.mark.parametrize(
    ("reference", "meter", "card"),
    [
        ("llm/gpt-4o@3", "llm", ("gpt-4o", 3)),
        ("llm/openai/gpt-4o@3", "llm", ("openai/gpt-4o", 3)),
        ("storage@1", "storage", (None, 1)),
        ("a@b/c@d@2", "a@b", ("c@d", 2)),
        ("llm/gpt-4o@3", "ll", None),
        ("llm/gpt-4o@3", "storage", None),
        ("llm/@3", "llm", None),
        ("genai-prices@0.2.3", "llm", None),
        ("genai-prices@0.2.3/google/claude@20250514", "llm", None),
        ("storage@", "storage", None),
    ],
)
def test_a_reference_is_read_back_for_its_own_meter_alone(
    reference: str, meter: str, card: tuple[str | None, int] | None
) -> None:
    assert own_card(reference, meter) == card


def test_a_version_that_was_named_once_is_found_again_and_read_once() -> None:
    cards = Cards(version(2, 0), version(1, 0))
    book = RateBook(cards, BuiltIn(), Clock())
    assert [book.find_again("t", "llm", "m", "llm/m@1", NOW_MS) for _ in range(3)] == [cards.cards[1]] * 3
    reads = cards.reads
    book.find_again("other", "llm", "m", "llm/m@1", NOW_MS)
    assert cards.reads > reads


def test_a_version_that_is_gone_is_none() -> None:
    assert RateBook(Cards(), BuiltIn(), Clock()).find_again("t", "llm", "m", "llm/m@1", NOW_MS) is None


def test_what_is_no_version_of_the_tenants_is_built_in() -> None:
    assert RateBook(Cards(CARD), BuiltIn(), Clock()).find_again("t", "llm", "m", "built-in@6", NOW_MS) == BUILT_IN


def test_old_versions_are_not_remembered_without_end() -> None:
    cards = Cards(*(version(number, 0) for number in range(VERSIONS_KEPT + 2)))
    book = RateBook(cards, BuiltIn(), Clock())
    for number in range(VERSIONS_KEPT + 2):
        book.find_again("t", "llm", "m", f"llm/m@{number}", NOW_MS)
    assert len(book._versions) <= VERSIONS_KEPT


def test_a_rate_comes_back_from_its_document() -> None:
    rate = Rate(
        prices={
            "input": Price(price=Decimal("0.25"), per=1000, tiers=(Tier(Decimal(10), Decimal("0.2")),)),
            "cached": Price(
                price=Decimal(0),
                tiers=(Tier(Decimal(5), Decimal(1)),),
                tier_mode="volume",
                tiers_by="input",
                part_of=("input",),
                minimum_units=Decimal("1.5"),
            ),
        },
        request_price=Decimal("1E+3"),
        minimum_charge=Decimal("0.001"),
    )
    assert rate_from(document_of(rate)) == rate


@pytest.mark.parametrize(
    ("number", "text"), [("1E+3", "1000"), ("2.500", "2.5"), ("0", "0"), ("0.000", "0"), ("1E-12", "0.000000000001")]
)
def test_a_number_has_one_text(number: str, text: str) -> None:
    assert text_of(Decimal(number)) == text
