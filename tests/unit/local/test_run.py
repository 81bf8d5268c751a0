"""What `make run` says of a run, above all of one that was cut short."""

import pytest

from local.row_counts import RowCounts
from local.run import Result, interruption, show
from millicent.operations import Reconciliation
from millicent.replay import Summary


def test_a_run_that_ended_by_itself_adds_up_or_not() -> None:
    assert result(rows=3, requests=3).exit_status == 0
    assert result(rows=3, requests=3, unrecorded=1).exit_status == 1
    assert result(rows=3, requests=3, drift=1).exit_status == 1


def test_an_interrupted_run_ends_with_130_and_says_of_the_record_alone_whether_it_adds_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted = result(rows=1000, requests=120, interrupted=True)
    show(interrupted)
    shown = capsys.readouterr().out
    assert interrupted.exit_status == 130
    assert "interrupted after 120 of 1,000 rows; what is on the record adds up" in shown
    assert "everything adds up" not in shown


@pytest.mark.parametrize("wrong", [{"unrecorded": 1}, {"drift": 1}])
def test_an_interrupted_run_whose_record_is_wrong_says_so(wrong: dict[str, int]) -> None:
    assert interruption(result(rows=9, requests=2, interrupted=True, **wrong)).endswith("DOES NOT ADD UP")


def result(*, rows: int, requests: int, interrupted: bool = False, unrecorded: int = 0, drift: int = 0) -> Result:
    summary = Summary(
        rows=rows,
        requests=requests,
        charged=requests,
        refused=0,
        replayed=0,
        failed=0,
        charged_microcents=0,
        replayed_microcents=0,
        shortfall_microcents=0,
        input_tokens=0,
        output_tokens=0,
        seconds=1.0,
        interrupted=interrupted,
    )
    books = Reconciliation(accounts=1, entries=5, audited=5, drift_microcents=drift)
    return Result(summary, RowCounts(requests, 0, 0, unrecorded, requests, requests), books)
