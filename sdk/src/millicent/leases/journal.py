"""The journal of a budget: a file with the slices that were asked for, and what was spent and is not settled yet.

SQLite, in WAL mode. A spend is one row, committed before it counts as made: it survives the end of the process, and a
crash of the machine may take the last moments. What may be sent is on the disk before (`sync`), so that it is the same
when it is sent again. Rows go when they are answered.
"""

import ctypes
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from millicent.errors import JournalFailed, JournalInUse, JournalOfAnother, JournalUnusable
from millicent.leases.calls import Line, PlaceHold

_FORMAT: Final = 1
_APPLICATION: Final = 0x4D4C4A31
"""Marks the file as a journal of ours ("MLJ1")."""
_TABLES: Final = """
CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE slices (number INTEGER PRIMARY KEY, key TEXT NOT NULL, microcents INTEGER NOT NULL,
  minimum_microcents INTEGER NOT NULL, ttl_s INTEGER NOT NULL, app TEXT, meter TEXT);
CREATE TABLE lines (place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, slice INTEGER NOT NULL, app TEXT, meter TEXT,
  metadata TEXT, content TEXT, microcents INTEGER NOT NULL, count INTEGER NOT NULL, is_summed INTEGER NOT NULL);
CREATE INDEX lines_by_slice ON lines (slice);
"""
_PUT_LINE: Final = (
    "INSERT INTO lines (key, slice, app, meter, metadata, content, microcents, count, is_summed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose spends a journal has: the service's URL, and the actor."""

    service: str
    actor: str


class Journal:
    """One process has it open at a time. Not safe for threads: the budget's lock guards it.

    Reading and writing raise JournalFailed. `owner` of a new file is written into it.
    """

    def __init__(self, path: str | Path, owner: Owner | None = None) -> None:
        """Raises JournalUnusable, JournalInUse, JournalOfAnother; the file is then as it was.

        Without an `owner` the file must be a journal already, of whomever.
        """
        self.path = Path(path)
        if owner is None and not self.path.is_file():
            raise JournalUnusable(f"there is no journal {self.path}")
        if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK):
            raise JournalUnusable(f"{self.path} cannot be read and written, and was left as it is")
        with self._opening():
            self._file = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            with self._opening():
                self._open(owner)
                self.owner = self._owner()
            self._require_owner(owner or self.owner)
        except BaseException:
            self._file.close()
            raise

    def _open(self, owner: Owner | None) -> None:
        self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
        found = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
        is_new = found == (0, 0) and not self._one("SELECT count(*) FROM sqlite_master")
        if not (is_new and owner is not None) and found != (_APPLICATION, _FORMAT):
            raise JournalUnusable(f"{self.path} is no journal of a budget, or of another version; it was left as it is")
        if (verdict := self._one("PRAGMA quick_check(1)")) != "ok":
            raise JournalUnusable(f"{self.path} is damaged, and was left as it is: {verdict}")
        if not is_new and self._one("SELECT count(*) FROM lines WHERE slice NOT IN (SELECT number FROM slices)"):
            raise JournalUnusable(f"{self.path} is damaged, and was left as it is: spends have no slice")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        with self._transaction("EXCLUSIVE"):
            if is_new and owner is not None:
                self._begin(owner)
            # So that a file that cannot be written is noticed now, and not at the first spend.
            self._file.execute("UPDATE about SET value = value + 1 WHERE name = 'opened'")

    def _begin(self, owner: Owner) -> None:
        for statement in _TABLES.split(";")[:-1]:
            self._file.execute(statement)
        about = {"service": owner.service, "actor": owner.actor, "opened": 0, "synced": 0}
        self._file.executemany("INSERT INTO about VALUES (?, ?)", about.items())
        self._file.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._file.execute(f"PRAGMA user_version = {_FORMAT}")

    def _owner(self) -> Owner:
        about = dict(self._file.execute("SELECT name, value FROM about"))
        return Owner(about["service"], about["actor"])

    def _require_owner(self, owner: Owner) -> None:
        if owner != self.owner:
            whose = f"{self.owner.actor} at {self.owner.service}"
            raise JournalOfAnother(f"{self.path} is the journal of {whose}: settle it there first")

    def put_slice(self, asked: PlaceHold) -> None:
        row = (asked.slice, asked.key, asked.microcents, asked.minimum_microcents, asked.ttl_s, asked.app, asked.meter)
        with self._writing():
            self._file.execute("INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def put_line(self, line: Line, microcents: int) -> None:
        """Before `microcents` are added to the line."""
        with self._writing():
            if line.count:
                grown = (line.microcents + microcents, line.count + 1, line.key)
                self._file.execute("UPDATE lines SET microcents = ?, count = ? WHERE key = ?", grown)
                return
            texts = (_text(line.metadata), _text(line.content))
            row = (line.key, line.slice, line.app, line.meter, *texts, microcents, 1, line.is_summed)
            self._file.execute(_PUT_LINE, row)

    def drop(self, lines: Sequence[str], slices: Sequence[int]) -> None:
        """What is over. A slice goes with the lines that could not be dropped when they were answered."""
        keys, numbers = [(key,) for key in lines], [(number,) for number in slices]
        with self._writing(), self._transaction("IMMEDIATE"):
            self._file.executemany("DELETE FROM lines WHERE key = ?", keys)
            self._file.executemany("DELETE FROM lines WHERE slice = ?", numbers)
            self._file.executemany("DELETE FROM slices WHERE number = ?", numbers)

    def sync(self) -> None:
        """All that was written is on the disk when this returns."""
        with self._writing():
            self._file.execute("PRAGMA synchronous = FULL")
            try:
                self._file.execute("UPDATE about SET value = value + 1 WHERE name = 'synced'")
            finally:
                self._file.execute("PRAGMA synchronous = NORMAL")

    def slices(self) -> list[PlaceHold]:
        with self._writing():
            rows = self._file.execute("SELECT * FROM slices ORDER BY number").fetchall()
        names = ("slice", "key", "microcents", "minimum_microcents", "ttl_s", "app", "meter")
        return [PlaceHold(**dict(zip(names, row, strict=True)), is_repeated=True) for row in rows]

    def lines(self) -> list[Line]:
        """In the order in which they were begun."""
        with self._writing():
            rows = self._file.execute(
                "SELECT key, slice, app, meter, metadata, content, microcents, count, is_summed FROM lines"
                " ORDER BY place"
            ).fetchall()
        return [_line(row) for row in rows]

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._file.close()

    def abandon(self) -> None:
        """In a process that was forked: the file is its parent's. Closed here, it would lose what the parent wrote."""
        # SQLite's connections must not be used, nor closed, in a child; this one is never collected.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._file))

    def _one(self, statement: str) -> Any:  # noqa: ANN401 - a value of SQLite
        return self._file.execute(statement).fetchone()[0]

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._file.execute(f"BEGIN {kind}")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._file.execute("ROLLBACK")
            raise

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise JournalInUse(
                    f"{self.path} is open in another process, or in another budget of this one"
                ) from error
            raise JournalUnusable(f"{self.path} cannot be used as a journal, and was left as it is: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalFailed(f"the journal {self.path} cannot be written: {error}") from error


def _text(document: Mapping[str, Any] | None) -> str | None:
    return None if document is None else _encode(document).decode()


def _line(row: tuple[Any, ...]) -> Line:
    key, number, app, meter, metadata, content, microcents, count, is_summed = row
    return Line(
        key,
        number,
        app,
        meter,
        metadata=_document(metadata),
        content=_document(content),
        microcents=microcents,
        count=count,
        is_summed=bool(is_summed),
    )


def _document(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
