"""Where rate cards are kept: a version is written once, and the newest that is effective is found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Final

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.exceptions import PutError, PynamoDBException, QueryError

from in_memory.rates import MemoryRateStore
from local.dynamodb_local import Database
from shared.adapters.driver import Pace
from shared.adapters.dynamodb_rate_store import DynamoRateStore
from shared.adapters.dynamodb_rates import RateItem
from shared.adapters.repeatable import put_once
from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.pricing.cards import RateCard, reference_of
from shared.pricing.matching import CardName
from shared.pricing.rates import Price, Rate, Tier
from shared.pricing.store import CardFilter, RateCardStore
from shared.usecases.put_rate_card import Draft, put_rate_card
from tests.builders import NOW_MS
from tests.contract.conftest import _empty
from tests.database import patient_connections

TENANT: Final = "main"
RATE: Final = Rate(
    prices={
        "input": Price(price=Decimal("0.25"), per=1000, tiers=(Tier(Decimal(10), Decimal("0.2")),)),
        "cached": Price(price=Decimal("1E-12"), part_of=("input",), minimum_units=Decimal(3)),
    },
    request_price=Decimal(10**15),
    minimum_charge=Decimal("0.001"),
)


@cache
def _store_at(host: str | None) -> DynamoRateStore:
    with patient_connections():
        return DynamoRateStore("contract-rates", host=host)


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> RateCardStore:
    if request.param == "memory":
        return MemoryRateStore()
    request.getfixturevalue("mocked_aws" if request.param == "moto" else "aws_credentials")
    made = _store_at(None if request.param == "moto" else request.getfixturevalue("database").url)
    _empty(made._items)
    return made


def card(version: int = 1, meter: str = "llm", model: str | None = "m", effective_from_ms: int = 0) -> RateCard:
    return RateCard(
        reference=reference_of(meter, model, version),
        version=version,
        meter=meter,
        model=model,
        rate=RATE,
        effective_from_ms=effective_from_ms,
        made_at_ms=NOW_MS,
        by="admin",
    )


def draft(price: int, version: int | None = None) -> Draft:
    return Draft("llm", "m", Rate(prices={"n": Price(price=Decimal(price))}), None, version)


def test_a_card_comes_back_as_it_was_put(store: RateCardStore) -> None:
    assert store.put(TENANT, card())
    assert store.version(TENANT, "llm", "m", 1) == card()
    assert store.newest(TENANT, "llm", "m", NOW_MS) == (card(),)


def test_a_version_is_written_once_and_never_changed(store: RateCardStore) -> None:
    store.put(TENANT, card())
    assert not store.put(TENANT, replace(card(), by="another"))
    assert store.version(TENANT, "llm", "m", 1) == card()


def test_what_is_not_there_is_not_found(store: RateCardStore) -> None:
    assert store.version(TENANT, "llm", "m", 1) is None
    assert store.newest(TENANT, "llm", "m", NOW_MS) == ()
    assert store.page(TENANT, CardFilter(10)).items == ()


def test_the_newest_versions_come_first_down_to_the_one_that_is_effective(store: RateCardStore) -> None:
    later = [card(number, effective_from_ms=NOW_MS + 1) for number in range(11, 14)]
    for each in [*map(card, range(1, 11)), *later]:
        store.put(TENANT, each)
    assert store.newest(TENANT, "llm", "m", NOW_MS) == (*later[::-1], card(10))
    assert store.newest(TENANT, "llm", "m", NOW_MS + 1) == (later[-1],)


def test_more_versions_to_come_than_one_page_holds_are_passed_over(store: RateCardStore) -> None:
    store.put(TENANT, card(1))
    for number in range(2, 22):
        store.put(TENANT, card(number, effective_from_ms=NOW_MS + 1))
    assert store.newest(TENANT, "llm", "m", NOW_MS)[-1] == card(1)


def test_of_a_past_time_the_versions_come_down_to_the_one_that_was_effective_then(store: RateCardStore) -> None:
    versions = [card(number, effective_from_ms=1000 * number) for number in range(1, 31)]
    for each in versions:
        store.put(TENANT, each)
    assert store.newest(TENANT, "llm", "m", 3999) == tuple(versions[2:][::-1])
    assert store.newest(TENANT, "llm", "m", 999) == tuple(versions[::-1])


def test_a_card_is_found_by_its_whole_name_and_tenant_alone(store: RateCardStore) -> None:
    for each in (card(model="m"), card(model="m2"), card(model=None), card(meter="llm2"), card(model="m/x")):
        store.put(TENANT, each)
    store.put("other", card(2))
    assert store.newest(TENANT, "llm", "m", NOW_MS) == (card(),)
    assert store.newest(TENANT, "llm", None, NOW_MS) == (card(model=None),)
    assert store.newest(TENANT, "ll", "m", NOW_MS) == ()


def test_cards_are_listed_in_order_from_page_to_page(store: RateCardStore) -> None:
    cards = [card(1, "a"), card(2, "a"), card(10, "a"), card(1, "b", None), card(1, "b", "x")]
    for each in cards[::-1]:
        store.put(TENANT, each)
    first = store.page(TENANT, CardFilter(2))
    second = store.page(TENANT, CardFilter(2, after=first.next))
    last = store.page(TENANT, CardFilter(2, after=second.next))
    assert [*first.items, *second.items, *last.items] == cards
    assert last.next is None
    assert store.page(TENANT, CardFilter(9, "b")).items == tuple(cards[3:])
    assert store.page(TENANT, CardFilter(9, "b", "x")).items == (cards[4],)


def test_the_names_of_a_meters_cards_are_found_together(store: RateCardStore) -> None:
    for each in (
        card(model="m"),
        replace(card(2, model="m"), aliases=("n", "o")),
        replace(card(3, model="m"), aliases=("n",)),
        card(model="*"),
        card(model=None),
        card(meter="llm2", model="x"),
    ):
        store.put(TENANT, each)
    store.put("other", card(model="y"))
    names = store.names(TENANT, "llm")
    assert len(names) == len(set(names))
    assert set(names) == {CardName("m"), CardName("m", "n"), CardName("m", "o"), CardName("*")}
    assert store.names(TENANT, "llm2") == (CardName("x"),)
    assert store.names(TENANT, "ll") == ()


def test_aliases_and_patterns_come_back_as_they_were_put(store: RateCardStore) -> None:
    made = replace(card(model="gpt-4*"), aliases=("a/b:c@d", "z"))
    store.put(TENANT, made)
    assert store.version(TENANT, "llm", "gpt-4*", 1) == made
    assert store.newest(TENANT, "llm", "gpt-4*", NOW_MS) == (made,)
    store.put(TENANT, card(model="*"))
    assert [each.model for each in store.page(TENANT, CardFilter(9, "llm")).items] == ["*", "gpt-4*"]
    assert store.page(TENANT, CardFilter(9, "llm", "*")).items == (card(model="*"),)


def test_cards_that_were_put_before_names_were_written_have_their_names(mocked_aws: None) -> None:
    store = _store_at(None)
    _empty(store._items)
    for each in (card(1, model="old"), card(2, model="old"), card(model=None), card(meter="llm2", model="x")):
        assert put_once(store._item(TENANT, each))
    assert store.names(TENANT, "llm") == (CardName("old"),)
    store.put(TENANT, card(model="new"))
    assert set(store.names(TENANT, "llm")) == {CardName("old"), CardName("new")}
    assert store.names(TENANT, "llm2") == (CardName("x"),)


def test_the_names_of_a_card_are_written_before_its_version(
    failing: DynamoRateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.put(TENANT, card(model="first"))
    monkeypatch.setattr(RateItem, "save", always(failure("AccessDeniedException")))
    with pytest.raises(PynamoDBException):
        failing.put(TENANT, card())
    assert CardName("m") in failing.names(TENANT, "llm")
    assert failing.newest(TENANT, "llm", "m", NOW_MS) == ()


def test_puts_at_the_same_time_make_a_version_each(database: Database, aws_credentials: None) -> None:
    store = _store_at(database.url)
    _empty(store._items)
    with ThreadPoolExecutor(8) as threads:
        puts = list(threads.map(lambda price: put_rate_card(TENANT, draft(price), store, NOW_MS, "admin"), range(24)))
    assert sorted(int(put.card.version) for put in puts) == list(range(1, 25))
    assert all(put.made for put in puts)
    assert {card.rate.prices["n"].price for card in store.page(TENANT, CardFilter(100)).items} == set(range(24))


# --- what goes wrong ---------------------------------------------------------------------------------------------


class Clock:
    """Passes when somebody sleeps."""

    def __init__(self) -> None:
        self.at_ms = 0

    def pace(self) -> Pace:
        return Pace(lambda: self.at_ms, self._sleep, lambda ceiling: ceiling - 1)

    def _sleep(self, duration_ms: int) -> None:
        self.at_ms += duration_ms + 1


def failure(code: str, status: int = 400) -> PynamoDBException:
    told = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return QueryError("failed", cause=ClientError(told, "Query"))  # type: ignore[arg-type]


@pytest.fixture
def failing(mocked_aws: None) -> DynamoRateStore:
    made = DynamoRateStore("contract-rates", 1000, pace=Clock().pace())
    _empty(made._items)
    return made


def always(error: Exception) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (failure("ThrottlingException"), LedgerThrottled),
        (failure("InternalServerError", 500), LedgerUnavailable),
        (QueryError("lost", cause=ReadTimeoutError(endpoint_url="x")), LedgerUnavailable),
    ],
)
def test_prices_that_cannot_be_read_in_time_are_no_prices(
    failing: DynamoRateStore, monkeypatch: pytest.MonkeyPatch, error: Exception, told: type[Exception]
) -> None:
    monkeypatch.setattr(failing._items, "query", always(error))
    with pytest.raises(told):
        failing.newest(TENANT, "llm", "m", NOW_MS)


def test_a_put_whose_answer_was_lost_makes_one_version(
    failing: DynamoRateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, answers = RateItem.save, iter([PutError("lost", cause=ReadTimeoutError(endpoint_url="x"))])

    def lose_the_first_answer(item: RateItem, **how: object) -> object:
        done = save(item, **how)  # type: ignore[arg-type]
        if (lost := next(answers, None)) is not None:
            raise lost
        return done

    monkeypatch.setattr(RateItem, "save", lose_the_first_answer)
    put = put_rate_card(TENANT, draft(5), failing, NOW_MS, "admin")
    assert (put.card.version, put.made) == (1, False)
    assert len(failing.page(TENANT, CardFilter(10)).items) == 1


def test_a_missing_permission_is_for_the_deployer_to_see(
    failing: DynamoRateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = failure("AccessDeniedException")
    monkeypatch.setattr(failing._items, "query", always(denied))
    with pytest.raises(QueryError):
        failing.newest(TENANT, "llm", "m", NOW_MS)
