"""The sums of a tenant follow from the newest register of every item, whatever becomes of the others."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.accounts import Account
from shared.ledger.boards import (
    Board,
    Register,
    faults,
    lines_of_text,
    ranked_in,
    spent_in,
    sums_in,
    text_of_lines,
    text_of_totals,
    totals_of_text,
)
from shared.ledger.usage import Counted, Slot, Sums
from shared.ledger.usage_days import Day, extended, new_day

ACTORS = ("user:a", "user:b", "team:c")
DAYS = ("2026-01-30", "2026-01-31")
GROUPINGS = ("day", "app", "meter", "model", "member")


def empty() -> Board:
    return Board({day: {} for day in DAYS}, {}, {})


def account(actor: str) -> Account:
    return Account("main", actor)


@st.composite
def histories(draw: st.DrawFn) -> dict[tuple[str, str], list[Register]]:
    """By actor and day, every register that the day's item was, in the order in which it was written."""
    found: dict[tuple[str, str], list[Register]] = {}
    for actor in ACTORS:
        for day in DAYS:
            state, lines = new_day(day), list[Register]()
            for seq, (charged, refunded, name, member) in enumerate(draw(_ENTRIES), start=1):
                sums = Sums(charged, refunded, 0 if refunded else 1)
                slots = {Slot("day", "", day): sums, Slot("meter", name, day): sums, Slot("member", member, day): sums}
                state = extended(state, [Counted(seq, slots)], seq, seq).day
                lines.append(register(actor, state))
            found[actor, day] = lines
    return found


_ENTRIES = st.lists(
    st.tuples(
        st.integers(0, 9), st.sampled_from([0, 0, 3]), st.sampled_from(["llm", "gpu", ""]), st.sampled_from(["", "m"])
    ),
    max_size=4,
)


def register(actor: str, day: Day) -> Register:
    return Register(account(actor), day.day, "", day.through, day.sums)


def expected(newest: Iterable[Register], grouping: str) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for each in newest:
        for slot, sums in each.sums.items():
            if slot.grouping == grouping:
                name = each.day if grouping == "day" else slot.name
                found[name] = found.get(name, Sums()) + sums
    return {name: sums for name, sums in found.items() if sums != Sums()}


def stored(board: Board) -> Board:
    """As it comes back from where it is kept."""
    return Board(
        {day: lines_of_text(text_of_lines(lines)) for day, lines in board.days.items()},
        lines_of_text(text_of_lines(board.actors)),
        totals_of_text(text_of_totals(board.totals)),
    )


@given(histories(), st.data())
def test_registers_in_any_order_doubled_and_some_of_them_lost_end_in_the_sums_of_the_newest(
    history: dict[tuple[str, str], list[Register]], data: st.DataObject
) -> None:
    newest = [lines[-1] for lines in history.values() if lines]
    older = [each for lines in history.values() for each in lines[:-1]]
    some = data.draw(st.lists(st.sampled_from(older), max_size=20)) if older else []
    sent = data.draw(
        st.permutations([*newest, *some, *data.draw(st.lists(st.sampled_from(newest)) if newest else st.just([]))])
    )
    board = empty()
    place = 0
    while place < len(sent):
        size = data.draw(st.integers(1, 5))
        board.merge(sent[place : place + size])
        board = stored(board)
        place += size
    for grouping in ("day", "meter"):
        assert sums_in(board.totals, grouping, lambda _: True) == expected(newest, grouping)
    spent = {actor: spent_in(line) for actor, line in board.actors.items()}
    of_actors = {
        actor: sum((each.sums[Slot("day", "", each.day)] for each in newest if each.account.actor == actor), Sums())
        for actor in ACTORS
    }
    assert spent == {actor: sums for actor, sums in of_actors.items() if sums != Sums()}
    assert not faults(board)


@given(histories())
def test_a_board_that_has_all_registers_does_not_change_by_any_of_them(
    history: dict[tuple[str, str], list[Register]],
) -> None:
    everything = [each for lines in history.values() for each in lines]
    board = empty()
    board.merge(everything)
    assert board.merge(everything) == set()


@given(histories(), histories())
def test_recounted_items_replace_what_an_actor_had_even_if_they_are_smaller(
    before: dict[tuple[str, str], list[Register]], after: dict[tuple[str, str], list[Register]]
) -> None:
    board = empty()
    board.merge(each for lines in before.values() for each in lines)
    for actor in ACTORS:
        board.replace(actor, {day: after[actor, day][-1:] for day in DAYS})
    fresh = empty()
    fresh.merge(each for lines in after.values() for each in lines)
    assert stored(board) == stored(fresh)


def test_a_sum_of_an_older_release_has_no_seq_and_counts_as_the_larger() -> None:
    slot = Slot("meter", "llm", DAYS[0])

    def beside(charged: int, count: int, through: int = 0) -> Register:
        return Register(account("user:a"), DAYS[0], "meter#llm", through, {slot: Sums(charged, 0, count)})

    board = empty()
    board.merge([beside(7, 2), beside(5, 1)])
    assert sums_in(board.totals, "meter", lambda _: True) == {"llm": Sums(7, 0, 2)}
    board.merge([beside(9, 3, through=12), beside(7, 2)])
    assert sums_in(board.totals, "meter", lambda _: True) == {"llm": Sums(9, 0, 3)}


def test_the_sums_tell_what_accounts_spent_themselves_from_what_parents_paid_for_members() -> None:
    day = DAYS[0]
    sums = {
        Slot("day", "", day): Sums(9, 0, 2),
        Slot("member", "", day): Sums(4, 0, 1),
        Slot("member", "m", day): Sums(5, 0, 1),
    }
    board = empty()
    board.merge([Register(account("team:c"), day, "", 2, sums)])
    assert board.totals == {day: {"day": {"": [9, 0, 2]}, "own": {"": [4, 0, 1]}}}


def test_a_text_has_its_actors_by_what_they_spent_and_then_by_name() -> None:
    day = DAYS[0]
    spent = {"user:a": Sums(5, 0, 1), "user:b": Sums(30, 22, 2), "user:c": Sums(5, 0, 9), "user:d": Sums(0, 3, 0)}
    board = empty()
    board.merge(Register(account(actor), day, "", 1, {Slot("day", "", day): sums}) for actor, sums in spent.items())
    for text in (text_of_lines(board.days[day]), text_of_lines(board.actors)):
        ranked = list(ranked_in(text.splitlines()))
        assert [actor for (_, actor), _ in ranked] == ["user:b", "user:a", "user:c", "user:d"]
        assert {actor: sums for (_, actor), sums in ranked} == spent


def test_a_board_whose_sums_were_altered_is_found_out() -> None:
    day = DAYS[0]
    board = empty()
    board.merge([Register(account("user:a"), day, "", 1, {Slot("day", "", day): Sums(5, 0, 1)})])
    board.totals[day]["day"][""][0] += 1
    assert faults(board) == ["the sums of 2026-01-30 does not match the accounts"]
