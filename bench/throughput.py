"""Charges a second on DynamoDB Local, from 1, 8 and 32 threads: single, in batches, and leased.

    python -m bench.throughput [--rounds 7]

Each thread charges again as soon as it is answered, through the ledger that the functions use; a thread stands for a
function. One that was shed comes back after the Retry-After that it would be told. All charge one account, or each has
an account of its own. Leased threads share a budget of the client, whose calls the functions answer in this process;
their time ends when everything is on the record. Beside them one thread sends batches with the same client to the same
functions: that is what a service has without a lease. The emulator's part are the same requests without any work of the
service (bench/replay.py). A figure is the median of the rounds, which take turns; p99 is
that of the answers of all rounds, also of those that shed. The run fails unless every charge that was recorded is in
its account's balance once. One without an answer in time (failed) may be there too.
"""

import argparse
import contextlib
import os
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Final
from unittest.mock import patch
from uuid import uuid4

from bench.gateway import Gateway
from bench.replay import Replay
from bench.report import Report, over, rows
from bench.stage import LEDGER, stage
from millicent import BatchCharge, Millicent
from millicent.leases.budget import Budget
from millicent.leases.terms import Record
from shared.adapters import connection
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.edge.problems import BUSY_RETRY_AFTER_S
from shared.ledger.accounts import Account
from shared.ledger.errors import AccountBusy, LedgerError, LedgerUnavailable
from shared.ledger.operations import Charge, GrantCredits, Operation
from shared.ledger.protocol import MAX_BATCH, Command, CommandOutcome, Commit, Recorded

NOW_MS: Final = 1_763_900_000_000
SECONDS: Final = 1.0
SECONDS_OF_MANY: Final = 2.0
SECONDS_OF_A_CROWD: Final = 4.0
"""Threads at one account: a request may take more than a second to be shed, and then stays away for two to five."""
WARM_S: Final = 3.0
PATIENT_S: Final = 60
RECORDS: Final[tuple[Record, Record]] = ("each", "sum")
SPEND: Final = Decimal("0.001")
"""Millicents: the least there is."""
SLICES: Final[Mapping[Record, int]] = {"each": 2, "sum": 1000}
"""Millicents. What is not on the record yet is at most a slice: 2,000 spends, of which each is an entry."""


@dataclass(frozen=True)
class Cell:
    """`record` is that of a budget, if the charges are leased. Charges of a client go through the functions too.

    What is replayed is one thread's, and shows what the emulator takes.
    """

    batch: int
    is_spread: bool
    threads: int
    record: Record | None = None
    is_by_client: bool = False
    is_replayed: bool = False

    @property
    def name(self) -> str:
        what = f"batches of {self.batch}" if self.batch > 1 else "single"
        what = f'leased, record="{self.record}"' if self.record else what
        what = f"{what} by the client" if self.is_by_client else what
        what = f"{what}, the emulator's part" if self.is_replayed else what
        where = "an account each" if self.is_spread else "one account"
        return f"{what}, {where}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    @property
    def seconds(self) -> float:
        if self.is_spread or self.record or self.threads == 1:
            return SECONDS if self.batch == 1 and not self.record else SECONDS_OF_MANY
        return SECONDS_OF_A_CROWD


ONE, EIGHT, CROWD = (Cell(1, False, threads) for threads in (1, 8, 32))
BATCHED, BATCHED_BY_EIGHT = (Cell(MAX_BATCH, False, threads) for threads in (1, 8))
BATCHED_BY_CLIENT: Final = Cell(MAX_BATCH, False, 1, is_by_client=True)
ONE_REPLAYED, BATCHED_REPLAYED = (Cell(batch, False, 1, is_replayed=True) for batch in (1, MAX_BATCH))
EACH, SUM = (Cell(1, False, 1, record) for record in RECORDS)
CELLS: Final = (
    *(ONE, ONE_REPLAYED, EIGHT, CROWD, Cell(1, True, 8), Cell(1, True, 32)),
    *(
        BATCHED,
        BATCHED_REPLAYED,
        BATCHED_BY_EIGHT,
        Cell(MAX_BATCH, True, 8),
        Cell(MAX_BATCH, True, 32),
        BATCHED_BY_CLIENT,
    ),
    *(EACH, Cell(1, False, 8, "each"), SUM, Cell(1, False, 8, "sum")),
)


@dataclass
class Tally:
    """What became of the charges of one thread, or of all; `after_ms` has one for each answer."""

    recorded: int = 0
    shed: int = 0
    failed: int = 0
    """Without an answer by the deadline."""
    after_ms: list[float] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.recorded += other.recorded
        self.shed += other.shed
        self.failed += other.failed
        self.after_ms += other.after_ms


@dataclass
class Outcome:
    """Of a cell: a figure a round, and all its charges together."""

    per_s: list[float] = field(default_factory=list)
    together: Tally = field(default_factory=Tally)
    transactions: int = 0


class CountingLedger(DynamoLedger):
    """Remembers how many transactions it was asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(LEDGER, host=url)
        self.transactions: list[None] = []

    def execute(self, command: Command) -> CommandOutcome:
        if isinstance(command, Commit):
            self.transactions.append(None)
        return super().execute(command)


class Crew:
    """Threads that charge."""

    def __init__(self, ledger: CountingLedger) -> None:
        self._ledger = ledger
        self._client = Millicent("http://functions", "token", transport=Gateway())
        self._numbers = count()

    def run(self, cell: Cell, seconds: float, outcome: Outcome) -> None:
        number = next(self._numbers)
        accounts = [Account("main", f"user:{number}-{each if cell.is_spread else 0}") for each in range(cell.threads)]
        for account in set(accounts):
            self._ledger.record(_operation(account, GrantCredits(10**12)), NOW_MS)
        if cell.record is not None:
            self._spend(cell.record, cell, accounts[0], seconds, outcome)
            return
        if cell.is_replayed:
            self._replay(accounts[0], cell, seconds, outcome)
            return
        self._ledger.transactions.clear()
        ends_s = time.monotonic() + seconds
        together = Tally()
        with ThreadPoolExecutor(cell.threads) as pool:
            for tally in pool.map(lambda account: self._charge_until(ends_s, account, cell), accounts):
                together.add(tally)
        outcome.transactions += len(self._ledger.transactions)
        outcome.per_s.append(together.recorded / seconds)
        outcome.together.add(together)
        self._check(set(accounts), together)

    def _spend(self, record: Record, cell: Cell, account: Account, seconds: float, outcome: Outcome) -> None:
        begun_s = time.monotonic()
        with ThreadPoolExecutor(cell.threads) as pool:
            budget = self._client.budget(account.actor, SLICES[record], record=record)
            list(pool.map(_spend_until, [begun_s + seconds] * cell.threads, [budget] * cell.threads))
            stats = budget.close()
        outcome.per_s.append(stats.settled / (time.monotonic() - begun_s))
        outcome.together.recorded += stats.settled
        self._check({account}, Tally(stats.settled))

    def _replay(self, account: Account, cell: Cell, seconds: float, outcome: Outcome) -> None:
        replay = Replay(lambda: self._charge([_operation(account, Charge(1)) for _ in range(cell.batch)]))
        begun_s = time.monotonic()
        sent = 0
        while time.monotonic() < begun_s + seconds:
            replay.send()
            sent += cell.batch
        outcome.per_s.append(sent / seconds)

    def _charge_until(self, ends_s: float, account: Account, cell: Cell) -> Tally:
        tally = Tally()
        while (begun_s := time.monotonic()) < ends_s:
            if cell.is_by_client:
                answers: Sequence[object] = self._charge_by_client(account.actor, cell.batch)
            else:
                answers = self._charge([_operation(account, Charge(1)) for _ in range(cell.batch)])
            shed = sum(isinstance(answer, AccountBusy) for answer in answers)
            failed = sum(isinstance(answer, LedgerError) for answer in answers) - shed
            tally.add(Tally(len(answers) - shed - failed, shed, failed, [(time.monotonic() - begun_s) * 1000]))
            if shed:
                time.sleep(max(0.0, min(random.choice(BUSY_RETRY_AFTER_S), ends_s - time.monotonic())))
        return tally

    def _charge(self, operations: Sequence[Operation]) -> Sequence[Recorded | LedgerError]:
        if len(operations) > 1:
            return list(self._ledger.record_batch(operations, NOW_MS).values())
        try:
            return [self._ledger.record(operations[0], NOW_MS)]
        except LedgerError as error:
            return [error]

    def _charge_by_client(self, actor: str, batch: int) -> Sequence[object]:
        charges = [BatchCharge(actor=actor, cost=SPEND, key=str(uuid4())) for _ in range(batch)]
        results = self._client.charge_batch(charges)
        return [each.entry or LedgerUnavailable(str(each.problem)) for each in results]

    def _check(self, accounts: set[Account], together: Tally) -> None:
        states = [self._ledger.state(account) for account in accounts]
        spent = sum(state.spent for state in states if state is not None)
        if not together.recorded <= spent <= together.recorded + together.failed:
            raise RuntimeError(f"{together} of charges of 1, and {spent} are in the balances")


def _spend_until(ends_s: float, budget: Budget) -> None:
    while time.monotonic() < ends_s:
        budget.spend(SPEND)


def _operation(account: Account, terms: Charge | GrantCredits) -> Operation:
    return Operation(account, str(uuid4()), terms, by="bench", correlation_id=str(uuid4()))


def measured(rounds: int, scale: float = 1) -> dict[Cell, Outcome]:
    """`scale` makes every cell shorter or longer."""
    outcomes = {cell: Outcome() for cell in CELLS}
    # 32 batches at once keep the emulator busy for longer than a function waits for an answer.
    waits = patch.multiple(connection, CONNECT_TIMEOUT_S=PATIENT_S, READ_TIMEOUT_S=PATIENT_S)
    # The loggers take stdout as it is when the functions are imported.
    with waits, stage() as on, Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        crew = Crew(CountingLedger(on.dynamodb_url))
        for cell in (ONE, BATCHED):
            # The emulator compiles itself while it works.
            crew.run(cell, WARM_S * scale, Outcome())
        for _ in range(rounds):
            for cell, outcome in outcomes.items():
                crew.run(cell, cell.seconds * scale, outcome)
    return outcomes


def report(rounds: int, scale: float = 1) -> Report:
    outcomes = measured(rounds, scale)
    one_per_s = median(outcomes[ONE].per_s)
    shown = {cell.name: _row(outcome, one_per_s) for cell, outcome in outcomes.items()}
    return Report(
        rows(("charges/s", "of single", "tx/charge", "shed", "failed", "p50 ms", "p99 ms"), shown),
        {name: round(figure, 3) for name, figure in _figures(outcomes).items()},
    )


def _row(outcome: Outcome, one_per_s: float) -> tuple[str, ...]:
    together = outcome.together
    told = (f"{median(outcome.per_s):,.0f}", f"{median(outcome.per_s) / one_per_s:,.2f}")
    if not together.after_ms:
        return *told, "", "", "", "", ""
    p50_ms, p99_ms = _percentiles(together.after_ms)
    return (
        *told,
        # What the functions ask for by themselves is not counted.
        f"{outcome.transactions / max(together.recorded, 1):.2f}" if outcome.transactions else "",
        f"{together.shed:,}",
        f"{together.failed:,}",
        f"{p50_ms:,.0f}",
        f"{p99_ms:,.0f}",
    )


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    hundredths = quantiles(values, n=100) if len(values) > 1 else [*values] * 99
    return hundredths[49], hundredths[98]


def _figures(outcomes: Mapping[Cell, Outcome]) -> dict[str, float]:
    def times(one: Cell, other: Cell) -> float:
        return over(outcomes[one].per_s, outcomes[other].per_s)

    return {
        "single_per_s": median(outcomes[ONE].per_s),
        "batched_over_single": times(BATCHED, ONE),
        "batched_over_single_of_the_emulator": times(BATCHED_REPLAYED, ONE_REPLAYED),
        "batched_over_the_emulators_batched": times(BATCHED, BATCHED_REPLAYED),
        "batched_over_single_of_8_threads": times(BATCHED_BY_EIGHT, EIGHT),
        "leased_each_over_single": times(EACH, ONE),
        "leased_each_over_batched": times(EACH, BATCHED),
        "leased_each_over_batched_by_client": times(EACH, BATCHED_BY_CLIENT),
        "leased_sum_over_single": times(SUM, ONE),
        "crowd_over_single": times(CROWD, ONE),
        "crowd_p99_ms": _percentiles(outcomes[CROWD].together.after_ms)[1],
        "crowd_failed": outcomes[CROWD].together.failed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="throughput", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1, help="makes every turn longer or shorter")
    wanted = parser.parse_args()
    report(wanted.rounds, wanted.scale).show()


if __name__ == "__main__":
    main()
