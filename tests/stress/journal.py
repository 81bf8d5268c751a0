"""What a client has done, one line each, written before and after every request.

A line is one write to the file, so a client that is killed leaves whole lines, and its successor goes on after them.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Happening: TypeAlias = Literal["sent", "killed", "turned away", "answered"]


@dataclass(frozen=True)
class Line:
    """`at_ns` is read from the machine's monotonic clock, which all its processes share; `request` is the request's id.

    `status` is that of an answer, 0 where there was none.
    """

    send: int
    happening: Happening
    at_ns: int
    request: str = ""
    status: int = 0
    is_replayed: bool = False
    body: str = ""


class Journal:
    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def sent(self, send: int) -> None:
        self._write(Line(send, "sent", time.monotonic_ns()))

    def killed(self, send: int) -> None:
        self._write(Line(send, "killed", time.monotonic_ns()))

    def turned_away(self, send: int, request: str, status: int, body: str) -> None:
        """To be sent again; of a batch, where any of it is."""
        self._write(Line(send, "turned away", time.monotonic_ns(), request, status, body=body))

    def answered(self, send: int, status: int, body: str, *, is_replayed: bool) -> None:
        self._write(Line(send, "answered", time.monotonic_ns(), "", status, is_replayed, body))

    def _write(self, line: Line) -> None:
        os.write(self._descriptor, (json.dumps(asdict(line)) + "\n").encode())


def journal_file(directory: Path, client: int) -> Path:
    return directory / f"journal-{client}.jsonl"


def lines(file: Path) -> Iterator[Line]:
    if not file.exists():
        return
    with file.open() as written:
        for text in written:
            yield Line(**json.loads(text))


class Progress:
    """Counts what was answered, reading only what is new in the journals."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._read_bytes = dict.fromkeys(files, 0)
        self.answered = 0

    def update(self) -> int:
        for file, start in self._read_bytes.items():
            if file.exists():
                self._read_bytes[file] = start + self._count(file, start)
        return self.answered

    def _count(self, file: Path, start: int) -> int:
        with file.open("rb") as written:
            written.seek(start)
            new, _, _ = written.read().rpartition(b"\n")
        self.answered += new.count(b'"happening": "answered"')
        return len(new)
