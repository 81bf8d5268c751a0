"""Rolling windows: exact up to a number of parts, and never below what was spent in the window."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.rolling import (
    CELLS,
    MAX_PARTS,
    MINUTE_MS,
    Part,
    Parts,
    in_window,
    window_ms,
    window_text,
    with_less,
    with_more,
)

FIVE_HOURS_MS = 5 * 60 * MINUTE_MS

SPENT = st.lists(st.tuples(st.integers(0, FIVE_HOURS_MS // 30), st.integers(1, 1000)), max_size=200)
"""Pauses and amounts."""


def counted(spent: list[tuple[int, int]], length_ms: int) -> tuple[Parts, list[tuple[int, int]]]:
    """The parts, and each amount with its instant."""
    parts: Parts = ()
    amounts: list[tuple[int, int]] = []
    now_ms = 0
    for seq, (pause_ms, amount) in enumerate(spent, start=1):
        now_ms += pause_ms
        parts = with_more(in_window(parts, length_ms, now_ms), length_ms, Part(now_ms, seq, amount))
        amounts.append((now_ms, amount))
    return parts, amounts


def total(parts: Parts) -> int:
    return sum(part.amount for part in parts)


def spent_after(amounts: list[tuple[int, int]], after_ms: int) -> int:
    return sum(amount for at_ms, amount in amounts if at_ms > after_ms)


@given(SPENT, st.integers(0, FIVE_HOURS_MS))
def test_a_window_never_counts_less_than_was_spent_in_it_nor_more_than_in_a_sixtieth_longer(
    spent: list[tuple[int, int]], later_ms: int
) -> None:
    parts, amounts = counted(spent, FIVE_HOURS_MS)
    now_ms = (amounts[-1][0] if amounts else 0) + later_ms
    found = total(in_window(parts, FIVE_HOURS_MS, now_ms))
    assert spent_after(amounts, now_ms - FIVE_HOURS_MS) <= found
    assert found <= spent_after(amounts, now_ms - FIVE_HOURS_MS - FIVE_HOURS_MS // CELLS)


@given(SPENT.filter(lambda spent: len(spent) <= MAX_PARTS), st.integers(0, FIVE_HOURS_MS))
def test_a_window_of_few_amounts_is_exact(spent: list[tuple[int, int]], later_ms: int) -> None:
    parts, amounts = counted(spent, FIVE_HOURS_MS)
    now_ms = (amounts[-1][0] if amounts else 0) + later_ms
    assert total(in_window(parts, FIVE_HOURS_MS, now_ms)) == spent_after(amounts, now_ms - FIVE_HOURS_MS)


@given(SPENT)
def test_a_window_keeps_no_more_parts_than_it_may(spent: list[tuple[int, int]]) -> None:
    parts, _ = counted(spent, FIVE_HOURS_MS)
    assert len(parts) <= MAX_PARTS
    assert list(parts) == sorted(parts)


def test_a_thousand_amounts_in_a_window_are_at_most_as_many_parts_as_it_may_have() -> None:
    parts, amounts = counted([(FIVE_HOURS_MS // 1000, 1)] * 1000, FIVE_HOURS_MS)
    assert len(parts) <= MAX_PARTS
    assert total(parts) == len(amounts)


@given(SPENT, st.integers(1, 200), st.integers(1, 1000))
def test_what_is_given_back_is_what_was_counted_under_that_seq_and_still_is(
    spent: list[tuple[int, int]], seq: int, asked: int
) -> None:
    parts, _ = counted(spent, FIVE_HOURS_MS)
    if not parts or not parts[0].seq <= seq <= len(spent):
        return
    amount = min(spent[seq - 1][1], asked)
    assert total(with_less(parts, seq, amount)) == total(parts) - amount


def test_what_has_left_is_not_given_back() -> None:
    parts: Parts = (Part(10, 5, 30), Part(20, 8, 40))
    assert with_less(parts, 4, 10) == parts
    assert with_less(parts, 7, 10) == (Part(10, 5, 20), Part(20, 8, 40))
    assert with_less(parts, 7, 30) == (Part(20, 8, 40),)
    assert with_less(parts, 9, 10) == (Part(10, 5, 30), Part(20, 8, 30))


def test_the_length_of_a_window_is_an_iso_8601_duration() -> None:
    hour_ms = 60 * MINUTE_MS
    lengths = {"PT5H": 5, "P1D": 24, "P1W": 168, "P1DT12H": 36, "PT24H": 24, "PT90M": 1.5, "PT1H30M": 1.5}
    assert {text: window_ms(text) for text in lengths} == {text: hours * hour_ms for text, hours in lengths.items()}
    no_length = ("day", "week", "", None, "P", "PT", "P1DT", "PT90S", "PT1.5H", "P1M", "P1Y", "pt5h", "PT5H ", "-PT5H")
    assert [text for text in no_length if window_ms(text) is not None] == []


def test_each_length_has_one_text() -> None:
    texts = ("P7D", "P1D", "PT36H", "PT5H", "PT90M", "PT1M")
    assert [window_text(window_ms(text) or 0) for text in texts] == list(texts)
    assert [window_text(window_ms(text) or 0) for text in ("P1W", "PT24H", "PT1H30M")] == ["P7D", "P1D", "PT90M"]


def test_parts_that_became_one_leave_with_the_last_of_them() -> None:
    parts, amounts = counted([(1000, 1)] * (MAX_PARTS + 1), FIVE_HOURS_MS)
    first_ms, last_ms = amounts[0][0], amounts[-1][0]
    assert parts == (Part(last_ms, 1, len(amounts)),)
    assert in_window(parts, FIVE_HOURS_MS, first_ms + FIVE_HOURS_MS) == parts
    assert in_window(parts, FIVE_HOURS_MS, last_ms + FIVE_HOURS_MS) == ()


def test_a_clock_that_is_behind_does_not_bring_back_what_has_left() -> None:
    early, late = Part(10, 1, 30), Part(FIVE_HOURS_MS + 20, 2, 40)
    assert in_window((early, late), FIVE_HOURS_MS, 15) == (late,)
