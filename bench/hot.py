"""One account under single charges from many threads, on DynamoDB Local: what is recorded, what is shed, how soon.

    python -m bench.hot --seconds 8

Each thread charges the account again as soon as it is answered, through the ledger that the functions use; one that was
shed comes back after the Retry-After that it would be told. The last line on standard output is the result as JSON. The
exit status is 0 only if every charge that was recorded is in the balance once.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from statistics import quantiles
from typing import Final

from local.dynamodb_local import CREDENTIALS, running
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.edge.problems import BUSY_RETRY_AFTER_S
from shared.ledger.accounts import Account
from shared.ledger.errors import AccountBusy, LedgerError
from shared.ledger.operations import Charge, GrantCredits, Operation

NOW_MS: Final = 1_763_900_000_000
THREADS: Final = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Result:
    threads: int
    goodput_per_s: float
    shed_per_s: float
    failed: int
    p50_ms: int
    p99_ms: int
    """Of all answers, also of those that shed."""
    of_one_thread: float
    adds_up: bool


@dataclass(frozen=True, slots=True)
class _Answered:
    after_ms: float
    code: str | None


def measure(ledger: DynamoLedger, threads: int, seconds: float, one_thread_per_s: float | None) -> Result:
    account = Account("main", f"user:hot-{threads}")
    ledger.record(_operation(account, "grant", GrantCredits(10**12)), NOW_MS)
    numbers = count()
    ends_s = time.monotonic() + seconds

    def charge_until_the_end(_: int) -> list[_Answered]:
        answered = []
        while time.monotonic() < ends_s:
            operation = _operation(account, f"charge-{next(numbers)}", Charge(1))
            answered.append(_timed(partial(ledger.record, operation, NOW_MS)))
            if answered[-1].code == AccountBusy.code:
                time.sleep(random.choice(BUSY_RETRY_AFTER_S))
        return answered

    with ThreadPoolExecutor(threads) as pool:
        answered = [each for mine in pool.map(charge_until_the_end, range(threads)) for each in mine]
    recorded = sum(each.code is None for each in answered)
    shed = sum(each.code == AccountBusy.code for each in answered)
    state = ledger.state(account)
    after_ms = quantiles([each.after_ms for each in answered], n=100)
    return Result(
        threads=threads,
        goodput_per_s=round(recorded / seconds, 1),
        shed_per_s=round(shed / seconds, 1),
        failed=len(answered) - recorded - shed,
        p50_ms=round(after_ms[49]),
        p99_ms=round(after_ms[98]),
        of_one_thread=round(recorded / seconds / (one_thread_per_s or recorded / seconds), 2),
        adds_up=state is not None and state.spent == recorded,
    )


def _timed(charge: Callable[[], object]) -> _Answered:
    begun_s = time.monotonic()
    code = None
    try:
        charge()
    except LedgerError as error:
        code = error.code
    return _Answered((time.monotonic() - begun_s) * 1000, code)


def _operation(account: Account, key: str, terms: Charge | GrantCredits) -> Operation:
    return Operation(account, key, terms, by="bench", correlation_id=f"request-of-{key}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="hot", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="for each number of threads")
    wanted = parser.parse_args()
    os.environ.update(
        AWS_DEFAULT_REGION=CREDENTIALS["region_name"],
        AWS_ACCESS_KEY_ID=CREDENTIALS["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=CREDENTIALS["aws_secret_access_key"],
    )
    results: list[Result] = []
    with running() as database:
        ledger = DynamoLedger("bench", host=database.url)
        ledger._table.entries.create_table(billing_mode="PAY_PER_REQUEST")  # noqa: SLF001 - a bench looks inside
        for threads in THREADS:
            one_thread_per_s = results[0].goodput_per_s if results else None
            results.append(measure(ledger, threads, wanted.seconds, one_thread_per_s))
            print(", ".join(f"{name} {figure}" for name, figure in asdict(results[-1]).items()), flush=True)
    print(json.dumps([asdict(result) for result in results]))
    return 0 if all(result.adds_up for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
