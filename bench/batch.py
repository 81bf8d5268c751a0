"""Charges a second to one account: in batches, and one in a call; both on a laptop cloud that is started for it.

    python -m bench.batch --charges 10000 --singles 500

The last line on standard output is the result as JSON. The exit status is 0 only if every charge is on the record and
everything adds up.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from local.aws import forget_callers_aws
from local.endpoint import FILE_NAME
from local.reconciliation import reconcile_when_caught_up
from local.run import Site, say, site_for
from local.signals import stop_on_signals
from local.tables import Tables
from millicent import BatchCharge, Millicent
from millicent.operations import Reconciliation
from millicent.tokens import EndpointFile

ACTOR: Final = "bench:batch"
COST: Final = "0.125"
ROWS_PER_CALL: Final = 1000


@dataclass(frozen=True)
class Result:
    """Charges a second, on one account."""

    charges: int
    singles: int
    batch_per_second: float
    single_per_second: float
    ratio: float
    on_record: int
    drift_microcents: int
    findings: int

    @property
    def adds_up(self) -> bool:
        return self.on_record == self.charges + self.singles and self.drift_microcents == 0 and not self.findings


def measure(site: Site, endpoint_file: Path, charges: int, singles: int) -> Result:
    tables = Tables(site.aws, site.stack)
    with Millicent(site.base_url, EndpointFile(endpoint_file), max_connections=4) as client:
        client.grant(ACTOR, charges + singles)
        say(f"{singles} charges, one in a call")
        single_s = _seconds(lambda: _charge_one_by_one(client, singles))
        say(f"{charges} charges, {ROWS_PER_CALL} in a call")
        batch_s = _seconds(lambda: _charge_in_batches(client, charges))
    say("reconciling the ledger with the account and the audit table")
    books = reconcile_when_caught_up(site.aws, site.stack)
    return _result(charges, singles, (charges / batch_s, singles / single_s), tables, books)


def _result(
    charges: int, singles: int, per_second: tuple[float, float], tables: Tables, books: Reconciliation
) -> Result:
    batch, single = per_second
    return Result(
        charges=charges,
        singles=singles,
        batch_per_second=round(batch, 1),
        single_per_second=round(single, 1),
        ratio=round(batch / single, 1),
        on_record=sum(_is_ours(key) for _, key in tables.outcomes()),
        drift_microcents=books.drift_microcents,
        findings=len(books.findings),
    )


def _is_ours(key: str) -> bool:
    return key.startswith(("single-", "batch-"))


def _seconds(work: Callable[[], None]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s


def _charge_one_by_one(client: Millicent, singles: int) -> None:
    # Two at once: one that is on its way while the other commits. More would only run into each other.
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda number: client.charge(ACTOR, COST, key=f"single-{number}"), range(singles)))


def _charge_in_batches(client: Millicent, charges: int) -> None:
    for part in _parts([BatchCharge(actor=ACTOR, cost=COST, key=f"batch-{number}") for number in range(charges)]):
        failed = [result for result in client.charge_batch(part) if result.entry is None]
        if failed:
            raise SystemExit(f"{len(failed)} charges failed, the first of them: {failed[0].problem}")


def _parts(charges: Sequence[BatchCharge]) -> Iterator[Sequence[BatchCharge]]:
    return (charges[start : start + ROWS_PER_CALL] for start in range(0, len(charges), ROWS_PER_CALL))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charges", type=int, default=10_000, help="in batches")
    parser.add_argument("--singles", type=int, default=500, help="one in a call")
    wanted = parser.parse_args()
    forget_callers_aws()
    stop_on_signals()
    with tempfile.TemporaryDirectory() as scratch, site_for(Path(scratch), None) as site:
        result = measure(site, Path(scratch) / FILE_NAME, wanted.charges, wanted.singles)
    print(f"one in a call: {result.single_per_second} charges a second")
    print(f"in batches:    {result.batch_per_second} charges a second, {result.ratio} times as many")
    print(json.dumps(asdict(result)))
    return 0 if result.adds_up else 1


if __name__ == "__main__":
    sys.exit(main())
