"""What usage is recorded at: a hold's price holds, and whatever a card says by now, a replay is a replay."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from in_memory.ledger import MemoryLedger
from shared.ledger.entries import Entry
from shared.ledger.errors import IdempotencyKeyReused, InvalidOperation
from shared.ledger.holds import HeldPrice, Hold
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, PlaceHold, ReleaseHold, Terms
from shared.ledger.protocol import Recorded
from shared.ledger.reducer import Replay
from shared.ports.ledger import EntryFilter
from shared.pricing.cards import RateBook, RateCard, names_of, reference_of
from shared.pricing.catalogue import NoModels
from shared.pricing.errors import Unpriced
from shared.pricing.matching import CardName
from shared.pricing.rates import Price, Rate
from shared.usecases.event_time import RecordingTime
from shared.usecases.record_priced import record_priced, record_priced_batch
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

    def put(
        self, price: str, meter: str = "calls", model: str | None = None, per: int = 1, effective_from_ms: int = 0
    ) -> None:
        number = 1 + sum((each.meter, each.model) == (meter, model) for each in self.cards)
        reference = reference_of(meter, model, number)
        rate = Rate(prices={"requests": Price(price=Decimal(price), per=per)})
        made = RateCard(
            reference=reference,
            version=number,
            meter=meter,
            model=model,
            rate=rate,
            effective_from_ms=effective_from_ms,
        )
        self.cards.insert(0, made)

    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        return tuple({name: None for card in self.cards if card.meter == meter for name in names_of(card)})

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
        return record_priced(asked, self.ledger, self.book, self.time)

    @property
    def time(self) -> RecordingTime:
        return RecordingTime(self.now_ms, days_back=35)

    def charge(self, requests: int, occurred_at_ms: int | None = None, **usage: Any) -> Entry:
        return self.send(Charge(0, usage=used(requests, **usage), occurred_at_ms=occurred_at_ms)).entry

    def hold(self, requests: int, **usage: Any) -> str:
        entry = self.send(PlaceHold(0, 2 * DAY_MS, usage=used(requests, **usage))).entry
        assert entry.hold is not None
        return str(entry.hold["id"])

    def capture(self, hold: str, requests: int, occurred_at_ms: int | None = None, **usage: Any) -> Entry:
        return self.send(CaptureHold(hold, usage=used(requests, **usage), occurred_at_ms=occurred_at_ms)).entry

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


def test_a_capture_may_name_the_model_of_the_hold_in_another_way() -> None:
    priced = Priced()
    priced.shelf.put("2", model="large")
    hold = priced.hold(10, model="large")
    priced.shelf.put("3", model="large")
    entry = priced.capture(hold, 10, model="LARGE")
    assert (entry.amount, entry.parameters["rate_card"]) == (-20 * MILLICENT, "calls/large@1")


def test_a_hold_of_a_model_that_is_free_is_a_hold_of_0_and_leaves_what_is_there() -> None:
    priced = Priced()
    priced.shelf.put("0")
    before = priced.ledger.state(ALICE)
    hold = priced.hold(10)
    assert (priced.held(hold).amount, priced.held(hold).status) == (0, "open")
    entry = priced.capture(hold, 10)
    assert (entry.outcome, entry.amount, priced.held(hold).status) == ("applied", 0, "captured")
    after = priced.ledger.state(ALICE)
    assert before is not None
    assert after is not None
    assert (after.available, after.held, after.open_holds) == (before.available, 0, 0)
    replay = Replay(ALICE)
    for each in priced.entries():
        assert replay.step(each) == each
    assert replay.holds[hold] == priced.held(hold)


def test_a_hold_of_0_ends_when_its_time_is_over() -> None:
    priced = Priced()
    priced.shelf.put("0")
    hold = priced.hold(10)
    priced.now_ms += 3 * DAY_MS
    assert priced.charge(1).amount == 0
    assert priced.held(hold).status == "expired"
    replay = Replay(ALICE)
    for each in priced.entries():
        assert replay.step(each) == each


def test_a_hold_of_0_can_be_of_an_account_that_owes() -> None:
    priced = Priced()
    priced.shelf.put("0")
    priced.send(Charge(2000 * MILLICENT, "overdraw"))
    assert priced.send(ReleaseHold(priced.hold(10))).entry.outcome == "applied"


def test_a_hold_of_nothing_of_a_model_that_costs_is_refused() -> None:
    priced = Priced()
    priced.shelf.put("2")
    with pytest.raises(InvalidOperation, match="usage must be worth more than 0"):
        priced.hold(0)


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


def test_late_usage_has_the_built_in_price_of_its_time() -> None:
    priced = Priced()
    priced.shelf.built_in_prices[NOW_MS - DAY_MS] = "5"
    times = [NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS - 1, NOW_MS - DAY_MS, None]
    amounts = [priced.charge(2, at_ms, meter="llm", model="m").amount for at_ms in times]
    assert amounts == [-2 * MILLICENT, -2 * MILLICENT, -10 * MILLICENT, -10 * MILLICENT]


def test_late_usage_has_the_version_of_the_card_that_was_in_effect_and_names_it() -> None:
    priced = Priced()
    priced.shelf.put("2", effective_from_ms=NOW_MS - 3 * DAY_MS)
    priced.shelf.put("3", effective_from_ms=NOW_MS - DAY_MS)
    entries = [priced.charge(10, NOW_MS - days * DAY_MS) for days in (2, 1, 0)]
    assert {entry.at_ms for entry in entries} == {NOW_MS}
    assert [(entry.amount, entry.parameters["rate_card"]) for entry in entries] == [
        (-20 * MILLICENT, "calls@1"),
        (-30 * MILLICENT, "calls@2"),
        (-30 * MILLICENT, "calls@2"),
    ]


def test_usage_of_a_time_before_the_first_card_has_no_price() -> None:
    priced = Priced()
    priced.shelf.put("2", effective_from_ms=NOW_MS - DAY_MS)
    with pytest.raises(Unpriced, match=r"on the meter calls at 2025-11-22T12:13:19\.999Z: a price holds from"):
        priced.charge(10, NOW_MS - DAY_MS - 1)
    with pytest.raises(Unpriced, match=r"on the meter pages$"):
        priced.charge(10, meter="pages")


def test_a_late_capture_of_a_hold_has_the_price_of_the_hold() -> None:
    priced = Priced()
    priced.shelf.put("2", effective_from_ms=NOW_MS - 3 * DAY_MS)
    priced.shelf.put("3", effective_from_ms=NOW_MS - DAY_MS)
    hold = priced.hold(10)
    entry = priced.capture(hold, 10, NOW_MS - 2 * DAY_MS)
    assert (entry.amount, entry.parameters["rate_card"]) == (-30 * MILLICENT, "calls@2")
    assert entry.occurred_at_ms == NOW_MS - 2 * DAY_MS


def test_a_late_capture_of_another_model_has_the_price_of_its_time() -> None:
    priced = Priced()
    priced.shelf.put("9")
    priced.shelf.put("2", model="large", effective_from_ms=NOW_MS - 3 * DAY_MS)
    priced.shelf.put("3", model="large", effective_from_ms=NOW_MS - DAY_MS)
    hold = priced.hold(10)
    assert priced.capture(hold, 10, NOW_MS - 2 * DAY_MS, model="large").amount == -20 * MILLICENT


def test_a_time_out_of_bounds_is_refused_and_nothing_is_recorded_also_of_an_amount() -> None:
    priced = Priced()
    hold = priced.hold(10, meter="llm", model="m")
    seen = priced.entries()
    for terms in (Charge(1, occurred_at_ms=0), CaptureHold(hold, 1, occurred_at_ms=NOW_MS + DAY_MS)):
        with pytest.raises(InvalidOperation, match="occurred_at must be a time from"):
            priced.send(terms)
    assert priced.entries() == seen


def test_what_was_recorded_in_time_is_a_replay_when_its_time_is_out_of_bounds() -> None:
    priced = Priced()
    terms = Charge(0, usage=used(1, meter="llm", model="m"), occurred_at_ms=NOW_MS - 35 * DAY_MS)
    first = priced.send(terms, "late")
    priced.now_ms += 1
    with pytest.raises(InvalidOperation):
        priced.send(terms, "later")
    again = priced.send(terms, "late")
    assert (again.replayed, again.entry) == (True, first.entry)


def test_another_time_under_the_same_key_is_another_operation_also_out_of_bounds() -> None:
    priced = Priced()
    priced.send(Charge(1, occurred_at_ms=NOW_MS), "key")
    for at_ms in (None, NOW_MS - 1, 0):
        with pytest.raises(IdempotencyKeyReused):
            priced.send(Charge(1, occurred_at_ms=at_ms), "key")


def test_of_a_batch_each_has_its_time_and_one_that_is_out_of_bounds_does_not_stop_the_others() -> None:
    priced = Priced()
    priced.shelf.put("2", effective_from_ms=0)
    priced.shelf.put("3", effective_from_ms=NOW_MS - DAY_MS)
    priced.send(Charge(7, occurred_at_ms=NOW_MS - 35 * DAY_MS), "old")
    priced.now_ms += 1
    times = {"old": NOW_MS - 35 * DAY_MS, "far": 0, "late": NOW_MS - 2 * DAY_MS, "now": None, "ahead": NOW_MS + 300_001}
    asked = [operation(key, Charge(0, usage=used(10), occurred_at_ms=at_ms)) for key, at_ms in times.items()]
    asked[0] = operation("old", Charge(7, occurred_at_ms=times["old"]))
    answers = record_priced_batch(asked, priced.ledger, priced.book, priced.time, lambda: True)
    told = [(each.replayed, each.entry.amount) if isinstance(each, Recorded) else type(each) for each in answers]
    assert told == [
        (True, -7),
        InvalidOperation,
        (False, -20 * MILLICENT),
        (False, -30 * MILLICENT),
        (False, -30 * MILLICENT),
    ]


def test_an_entry_of_usage_has_the_model_of_the_card_that_priced_it() -> None:
    priced = Priced()
    priced.shelf.put("2", meter="llm", model="gpt-4o")
    priced.shelf.put("2")
    entry = priced.charge(1, meter="llm", model="gpt-4o")
    assert (entry.model, entry.parameters["rate_card"]) == ("gpt-4o", "llm/gpt-4o@1")
    assert priced.held(priced.hold(1, meter="llm", model="o3")).model == "o3"
    assert priced.charge(1).model is None


def test_the_model_is_no_content_so_that_a_release_that_names_it_otherwise_answers_a_replay() -> None:
    asked = operation("key", Charge(5, usage=used(5, meter="llm", model="gpt-4o"), rate_card="built-in@1.2"))
    assert replace(asked, model="gpt-4o").request_hash == asked.request_hash


def test_of_a_batch_the_price_of_a_hold_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    priced = Priced()
    priced.shelf.put("2")
    hold = priced.hold(10)
    priced.shelf.put("3")
    find = Mock(wraps=priced.ledger.hold)
    monkeypatch.setattr(priced.ledger, "hold", find)
    part = CaptureHold(hold, usage=used(3), final=False)
    asked = [replace(operation(f"k-{number}", part), meter="calls") for number in range(3)]
    answers = record_priced_batch(asked, priced.ledger, priced.book, priced.time, lambda: True)
    assert [isinstance(each, Recorded) and each.entry.amount for each in answers] == [-6 * MILLICENT] * 3
    find.assert_called_once_with(ALICE, hold)
