"""The stress: the real functions on real protocols, over a failing network, in processes that are killed.

    python -m tests.stress [--operations 50000] [--seed 1]

Clients call the functions that change accounts; these reach DynamoDB Local through a fault proxy. Its stream goes
through the real outbox and a loopback bus that fails and repeats; from there to the real audit function, into the audit
table, and to the real usage function, into the usage table. The stream of that goes to the real boards function, into a
bucket of the laptop cloud's S3. Functions and clients are killed with SIGKILL all the while. In the end a judge that
shares nothing with the product reads the tables, and what accounts and the tenant are said to have spent.

The last line is the verdict as JSON; the exit status is 0 only if it is clean and every fault and every scene happened.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any, BinaryIO, Final

from local.dynamodb_local import running
from local.paths import ROOT
from local.processes import ProcessFailedError, stop
from shared.runtime.clock import epoch_now_ms
from tests.simulation.table import LedgerTable
from tests.simulation.verdict import FIGURES, Verdict
from tests.stress.asked import Asked
from tests.stress.books import Streams, audit_of, create_tables, ledger_of
from tests.stress.bucket import bucket
from tests.stress.bus import BUS_FAULTS
from tests.stress.client import TURNED_AWAY
from tests.stress.downstream import DOWNSTREAM_FAULTS, Report, Settings
from tests.stress.journal import Line, Progress, journal_file, lines
from tests.stress.oracle import SCENES, THROTTLED, Answer, Books, Evidence, judge, scenes
from tests.stress.plan import CLIENTS, Plan, Send, client_of, plan, ready_file, write
from tests.stress.proxy import NETWORK_DOWN, FaultProxy, bucket_rules, downstream_rules, ledger_rules
from tests.stress.reading import Readings, Tenant
from tests.stress.script import expires_after_ms
from tests.stress.spending import SPENDING_SCENES, Spending, judge_spending, scenes_of_spending, spending_of
from tests.stress.sums_stream import SUMS_FAULTS
from tests.stress.variables import Addresses, variables_of

FULL_RUN: Final = 50_000
"""Operations of the run that the faults' frequencies are made for."""
CLIENT_KILLS: Final = (3, 10)
"""In a short run and in a full one."""
PROXY_RESTARTS: Final = (1, 2)
REPORT_EVERY_S: Final = 15.0
POLL_S: Final = 0.1
SETTLING_S: Final = 4.0
"""A write whose client gave up may still come, after as long as the longest stall."""
TIME_LIMIT_S: Final = 3600.0

KILLED_CLIENT: Final = "a client killed"
KILLED_FUNCTION: Final = "a function killed at work"


@dataclass(frozen=True)
class Result:
    """`wrong` is what makes the run worth nothing, however clean its verdict."""

    operations: int
    seconds: float
    verdict: Verdict
    faults: Counter[str]
    scenes: Counter[str]
    wrong: list[str]

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and not self.wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=FULL_RUN)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say(f"{asked.operations} operations, seed {asked.seed}")
    result = stress(asked.operations, asked.seed)
    tell(result)
    return 0 if result.is_clean else 1


def stress(operations: int, seed: int) -> Result:
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, running() as database, bucket(Path(scratch)) as bucket_url:
        directory = Path(scratch)
        addresses, streams = Addresses(database.url, bucket_url), create_tables(database.url)
        run = Run(operations, directory, addresses, streams, seed)
        made, ledger, report = run.through()
        evidence = heard(made, directory, Books(ledger, audit_of(database.url, made.actors)))
        spending = spending_of(ledger)
        told = run.readings(made.actors, spending)
        faults = counted(run, report, directory)
    verdict, seen = judge(evidence), scenes(evidence)
    judge_spending(spending, told, report.forgotten, verdict)
    seen.update(scenes_of_spending(spending, told))
    seconds = round(time.monotonic() - started_s, 1)
    return Result(operations, seconds, verdict, faults, seen, list(complaints(run, report, faults, seen)))


class Run:
    """The processes of one run, and what is done to them on the way."""

    def __init__(self, operations: int, directory: Path, addresses: Addresses, streams: Streams, seed: int) -> None:
        self.scale = max(FULL_RUN / operations, 1.0)
        self.proxies = {
            "ledger": FaultProxy(addresses.dynamodb, ledger_rules(self.scale), directory / "ledger-faults.yml"),
            "downstream": FaultProxy(addresses.dynamodb, downstream_rules(self.scale), directory / "more-faults.yml"),
            "bucket": FaultProxy(addresses.s3, bucket_rules(self.scale), directory / "bucket-faults.yml"),
        }
        self.kills = 0
        self._operations = operations
        self._directory = directory
        self._addresses = addresses
        self._streams = streams
        self._seed = seed
        self._chance = random.Random(f"run {seed}")
        self._clients: dict[int, subprocess.Popen[bytes]] = {}

    def through(self) -> tuple[Plan, LedgerTable, Report]:
        """Until every request has its answer and every entry has reached the audit table."""
        with all_started(self.proxies.values()), self._downstream() as downstream:
            try:
                made = self._planned()
                self._send_all(len(made.sends))
            finally:
                for client in self._clients.values():
                    stop(client)
            say("all answered; the rest is on its way to the other tables")
            time.sleep(SETTLING_S)
            ledger = ledger_of(self._addresses.dynamodb, made.actors)
            told, _ = downstream.communicate(b"%d\n" % sum(map(len, ledger.journal.values())), TIME_LIMIT_S)
        if downstream.returncode:
            raise ProcessFailedError(f"the consumers ended with status {downstream.returncode}")
        return made, ledger, Report(**json.loads(told))

    def readings(self, actors: list[str], spending: Spending) -> Readings:
        """What accounts and the tenant are said to have spent, past every proxy."""
        days = spending.days
        command = [sys.executable, "-m", "tests.stress.reading", min(days), max(days)]
        variables = variables_of(self._addresses, self._directory)
        with self._log() as log:
            asked = json.dumps(actors).encode()
            told = subprocess.run(command, cwd=ROOT, env=variables, input=asked, stdout=PIPE, stderr=log, check=True)
        read = json.loads(told.stdout)
        return Readings(read["accounts"], Tenant(**read["before"]), Tenant(**read["after"]))

    def _planned(self) -> Plan:
        """The plan, made and given to the clients when these are ready: its times begin now."""
        started_s = time.monotonic()
        for client in range(CLIENTS):
            self._start_client(client)
        while not all(ready_file(self._directory, client).exists() for client in range(CLIENTS)):
            if not self._is_at_work():
                raise ProcessFailedError("the clients ended before they were ready")
            time.sleep(POLL_S)
        lasts_ms = expires_after_ms(time.monotonic() - started_s)
        made = plan(self._operations, self._seed, epoch_now_ms(), lasts_ms)
        write(made.sends, self._directory)
        return made

    def _send_all(self, requests: int) -> None:
        progress = Progress(journal_file(self._directory, client) for client in range(CLIENTS))
        events = self._events()
        next_report_s = time.monotonic() + REPORT_EVERY_S
        while self._is_at_work():
            time.sleep(POLL_S)
            share = progress.update() / requests
            while events and share >= events[0][0]:
                events.pop(0)[1]()
            if time.monotonic() >= next_report_s:
                next_report_s += REPORT_EVERY_S
                say(f"{progress.answered} of {requests} requests answered")

    def _events(self) -> list[tuple[float, Callable[[], None]]]:
        """What is done when a share of all requests has been answered."""
        is_full = self._operations >= FULL_RUN
        kills, restarts = CLIENT_KILLS[is_full], PROXY_RESTARTS[is_full]
        events = [
            *((self._chance.uniform(0.02, 0.95), self._kill_a_client) for _ in range(kills)),
            *(((number + 1) / (restarts + 1), self._restart_proxies) for number in range(restarts)),
        ]
        return sorted(events, key=lambda event: event[0])

    def _is_at_work(self) -> bool:
        for client, process in self._clients.items():
            if process.poll():
                raise ProcessFailedError(f"client {client} ended with status {process.returncode}")
        return any(process.poll() is None for process in self._clients.values())

    def _kill_a_client(self) -> None:
        at_work = [client for client, process in self._clients.items() if process.poll() is None]
        if not at_work:
            return
        client = self._chance.choice(at_work)
        self._clients[client].kill()
        self._clients[client].wait()
        self.kills += 1
        self._start_client(client)

    def _restart_proxies(self) -> None:
        for proxy in self.proxies.values():
            proxy.restart()

    def _start_client(self, client: int) -> None:
        command = [sys.executable, "-m", "tests.stress.client", str(self._directory), str(client)]
        variables = variables_of(Addresses(self.proxies["ledger"].url, self._addresses.s3), self._directory)
        with self._log() as log:
            self._clients[client] = subprocess.Popen(command, cwd=ROOT, env=variables, stderr=log)

    def _log(self) -> BinaryIO:
        """What the functions write to their standard error: mostly the deadlines that faults made them miss."""
        return log_file(self._directory).open("ab")

    @contextmanager
    def _downstream(self) -> Iterator[subprocess.Popen[bytes]]:
        faulty = Addresses(self.proxies["downstream"].url, self.proxies["bucket"].url)
        settings = Settings(
            self._streams.ledger,
            self._streams.usage,
            self._addresses.dynamodb,
            faulty.dynamodb,
            self._seed,
            self.scale,
        )
        command = [sys.executable, "-m", "tests.stress.downstream", json.dumps(asdict(settings))]
        variables = variables_of(faulty, self._directory)
        with self._log() as log:
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdin=PIPE, stdout=PIPE, stderr=log)
        try:
            yield process
        finally:
            stop(process)


@contextmanager
def all_started(proxies: Iterable[FaultProxy]) -> Iterator[None]:
    with ExitStack() as stack:
        for proxy in proxies:
            stack.callback(proxy.stop)
            proxy.start()
        yield


def heard(made: Plan, directory: Path, books: Books) -> Evidence:
    """All that the clients wrote down, beside what lies in the tables."""
    sends = {send.number: send for send in made.sends}
    answers: list[Answer] = []
    first_sent_ns: dict[str, int] = {}
    throttled: set[tuple[str, str]] = set()
    sent_ns: dict[int, int] = {}
    for line in all_lines(directory):
        send = sends[line.send]
        if line.happening == "sent":
            sent_ns[line.send] = line.at_ns
            for asked in send.asked:
                first_sent_ns[asked.key] = min(first_sent_ns.get(asked.key, line.at_ns), line.at_ns)
        elif line.happening in {"answered", "turned away"}:
            told = answers_of(line, send, sent_ns[line.send])
            answers += [answer for answer in told if answer.status not in TURNED_AWAY]
            throttled |= {(line.request, answer.asked.key) for answer in told if answer.status == THROTTLED}
    return Evidence(asked_by_key(made), answers, first_sent_ns, throttled, books)


def asked_by_key(made: Plan) -> dict[str, list[Asked]]:
    """Every content that a key is sent with, each once, the operation's own first."""
    contents: dict[str, list[Asked]] = defaultdict(list)
    for asked in (asked for send in sorted(made.sends, key=lambda each: each.number) for asked in send.asked):
        if asked not in contents[asked.key]:
            contents[asked.key].append(asked)
    return contents


def answers_of(line: Line, send: Send, sent_ns: int) -> list[Answer]:
    """One for each operation of the request; none where a batch as a whole had no answer."""
    body, client = json.loads(line.body), client_of(send.lane)
    if not send.is_batch:
        return [Answer(send.asked[0], client, sent_ns, line.at_ns, line.status, line.is_replayed, body)]
    told = zip(send.asked, body["results"], strict=True) if "results" in body else ()
    return [
        Answer(
            asked,
            client,
            sent_ns,
            line.at_ns,
            result["status"],
            result["replayed"],
            content_of(result),
            is_batched=True,
        )
        for asked, result in told
    ]


def content_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A charge of a batch as an answer of its own, without the balance."""
    problem: Mapping[str, Any] | None = result.get("problem")
    return problem or {name: member for name, member in result.items() if name in {"entry", "shortfall"}}


def log_file(directory: Path) -> Path:
    return directory / "functions.log"


def all_lines(directory: Path) -> Iterator[Line]:
    for client in range(CLIENTS):
        yield from lines(journal_file(directory, client))


def counted(run: Run, report: Report, directory: Path) -> Counter[str]:
    happenings = Counter(line.happening for line in all_lines(directory))
    faults = Counter(report.faults)
    for where, proxy in run.proxies.items():
        faults.update({f"{where} {name}": number for name, number in proxy.struck.items()})
    faults[KILLED_CLIENT] = run.kills
    faults[KILLED_FUNCTION] = happenings["killed"]
    return faults


def every_fault(run: Run) -> list[str]:
    return [
        *(f"{where} {name}" for where, proxy in run.proxies.items() for name in (*proxy.rules, NETWORK_DOWN)),
        KILLED_CLIENT,
        KILLED_FUNCTION,
        *DOWNSTREAM_FAULTS,
        *BUS_FAULTS,
        *SUMS_FAULTS,
    ]


def complaints(run: Run, report: Report, faults: Mapping[str, int], seen: Mapping[str, int]) -> Iterator[str]:
    """What makes a run worth nothing, however clean its verdict."""
    yield from (f"never happened: {name}" for name in every_fault(run) if not faults.get(name))
    yield from (f"never came about: {name}" for name in (*SCENES, *SPENDING_SCENES) if not seen.get(name))
    if report.poisoned:
        yield f"{report.poisoned} messages ended in a failure queue"
    if not report.is_drained:
        yield f"the consumers stood still after {report.entries} entries"


def tell(result: Result) -> None:
    for title, counts in (("faults", result.faults), ("scenes", result.scenes)):
        say(f"\n{title}")
        for name, number in sorted(counts.items()):
            say(f"  {number:7d}  {name}")
    say("")
    for complaint in result.wrong:
        say(complaint)
    for wrong in result.verdict.examples:
        say(f"{wrong.figure}: {wrong.account.actor} {wrong.key or ''} {wrong.what}")
    say(json.dumps(figures(result)))


def figures(result: Result) -> dict[str, Any]:
    """What a run is judged by; all that the verdict counts must be zero."""
    counts: dict[str, int] = {figure: result.verdict.figures[figure] for figure in FIGURES}
    return {"operations": result.operations, "faults": result.faults.total(), **counts, "seconds": result.seconds}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - for the person at the terminal


if __name__ == "__main__":
    sys.exit(main())
