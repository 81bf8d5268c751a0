"""What the emulator must not lose, on disk: the items of the tables and the messages of the queues.

SQLite with a write-ahead log: what was written survives a process that is killed. It does not wait for the disk itself,
so a power cut may take the last moments.
"""

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Item = Mapping[str, Any]
"""As DynamoDB's JSON has it: `{"pk": {"S": …}}`."""
Message = Mapping[str, Any]
"""As the emulator keeps it; `id` is its own."""
Items = dict[str, dict[str, Item]]
"""By partition key, then by sort key."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS items (
  table_id TEXT, pk TEXT, sk TEXT, item TEXT NOT NULL, PRIMARY KEY (table_id, pk, sk)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
  place INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, message TEXT NOT NULL,
  UNIQUE (queue, id)
);
"""


@dataclass(frozen=True, slots=True)
class Put:
    table_id: str
    pk: str
    sk: str
    item: Item


@dataclass(frozen=True, slots=True)
class Removal:
    table_id: str
    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """All items of the table, in the place of those that were there."""

    table_id: str
    items: Mapping[str, Mapping[str, Item]]


Change = Put | Removal | Replacement


class Journal:
    """Any thread may call it. Every call raises sqlite3.Error where the disk does not take it, a full one included."""

    def __init__(self, path: Path, max_pages: int | None = None) -> None:
        """`max_pages` of 4 KB make a disk that is soon full, for tests."""
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        if max_pages is not None:
            self._database.execute(f"PRAGMA max_page_count = {max_pages:d}")
        self._queued: dict[str, set[str]] = defaultdict(set)
        for queue, message_id in self._database.execute("SELECT queue, id FROM messages"):
            self._queued[queue].add(message_id)

    def items(self, table_id: str) -> Items:
        found: Items = defaultdict(dict)
        with self._lock:
            rows = self._database.execute("SELECT pk, sk, item FROM items WHERE table_id = ?", (table_id,))
            for pk, sk, item in rows:
                found[pk][sk] = json.loads(item)
        return found

    def write(self, changes: Iterable[Change]) -> None:
        """All of them or none."""
        with self._transaction():
            for change in changes:
                self._apply(change)

    def messages(self, queue: str) -> list[Message]:
        """In the order in which they came."""
        with self._lock:
            rows = self._database.execute("SELECT message FROM messages WHERE queue = ? ORDER BY place", (queue,))
            return [json.loads(message) for (message,) in rows]

    def keep_messages(self, queues: Mapping[str, Sequence[Message]]) -> None:
        """Writes the messages that are new and forgets those that are gone; queues that are not named have none."""
        waiting = {queue: {str(message["id"]): message for message in messages} for queue, messages in queues.items()}
        if all(self._queued[queue] == waiting.get(queue, {}).keys() for queue in {*waiting, *self._queued}):
            return
        with self._transaction():
            for queue in {*waiting, *self._queued}:
                self._keep(queue, waiting.get(queue, {}))
        self._queued = defaultdict(set, {queue: set(messages) for queue, messages in waiting.items()})

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _apply(self, change: Change) -> None:
        match change:
            case Put(table_id, pk, sk, item):
                self._put(table_id, pk, sk, item)
            case Removal(table_id, pk, sk):
                place = (table_id, pk, sk)
                self._database.execute("DELETE FROM items WHERE table_id = ? AND pk = ? AND sk = ?", place)
            case Replacement(table_id, items):
                self._database.execute("DELETE FROM items WHERE table_id = ?", (table_id,))
                for pk, partition in items.items():
                    for sk, item in partition.items():
                        self._put(table_id, pk, sk, item)

    def _put(self, table_id: str, pk: str, sk: str, item: Item) -> None:
        row = (table_id, pk, sk, json.dumps(item, separators=(",", ":")))
        self._database.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", row)

    def _keep(self, queue: str, messages: Mapping[str, Message]) -> None:
        known = self._queued[queue]
        gone = [(queue, message_id) for message_id in known - messages.keys()]
        new = [(queue, each, json.dumps(message)) for each, message in messages.items() if each not in known]
        self._database.executemany("DELETE FROM messages WHERE queue = ? AND id = ?", gone)
        self._database.executemany("INSERT INTO messages (queue, id, message) VALUES (?, ?, ?)", new)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.rollback()
                raise
            try:
                self._database.execute("COMMIT")
            except sqlite3.Error:
                self._database.rollback()
                raise
