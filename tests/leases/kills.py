"""Processes with budgets, killed at random (SIGKILL) against a server on loopback: their sums are on the record.

`python -m tests.leases.kills --kills 30`. The server is the service in memory behind HTTP, with the machine's clock.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Any, Final

from millicent import Millicent
from millicent.leases import Budget
from millicent.leases.calls import LATE
from tests.leases.services import InMemoryLedger, Recorded, service_copy
from tests.leases.spender import SLICE

FUNDED: Final = 10**12
SEATS: Final = (("each", True), ("sum", True), ("each", False))
"""How the processes record, and whether they have a journal."""


@dataclass(slots=True)
class Life:
    """What one process said: keys and amounts in microcents."""

    prefix: str
    record: str
    has_journal: bool
    tried: dict[str, int] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    is_closed: bool = False

    @property
    def accepted_microcents(self) -> int:
        return sum(self.tried[key] for key in self.accepted)

    def hear(self, said: str) -> None:
        for line in said.splitlines():
            match line.split():
                case ["try", key, microcents]:
                    self.tried[key] = int(microcents)
                case ["ok", key]:
                    self.accepted.add(key)
                case ["closed"]:
                    self.is_closed = True


@dataclass(slots=True)
class Report:
    kills: int
    spends: int = 0
    lost_without_journal: int = 0
    wrong: list[str] = field(default_factory=list)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that was killed hears no answer."""


class Server:
    """The service in memory behind HTTP. Its clock is set to the machine's before each request."""

    def __init__(self) -> None:
        self.ledger = InMemoryLedger()
        self.started_s = time.monotonic()
        ledger, started_s = self.ledger, self.started_s

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                with server.guard:
                    ledger.set_now_ms(int((time.monotonic() - started_s) * 1000))
                    answer = ledger.service.answer("POST", self.path, headers, body)
                content = answer.body.encode()
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = self
        self.guard = Lock()
        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator["Server"]:
        thread = Thread(target=self._http.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class Seat:
    """One process after the other, with one journal."""

    def __init__(self, server: Server, number: int, directory: Path) -> None:
        self.record, self.has_journal = SEATS[number % len(SEATS)]
        self.journal = directory / f"{number}.db"
        self.lives: list[Life] = []
        self._server = server
        self._name = f"seat{number}"

    def start(self) -> None:
        life = Life(f"{self._name}-{len(self.lives)}", self.record, self.has_journal)
        self.lives.append(life)
        journal = str(self.journal) if self.has_journal else "-"
        command = [sys.executable, "-m", "tests.leases.spender", self._server.url, life.prefix, self.record, journal]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._heard: list[str] = []
        self._listener = Thread(target=self._listen, args=(self._process, self._heard), daemon=True)
        self._listener.start()

    @staticmethod
    def _listen(process: "subprocess.Popen[str]", heard: list[str]) -> None:
        assert process.stdout is not None
        heard.extend(process.stdout)

    def is_spending(self) -> bool:
        return len(self._heard) > 50

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._ended()

    def _ended(self) -> None:
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self.lives[-1].hear("".join(self._heard))


def run(kills: int, seed: int) -> Report:
    chance = random.Random(seed)
    report = Report(kills)
    with service_copy(), TemporaryDirectory() as directory, Server().serving() as server:
        server.ledger.fund(FUNDED)
        seats = [Seat(server, number, Path(directory)) for number in range(len(SEATS))]
        for seat in seats:
            seat.start()
        for _ in range(kills):
            struck = chance.choice(seats)
            while not struck.is_spending():
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
            struck.kill()
            struck.start()
        for seat in seats:
            seat.stop()
            if seat.has_journal and seat.journal.exists():
                with Millicent(server.url, "token") as client:
                    Budget.recover(seat.journal, client)
        _judge(report, server, [life for seat in seats for life in seat.lives])
    return report


def _judge(report: Report, server: Server, lives: Sequence[Life]) -> None:
    ledger = server.ledger
    # The holds of processes that were killed without a journal return at their end.
    ledger.set_now_ms(int((time.monotonic() - server.started_s) * 1000) + 3_600_000)
    taken = list(ledger.taken())
    if ledger.held():
        report.wrong.append(f"{ledger.held()} microcents are still held")
    if sum(each.microcents for each in taken) + ledger.available() != FUNDED:
        report.wrong.append("funded is not spent and available")
    keys = Counter(each.key.removesuffix(LATE) for each in taken)
    report.wrong += [f"{key} is on the record twice" for key, count in keys.items() if count > 1]
    by_key = {each.key.removesuffix(LATE): each.microcents for each in taken}
    for record, has_journal in SEATS:
        of_seat = [life for life in lives if (life.record, life.has_journal) == (record, has_journal)]
        if record == "each":
            for life in of_seat:
                _judge_each(report, life, by_key)
        else:
            _judge_sums(report, of_seat, [each for each in taken if "count" in each.metadata])
    if not all(life.is_closed for life in lives[-1:]):
        report.wrong.append("a process did not come to its end")


def _judge_each(report: Report, life: Life, recorded: dict[str, int]) -> None:
    report.spends += len(life.accepted)
    mine = {key: amount for key, amount in recorded.items() if key.startswith(f"{life.prefix}.")}
    report.wrong += [f"{key} has another amount" for key, amount in mine.items() if life.tried.get(key) != amount]
    missing = sorted(life.accepted - mine.keys())
    lost = sum(life.tried[key] for key in missing)
    if missing and (life.has_journal or life.is_closed or lost > SLICE * 1000):
        report.wrong.append(f"{life.prefix}: {len(missing)} accepted spends are not on the record, {missing[:3]}")
    report.lost_without_journal += len(missing)


def _judge_sums(report: Report, lives: Sequence[Life], sums: Sequence[Recorded]) -> None:
    """All processes of the seat together: what a kill caught between accepting and saying so may be more."""
    report.spends += sum(len(life.accepted) for life in lives)
    recorded = sum(each.microcents for each in sums)
    accepted = sum(life.accepted_microcents for life in lives)
    in_doubt = sum(max(life.tried[key] for key in life.tried.keys() - life.accepted) for life in lives if _doubt(life))
    if not accepted <= recorded <= accepted + in_doubt:
        report.wrong.append(f"sums: {accepted} accepted, {recorded} recorded, {in_doubt} in doubt")


def _doubt(life: Life) -> bool:
    return bool(life.tried.keys() - life.accepted)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="leases.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    started_s = time.monotonic()
    report = run(options.kills, options.seed)
    for wrong in report.wrong[:12]:
        say(f"WRONG  {wrong}")
    line: dict[str, Any] = {
        "kills": report.kills,
        "spends": report.spends,
        "lost_without_journal": report.lost_without_journal,
        "wrong": len(report.wrong),
        "seconds": round(time.monotonic() - started_s, 1),
    }
    say(json.dumps(line))
    return 1 if report.wrong else 0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
