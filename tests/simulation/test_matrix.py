"""The page about the fault matrix, and that its cells do fire."""

from pathlib import Path

from tests.simulation.matrix import KINDS_OF_WORK, MEANINGS, Fault, cells, page
from tests.simulation.workload import WORK

PAGE = Path(__file__).parents[2] / "docs/fault-matrix.md"


def test_the_page_is_what_the_matrix_says() -> None:
    assert PAGE.read_text() == page()


def test_every_fault_has_a_meaning_and_a_cell() -> None:
    assert set(MEANINGS) == set(Fault) == {fault for _, fault in cells()}


def test_every_kind_of_work_is_a_row() -> None:
    assert tuple(work.name for work in WORK) == KINDS_OF_WORK
    assert round(sum(work.share for work in WORK), 9) == 1
