"""The checker of real-time order."""

from tests.simulation.long_history import long_history
from tests.simulation.order import Moment, out_of_order


def sent(operation: int, account: int = 0) -> Moment:
    return Moment(account, operation, 0)


def answered(operation: int, seq: int, account: int = 0) -> Moment:
    return Moment(account, operation, seq)


def test_operations_one_after_the_other_are_in_order() -> None:
    assert not out_of_order([sent(1), answered(1, 1), sent(2), answered(2, 2)])


def test_an_operation_that_was_sent_after_an_answer_and_has_a_smaller_seq_is_found() -> None:
    assert out_of_order([sent(1), answered(1, 2), sent(2), answered(2, 1)]) == [(2, 0)]


def test_operations_under_way_together_can_have_any_order() -> None:
    assert not out_of_order([sent(1), sent(2), answered(1, 2), answered(2, 1)])


def test_accounts_have_nothing_to_do_with_each_other() -> None:
    assert not out_of_order([sent(1, 0), answered(1, 7, 0), sent(2, 1), answered(2, 1, 1)])


def test_what_overlaps_with_a_third_is_still_in_order_with_the_first() -> None:
    moments = [sent(3), sent(1), answered(1, 3), sent(2), answered(2, 2), answered(3, 1)]
    assert out_of_order(moments) == [(2, 0)]


def test_the_same_seq_twice_is_out_of_order() -> None:
    assert out_of_order([sent(1), answered(1, 1), sent(2), answered(2, 1)]) == [(2, 0)]


def test_one_displaced_operation_is_found_in_a_history_of_a_million() -> None:
    assert out_of_order(long_history(1_000_000, displaced=777_777)) == [(777_777, 777_777 % 202)]


def test_a_history_with_a_thousand_operations_under_way_is_in_order() -> None:
    assert not out_of_order(long_history(20_000, displaced=-1))
