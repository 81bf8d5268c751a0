"""What every ledger does, wherever it keeps its record."""

from contextlib import suppress
from itertools import count

import pytest

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.errors import IdempotencyKeyReused, InvalidOperation, LedgerUnavailable, TooManyGrants
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, Operation, PlaceHold, Terms
from shared.ledger.protocol import Recorded
from shared.ledger.reducer import replay
from shared.ports.ledger import EntryFilter, Ledger
from shared.verification.accounts import verify_account
from shared.verification.chain import breaks
from tests.builders import ALICE, NOW_MS, SECOND_MS, drawn, operation, outcomes, remaining

BOB = Account("main", "user:bob")
ALICE_ELSEWHERE = Account("other", "user:alice")


def send(ledger: Ledger, key: str, terms: Terms, *, now_ms: int = NOW_MS, account: Account = ALICE) -> Recorded:
    return ledger.record(operation(key, terms, account=account), now_ms)


def send_until_answered(ledger: Ledger, key: str, terms: Terms, *, now_ms: int) -> Recorded:
    """As a client does that is told to send the same key again: what was done for it by then stays done."""
    while True:
        with suppress(LedgerUnavailable):
            return send(ledger, key, terms, now_ms=now_ms)


def fund(ledger: Ledger, amount: int, *, account: Account = ALICE) -> Entry:
    return send(ledger, "funding", GrantCredits(amount), account=account).entry


def all_entries(ledger: Ledger, account: Account = ALICE) -> list[Entry]:
    return list(ledger.entries(account, EntryFilter(100)).items)[::-1]


def seqs(entries: tuple[Entry, ...]) -> list[int]:
    return [entry.seq for entry in entries]


def test_an_actor_that_nothing_was_recorded_for_has_no_state_and_no_entries(ledger: Ledger) -> None:
    assert ledger.state(ALICE) is None
    assert ledger.entry(ALICE, "k") is None
    assert ledger.entries(ALICE, EntryFilter(10)).items == ()


def test_a_charge_is_recorded_and_changes_the_state(ledger: Ledger) -> None:
    fund(ledger, 100)
    recorded = send(ledger, "k", Charge(30))
    state = ledger.state(ALICE)
    assert recorded == Recorded(recorded.entry, replayed=False)
    assert (recorded.entry.seq, recorded.entry.amount, recorded.entry.outcome) == (2, -30, "applied")
    assert drawn(recorded.entry) == {"g1": 30}
    assert state is not None
    assert (state.available, state.spent, state.seq, state.head_hash) == (70, 30, 2, recorded.entry.hash)


def test_however_many_holds_are_over_none_keeps_credits_from_a_payer(ledger: Ledger) -> None:
    fund(ledger, 101)
    for number in range(101):
        send(ledger, f"hold-{number}", PlaceHold(1, ttl_ms=1000))
    recorded = send_until_answered(ledger, "all", Charge(101), now_ms=NOW_MS + 1000)
    assert (recorded.entry.outcome, recorded.entry.after.available) == ("applied", 0)


def test_everything_of_an_operation_is_kept_word_for_word(ledger: Ledger) -> None:
    sent = Operation(
        ALICE,
        "k:1.a_b@c-d",
        Charge(0, "partial", check_id="check-1"),
        by="client-7",
        correlation_id="request-1",
        app="chat",
        meter="llm",
        metadata={"model": "Grüße 🚀", "tokens": {"in": 374, "out": 44.5}, "tags": [None, True, "#"]},
    )
    recorded = ledger.record(sent, NOW_MS)
    assert ledger.entry(ALICE, sent.key) == recorded.entry
    assert all_entries(ledger) == [recorded.entry]
    assert recorded.entry.metadata == sent.metadata


def test_the_same_operation_again_has_one_effect_and_the_first_answer(ledger: Ledger) -> None:
    fund(ledger, 100)
    first = send(ledger, "k", Charge(30))
    after_first = ledger.state(ALICE)
    again = send(ledger, "k", Charge(30), now_ms=NOW_MS + 86_400 * SECOND_MS)
    assert again == Recorded(first.entry, replayed=True)
    assert ledger.state(ALICE) == after_first


def test_a_replay_gets_the_first_answer_after_much_else_has_happened(ledger: Ledger) -> None:
    fund(ledger, 100)
    first = send(ledger, "k", Charge(30))
    for number in range(5):
        send(ledger, f"later-{number}", Charge(10))
    assert send(ledger, "k", Charge(30)) == Recorded(first.entry, replayed=True)
    assert len(all_entries(ledger)) == 7


@pytest.mark.parametrize("other", [Charge(31), Charge(30, "partial"), GrantCredits(30), FundingUpdate(0, 30)], ids=repr)
def test_a_key_used_for_something_else_is_told_so_and_changes_nothing(ledger: Ledger, other: Terms) -> None:
    fund(ledger, 100)
    send(ledger, "k", Charge(30))
    before = ledger.state(ALICE)
    with pytest.raises(IdempotencyKeyReused):
        send(ledger, "k", other)
    assert ledger.state(ALICE) == before


def test_keys_belong_to_the_actor_and_actors_to_the_tenant(ledger: Ledger) -> None:
    for account in (ALICE, BOB, ALICE_ELSEWHERE):
        fund(ledger, 100, account=account)
    answers = [send(ledger, "k", Charge(30), account=account) for account in (ALICE, BOB, ALICE_ELSEWHERE)]
    assert [(answer.replayed, answer.entry.seq) for answer in answers] == [(False, 2)] * 3


def test_a_refusal_is_recorded(ledger: Ledger) -> None:
    fund(ledger, 100)
    refused = send(ledger, "k", Charge(101)).entry
    assert (refused.outcome, refused.reason, refused.shortfall) == ("refused", "insufficient_credits", 1)
    assert ledger.entry(ALICE, "k") == refused


def test_a_refusal_is_recorded_even_as_the_first_thing_ever_sent_to_an_account(ledger: Ledger) -> None:
    refused = send(ledger, "k", Charge(1))
    state = ledger.state(ALICE)
    assert refused.entry.outcome == "refused"
    assert state is not None
    assert (state.seq, state.available) == (1, 0)
    assert send(ledger, "k", Charge(1)) == Recorded(refused.entry, replayed=True)


def test_a_refusal_is_final_for_its_key_although_credits_have_come(ledger: Ledger) -> None:
    refused = send(ledger, "k", Charge(50))
    fund(ledger, 100)
    assert send(ledger, "k", Charge(50)) == Recorded(refused.entry, replayed=True)
    assert send(ledger, "another", Charge(50)).entry.outcome == "applied"


def test_an_overdraft_is_recorded_and_read_back_below_zero(ledger: Ledger) -> None:
    fund(ledger, 100)
    send(ledger, "k", Charge(250, "overdraw"))
    state = ledger.state(ALICE)
    assert state is not None
    assert (state.available, state.spent, state.grants) == (-150, 250, ())


def test_a_partial_charge_takes_what_is_there(ledger: Ledger) -> None:
    fund(ledger, 100)
    entry = send(ledger, "k", Charge(250, "partial")).entry
    assert (entry.outcome, entry.amount, entry.shortfall) == ("partial", -100, 150)


def test_funding_is_compare_and_set(ledger: Ledger) -> None:
    send(ledger, "first", FundingUpdate(0, 500))
    lost = send(ledger, "second", FundingUpdate(0, 900)).entry
    send(ledger, "third", FundingUpdate(500, 400))
    state = ledger.state(ALICE)
    assert (lost.outcome, lost.reason) == ("refused", "funding_conflict")
    assert state is not None
    assert (state.funded, state.available) == (400, 400)


def test_a_reduction_below_what_was_spent_needs_force(ledger: Ledger) -> None:
    send(ledger, "first", FundingUpdate(0, 500))
    send(ledger, "spend", Charge(400))
    assert send(ledger, "down", FundingUpdate(500, 200)).entry.reason == "would_overdraw"
    send(ledger, "forced", FundingUpdate(500, 200, force=True))
    state = ledger.state(ALICE)
    assert state is not None
    assert (state.funded, state.available) == (200, -200)


def test_grants_are_kept_with_all_that_decides_their_order(ledger: Ledger) -> None:
    tomorrow_ms = NOW_MS + 86_400 * SECOND_MS
    send(ledger, "a", GrantCredits(10, "purchased"))
    send(ledger, "b", GrantCredits(20, "promotional", priority=1))
    send(ledger, "c", GrantCredits(30, "allowance", priority=300, expires_at_ms=tomorrow_ms))
    send(ledger, "d", GrantCredits(40, "allowance", priority=300, expires_at_ms=tomorrow_ms))
    charged = send(ledger, "k", Charge(35)).entry
    state = ledger.state(ALICE)
    assert drawn(charged) == {"g2": 20, "g1": 10, "g3": 5}
    assert state is not None
    assert remaining(state) == {"g3": 65}
    assert state.grants[0].expires_at_ms == tomorrow_ms


def test_an_account_holds_sixteen_open_grants_and_takes_another_once_there_is_room(ledger: Ledger) -> None:
    for number in range(16):
        send(ledger, f"grant-{number}", GrantCredits(10, priority=number))
    with pytest.raises(TooManyGrants):
        send(ledger, "one-more", GrantCredits(10, priority=16))
    assert ledger.entry(ALICE, "one-more") is None
    send(ledger, "spent", Charge(10))
    assert send(ledger, "one-more", GrantCredits(10, priority=16)).entry.outcome == "applied"
    state = ledger.state(ALICE)
    assert state is not None
    assert [grant.priority for grant in state.grants] == list(range(1, 17))


def test_what_is_due_expires_with_an_entry_of_its_own_in_the_same_change(ledger: Ledger) -> None:
    send(ledger, "promo", GrantCredits(40, "promotional", priority=1, expires_at_ms=NOW_MS + SECOND_MS))
    send(ledger, "paid", GrantCredits(60))
    charged = send(ledger, "k", Charge(70), now_ms=NOW_MS + SECOND_MS).entry
    state = ledger.state(ALICE)
    assert outcomes(all_entries(ledger)) == [
        ("grant", "applied"),
        ("grant", "applied"),
        ("expire", "applied"),
        ("charge", "refused"),
    ]
    assert (charged.seq, charged.before.available) == (4, 60)
    assert ledger.entry(ALICE, "~expire-3") == all_entries(ledger)[2]
    assert state is not None
    assert (state.available, state.expired) == (60, 40)


def test_credits_are_usable_until_the_instant_before_they_expire(ledger: Ledger) -> None:
    send(ledger, "promo", GrantCredits(40, expires_at_ms=NOW_MS + SECOND_MS))
    assert send(ledger, "k", Charge(40), now_ms=NOW_MS + SECOND_MS - 1).entry.outcome == "applied"


def test_content_that_can_never_be_recorded_writes_nothing(ledger: Ledger) -> None:
    with pytest.raises(InvalidOperation):
        send(ledger, "k", GrantCredits(40, expires_at_ms=NOW_MS))
    assert ledger.state(ALICE) is None
    assert ledger.entry(ALICE, "k") is None


def test_a_replay_is_answered_although_its_content_is_invalid_by_now(ledger: Ledger) -> None:
    terms = GrantCredits(40, expires_at_ms=NOW_MS + SECOND_MS)
    first = send(ledger, "k", terms)
    assert send(ledger, "k", terms, now_ms=NOW_MS + SECOND_MS) == Recorded(first.entry, replayed=True)
    assert len(all_entries(ledger)) == 1


def test_a_key_reused_for_invalid_content_is_told_that_it_was_reused(ledger: Ledger) -> None:
    send(ledger, "k", Charge(1))
    with pytest.raises(IdempotencyKeyReused):
        send(ledger, "k", GrantCredits(40, expires_at_ms=NOW_MS))


def test_the_largest_amounts_are_exact(ledger: Ledger) -> None:
    most = 10**15
    send(ledger, "a", GrantCredits(most - 1, priority=1))
    send(ledger, "b", GrantCredits(most))
    send(ledger, "k", Charge(most - 2))
    state = ledger.state(ALICE)
    assert state is not None
    assert (state.available, state.funded, remaining(state)) == (most + 1, 2 * most - 1, {"g1": 1, "g2": most})


def test_entries_are_listed_newest_first_in_pages_that_miss_and_repeat_nothing(ledger: Ledger) -> None:
    for number in range(7):
        send(ledger, f"k-{number}", Charge(1))
    first = ledger.entries(ALICE, EntryFilter(3))
    second = ledger.entries(ALICE, EntryFilter(3, before_seq=first.next_before_seq))
    third = ledger.entries(ALICE, EntryFilter(3, before_seq=second.next_before_seq))
    assert [seqs(page.items) for page in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert [page.next_before_seq for page in (first, second, third)] == [5, 2, None]


def test_a_full_last_page_says_that_it_is_the_last(ledger: Ledger) -> None:
    for number in range(4):
        send(ledger, f"k-{number}", Charge(1))
    last = ledger.entries(ALICE, EntryFilter(2, before_seq=3))
    assert (seqs(last.items), last.next_before_seq) == ([2, 1], None)


def test_there_is_nothing_before_the_first_entry(ledger: Ledger) -> None:
    fund(ledger, 1)
    page = ledger.entries(ALICE, EntryFilter(2, before_seq=1))
    assert (page.items, page.next_before_seq) == ((), None)


def test_entries_of_one_kind_fill_a_page_however_far_apart_they_are(ledger: Ledger) -> None:
    numbers = count()
    for _ in range(3):
        send(ledger, f"grant-{next(numbers)}", GrantCredits(10))
        for _ in range(4):
            send(ledger, f"charge-{next(numbers)}", Charge(1))
    first = ledger.entries(ALICE, EntryFilter(2, kind="grant"))
    second = ledger.entries(ALICE, EntryFilter(2, kind="grant", before_seq=first.next_before_seq))
    assert (seqs(first.items), first.next_before_seq) == ([11, 6], 6)
    assert (seqs(second.items), second.next_before_seq) == ([1], None)


def test_entries_are_filtered_by_time_from_inclusive_to_exclusive(ledger: Ledger) -> None:
    for number in range(5):
        send(ledger, f"k-{number}", Charge(1), now_ms=NOW_MS + number)
    page = ledger.entries(ALICE, EntryFilter(10, from_ms=NOW_MS + 1, to_ms=NOW_MS + 4))
    assert (seqs(page.items), page.next_before_seq) == ([4, 3, 2], None)


def test_filters_hold_together(ledger: Ledger) -> None:
    fund(ledger, 100)
    for number in range(4):
        send(ledger, f"k-{number}", Charge(1), now_ms=NOW_MS + number)
    wanted = EntryFilter(10, before_seq=5, kind="charge", from_ms=NOW_MS + 1, to_ms=NOW_MS + 9)
    assert seqs(ledger.entries(ALICE, wanted).items) == [4, 3]


def test_the_entries_of_a_long_history_lead_to_the_stored_state(ledger: Ledger) -> None:
    steps: list[Terms] = [
        Charge(5),
        FundingUpdate(0, 300),
        GrantCredits(200, "promotional", priority=1, expires_at_ms=NOW_MS + 5),
        Charge(120),
        Charge(1000),
        Charge(1000, "partial"),
        GrantCredits(80, "allowance", expires_at_ms=NOW_MS + 10),
        FundingUpdate(580, 520, force=True),
        Charge(90, "overdraw"),
        GrantCredits(500),
        Charge(0),
    ]
    for number, terms in enumerate(steps):
        send(ledger, f"k-{number}", terms, now_ms=NOW_MS + number)
    entries, stored = all_entries(ledger), ledger.state(ALICE)
    assert len(entries) > len(steps)
    assert breaks(entries) == []
    assert replay(ALICE, entries) == stored
    assert verify_account(ALICE, entries, stored) == []
