"""What usage is recorded at: a hold's price holds, and whatever a card says by now, a replay is a replay."""

from decimal import Decimal
from typing import Any

import pytest

from in_memory.ledger import MemoryLedger
from shared.ledger.entries import Entry
from shared.ledger.errors import IdempotencyKeyReused
from shared.ledger.holds import HeldPrice, Hold
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, PlaceHold, Terms
from shared.ledger.protocol import Recorded
from shared.ledger.reducer import Replay
from shared.ports.ledger import EntryFilter
from shared.pricing.cards import RateBook, RateCard, reference_of
from shared.pricing.catalogue import NoModels
from shared.pricing.rates import Price, Rate
from shared.usecases.record_priced import record_priced
from tests.builders import ALICE, NOW_MS, operation

DAY_MS = 86_400_000
MILLICENT = 1000


class Shelf(NoModels):
    """The cards of a tenant, newest first, and a count of the versions that were asked for; and built-in prices."""

    def __init__(self) -> None:
        self.cards: list[RateCard] = []
        self.asked = 0
        self.built_in_prices = {0: "1"}
        """Each from an instant on."""

    def put(self, price: str, meter: str = "calls", model: str | None = None, per: int = 1) -> None:
        number = 1 + sum((each.meter, each.model) == (meter, model) for each in self.cards)
        reference = reference_of(meter, model, number)
        rate = Rate(prices={"requests": Price(price=Decimal(price), per=per)})
        made = RateCard(reference=reference, version=number, meter=meter, model=model, rate=rate, effective_from_ms=0)
        self.cards.insert(0, made)

    def newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        return tuple(each for each in self.cards if (each.meter, each.model) == (meter, model))

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None:
        self.asked += 1
        found = (each for each in self.newest(tenant, meter, model, 0) if each.version == version)
        return next(found, None)

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        if meter != "llm" or model is None:
            return None
        price = max((at_ms, price) for at_ms, price in self.built_in_prices.items() if at_ms <= now_ms)[1]
        return RateCard(
            reference="built-in@1.2",
            version="1.2",
            meter=meter,
            model=model,
            rate=Rate(prices={"requests": Price(price=Decimal(price))}),
            effective_from_ms=0,
        )


class Priced:
    """A ledger of one account of 1000 millicents, and the prices of its usage."""

    def __init__(self) -> None:
        self.shelf, self.ledger = Shelf(), MemoryLedger()
        self.book = RateBook(self.shelf, self.shelf, lambda: 0)
        self.now_ms, self._keys = NOW_MS, 0
        self.send(GrantCredits(1000 * MILLICENT))

    def send(self, terms: Terms, key: str | None = None, meter: str | None = None) -> Recorded:
        self._keys += 1
        asked = operation(key or f"key-{self._keys}", terms)
        meter = meter or (getattr(terms, "usage", None) or {}).get("meter")
        asked = type(asked)(asked.account, asked.key, terms, asked.by, asked.correlation_id, meter=meter)
        return record_priced(asked, self.ledger, self.book, self.now_ms)

    def charge(self, requests: int, **usage: Any) -> Entry:
        return self.send(Charge(0, usage=used(requests, **usage))).entry

    def hold(self, requests: int, **usage: Any) -> str:
        entry = self.send(PlaceHold(0, 2 * DAY_MS, usage=used(requests, **usage))).entry
        assert entry.hold is not None
        return str(entry.hold["id"])

    def capture(self, hold: str, requests: int, **usage: Any) -> Entry:
        return self.send(CaptureHold(hold, usage=used(requests, **usage))).entry

    def held(self, hold: str) -> Hold:
        found = self.ledger.hold(ALICE, hold)
        assert found is not None
        return found

    def entries(self) -> list[Entry]:
        return list(self.ledger.entries(ALICE, EntryFilter(5000)).items)[::-1]


def used(requests: int, meter: str = "calls", **usage: Any) -> dict[str, Any]:
    return {"meter": meter, "requests": requests, **usage}


def test_what_is_captured_of_a_hold_has_the_price_of_the_hold() -> None:
    priced = Priced()
    priced.shelf.put("2")
    hold = priced.hold(10)
    priced.shelf.put("3")
    entry = priced.capture(hold, 10)
    assert (entry.outcome, entry.amount, entry.parameters["rate_card"]) == ("applied", -20 * MILLICENT, "calls@1")
    assert priced.charge(10).amount == -30 * MILLICENT


def test_a_price_that_fell_is_not_the_price_of_an_older_hold_either() -> None:
    priced = Priced()
    priced.shelf.put("2")
    hold = priced.hold(10)
    priced.shelf.put("1")
    assert priced.capture(hold, 4).amount == -8 * MILLICENT


def test_a_capture_of_another_meter_or_model_has_its_present_price() -> None:
    others: list[dict[str, Any]] = [{"meter": "pages"}, {"model": "large"}]
    for other in others:
        priced = Priced()
        priced.shelf.put("2")
        priced.shelf.put("1", **other)
        hold = priced.hold(10)
        priced.shelf.put("4", **other)
        assert priced.capture(hold, 5, **other).amount == -20 * MILLICENT


def test_a_capture_of_another_model_has_its_card_also_where_there_is_a_built_in_price_for_it() -> None:
    holds: list[dict[str, Any]] = [{"meter": "calls"}, {"meter": "llm", "model": "large"}]
    for held in holds:
        priced = Priced()
        priced.shelf.put("2")
        priced.shelf.put("7", meter="llm", model="m")
        hold = priced.hold(30, **held)
        assert priced.capture(hold, 2, meter="llm", model="m").amount == -14 * MILLICENT


def test_a_hold_of_an_amount_has_no_price_to_hold() -> None:
    priced = Priced()
    priced.shelf.put("2")
    placed = priced.send(PlaceHold(100 * MILLICENT, DAY_MS), meter="calls").entry
    priced.shelf.put("3")
    assert placed.hold is not None
    assert priced.capture(str(placed.hold["id"]), 10).amount == -30 * MILLICENT


def test_a_built_in_price_is_the_one_of_the_time_of_the_hold() -> None:
    priced = Priced()
    hold = priced.hold(10, meter="llm", model="m")
    priced.now_ms += DAY_MS
    priced.shelf.built_in_prices[priced.now_ms] = "5"
    assert priced.capture(hold, 10, meter="llm", model="m").amount == -10 * MILLICENT
    assert priced.charge(10, meter="llm", model="m").amount == -50 * MILLICENT


def test_a_hold_at_a_built_in_price_is_not_captured_at_a_card_that_was_put_since() -> None:
    priced = Priced()
    hold = priced.hold(10, meter="llm", model="m")
    priced.shelf.put("7", meter="llm", model="m")
    assert priced.capture(hold, 10, meter="llm", model="m").amount == -10 * MILLICENT


def test_a_capture_that_is_sent_again_is_a_replay_at_any_price() -> None:
    priced = Priced()
    priced.shelf.put("2")
    terms = CaptureHold(priced.hold(10), usage=used(10))
    first = priced.send(terms, "capture")
    priced.shelf.put("3")
    again = priced.send(terms, "capture")
    assert (again.replayed, again.entry) == (True, first.entry)


def test_a_report_that_a_later_release_reads_differently_is_the_same_charge() -> None:
    priced = Priced()
    priced.shelf.put("2")
    first = priced.send(Charge(0, usage=used(10, provider="p", raw_digest="a")), "key")
    later = priced.send(Charge(0, usage=used(11, provider="p", raw_digest="a")), "key")
    unpriced = priced.send(Charge(0, usage=used(11, provider="p", raw_digest="a", meter="new")), "key", meter="calls")
    assert [(each.replayed, each.entry) for each in (later, unpriced)] == [(True, first.entry)] * 2
    assert first.entry.amount == -20 * MILLICENT


def test_another_report_under_the_same_key_is_refused() -> None:
    priced = Priced()
    priced.shelf.put("2")
    priced.send(Charge(0, usage=used(10, provider="p", raw_digest="a")), "key")
    others: list[dict[str, Any]] = [{"provider": "p", "raw_digest": "b"}, {}]
    for other in others:
        with pytest.raises(IdempotencyKeyReused):
            priced.send(Charge(0, usage=used(10, **other)), "key")


def test_a_hold_that_is_not_there_is_refused_by_the_ledger() -> None:
    priced = Priced()
    priced.shelf.put("2")
    assert priced.capture("h99", 10).reason == "hold_not_found"


def test_only_a_capture_by_usage_asks_for_an_old_version_and_once() -> None:
    priced = Priced()
    priced.shelf.put("2")
    holds = [priced.hold(1) for _ in range(3)]
    priced.charge(1)
    assert priced.shelf.asked == 0
    for hold in holds:
        priced.capture(hold, 1)
    assert priced.shelf.asked == 1


def test_the_replay_of_the_record_leads_to_the_price_that_the_hold_has() -> None:
    priced = Priced()
    priced.shelf.put("2", model="m")
    hold = priced.hold(10, model="m")
    replay = Replay(ALICE)
    for entry in priced.entries():
        assert replay.step(entry) == entry
    assert replay.holds[hold] == priced.held(hold)
    assert priced.held(hold).price == HeldPrice("calls/m@1", "m", NOW_MS)
