"""What entries add to the sums of usage."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.ledger import MemoryLedger
from in_memory.usage import ALL
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    GrantCredits,
    Operation,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
)
from shared.ledger.usage import Slot, StoredSums, Sums, miscounted, tallies
from tests.builders import ALICE, NOW_MS

DAY = "2025-11-23"
DAY_MS = 24 * 3600 * 1000
TEAM = Account("main", "team:a")


class Story:
    """An account that things happen to; each has a key of its own."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.now_ms = NOW_MS

    def do(
        self,
        terms: Terms,
        *,
        account: Account = ALICE,
        key: str | None = None,
        app: str | None = None,
        meter: str | None = None,
        model: str | None = None,
    ) -> Entry:
        key = key or f"k-{len(self.entries(account)) + 1}"
        operation = Operation(account, key, terms, "service", "request", app, meter, model=model)
        return self.ledger.record(operation, self.now_ms).entry

    def entries(self, account: Account = ALICE) -> list[Entry]:
        return list(self.ledger.entries(account, ALL).items[::-1])

    def sums(self, account: Account = ALICE) -> dict[Slot, Sums]:
        (tally,) = tallies(self.entries(account), 0, lambda key: self.ledger.entry(account, key))
        return dict(tally.sums)


@pytest.fixture
def story() -> Story:
    story = Story()
    story.do(GrantCredits(1000))
    return story


def slots(app: str = "", meter: str = "", model: str = "", member: str = "", day: str = DAY) -> list[Slot]:
    named = Slot("app", app, day), Slot("meter", meter, day), Slot("model", model, day)
    return [Slot("day", "", day), *named, Slot("member", member, day)]


def test_a_charge_counts_for_its_day_app_meter_model_and_member(story: Story) -> None:
    story.do(Charge(30), app="chat", meter="llm", model="gpt-4o")
    assert story.sums() == dict.fromkeys(slots("chat", "llm", "gpt-4o"), Sums(charged=30, count=1))


def test_a_capture_and_a_refund_count_for_the_model_of_the_hold_and_of_the_charge(story: Story) -> None:
    story.do(PlaceHold(50, 60_000), model="gpt-4o")
    story.do(CaptureHold("h2", 20), key="captured")
    story.do(Refund("captured", 5))
    assert story.sums()[Slot("model", "gpt-4o", DAY)] == Sums(charged=20, refunded=5, count=1)


def test_a_capture_counts_for_its_own_model_rather_than_for_that_of_its_hold(story: Story) -> None:
    story.do(PlaceHold(50, 60_000), model="gpt-4o")
    story.do(CaptureHold("h2", 20), model="gpt-4o-mini")
    sums = story.sums()
    assert sums[Slot("model", "gpt-4o-mini", DAY)] == Sums(charged=20, count=1)
    assert Slot("model", "gpt-4o", DAY) not in sums


def test_an_entry_of_an_older_release_counts_for_the_model_of_its_usage(story: Story) -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 3}
    story.do(Charge(30, usage=usage, rate_card="genai-prices@0.0.71"), meter="llm")
    assert story.sums()[Slot("model", "gpt-4o", DAY)] == Sums(charged=30, count=1)


def test_sums_by_model_are_expected_from_the_entry_on_from_which_they_were_counted(story: Story) -> None:
    for model in ("gpt-4o", "gpt-4o", "o3"):
        story.do(Charge(10), model=model)
    entries, sums = story.entries(), story.sums()
    of_models = [slot for slot in sums if slot.grouping == "model"]
    assert miscounted(entries, StoredSums(4, sums)) == []
    older = {slot: each for slot, each in sums.items() if slot not in of_models}
    assert miscounted(entries, StoredSums(4, older, None)) == []
    assert miscounted(entries, StoredSums(4, older)) == of_models
    newest = older | {Slot("model", "o3", DAY): Sums(charged=10, count=1)}
    assert miscounted(entries, StoredSums(4, newest, 3)) == []
    assert miscounted(entries, StoredSums(4, newest, 2)) == [Slot("model", "gpt-4o", DAY)]


def test_what_names_neither_app_nor_meter_is_counted_as_such(story: Story) -> None:
    story.do(Charge(30))
    assert story.sums() == dict.fromkeys(slots(), Sums(charged=30, count=1))


def test_charges_add_up_and_a_refund_counts_beside_them(story: Story) -> None:
    story.do(Charge(30), key="c", meter="llm")
    story.do(Charge(12), meter="llm")
    story.do(Refund("c", 10))
    assert story.sums()[Slot("meter", "llm", DAY)] == Sums(charged=42, refunded=10, count=2)


def test_nothing_but_charges_captures_and_refunds_counts(story: Story) -> None:
    story.do(PlaceHold(100, 1000))
    story.do(ReleaseHold("h2"))
    story.do(Configure(status="open"))
    (tally,) = tallies(story.entries(), 0, lambda _: None)
    assert (tally.through, tally.sums) == (4, {})


def test_a_refusal_counts_for_nothing_and_a_partial_charge_for_what_it_took(story: Story) -> None:
    story.do(Charge(2000), meter="llm")
    story.do(Charge(1500, "partial"), meter="llm")
    assert story.sums()[Slot("meter", "llm", DAY)] == Sums(charged=1000, count=1)


def test_a_capture_counts_where_its_hold_was_placed_unless_it_says_otherwise(story: Story) -> None:
    for seq in (2, 4):
        story.do(PlaceHold(50, 60_000), app="chat", meter="llm")
        story.do(CaptureHold(f"h{seq}", 20), meter="gpt" if seq == 4 else None)
    sums = story.sums()
    assert sums[Slot("app", "chat", DAY)] == Sums(charged=40, count=2)
    assert {sums[Slot("meter", name, DAY)] for name in ("llm", "gpt")} == {Sums(charged=20, count=1)}


def test_a_refund_counts_where_what_it_gives_back_was_counted(story: Story) -> None:
    story.do(PlaceHold(50, 60_000), app="chat", meter="llm")
    story.do(CaptureHold("h2", 20), key="captured", meter="gpt")
    story.do(Refund("captured", 5))
    sums = story.sums()
    assert sums[Slot("meter", "gpt", DAY)] == sums[Slot("app", "chat", DAY)] == Sums(charged=20, refunded=5, count=1)
    assert Slot("meter", "llm", DAY) not in sums


def test_a_refund_counts_on_the_day_that_it_is_made(story: Story) -> None:
    story.do(Charge(30), key="c", meter="llm")
    story.now_ms += DAY_MS
    story.do(Refund("c"))
    sums = story.sums()
    assert sums[Slot("day", "", DAY)] == Sums(charged=30, count=1)
    assert sums[Slot("meter", "llm", "2025-11-24")] == Sums(refunded=30)


def test_a_parent_counts_what_its_members_spend_by_member(story: Story) -> None:
    story.do(GrantCredits(500), account=TEAM)
    story.do(Configure(parent=TEAM.actor))
    story.do(Charge(30), key="c", app="chat", meter="llm")
    story.do(Refund("c", 10))
    assert story.sums(TEAM) == dict.fromkeys(
        slots("chat", "llm", member=ALICE.actor), Sums(charged=30, refunded=10, count=1)
    )


def test_counting_ends_before_an_entry_that_is_missing() -> None:
    story = Story()
    for _ in range(5):
        story.do(GrantCredits(10))
    entries = [entry for entry in story.entries() if entry.seq != 4]
    assert [(each.after, each.through) for each in tallies(entries, 0, lambda _: None)] == [(0, 3)]
    assert list(tallies(entries, 3, lambda _: None)) == []


def test_a_tally_has_no_more_sums_than_a_transaction_holds_and_the_next_follows_it(story: Story) -> None:
    for number in range(10):
        story.do(Charge(1), meter=f"m-{number}")
    found = list(tallies(story.entries(), 0, lambda _: None, max_slots=7))
    assert max(len(each.sums) for each in found) == 7
    assert [each.after for each in found] == [0, *(each.through for each in found[:-1])]
    assert found[-1].through == 11


@given(
    amounts=st.lists(st.tuples(st.integers(0, 50), st.sampled_from([None, "a", "b", "c"])), max_size=20),
    max_slots=st.integers(4, 12),
    cuts=st.sets(st.integers(1, 20)),
)
def test_however_the_entries_are_cut_the_sums_are_the_same(
    amounts: list[tuple[int, str | None]], max_slots: int, cuts: set[int]
) -> None:
    story = Story()
    story.do(GrantCredits(2000))
    for cost, meter in amounts:
        story.do(Charge(cost), meter=meter)
    entries = story.entries()
    added: dict[Slot, Sums] = {}
    through = 0
    for cut in [*sorted(cuts), len(entries)]:
        part = [entry for entry in entries if through < entry.seq <= cut]
        for tally in tallies(part, through, lambda _: None, max_slots):
            added = {**added, **{slot: added.get(slot, Sums()) + sums for slot, sums in tally.sums.items()}}
            through = tally.through
    assert through == len(entries)
    assert sum(sums.charged for slot, sums in added.items() if slot.grouping == "day") == sum(c for c, _ in amounts)
    assert added == (story.sums() if len(entries) > 1 else {})


def test_an_altered_refund_that_names_nothing_counts_as_such(story: Story) -> None:
    story.do(Charge(30), key="c", meter="llm")
    refund = story.do(Refund("c", 10))
    entries = [*story.entries()[:2], replace(refund, parameters={"charge": "none"})]
    (tally,) = tallies(entries, 0, lambda key: story.ledger.entry(ALICE, key))
    assert tally.sums[Slot("meter", "", DAY)] == Sums(refunded=10)
