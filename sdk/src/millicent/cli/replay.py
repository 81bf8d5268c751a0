"""`millicent replay`: charge a usage file."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, BinaryIO, Final, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from millicent.amounts import millicents
from millicent.cli.invocation import (
    EXIT_INTERRUPTED,
    EXIT_UNAVAILABLE,
    Invocation,
    exit_code,
    json_option,
    pass_invocation,
)
from millicent.cli.output import print_facts, print_json
from millicent.cli.values import MULTIPLIER
from millicent.client import IfInsufficient
from millicent.replay import (
    DEFAULT_ACTORS,
    DEFAULT_CONCURRENCY,
    DEFAULT_MODEL,
    DEFAULT_SEED,
    Columns,
    HoldTerms,
    Pricer,
    Progress,
    Reading,
    Summary,
    Terms,
    Usage,
    read_usage,
)
from millicent.replay import replay as run_replay

_COLUMNS: Final[Mapping[str, str]] = {
    "actor": "Column of the actor, who pays.",
    "model": "Column of the model.",
    "input": "Column of input tokens.",
    "output": "Column of output tokens.",
    "key": "Column of idempotency keys; default: the hash of the file and the number of the row.",
    "time": "Column of the time of the request; the price of that time applies.",
}


def _column_options(command: Callable[..., None]) -> Callable[..., None]:
    for role, help_text in reversed(tuple(_COLUMNS.items())):
        command = click.option(f"--{role}-column", help=help_text)(command)
    return command


@click.command()
@click.argument("file", type=click.File("rb"))
@_column_options
@click.option("--model", help=f"The model, for a file without a model column; default {DEFAULT_MODEL}.")
@click.option(
    "--actors",
    type=click.IntRange(1),
    default=DEFAULT_ACTORS,
    show_default=True,
    help="The number of actors (Zipf distribution), for a file without an actor column.",
)
@click.option(
    "--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of the distribution of rows over actors."
)
@click.option("--run-id", help="Name of the run in the keys of its rows; default: the hash of the file.")
@click.option("--limit", type=click.IntRange(1), help="Charge only the first rows.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=DEFAULT_CONCURRENCY, show_default=True)
@click.option("--if-insufficient", type=click.Choice(get_args(IfInsufficient)), default="refuse", show_default=True)
@click.option("--batch", type=click.IntRange(1, 1000), help="Charge this many rows in one call.")
@click.option("--holds", is_flag=True, help="Hold the most that a row may cost, then capture its cost.")
@click.option(
    "--hold-factor",
    type=MULTIPLIER,
    default="2",
    show_default=True,
    help="Hold for this many times the output of the row.",
)
@click.option(
    "--max-output-tokens", type=click.IntRange(0), help="Hold for this output, whatever the output of the row."
)
@click.option(
    "--price-multiplier",
    type=MULTIPLIER,
    default="1",
    show_default=True,
    help="Factor on the list price: 1.2 adds a fifth.",
)
@click.option("--app", help="The app that the actors use.")
@json_option
@pass_invocation
def replay(invocation: Invocation, /, file: BinaryIO, **options: Any) -> None:  # noqa: ANN401
    """Price every row of the usage FILE (CSV or JSON lines; - is standard input) by its model, and charge it.

    Columns with common names are found automatically. Rows charged before are replays: run an interrupted
    replay again to continue it. The last line on standard output is the summary as JSON. Exit code 3 if not every row
    is on the record.
    """
    if options["batch"] and options["holds"]:
        raise click.UsageError("give either --batch or --holds: a row is charged in a batch or held first")
    rows = read_usage(file.read(), _reading(options))
    summary = _charge(invocation, rows, options)
    _show(invocation, summary)
    sys.exit(_exit_code(summary))


def _reading(options: dict[str, Any]) -> Reading:
    return Reading(
        columns=Columns(**{role: options[f"{role}_column"] for role in _COLUMNS}),
        model=options["model"],
        actors=options["actors"],
        seed=options["seed"],
        run_id=options["run_id"],
        limit=options["limit"],
    )


def _charge(invocation: Invocation, rows: list[Usage], options: dict[str, Any]) -> Summary:
    multiplier: Decimal = options["price_multiplier"]
    concurrency: int = options["concurrency"]
    holds = HoldTerms(options["hold_factor"], options["max_output_tokens"]) if options["holds"] else None
    terms = Terms(options["if_insufficient"], options["app"], options["batch"], holds)
    with invocation.client(max_connections=concurrency) as client, _progress_bar(len(rows)) as advance:
        return run_replay(client, rows, concurrency, advance, price=Pricer(multiplier), terms=terms)


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Progress], None]]:
    """On standard error, so that standard output contains only the result."""
    results: Counter[str] = Counter()
    columns = (
        TextColumn("charging"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance(progress: Progress) -> None:
            results[progress.last.result] += 1
            counts = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
            bar.update(task, completed=progress.done, description=counts)

        yield advance


def _show(invocation: Invocation, summary: Summary) -> None:
    for failure in summary.failures:
        usage = failure.priced.usage
        click.echo(f"millicent: {usage.key} of {usage.actor} failed: {failure.error}", err=True)
    if summary.stopped_by:
        click.echo(f"millicent: stopped: {summary.stopped_by}", err=True)
    if summary.interrupted:
        click.echo("millicent: interrupted; run the same command again to continue", err=True)
    if not invocation.as_json:
        print_facts("Replay", _table(summary))
    print_json(_line(summary))


def _table(summary: Summary) -> dict[str, object]:
    return {
        "rows": summary.rows,
        "requests": summary.requests,
        "charged": summary.charged,
        "refused": summary.refused,
        "replayed": summary.replayed,
        "failed": summary.failed,
        "holds": summary.holds or None,
        "captures": summary.captures or None,
        "input tokens": summary.input_tokens,
        "output tokens": summary.output_tokens,
        "charged now (millicents)": millicents(summary.charged_microcents),
        "charged before (millicents)": millicents(summary.replayed_microcents),
        "short (millicents)": millicents(summary.shortfall_microcents) if summary.shortfall_microcents else None,
        "seconds": f"{summary.seconds:.1f}",
        "requests per second": f"{summary.requests_per_second:.1f}",
    }


def _line(summary: Summary) -> dict[str, object]:
    return {
        "rows": summary.rows,
        "requests": summary.requests,
        "charged": summary.charged,
        "refused": summary.refused,
        "replayed": summary.replayed,
        "failed": summary.failed,
        "holds": summary.holds,
        "captures": summary.captures,
        "charged_microcents": summary.charged_microcents,
        "replayed_microcents": summary.replayed_microcents,
        "shortfall_microcents": summary.shortfall_microcents,
        "input_tokens": summary.input_tokens,
        "output_tokens": summary.output_tokens,
        "interrupted": summary.interrupted,
        "seconds": summary.seconds,
    }


def _exit_code(summary: Summary) -> int:
    if summary.interrupted:
        return EXIT_INTERRUPTED
    if summary.stopped_by:
        return exit_code(summary.stopped_by)
    return 0 if summary.is_complete else EXIT_UNAVAILABLE
