"""What is charged is not the list price: one adjustment applies, exactly, and a hold keeps its own."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.ledger import MemoryLedger
from in_memory.terms import MemoryTermsStore
from shared.adapters.genai_rates import METER as BUILT_IN
from shared.adapters.genai_rates import GenaiCard
from shared.edge.usage_request import usage_of
from shared.ledger.entries import Entry, operation_of
from shared.ledger.errors import LedgerError
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, PlaceHold
from shared.ledger.operations import Terms as Asked
from shared.ledger.views import public_entry
from shared.pricing.adjustments import (
    BUILT_IN_METER,
    LIST_TIERS,
    Adjustment,
    adjustment_from,
    document_of,
    matches,
)
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.catalogue import ModelIdentity
from shared.pricing.errors import RateVersionConflict, TierUnpriced, UnknownCurrency
from shared.pricing.matching import CardName
from shared.pricing.rates import Price, Rate
from shared.pricing.terms import TermsBook
from shared.pricing.usage import DEFAULT_TIER, SERVICE_TIERS
from shared.usecases.event_time import RecordingTime
from shared.usecases.price_usage import Quote, estimate_usage, price_usage
from shared.usecases.put_terms import TermsDraft, TermsPut, put_terms
from shared.usecases.record_priced import record_priced
from tests.builders import ALICE, NOW_MS, operation

TENANT = ALICE.tenant
GPT_4O = ModelIdentity("openai", "gpt-4o")
SONNET = "claude-sonnet-4-5"


class Shop:
    """A tenant's prices: the built-in card, adjustments of it, and cards of one's own where a test puts one."""

    def __init__(self) -> None:
        self.own: dict[str | None, RateCard] = {}
        self.terms, self.ledger, self.now_ms = MemoryTermsStore(), MemoryLedger(), NOW_MS
        self.book = RateBook(self, GenaiCard(), lambda: 0, terms=self.terms)
        self._keys = iter(range(10_000))
        self.send(GrantCredits(10**14))

    def names(self, _tenant: str, _meter: str) -> tuple[CardName, ...]:
        return tuple(CardName(model) for model in self.own if model is not None)

    def newest(self, _tenant: str, _meter: str, model: str | None, _now_ms: int) -> tuple[RateCard, ...]:
        return (self.own[model],) if model in self.own else ()

    def version(self, _tenant: str, _meter: str, model: str | None, _version: int) -> RateCard | None:
        return self.own.get(model)

    def adjust(self, name: str = "markup", from_ms: int | None = None, **terms: Any) -> TermsPut:
        numbers = {each: Decimal(terms[each]) for each in _NUMBERS if each in terms}
        document = document_of(Adjustment(**{**terms, **numbers}))
        return put_terms(TENANT, TermsDraft("adjustment", name, document, from_ms, None), self.terms, self.now_ms, "me")

    def exchange(self, currency: str, rate: str, from_ms: int | None = None) -> TermsPut:
        draft = TermsDraft("currency", currency, {"rate": rate}, from_ms, None)
        return put_terms(TENANT, draft, self.terms, self.now_ms, "me")

    def price(self, **usage: Any) -> Quote:
        used = usage_of(tokens(**usage))
        return price_usage(used, used.units, TENANT, self.book, self.now_ms)

    def estimate(self, **usage: Any) -> Quote:
        return estimate_usage(usage_of(tokens(**usage)), TENANT, self.book, self.now_ms)

    def millicents(self, **usage: Any) -> Decimal:
        return Decimal(self.price(**usage).worth.amount) / 1000

    def send(self, terms: Asked, key: str | None = None) -> Entry:
        meter = (getattr(terms, "usage", None) or {}).get("meter")
        asked = replace(operation(key or f"key-{next(self._keys)}", terms), meter=meter)
        return record_priced(asked, self.ledger, self.book, RecordingTime(self.now_ms, 35)).entry

    def charge(self, key: str | None = None, **usage: Any) -> Entry:
        return self.send(Charge(0, usage=usage_of(tokens(**usage)).content), key)

    def hold(self, **usage: Any) -> str:
        entry = self.send(PlaceHold(0, 600_000, usage=usage_of(tokens(**usage)).content))
        assert entry.hold is not None
        return str(entry.hold["id"])

    def capture(self, hold: str, **usage: Any) -> Entry:
        return self.send(CaptureHold(hold, usage=usage_of(tokens(**usage)).content))


_NUMBERS = ("multiplier", "request_price", "minimum_charge", "per_dollar")


def tokens(model: str = "gpt-4o", **usage: Any) -> dict[str, Any]:
    return {"meter": "llm", "model": model, **({"input_tokens": 1000} if "input" not in str(usage) else {}), **usage}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def items(quote: Quote) -> dict[str, Fraction]:
    return {each.item: each.millicents for each in quote.worth.items}


def test_without_an_adjustment_the_list_price_is_the_price(shop: Shop) -> None:
    quote = shop.price()
    assert (quote.worth.amount, quote.adjustment) == (250_000, None)
    assert items(quote) == {"input_tokens": 250}


def test_a_multiplier_a_fixed_part_and_a_minimum_are_items_of_the_price(shop: Shop) -> None:
    shop.adjust(multiplier="1.2", request_price="3", minimum_charge="400")
    quote = shop.price()
    assert (quote.worth.amount, quote.adjustment) == (400_000, "markup@1")
    assert items(quote) == {
        "input_tokens": 250, "adjustment": 50, "adjustment_request": 3, "adjustment_minimum": 97,
    }  # fmt: skip
    assert shop.millicents(input_tokens=10_000) == 3003


def test_another_currency_is_the_accounts_unit_per_dollar(shop: Shop) -> None:
    shop.adjust(multiplier="1.1", currency="EUR", per_dollar="0.92")
    quote = shop.price()
    assert items(quote) == {"input_tokens": 250, "currency": -20, "adjustment": 23}
    assert quote.worth.amount == 253_000


def test_the_price_is_rounded_once_and_the_rest_is_carried(shop: Shop) -> None:
    # 0.25 millicents a token, times 1.0013: 0.250325.
    shop.adjust(multiplier="1.0013")
    entries = [shop.charge(input_tokens=1) for _ in range(40)]
    assert -sum(entry.amount for entry in entries) == 10_013
    assert public_entry(entries[0])["carry_after"] == "0.000325"


@pytest.mark.parametrize(("model", "half"), [("gpt-4o", "125"), (SONNET, "150")])
def test_a_batch_of_openai_or_anthropic_costs_half_its_tokens(shop: Shop, model: str, half: str) -> None:
    assert shop.millicents(model=model, service_tier="batch") == Decimal(half)


def test_a_search_in_a_batch_costs_what_it_always_costs(shop: Shop) -> None:
    whole, batch = shop.millicents(web_searches=2), shop.millicents(web_searches=2, service_tier="batch")
    assert (whole, batch) == (Decimal(2250), Decimal(2125))


@pytest.mark.parametrize(
    ("model", "tier"), [("gpt-4o", "flex"), ("gpt-4o", "priority"), ("gemini-2.5-pro", "batch"), (SONNET, "priority")]
)
def test_a_tier_without_a_known_price_is_never_the_standard_price(shop: Shop, model: str, tier: str) -> None:
    shop.adjust(multiplier="1.2")
    with pytest.raises(TierUnpriced) as refused:
        shop.price(model=model, service_tier=tier)
    assert refused.value.field == "usage.service_tier"
    with pytest.raises(TierUnpriced):
        shop.estimate(model=model, service_tier=tier)


def test_an_adjustment_that_names_a_tier_says_everything_about_it(shop: Shop) -> None:
    shop.adjust("flex", service_tier="flex", multiplier="0.5")
    shop.adjust("batch", service_tier="batch", multiplier="0.6")
    assert shop.millicents(service_tier="flex") == 125
    assert shop.millicents(service_tier="batch") == 150
    assert shop.millicents() == 250


def test_an_adjustment_of_every_tier_starts_from_the_list_price_of_the_tier(shop: Shop) -> None:
    shop.adjust(multiplier="1.2")
    quote = shop.price(service_tier="batch")
    assert items(quote) == {"input_tokens": 250, "service_tier": -125, "adjustment": 25}


RANKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("z-tier-model", {"service_tier": "batch", "model": "gpt-4o"}),
    ("y-tier-pattern", {"service_tier": "batch", "model": "gpt-*"}),
    ("x-tier-provider", {"service_tier": "batch", "provider": "openai"}),
    ("w-tier", {"service_tier": "batch"}),
    ("v-model-provider", {"model": "gpt-4o", "provider": "openai"}),
    ("u-model", {"model": "gpt-4o"}),
    ("t-long-pattern", {"model": "gpt-4*"}),
    ("s-pattern", {"model": "gpt*"}),
    ("r-provider-meter", {"provider": "openai", "meter": "llm"}),
    ("q-provider", {"provider": "openai"}),
    ("p-meter", {"meter": "llm"}),
    ("a-of-equals-the-first", {}),
    ("o-everything", {}),
)
"""From the most specific to the least; the names are in no such order, but for the equal ones."""


def test_the_most_specific_applies_and_no_two_add_up(shop: Shop) -> None:
    for name, selectors in RANKED:
        shop.adjust(name, multiplier="2", **selectors)
    for name, _ in RANKED:
        quote = shop.price(service_tier="batch")
        assert quote.adjustment == f"{name}@1"
        is_named = name.split("-")[1:2] == ["tier"]
        assert quote.worth.amount == (500_000 if is_named else quote.worth.amount)
        shop.adjust(name, active=False)
    assert shop.price(service_tier="batch").adjustment is None


@pytest.mark.parametrize(
    "selectors",
    [{"provider": "anthropic"}, {"model": "gpt-4"}, {"model": "*mini"}, {"service_tier": "batch"}, {"meter": "speech"}],
)
def test_what_an_adjustment_does_not_select_keeps_its_price(shop: Shop, selectors: dict[str, Any]) -> None:
    shop.adjust(multiplier="2", **selectors)
    assert shop.price().adjustment is None


def test_the_payer_does_not_choose_the_adjustment_by_spelling(shop: Shop) -> None:
    shop.adjust(multiplier="2", model="gpt-4o")
    for name in ("gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06", "GPT-4o"):
        assert shop.millicents(model=name) == 500


def test_a_card_of_ones_own_is_not_adjusted_and_has_no_other_tier(shop: Shop) -> None:
    rate = Rate(prices={"input_tokens": Price(price=Decimal(1))})
    shop.own["mine"] = RateCard(
        reference="llm/mine@1", version=1, meter="llm", model="mine", rate=rate, effective_from_ms=0, by="me"
    )
    shop.adjust(multiplier="2")
    assert shop.millicents(model="mine") == 1000
    with pytest.raises(TierUnpriced):
        shop.price(model="mine", service_tier="batch")


def test_a_version_to_come_applies_from_its_instant(shop: Shop) -> None:
    shop.adjust(multiplier="2")
    shop.adjust(multiplier="3", from_ms=NOW_MS + 1000)
    assert shop.price().adjustment == "markup@1"
    shop.now_ms += 1000
    assert shop.price().adjustment == "markup@2"


def test_a_hold_keeps_the_adjustment_that_priced_it(shop: Shop) -> None:
    shop.adjust(multiplier="2")
    hold = shop.hold()
    shop.adjust(multiplier="3")
    entry = shop.capture(hold)
    assert (entry.amount, entry.parameters["adjustment"]) == (-500_000, "markup@1")
    assert shop.charge().parameters["adjustment"] == "markup@2"


def test_a_hold_without_an_adjustment_keeps_that_too(shop: Shop) -> None:
    hold = shop.hold()
    shop.adjust(multiplier="3")
    entry = shop.capture(hold)
    assert (entry.outcome, entry.amount, "adjustment" in entry.parameters) == ("applied", -250_000, False)


def test_a_capture_of_another_tier_has_the_present_price(shop: Shop) -> None:
    hold = shop.hold()
    shop.adjust(multiplier="0.9")
    entry = shop.capture(hold, service_tier="batch")
    assert (entry.amount, entry.parameters["adjustment"]) == (-112_500, "markup@1")


def test_a_replay_does_not_depend_on_adjustments(shop: Shop) -> None:
    first = shop.charge("once")
    shop.adjust(multiplier="3")
    assert shop.charge("once") == first
    adjusted = shop.charge("adjusted")
    assert adjusted.request_hash == operation_of(first).request_hash


def test_the_default_tier_is_the_same_usage_as_none(shop: Shop) -> None:
    first = shop.charge("once")
    assert shop.charge("once", service_tier=DEFAULT_TIER) == first
    assert "service_tier" not in first.parameters["usage"]
    assert shop.charge(service_tier="batch").parameters["usage"]["service_tier"] == "batch"


def test_the_entry_names_the_version_and_only_where_one_applied(shop: Shop) -> None:
    assert "adjustment" not in public_entry(shop.charge())
    shop.adjust()
    shown = public_entry(shop.charge())
    assert (shown["adjustment"], shown["rate_card"].partition("@")[0]) == ("markup@1", "genai-prices")


adjustments = st.builds(
    lambda multiplier, fixed, minimum, per_dollar: {
        "multiplier": str(multiplier), "request_price": str(fixed), "minimum_charge": str(minimum),
        "currency": "EUR", "per_dollar": str(per_dollar),
    },
    *[st.decimals(0, 5, places=6), st.decimals(0, 900, places=3), st.decimals(0, 900, places=3)],
    st.decimals("0.01", 9, places=6),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(adjustments, st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([None, "batch"]))
def test_the_price_is_the_exact_fraction_and_an_estimate_covers_it(
    terms: dict[str, Any], used: int, most: int, tier: str | None
) -> None:
    shop = Shop()
    shop.adjust(**terms)
    of_tier = {} if tier is None else {"service_tier": tier}
    usage = {"input_tokens": min(used, most), "output_tokens": min(used, most) // 3, **of_tier}
    quote = shop.price(**usage)
    listed = Fraction(min(used, most), 4) + Fraction(min(used, most) // 3)
    tier_price = listed / 2 if tier else listed
    exact = max(
        tier_price * Fraction(terms["per_dollar"]) * Fraction(terms["multiplier"]) + Fraction(terms["request_price"]),
        Fraction(terms["minimum_charge"]),
    )
    assert quote.worth.amount == (exact * 1000 + Fraction(1, 2)).__floor__()
    estimate = shop.estimate(max_input_tokens=most, max_output_tokens=most, **of_tier)
    assert quote.worth.amount <= estimate.worth.amount
    assert estimate.adjustment == quote.adjustment == "markup@1"


def test_a_put_that_is_repeated_makes_one_version_and_other_content_the_next(shop: Shop) -> None:
    assert [shop.adjust(multiplier=each).terms.version for each in ("2", "2.0", "3")] == [1, 1, 2]
    draft = TermsDraft("adjustment", "markup", {}, None, 9)
    with pytest.raises(RateVersionConflict) as refused:
        put_terms(TENANT, draft, shop.terms, NOW_MS, "me")
    assert refused.value.newest == 2


@given(adjustments)
def test_a_document_is_read_back_as_it_was(terms: dict[str, str]) -> None:
    numbers: dict[str, Any] = {name: Decimal(terms[name]) for name in _NUMBERS}
    adjustment = Adjustment(**numbers, model="gpt*", active=False)
    assert adjustment_from(document_of(adjustment)) == adjustment


def test_a_pattern_is_of_the_models_own_name_in_any_case() -> None:
    assert all(matches(each, GPT_4O) for each in ("gpt-4o", "GPT-4*", "*", "g*o", "openai/*", "openai/gpt-4o"))
    assert not any(matches(each, GPT_4O) for each in ("gpt-4", "gpt-4o-mini", "gpt.4o", "g", ""))


def test_terms_are_cached_so_long_and_an_unknown_version_is_read_at_once() -> None:
    clock: Iterator[int] = iter([0, 0, 5, 12, 12, 12, 13, 13])
    store = MemoryTermsStore()
    book = TermsBook(store, lambda: next(clock), keep_ms=10)
    assert book.in_effect(TENANT, "currency", NOW_MS) == ()
    made = put_terms(TENANT, TermsDraft("currency", "EUR", {"rate": "1"}, None, None), store, NOW_MS, "me").terms
    assert book.in_effect(TENANT, "currency", NOW_MS) == ()
    assert book.named(TENANT, "currency", "EUR@1") == made


def test_the_built_in_meter_is_that_of_the_built_in_card() -> None:
    assert BUILT_IN_METER == BUILT_IN
    assert {tier for _, tier in LIST_TIERS} <= set(SERVICE_TIERS)


def money(amount: str, currency: str = "EUR") -> Charge:
    return Charge(0, cost_money={"amount": amount, "currency": currency})


def test_a_cost_in_another_currency_is_taken_by_the_rate_in_effect(shop: Shop) -> None:
    shop.exchange("EUR", "1.0843")
    entry = shop.send(money("1.23"))
    assert entry.amount == -133_368_900
    assert public_entry(entry)["exchange_rate"] == {"currency": "EUR", "version": 1, "rate": "1.0843"}
    shop.exchange("EUR", "1.1")
    assert shop.send(money("1.23")).amount == -135_300_000


def test_a_cost_in_a_currency_without_a_rate_is_refused(shop: Shop) -> None:
    shop.exchange("EUR", "1.0843", NOW_MS + 1)
    with pytest.raises(UnknownCurrency) as refused:
        shop.send(money("1.23"))
    assert refused.value.field == "cost_money.currency"


def test_a_dollar_is_a_dollar_until_the_deployer_says_otherwise(shop: Shop) -> None:
    assert shop.send(money("0.00001", "USD")).amount == -1000
    shop.exchange("USD", "0.92")
    assert shop.send(money("0.00001", "USD")).amount == -920


def test_money_below_a_microcent_is_carried(shop: Shop) -> None:
    shop.exchange("JPY", "0.0067")
    entries = [shop.send(money("0.000001", "JPY")) for _ in range(100)]
    assert -sum(entry.amount for entry in entries) == 67


def test_a_replay_in_another_currency_does_not_depend_on_the_rate(shop: Shop) -> None:
    shop.exchange("EUR", "1.0843")
    first = shop.send(money("1.50"), "once")
    shop.exchange("EUR", "2")
    assert shop.send(money("1.5"), "once") == first
    with pytest.raises(LedgerError):
        shop.send(money("1.5", "USD"), "once")


def test_adjustments_and_rates_are_those_of_the_time_of_the_spending(shop: Shop) -> None:
    shop.adjust(multiplier="2")
    shop.exchange("EUR", "2")
    shop.now_ms += 5000
    shop.adjust(multiplier="3")
    shop.exchange("EUR", "3")
    usage = usage_of(tokens()).content
    assert shop.send(Charge(0, usage=usage, occurred_at_ms=NOW_MS)).parameters["adjustment"] == "markup@1"
    assert shop.send(replace(money("0.00001"), occurred_at_ms=NOW_MS)).amount == -2000
    assert shop.send(money("0.00001")).amount == -3000


def test_a_hold_is_captured_at_a_cost_in_another_currency(shop: Shop) -> None:
    shop.exchange("EUR", "2")
    hold = shop.hold()
    entry = shop.send(CaptureHold(hold, cost_money={"amount": "0.001", "currency": "EUR"}))
    assert (entry.amount, entry.outcome) == (-200_000, "applied")
