"""What a charge costs behind holds that are over: the time of its answer and its calls, on DynamoDB Local.

    python -m bench.due_holds --holds 0 1 50 600 5000

Each number of holds is an account of its own: funded, that many holds of one millicent placed, all of them over, and
then one charge that takes all there is. The last line on standard output is the result as JSON. The exit status is 0
only if every charge was applied by its first request, which has the ledger's deadline of 5 s and 7 s for a backlog.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from local.dynamodb_local import CREDENTIALS, running
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.errors import LedgerError
from shared.ledger.operations import Charge, FundingUpdate, Operation, PlaceHold
from shared.ledger.protocol import Command, CommandOutcome
from shared.ledger.reducer import NOTHING_NAMED, Change, ReplacedHold, step

START_MS: Final = 1_767_225_600_000
TTL_MS: Final = 1000
HELD: Final = 1000
_HOLDS_PER_TRANSACTION: Final = 45


@dataclass
class Result:
    """`calls` to the database by command; `entries` that were written, the charge's own included."""

    holds: int
    seconds: float
    calls: dict[str, int]
    entries: int
    outcome: str


@dataclass
class CountingLedger:
    """Counts what the protocol asks of the database."""

    ledger: DynamoLedger
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        execute = self.ledger.execute

        def counted(command: Command) -> CommandOutcome:
            self.calls[type(command).__name__] += 1
            return execute(command)

        self.ledger.execute = counted  # type: ignore[method-assign]


def measure(url: str, holds: int) -> Result:
    ledger = DynamoLedger(f"due-{holds}", host=url)
    ledger._table.whole.create_table(billing_mode="PAY_PER_REQUEST")  # noqa: SLF001 - the table as the models have it
    account = Account("bench", f"holds:{holds}")
    before = _with_holds(ledger, account, holds)
    counting = CountingLedger(ledger)
    charge = Operation(account, "charge", Charge(holds * HELD + HELD), "bench", "charge")
    started_s = time.monotonic()
    outcome = _answer(ledger, charge)
    seconds = time.monotonic() - started_s
    after = ledger.state(account) or before
    return Result(holds, round(seconds, 3), dict(counting.calls), after.seq - before.seq, outcome)


def _answer(ledger: DynamoLedger, charge: Operation) -> str:
    try:
        return ledger.record(charge, START_MS + 2 * TTL_MS).entry.outcome
    except LedgerError as error:
        return error.code


def _with_holds(ledger: DynamoLedger, account: Account, holds: int) -> AccountState:
    """Placed many to a transaction, as only a benchmark does."""
    funding = Operation(account, "fund", FundingUpdate(0, holds * HELD + HELD), "bench", "fund")
    ledger.record(funding, START_MS)
    state = ledger.state(account) or AccountState(account)
    for numbers in _parts(range(holds)):
        seen, entries, placed = state, [], []
        for number in numbers:
            operation = Operation(account, f"hold-{number}", PlaceHold(HELD, TTL_MS), "bench", "hold")
            state, entry, effect = step(state, operation, START_MS)
            entries.append(entry)
            if effect.hold is not None:
                placed.append(ReplacedHold(effect.hold, 0))
        ledger._write(Change(seen, NOTHING_NAMED, state, tuple(entries), tuple(placed)))  # noqa: SLF001 - see above
    return state


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    size = _HOLDS_PER_TRANSACTION
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--holds", type=int, nargs="+", default=[0, 1, 50, 600, 5000])
    wanted = parser.parse_args()
    os.environ.update(
        AWS_DEFAULT_REGION=CREDENTIALS["region_name"],
        AWS_ACCESS_KEY_ID=CREDENTIALS["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=CREDENTIALS["aws_secret_access_key"],
    )
    with running() as database:
        measure(database.url, 2)  # the first call of all takes longer
        results = [measure(database.url, holds) for holds in wanted.holds]
    for result in results:
        print(f"{result.holds:5} holds over: {result.outcome} after {result.seconds} s, {result.calls}")
    print(json.dumps([asdict(result) for result in results]))
    return 0 if all(each.outcome == "applied" for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
