"""`millicent replay`: charge a usage file."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
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
from millicent.cli.output import print_facts, print_json, print_rows, writing
from millicent.cli.values import AMOUNT, MULTIPLIER
from millicent.client import IfInsufficient
from millicent.errors import ValidationFailed
from millicent.replay import (
    DEFAULT_CONCURRENCY,
    DEFAULT_SEED,
    Columns,
    DryRun,
    HoldTerms,
    Progress,
    QuotedRow,
    Reading,
    RowOutcome,
    Skipped,
    Summary,
    Terms,
    Total,
    Usage,
    UsageFile,
    load_usage,
    model_of,
    quote_rows,
    reason_of,
    report,
)
from millicent.replay import replay as run_replay

_COLUMNS: Final[Mapping[str, str]] = {
    "actor": "Column of the actor, who pays.",
    "model": "Column of the model.",
    "input": "Column of input tokens.",
    "output": "Column of output tokens.",
    "key": "Column of idempotency keys; default: a key from the content of the row.",
    "time": "Column of the time of the request; the price of that time applies.",
    "cost": "Column of the cost in dollars, to charge that instead of the price of the usage.",
    "app": "Column of the app that the actor used.",
}
_PRICE_COLUMNS: Final = {"row": "right", "actor": "left", "model": "left", "time": "left", "price": "right"}
_TOTAL_COLUMNS: Final = {"actor": "left", "model": "left", "rows": "right", "price": "right"}
_UNPRICED_COLUMNS: Final = {"row": "right", "actor": "left", "model": "left", "why": "left"}


def _column_options(command: Callable[..., None]) -> Callable[..., None]:
    for role, help_text in reversed(tuple(_COLUMNS.items())):
        command = click.option(f"--{role}-column", help=help_text)(command)
    return command


def _refuse_multiplier(_: click.Context, __: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(
            "--price-multiplier is gone, since only the service prices: for a margin or a discount set an adjustment of"
            " the built-in rate card, for example with `millicent rates adjust markup --multiplier 1.2`"
        )


@click.command()
@click.argument("file", type=click.File("rb"))
@_column_options
@click.option("--preset", help="The kind of file, if it is not recognised by its content.")
@click.option("--model", help="The model of rows that do not name theirs.")
@click.option("--default-actor", help="The actor of rows that do not name theirs.")
@click.option(
    "--actors",
    type=click.IntRange(1),
    help="Invent this many actors (Zipf distribution), for a file without an actor column.",
)
@click.option(
    "--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of the distribution of rows over actors."
)
@click.option(
    "--ignore-column", "ignored", multiple=True, help="A column to leave out although it looks like billing or a time."
)
@click.option(
    "--sums",
    type=click.Choice(["price", "refuse"]),
    default="price",
    show_default=True,
    help="Rows that are sums of many requests: price them without long-context tiers, or refuse them.",
)
@click.option(
    "--skip-invalid",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="REPORT",
    help="Charge the other rows, and write invalid rows with their reasons to this file, which can be replayed.",
)
@click.option("--dry-run", is_flag=True, help="Show the price of every row, and charge nothing.")
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
    "--lease", type=AMOUNT, metavar="SLICE", help="Charge the rows of a payer out of holds of SLICE millicents."
)
@click.option("--price-multiplier", hidden=True, expose_value=False, callback=_refuse_multiplier)
@click.option("--app", help="The app of rows that do not name theirs.")
@json_option
@pass_invocation
def replay(invocation: Invocation, /, file: BinaryIO, **options: Any) -> None:  # noqa: ANN401
    """Charge every row of the usage FILE, at the service's price for its usage and time; - is standard input.

    FILE is CSV, JSON lines or a JSON array, also in gzip. What was recognised is printed first. A token is needed that
    may charge; --dry-run needs one that may read. Rows charged before are replays: run an interrupted replay again to
    continue it. The last line on standard output is the summary as JSON. Exit code 3 if a row is not on the record.

    A margin or a discount on list prices is an adjustment of the service's built-in rate card.
    """
    if sum(map(bool, (options["batch"], options["holds"], options["lease"]))) > 1:
        raise click.UsageError("give one of --batch, --holds and --lease: a row is charged in one way")
    if options["lease"] and options["if_insufficient"] != "refuse":
        raise click.UsageError("--lease refuses what does not fit: it takes no --if-insufficient")
    read = load_usage(file.read(), _reading(options))
    _show_recognised(read)
    _write_report(options["skip_invalid"], read.skipped)
    if options["dry_run"]:
        found = _priced(invocation, read, options["concurrency"])
        _show_prices(invocation, found)
        sys.exit(EXIT_UNAVAILABLE if found.unpriced else 0)
    summary = _charge(invocation, read, options)
    _write_report(options["skip_invalid"], [*read.skipped, *_not_taken(read, summary)])
    _show(invocation, summary)
    sys.exit(_exit_code(summary))


def _reading(options: dict[str, Any]) -> Reading:
    return Reading(
        columns=Columns(**{role: options[f"{role}_column"] for role in _COLUMNS}),
        preset=options["preset"],
        model=options["model"],
        actors=options["actors"],
        default_actor=options["default_actor"],
        seed=options["seed"],
        run_id=options["run_id"],
        limit=options["limit"],
        ignored_columns=frozenset(options["ignored"]),
        skip_invalid=options["skip_invalid"] is not None,
        sums=options["sums"],
    )


def _show_recognised(read: UsageFile) -> None:
    """On standard error, and before anything can go wrong with the service."""
    for name, value in read.recognised.facts().items():
        if value is not None:
            click.echo(f"recognised {name}: {value}", err=True)
    if read.skipped:
        rows = "1 invalid row is" if len(read.skipped) == 1 else f"{len(read.skipped):,} invalid rows are"
        click.echo(f"millicent: {rows} skipped, see the report", err=True)


def _write_report(file: Path | None, skipped: Iterable[Skipped]) -> None:
    if file is not None:
        with writing(file):
            file.write_bytes(report(skipped))


def _not_taken(read: UsageFile, summary: Summary) -> Iterator[Skipped]:
    """The rows that the service found invalid."""
    for outcome in summary.outcomes:
        if isinstance(outcome.error, ValidationFailed):
            number = outcome.row.row
            yield Skipped(number, reason_of(outcome.error), read.content(number))


def _priced(invocation: Invocation, read: UsageFile, concurrency: int) -> DryRun:
    with invocation.client(max_connections=concurrency) as client, _bar("pricing", len(read.rows)) as advance:
        return quote_rows(client, read.rows, concurrency, advance)


def _charge(invocation: Invocation, read: UsageFile, options: dict[str, Any]) -> Summary:
    concurrency: int = options["concurrency"]
    holds = HoldTerms(options["hold_factor"], options["max_output_tokens"]) if options["holds"] else None
    terms = Terms(options["if_insufficient"], options["app"], options["batch"], holds, options["lease"])
    is_strict = options["skip_invalid"] is None
    with invocation.client(max_connections=concurrency) as client, _progress_bar(len(read.rows)) as advance:
        return run_replay(client, read.rows, concurrency, advance, terms=terms, check_prices=is_strict)


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Progress], None]]:
    results: Counter[str] = Counter()
    with _bar("charging", total) as move:

        def advance(progress: Progress) -> None:
            results[progress.last.result] += 1
            move(progress.done, ", ".join(f"{count} {result}" for result, count in sorted(results.items())))

        yield advance


@contextmanager
def _bar(doing: str, total: int) -> Iterator[Callable[..., None]]:
    """On standard error, so that standard output contains only the result."""
    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done, said="": bar.update(task, completed=done, description=said)


def _show_prices(invocation: Invocation, found: DryRun) -> None:
    if invocation.as_json:
        lists = {
            "prices": [_price_line(each) for each in found.rows if each.error is None],
            "totals": [_total_line(each) for each in found.totals],
            "unpriced_rows": [_about(each.row) | {"reason": reason_of(each.error)} for each in found.unpriced],
        }
        print_json(_dry_line(found) | lists)
        return
    prices = ((*_place(each), each.row.occurred_at, each.exact) for each in found.rows if each.error is None)
    print_rows("Prices (millicents)", _PRICE_COLUMNS, prices)
    totals = ((each.actor, each.model, each.rows, each.exact) for each in found.totals)
    print_rows("Totals (millicents)", _TOTAL_COLUMNS, totals)
    if found.unpriced:
        print_rows("Unpriced", _UNPRICED_COLUMNS, ((*_place(each), reason_of(each.error)) for each in found.unpriced))
    print_json(_dry_line(found))


def _dry_line(found: DryRun) -> dict[str, object]:
    unpriced = len(found.unpriced)
    return {
        "dry_run": True,
        "rows": len(found.rows),
        "priced": len(found.rows) - unpriced,
        "unpriced": unpriced,
        "amount_microcents": found.amount_microcents,
    }


def _place(quoted: QuotedRow) -> tuple[object, ...]:
    return quoted.row.row, quoted.row.actor, model_of(quoted.row)


def _about(row: Usage) -> dict[str, object]:
    return {"row": row.row, "key": row.key, "actor": row.actor, "model": model_of(row)}


def _price_line(quoted: QuotedRow) -> dict[str, object]:
    return _about(quoted.row) | {
        "occurred_at": quoted.row.occurred_at,
        "amount": quoted.exact.normalize(),
        "card": quoted.card,
    }


def _total_line(total: Total) -> dict[str, object]:
    return {"actor": total.actor, "model": total.model, "rows": total.rows, "amount": total.exact.normalize()}


def _show(invocation: Invocation, summary: Summary) -> None:
    for failure in summary.failures:
        row = failure.row
        click.echo(f"millicent: row {row.row}, {row.key} of {row.actor} failed: {reason_of(failure.error)}", err=True)
    if unnamed := summary.failed - len(summary.failures):
        click.echo(f"millicent: {unnamed:,} more rows failed", err=True)
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
        **({"failures": [_failure_line(each) for each in summary.failures]} if summary.failures else {}),
    }


def _failure_line(failure: RowOutcome) -> dict[str, object]:
    return _about(failure.row) | {"reason": reason_of(failure.error)}


def _exit_code(summary: Summary) -> int:
    if summary.interrupted:
        return EXIT_INTERRUPTED
    if summary.stopped_by:
        return exit_code(summary.stopped_by)
    return 0 if summary.is_complete else EXIT_UNAVAILABLE
