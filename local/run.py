"""`make run`: the whole product on a laptop. Funds actors, charges them for usage, checks that all adds up, serves.

Each request is held before its work, at its highest possible cost, and captured after it, at its actual cost.

The last line on standard output is the result as JSON. The exit status is 0 only if everything adds up, and 130 after
Ctrl-C: the charges made until then are still checked.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.table import Table

from local.aws import Aws, as_deployer, forget_callers_aws
from local.cloud import Cloud, port_of, running_cloud, up
from local.demo import ACTORS, MODEL, Demo, PricesOnce, budgets, charge, demo, fund
from local.deploy import Stack, describe
from local.endpoint import FILE_NAME
from local.options import actor_count, port_number, row_count, thread_count
from local.ownership import owner
from local.paths import STATE
from local.processes import ProcessFailedError
from local.reconciliation import reconcile_when_caught_up
from local.row_counts import RowCounts, row_counts
from local.showcase import DAYS, Showcase, play, showcase
from local.signals import stop_on_signals
from local.tables import Tables
from millicent.amounts import millicents, readable
from millicent.errors import MillicentError
from millicent.operations import Reconciliation
from millicent.replay import Progress, Summary
from millicent.retry import RetryPolicy
from millicent.tokens import EndpointFile

DEFAULT_LIMIT: Final = 1000
DEFAULT_CONCURRENCY: Final = max(2, min(4, os.cpu_count() or 2))
"""Every concurrent request has its own process of a function, and all of them start at once: more than there are
processors only wait."""
FINDINGS_SHOWN: Final = 20
EXIT_INTERRUPTED: Final = 130
PATIENT: Final = RetryPolicy(deadline_s=300, attempt_timeout_s=30)
"""All functions start cold and at once; on a busy machine that takes a while and says nothing about the ledger."""


@dataclass(frozen=True)
class Site:
    """A cloud to run the demo on. `cloud` is None if it was running before, so that it is not stopped."""

    base_url: str
    endpoint_file: Path
    aws: Aws
    stack: Stack
    cloud: Cloud | None


@dataclass(frozen=True)
class Result:
    """`summary` is the client's view of the run, `row_counts` the ledger's, for the rows that were sent."""

    summary: Summary
    row_counts: RowCounts
    books: Reconciliation

    @property
    def adds_up(self) -> bool:
        return self.summary.is_complete and self.record_adds_up

    @property
    def are_books_whole(self) -> bool:
        return self.books.holds and self.books.entries == self.books.audited

    @property
    def record_adds_up(self) -> bool:
        """Whether the rows that were sent add up, however few."""
        return self.summary.failed == 0 and self.row_counts.unrecorded == 0 and self.are_books_whole

    @property
    def exit_status(self) -> int:
        if self.summary.interrupted:
            return EXIT_INTERRUPTED
        return 0 if self.adds_up else 1

    def as_json(self) -> str:
        return json.dumps(
            {
                "requests": self.summary.requests,
                "charged": self.row_counts.charged,
                "refused": self.row_counts.refused,
                "replayed": self.row_counts.replayed,
                "holds": self.row_counts.holds,
                "captures": self.row_counts.captures,
                "ledger_rows": self.books.entries,
                "audit_rows": self.books.audited,
                "drift_microcents": self.books.drift_microcents,
                "seconds": self.summary.seconds,
            }
        )


def run(site: Site, plan: Demo, concurrency: int, accounts: Showcase | None) -> Result:
    """`accounts` come first. Raises millicent.errors.MillicentError if the service cannot be used at all."""
    tables = Tables(site.aws, site.stack)
    token = EndpointFile(site.endpoint_file)
    say(f"the console: {console_address(site.base_url, token)}")
    with PricesOnce(site.base_url, token, retry=PATIENT, max_connections=concurrency) as client:
        if accounts is not None:
            say(f"setting up {len(accounts.setup)} accounts of a company, and what they spent over {DAYS} days")
            play(client, accounts, concurrency)
        say(f"asking for the price of each of {len(plan.rows)} requests, then funding {len(plan.actors)} actors")
        fund(client, plan.run_id, budgets(client, plan, concurrency), concurrency)
        before = tables.outcomes()
        say(f"holding the most that each of {len(plan.rows)} requests may cost, then capturing its cost")
        with _progress_bar(len(plan.rows)) as advance:
            summary = charge(client, plan, concurrency, advance)
    say("reconciling: replaying the ledger, comparing it with the accounts, the audit table and the sums of usage")
    sent = [outcome.row for outcome in summary.outcomes]
    return Result(summary, row_counts(sent, before, tables.outcomes()), reconcile_when_caught_up(site.aws, site.stack))


@contextmanager
def site_for(state_dir: Path, port: int | None) -> Iterator[Site]:
    """The running cloud, or a new one until the block ends."""
    endpoint_file = state_dir / FILE_NAME
    if owner(state_dir) is None:
        with running_cloud(state_dir, port) as cloud:
            yield Site(cloud.endpoint.base_url, endpoint_file, cloud.aws, cloud.stack, cloud)
        return
    say("a laptop cloud is running: using it, and leaving it running")
    endpoint = up(state_dir, port)
    aws = as_deployer(f"http://127.0.0.1:{port_of(state_dir)}", state_dir)
    yield Site(endpoint.base_url, endpoint_file, aws, describe(aws), None)


def console_address(base_url: str, token: EndpointFile) -> str:
    """With a token, so that it opens signed in for as long as the token lasts."""
    return f"{base_url}/console#token={token.token()}"


def say(message: str) -> None:
    """Prints to standard error, so that standard output contains only the result."""
    print(message, file=sys.stderr, flush=True)


def show(result: Result) -> None:
    table = Table(title="Millicent on this machine", show_header=False)
    for name, value in (_facts(result) | _verdict(result)).items():
        table.add_row(name, str(value))
    Console().print(table)
    if result.summary.interrupted:
        print(interruption(result))
    if result.summary.stopped_by:
        print(f"stopped: {result.summary.stopped_by}")
    for failure in result.summary.failures:
        print(f"failed: {failure.row.key} of {failure.row.actor}: {failure.error}")
    for finding in result.books.findings[:FINDINGS_SHOWN]:
        print(f"problem: {finding.actor} {finding.place} {finding.seq or ''} {finding.problem}")


def interruption(result: Result) -> str:
    """The message after Ctrl-C."""
    rows = f"interrupted after {result.summary.requests:,} of {result.summary.rows:,} rows"
    return f"{rows}; what is on the record {'adds up' if result.record_adds_up else 'DOES NOT ADD UP'}"


def show_how_to_call(site: Site, plan: Demo) -> None:
    """Prints three example calls for a shell."""
    url, actor = site.base_url, plan.busiest_actor
    token = f"""$(python3 -c 'import json; print(json.load(open("{site.endpoint_file}"))["tokens"]["%s"])')"""
    call = f'curl -sS -H "Authorization: Bearer {token}"'
    body = '-H "Content-Type: application/json" -d'
    print(f"console:  {console_address(url, EndpointFile(site.endpoint_file))} (later: millicent console)")
    print(f"base URL: {url}")
    print(f"tokens:   {site.endpoint_file} (renewed while this runs)")
    print()
    print(f"""{call % "read"} {body} '{{"actor": "{actor}"}}' {url}/v1/check""")
    print(
        f"""{call % "charge"} -H "Idempotency-Key: curl-$(date +%s)" {body} """
        f"""'{{"actor": "{actor}", "cost": 42.5}}' {url}/v1/cost"""
    )
    print(f"""{call % "read"} {url}/v1/accounts/{actor}""")
    print()


def _facts(result: Result) -> dict[str, object]:
    summary, ledger, books = result.summary, result.row_counts, result.books
    return {
        "requests": summary.requests,
        "holds": ledger.holds,
        "captures": ledger.captures,
        "refused": ledger.refused,
        "replayed": ledger.replayed,
        "failed": summary.failed,
        "charged now (millicents)": readable(millicents(summary.charged_microcents)),
        "charged before (millicents)": readable(millicents(summary.replayed_microcents)),
        "requests per second": f"{summary.requests_per_second:.0f}",
        "accounts": books.accounts,
        "ledger rows": books.entries,
        "audit rows": books.audited,
        "drift (microcents)": books.drift_microcents,
    }


def _verdict(result: Result) -> dict[str, object]:
    """None about all rows if not all were sent."""
    return {} if result.summary.interrupted else {"everything adds up": "yes" if result.adds_up else "NO"}


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Progress], None]]:
    with ProgressBar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("charging", total=total)
        yield lambda progress: bar.update(task, completed=progress.done)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--usage", type=Path, help="CSV or JSON lines; default: generated usage")
    parser.add_argument("--actors", type=actor_count, default=ACTORS, help="actors of a file that names none")
    parser.add_argument("--model", default=MODEL, help="model of rows that name none")
    parser.add_argument("--limit", type=row_count, default=DEFAULT_LIMIT, help="rows to charge")
    parser.add_argument("--concurrency", type=thread_count, default=DEFAULT_CONCURRENCY, help="requests at once")
    parser.add_argument("--once", action="store_true", help="stop everything after the summary")
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--port", type=port_number)
    return parser.parse_args()


def main() -> int:
    wanted = _parsed()
    forget_callers_aws()
    stop_on_signals()
    state_dir = wanted.state.resolve()
    plan = demo(wanted.usage, wanted.limit, actors=wanted.actors, model=wanted.model)
    with site_for(state_dir, wanted.port) as site:
        accounts = showcase(datetime.now(UTC).date()) if wanted.usage is None else None
        result = run(site, plan, wanted.concurrency, accounts)
        stays = not (wanted.once or result.summary.interrupted)
        show(result)
        if stays:
            show_how_to_call(site, plan)
        print(result.as_json(), flush=True)
        if stays and site.cloud:
            _serve(site.cloud)
    return result.exit_status


def _serve(cloud: Cloud) -> None:
    say("serving until Ctrl-C")
    try:
        cloud.wait()
    except KeyboardInterrupt:
        say("stopping; the state is kept")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProcessFailedError, MillicentError, OSError) as failure:
        sys.exit(f"make run: {failure}")
    except KeyboardInterrupt:
        say("make run: stopped")
        sys.exit(EXIT_INTERRUPTED)
