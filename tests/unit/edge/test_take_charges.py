"""What becomes of the messages of the ingest queue, whatever the ledger and the failure queue do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ledger.errors import AccountBusy, IdempotencyKeyReused, LedgerError, LedgerThrottled, LedgerUnavailable
from shared.ledger.operations import Charge, GrantCredits, Operation
from shared.ledger.protocol import MAX_BATCH, Recorded
from shared.ports.ingest import Message, Rejection
from shared.ports.ledger import EntryFilter
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.catalogue import NoModels
from shared.pricing.matching import CardName
from shared.pricing.rates import Rate
from shared.usecases.event_time import RecordingTime
from shared.usecases.take_charges import MessageResult, Request, Taken, take_charges

NOW_MS = 1_763_900_000_000
NOW = RecordingTime(NOW_MS, days_back=35)
NO_JSON = Rejection("invalid_json", "no")


@dataclass
class Kept:
    """A failure queue. `is_down`: takes nothing."""

    is_down: bool = False
    messages: list[tuple[str, Rejection]] = field(default_factory=list)

    def set_aside(self, letter: Message, poison: Rejection) -> bool:
        if not self.is_down:
            self.messages.append((letter.id, poison))
        return not self.is_down


class Ledger(MemoryLedger):
    """Does not record charges under the keys of `fails`."""

    def __init__(self, fails: dict[str, LedgerError] | None = None) -> None:
        super().__init__()
        self.fails = fails or {}

    def record_batch(self, operations: Sequence[Operation], now_ms: int) -> dict[str, Recorded | LedgerError]:
        failing = {each.key: self.fails[each.key] for each in operations if each.key in self.fails}
        others = [each for each in operations if each.key not in failing]
        return (super().record_batch(others, now_ms) if others else {}) | failing


class NoCards(NoModels):
    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        return ()

    def newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        return ()

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None:
        return None

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        return None


NO_RATES = RateBook(NoCards(), NoCards(), lambda: 0)


def charge(actor: str, key: str, cost: int = 10) -> Operation:
    return Operation(Account("main", actor), key, Charge(cost), by="sender", correlation_id=f"message-{key}")


def request(actor: str, key: str, asked: Operation | Rejection | None = None) -> Request:
    return Request(Message(key, actor, "sender", "body"), asked or charge(actor, key))


def funded(ledger: Ledger, *actors: str) -> Ledger:
    for actor in actors:
        grant = Operation(Account("main", actor), "grant", GrantCredits(1_000), by="admin", correlation_id="request")
        ledger.record(grant, NOW_MS)
    return ledger


def results(taken: Iterable[Taken]) -> dict[str, MessageResult]:
    return {each.letter.id: each.result for each in taken}


def take(requests: list[Request], ledger: Ledger, kept: Kept | None = None, *, in_time: bool = True) -> list[Taken]:
    return take_charges(requests, ledger, NO_RATES, kept or Kept(), NOW, lambda: in_time)


def test_charges_are_recorded_in_their_order() -> None:
    ledger = funded(Ledger(), "a")
    assert set(results(take([request("a", key) for key in "321"], ledger)).values()) == {"recorded"}
    seqs = {key: ledger.entry(Account("main", "a"), key) for key in "321"}
    assert [entry.seq for entry in seqs.values() if entry is not None] == [2, 3, 4]


def test_a_refusal_is_on_the_record_and_no_failure() -> None:
    kept = Kept()
    assert results(take([request("poor", "1")], Ledger(), kept)) == {"1": "refused"}
    assert kept.messages == []


def test_the_same_message_again_is_a_replay() -> None:
    ledger = funded(Ledger(), "a")
    take([request("a", "1")], ledger)
    assert results(take([request("a", "1"), request("a", "1")], ledger)) == {"1": "replayed"}


def test_poison_is_set_aside_alone_and_its_group_goes_on() -> None:
    kept = Kept()
    taken = take([request("a", "1"), request("a", "2", NO_JSON), request("a", "3")], funded(Ledger(), "a"), kept)
    assert results(taken) == {"1": "recorded", "2": "set_aside", "3": "recorded"}
    assert kept.messages == [("2", NO_JSON)]


def test_a_key_that_was_used_for_another_charge_is_poison() -> None:
    ledger, kept = funded(Ledger(), "a"), Kept()
    take([request("a", "1")], ledger)
    other = Request(Message("again", "a", "sender", "body"), charge("a", "1", cost=11))
    assert results(take([other], ledger, kept)) == {"again": "set_aside"}
    assert kept.messages == [
        ("again", Rejection("idempotency_key_reused", "the key 1 was used for another operation; use a new key"))
    ]


def test_a_charge_that_may_succeed_later_keeps_its_group_waiting_and_no_other() -> None:
    for passing in (LedgerUnavailable("no answer"), LedgerThrottled("too much"), AccountBusy("too many")):
        ledger, kept = funded(Ledger({"2": passing}), "a", "b"), Kept()
        taken = take([request("a", "1"), request("a", "2"), request("b", "x"), request("a", "3")], ledger, kept)
        assert results(taken) == {"1": "recorded", "2": "failed", "x": "recorded", "3": "failed"}
        assert kept.messages == []


class BusyAtFirst(Ledger):
    """Turns the first transaction away."""

    def record_batch(self, operations: Sequence[Operation], now_ms: int) -> dict[str, Recorded | LedgerError]:
        if not self.fails:
            self.fails = {"": AccountBusy("too many")}
            return dict.fromkeys([each.key for each in operations], self.fails[""])
        return super().record_batch(operations, now_ms)


def test_nothing_goes_before_a_transaction_of_its_account_that_was_turned_away() -> None:
    ledger = funded(BusyAtFirst(), "a")
    requests = [request("a", f"{number}", charge("a", f"{number}", cost=1)) for number in range(MAX_BATCH + 1)]
    assert set(results(take(requests, ledger)).values()) == {"failed"}
    assert [each.key for each in ledger.entries(Account("main", "a"), EntryFilter(limit=10)).items] == ["grant"]
    assert set(results(take(requests, ledger)).values()) == {"recorded"}


def test_poison_behind_a_failure_waits_for_its_turn() -> None:
    ledger, kept = Ledger({"1": LedgerUnavailable("no answer")}), Kept()
    assert results(take([request("a", "1"), request("a", "2", NO_JSON)], ledger, kept)) == {
        "1": "failed",
        "2": "failed",
    }
    assert kept.messages == []


class BusyCards(NoCards):
    """Rates that cannot be read for the first charge that asks."""

    def __init__(self) -> None:
        self.is_busy = True

    def newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        if self.is_busy:
            self.is_busy = False
            raise LedgerThrottled("too much")
        return (CALLS,)


CALLS = RateCard(
    reference="calls@1",
    version=1,
    meter="calls",
    model=None,
    rate=Rate(prices={}, request_price=Decimal("0.001"), minimum_charge=Decimal(0)),
    effective_from_ms=0,
)


def test_nothing_goes_before_a_charge_that_could_not_be_priced_yet() -> None:
    ledger, cards = funded(Ledger(), "a", "b"), BusyCards()
    metered = replace(charge("a", "1"), terms=Charge(0, usage={"meter": "calls"}))
    requests = [request("a", "1", metered), request("a", "2"), request("b", "x")]
    book = RateBook(cards, NoCards(), lambda: 0)
    first, again = (take_charges(requests, ledger, book, Kept(), NOW, lambda: True) for _ in range(2))
    assert results(first) == {"1": "failed", "2": "failed", "x": "recorded"}
    assert results(again) == {"1": "recorded", "2": "recorded", "x": "replayed"}


def test_what_came_after_a_failure_and_was_recorded_is_recorded_once() -> None:
    ledger = funded(Ledger({"1": LedgerUnavailable("no answer")}), "a")
    requests = [request("a", "1"), request("a", "2")]
    assert results(take(requests, ledger)) == {"1": "failed", "2": "failed"}
    ledger.fails.clear()
    assert results(take(requests, ledger)) == {"1": "recorded", "2": "replayed"}


def test_without_time_for_a_transaction_all_come_again() -> None:
    ledger = Ledger()
    assert results(take([request("a", "1"), request("b", "2")], ledger, in_time=False)) == {
        "1": "failed",
        "2": "failed",
    }
    assert ledger.entry(Account("main", "a"), "1") is None


def test_poison_that_the_failure_queue_does_not_take_is_not_lost() -> None:
    kept = Kept(is_down=True)
    requests = [request("a", "1", NO_JSON), request("a", "2"), request("b", "3")]
    taken = take(requests, funded(Ledger(), "a", "b"), kept)
    assert results(taken) == {"1": "failed", "2": "failed", "3": "recorded"}
    assert [each.poison for each in taken] == [NO_JSON, None, None]


def test_an_error_of_the_ledger_that_no_retry_mends_is_poison() -> None:
    ledger, kept = Ledger({"1": IdempotencyKeyReused("never")}), Kept()
    take([request("a", "1")], ledger, kept)
    assert kept.messages == [("1", Rejection("idempotency_key_reused", "never"))]
