"""The journal of a budget: what is in it is settled, and a file that cannot be one is refused as it is."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from millicent.errors import JournalFailed, JournalInUse, JournalOfAnother, JournalUnusable
from millicent.leases.calls import Line, PlaceHold, ReleaseHold
from millicent.leases.journal import Journal, Owner
from tests.leases.desk import Desk
from tests.leases.plain_ledger import lost_after

OWNER = Owner("http://ledger", "user:alice")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spend.db"


@pytest.fixture
def journal(file: Path) -> Iterator[Journal]:
    opened = Journal(file, OWNER)
    yield opened
    opened.close()


def reopened(journal: Journal) -> Journal:
    journal.close()
    return Journal(journal.path, OWNER)


def stocked(journal: Journal, **settings: object) -> Desk:
    desk = Desk(journal=journal, **settings)  # type: ignore[arg-type]
    desk.work()
    return desk


@pytest.mark.parametrize("record", ["each", "sum"])
def test_what_a_process_accepted_is_settled_by_the_next_one(journal: Journal, record: str) -> None:
    desk = stocked(journal, record=record)
    desk.spend("137.5", meter="llm", metadata={"model": "a"})
    desk.spend(2, meter="llm", metadata={"model": "a"})
    journal = reopened(journal)
    desk.restart(journal)
    desk.close()
    assert desk.ledger.spent == 139.5
    assert desk.ledger.held == 0
    assert not journal.lines()
    assert not journal.slices()
    journal.close()


def test_what_was_recorded_before_the_crash_is_not_charged_again(journal: Journal) -> None:
    desk = stocked(journal)
    desk.spend(5)
    desk.pass_s(1)
    call = desk.lease.due("lines", desk.now_s)
    assert call is not None
    desk.answer(call)
    journal = reopened(journal)
    desk.restart(journal)
    desk.close()
    assert desk.ledger.spent == 5
    assert desk.state.counts.settled == 1
    journal.close()


def test_a_sum_is_sent_again_as_it_was_sent_and_later_spends_are_another(journal: Journal) -> None:
    desk = stocked(journal, record="sum")
    desk.spend(5)
    desk.pass_s(1)
    call = desk.lease.due("lines", desk.now_s)
    assert call is not None
    desk.answer(call)
    desk.spend(7)
    journal = reopened(journal)
    desk.restart(journal)
    desk.close()
    assert [line["cost"] for line in desk.ledger.charges.values()] == ["5.000", "7.000"]
    journal.close()


def test_a_hold_whose_answer_a_crash_lost_is_found_and_released(journal: Journal) -> None:
    desk = Desk(journal=journal)
    desk.ledger.faults.append(lost_after)
    desk.work()
    journal = reopened(journal)
    desk.restart(journal)
    assert next(call.key for call in desk.work() if isinstance(call, PlaceHold)) == "lease-1.slice.1"
    assert desk.ledger.holds["h1"].status == "released"
    journal.close()


def test_what_a_crash_left_longer_than_the_hold_lasts_is_charged_late(journal: Journal) -> None:
    desk = stocked(journal, ttl_s=60)
    desk.spend(5)
    journal = reopened(journal)
    desk.pass_s(3600)
    desk.restart(journal)
    desk.close()
    assert list(desk.ledger.charges) == ["lease-1.1.late"]
    assert desk.state.counts.late == 1
    journal.close()


def test_a_recovery_that_takes_long_keeps_the_hold(journal: Journal) -> None:
    desk = stocked(journal, ttl_s=60)
    for _ in range(3):
        desk.spend(5)
    journal = reopened(journal)
    desk.pass_s(30)
    desk.restart(journal, ttl_s=60, flush_at=1)
    desk.work(("holds",))
    desk.pass_s(45)
    desk.close()
    assert desk.state.counts.late == 0
    assert desk.ledger.spent == 15
    journal.close()


def test_a_full_disk_refuses_the_spend_whole(journal: Journal) -> None:
    desk = stocked(journal, slice_=9000)
    desk.spend(5)
    pages = journal._one("PRAGMA page_count")
    journal._file.execute(f"PRAGMA max_page_count = {pages}")
    accepted = 1 + spends_until_full(desk)
    left, spends = desk.state.left, desk.state.counts.spends
    assert spends == accepted
    with pytest.raises(JournalFailed, match="full"):
        desk.spend("0.1", metadata={"request": "x" * 5000})
    assert (desk.state.left, desk.state.counts.spends) == (left, spends)
    desk.restart(reopened(journal))
    desk.close()
    assert len(desk.ledger.charges) == accepted


def spends_until_full(desk: Desk) -> int:
    for accepted in range(10_000):
        try:
            desk.spend("0.1", metadata={"request": "x" * 100})
        except JournalFailed:
            return accepted
    raise AssertionError("the disk has no end")


def test_a_slice_that_could_not_be_written_is_not_asked_for(journal: Journal) -> None:
    desk = Desk(journal=journal)
    journal._file.execute("PRAGMA query_only = 1")
    assert desk.work() == []
    assert desk.ledger.seen == []
    journal._file.execute("PRAGMA query_only = 0")
    desk.pass_s(1)
    desk.work()
    assert [asked.key for asked in journal.slices()] == ["lease-1.slice.1"]


def test_lines_that_could_not_be_dropped_go_with_their_slice(journal: Journal) -> None:
    desk = stocked(journal)
    desk.spend(5)
    desk.pass_s(1)
    call = desk.lease.due("lines", desk.now_s)
    assert call is not None
    journal._file.execute("PRAGMA query_only = 1")
    desk.lease.answered(call, desk.answer(call), desk.now_s)
    journal._file.execute("PRAGMA query_only = 0")
    assert [line.key for line in journal.lines()] == ["lease-1.1"]
    desk.close()
    assert any(isinstance(call, ReleaseHold) for call in desk.made)
    assert not journal.lines()


def test_one_process_at_a_time_has_a_journal(journal: Journal, file: Path) -> None:
    with pytest.raises(JournalInUse, match="open in another"):
        Journal(file, OWNER)
    source = f"from millicent.leases.journal import *\nJournal({str(file)!r}, Owner('http://ledger', 'user:alice'))"
    other = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert "JournalInUse" in other.stderr


@pytest.mark.parametrize("owner", [Owner("http://ledger", "user:bob"), Owner("http://elsewhere", "user:alice")])
def test_the_journal_of_another_is_refused(journal: Journal, file: Path, owner: Owner) -> None:
    journal.close()
    with pytest.raises(JournalOfAnother, match="user:alice at http://ledger"):
        Journal(file, owner)
    Journal(file, OWNER).close()


@pytest.mark.parametrize("content", [b"not a database at all, but something that somebody wrote", b"\0" * 4096])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(JournalUnusable):
        Journal(file, OWNER)
    assert file.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_as_it_is(file: Path) -> None:
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = file.read_bytes()
    with pytest.raises(JournalUnusable, match="no journal"):
        Journal(file, OWNER)
    assert file.read_bytes() == before


@pytest.mark.parametrize("at", [0, 0.3, 0.6, 0.9])
def test_a_damaged_journal_is_refused_and_left_as_it_is(journal: Journal, file: Path, at: float) -> None:
    desk = stocked(journal, slice_=9000)
    for _ in range(200):
        desk.spend(1, metadata={"request": "x" * 100})
    journal.close()
    content = bytearray(file.read_bytes())
    start = int(len(content) * at)
    content[start : start + 4096] = b"\xff" * len(content[start : start + 4096])
    file.write_bytes(content)
    with pytest.raises(JournalUnusable, match="left as it is"):
        Journal(file, OWNER)
    assert file.read_bytes() == bytes(content)


def test_spends_without_their_slice_are_damage(journal: Journal, file: Path) -> None:
    journal.put_line(Line("k", 7), 5)
    journal.close()
    with pytest.raises(JournalUnusable, match="no slice"):
        Journal(file, OWNER)


def test_a_journal_that_cannot_be_written_is_refused_when_it_is_opened(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def read_only(path: Path, **settings: object) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", uri=True, **settings)  # type: ignore[call-overload,no-any-return]

    journal.close()
    before = journal.path.read_bytes()
    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pytest.raises(JournalUnusable, match="cannot be used as a journal"):
        Journal(journal.path, OWNER)
    assert journal.path.read_bytes() == before


def test_a_file_without_the_permission_to_write_is_named(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.close()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(JournalUnusable, match="cannot be read and written"):
        Journal(journal.path, OWNER)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="unable to open"):
        Journal(tmp_path / "none" / "spend.db", OWNER)


def test_only_a_journal_that_is_there_is_recovered(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="there is no journal"):
        Journal(tmp_path / "spend.db")
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_sent_is_on_the_disk_first(journal: Journal) -> None:
    synced: list[str] = []
    desk = stocked(journal, record="sum")
    journal._file.set_trace_callback(synced.append)
    desk.spend(5)
    desk.pass_s(1)
    desk.lease.due("lines", desk.now_s)
    assert synced[-3:] == [
        "PRAGMA synchronous = FULL",
        "UPDATE about SET value = value + 1 WHERE name = 'synced'",
        "PRAGMA synchronous = NORMAL",
    ]


def test_an_open_file_survives_the_end_of_a_forked_child(journal: Journal, file: Path) -> None:
    import os  # noqa: PLC0415

    journal.put_slice(PlaceHold(slice=1, key="s", microcents=1, minimum_microcents=1, ttl_s=1, app=None, meter=None))
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            journal.abandon()
            del journal
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    journal.put_line(Line("k", 1), 5)
    with reopened_file(journal) as again:
        assert [line.key for line in again.lines()] == ["k"]


class reopened_file:  # noqa: N801 - a context manager
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __enter__(self) -> Journal:
        self._journal = reopened(self._journal)
        return self._journal

    def __exit__(self, *_: object) -> None:
        self._journal.close()
