"""The commands, one per call of the API, and `replay`."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar, get_args

import click

from millicent.cli.backfill import backfill_command
from millicent.cli.console import console
from millicent.cli.doctor import doctor
from millicent.cli.estimate import estimate
from millicent.cli.invocation import (
    EXIT_BAD_USAGE,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    Invocation,
    exit_code,
    json_option,
    key_option,
    pass_invocation,
    report,
    report_interruption,
    report_unwritten,
)
from millicent.cli.operations import digest, dlq, enqueue, verify
from millicent.cli.output import CannotWrite, print_facts, print_json, print_rows
from millicent.cli.policies import (
    allowance,
    configure,
    decision_facts,
    freeze,
    join,
    leave,
    limits,
    policy_facts,
    print_limits,
    unfreeze,
)
from millicent.cli.rates import quote, rates
from millicent.cli.replay import replay
from millicent.cli.reports import accounts, entries, rows_option, show_entries, statement, top, usage
from millicent.cli.show import show
from millicent.cli.tail import tail
from millicent.cli.terms import COMMANDS as TERMS_COMMANDS
from millicent.cli.values import AMOUNT, INSTANT, JSON_OBJECT
from millicent.client import Category, IfExpired, IfInsufficient, Millicent, Overrun
from millicent.errors import MillicentError, figures_of
from millicent.models import Account, AuditTrail, CheckResult, Hold, Operation, Receipt

_app_option = click.option("--app", help="The app that the actor uses.")
_usage_option = click.option(
    "--usage", type=JSON_OBJECT, help="JSON object with meter, model and quantities; replaces the amount."
)
_cost_usd_option = click.option(
    "--cost-usd", type=AMOUNT, metavar="DOLLARS", help="Dollars with any number of decimals; replaces the amount."
)
_occurred_at_option = click.option(
    "--occurred-at", type=INSTANT, help="When the work was done; default: now. The price of that time applies."
)


class _Commands(click.Group):
    """Reports each client error as a sentence and an exit code, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except CannotWrite as failure:
            return self._unwritten(ctx, failure)
        except MillicentError as error:
            report(ctx.ensure_object(Invocation), error)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            report_interruption(ctx.ensure_object(Invocation))
            ctx.exit(EXIT_INTERRUPTED)

    @staticmethod
    def _unwritten(ctx: click.Context, failure: CannotWrite) -> NoReturn:
        """Exit code 2: a script would take 1 for a refusal. click itself handles a reader that closes the pipe."""
        invocation = ctx.ensure_object(Invocation)
        if invocation.key is None and isinstance(failure.__cause__, BrokenPipeError):
            raise failure.__cause__
        report_unwritten(invocation, failure)
        ctx.exit(EXIT_BAD_USAGE)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="millicent")
@click.option("--url", help="The service's URL. Default: MILLICENT_URL, else the nearest .millicent/endpoint.json.")
@click.option("--token", help="A bearer token. Others can see it in the process list; prefer MILLICENT_TOKEN.")
@click.option(
    "--deadline",
    type=click.FloatRange(0, min_open=True),
    default=15.0,
    show_default=True,
    help="Seconds to retry a call before giving up.",
)
@pass_invocation
def main(invocation: Invocation, url: str | None, token: str | None, deadline: float) -> None:
    """Prepaid credits and metering. Amounts are millicents (1/1000 cent).

    \b
    Exit codes:
      0    done
      1    refused by the ledger, or check, audit, verify or dlq found a problem
      2    bad usage, invalid content, or an answer that cannot be written
      3    outcome unknown, or service unavailable
      4    not signed in, or not permitted
      5    not found
      130  interrupted
    """
    invocation.url, invocation.token, invocation.deadline_s = url, token, deadline


@main.command()
@click.argument("actor")
@click.option("--minimum", type=AMOUNT, help="Millicents that a charge needs; default 100.")
@_usage_option
@_app_option
@click.option("--meter", help="The meter of the usage.")
@json_option
@pass_invocation
def check(invocation: Invocation, /, actor: str, **options: Any) -> None:  # noqa: ANN401
    """Check whether ACTOR can pay a charge. Exit code 1 if not."""
    with invocation.client() as client:
        result = client.check(actor, **options)
    _show(invocation, result, _show_check)
    sys.exit(0 if result.allowed else EXIT_REFUSED)


@main.command()
@click.argument("actor")
@click.argument("amount", metavar="[COST]", type=AMOUNT, required=False)
@_usage_option
@_cost_usd_option
@_occurred_at_option
@click.option("--if-insufficient", type=click.Choice(get_args(IfInsufficient)), default="refuse", show_default=True)
@click.option("--check-id", help="The id of the check that allowed this charge.")
@_app_option
@click.option("--meter", help="The meter of the usage.")
@click.option("--metadata", type=JSON_OBJECT, help="A JSON object to store with the entry.")
@key_option
@json_option
@pass_invocation
def cost(invocation: Invocation, /, actor: str, amount: str | None, **options: Any) -> None:  # noqa: ANN401
    """Charge ACTOR with COST millicents, with the price of --usage, or with dollars."""
    _insist_on_one("COST", amount, options)
    with invocation.client() as client:
        receipt = client.charge(actor, amount, **options)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("amount", metavar="[AMOUNT]", type=AMOUNT, required=False)
@_usage_option
@click.option("--minimum", "minimum_amount", type=AMOUNT, help="Hold the available credits, but at least this amount.")
@click.option("--ttl", "ttl_s", type=int, help="Seconds until the hold expires; default 600.")
@_app_option
@click.option("--meter", help="The meter of the usage.")
@click.option("--metadata", type=JSON_OBJECT, help="A JSON object to store with the entry.")
@key_option
@json_option
@pass_invocation
def hold(invocation: Invocation, /, actor: str, amount: str | None, **options: Any) -> None:  # noqa: ANN401
    """Hold AMOUNT millicents of ACTOR, or the most that --usage can cost, to capture or release later."""
    _insist_on_one("AMOUNT", amount, options)
    with invocation.client() as client:
        receipt = client.hold(actor, amount, **options)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("hold_id", metavar="HOLD")
@click.option("--amount", type=AMOUNT, help="The amount to charge; default: all that is left.")
@_usage_option
@_cost_usd_option
@_occurred_at_option
@click.option("--final/--part", default=True, show_default=True, help="End HOLD, or capture a part and leave it open.")
@click.option("--overrun", type=click.Choice(get_args(Overrun)), default="refuse", show_default=True)
@click.option(
    "--if-expired",
    type=click.Choice(get_args(IfExpired)),
    default="refuse",
    show_default=True,
    help="What to do if HOLD has expired.",
)
@_app_option
@click.option("--meter", help="The meter of the usage.")
@click.option("--metadata", type=JSON_OBJECT, help="A JSON object to store with the entry.")
@key_option
@json_option
@pass_invocation
def capture(invocation: Invocation, /, actor: str, hold_id: str, **options: Any) -> None:  # noqa: ANN401
    """Charge HOLD, or a part of it, and return the rest; with --part the rest stays held."""
    with invocation.client() as client:
        receipt = client.capture(actor, hold_id, **options)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("hold_id", metavar="HOLD")
@key_option
@json_option
@pass_invocation
def release(invocation: Invocation, actor: str, hold_id: str, key: str) -> None:
    """Return what is left of HOLD."""
    with invocation.client() as client:
        receipt = client.release(actor, hold_id, key=key)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("hold_id", metavar="HOLD")
@click.option("--ttl", "ttl_s", type=int, required=True, help="Seconds from now until the hold expires.")
@key_option
@json_option
@pass_invocation
def extend(invocation: Invocation, actor: str, hold_id: str, ttl_s: int, key: str) -> None:
    """Extend HOLD."""
    with invocation.client() as client:
        receipt = client.extend(actor, hold_id, ttl_s, key=key)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("charge", metavar="CHARGE")
@click.option(
    "--amount", type=AMOUNT, help="The amount to refund; default: all of the charge that is not refunded yet."
)
@key_option
@json_option
@pass_invocation
def refund(invocation: Invocation, actor: str, charge: str, amount: str | None, key: str) -> None:
    """Refund the charge of ACTOR with the key CHARGE, or a part of it."""
    with invocation.client() as client:
        receipt = client.refund(actor, charge, amount, key=key)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("grant")
@click.option("--reason", help="A note to store with the entry.")
@key_option
@json_option
@pass_invocation
def void(invocation: Invocation, actor: str, grant: str, reason: str | None, key: str) -> None:
    """Void GRANT: take back its unspent credits."""
    with invocation.client() as client:
        receipt = client.void_grant(actor, grant, reason=reason, key=key)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.option("--old", type=AMOUNT, help="The current funded total; 0 for a new account.")
@click.option("--new", type=AMOUNT, help="The new funded total.")
@click.option("--force", is_flag=True, help="Set the total even if the account is then overdrawn beyond its limit.")
@click.option("--amount", type=AMOUNT, help="Credits to add as a grant.")
@click.option("--category", type=click.Choice(get_args(Category)))
@click.option("--priority", type=int, help="Grants with a lower priority are spent first; default 10.")
@click.option("--expires-at", type=INSTANT, help="When the grant expires, such as 2026-01-31T12:00:00Z.")
@click.option("--reason", help="A note to store with the entry.")
@key_option
@json_option
@pass_invocation
def fund(invocation: Invocation, /, actor: str, **options: Any) -> None:  # noqa: ANN401
    """Fund ACTOR: set the funded total (--old and --new), or add a grant (--amount)."""
    _insist_on_one_form(options)
    with invocation.client() as client:
        receipt = _grant(client, actor, options) if options["amount"] else _update_funding(client, actor, options)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@click.argument("amount", type=AMOUNT)
@click.option("--category", type=click.Choice(get_args(Category)))
@click.option("--priority", type=int, help="Grants with a lower priority are spent first; default 10.")
@click.option("--expires-at", type=INSTANT, help="When the grant expires, such as 2026-01-31T12:00:00Z.")
@click.option("--reason", help="A note to store with the entry.")
@key_option
@json_option
@pass_invocation
def grant(invocation: Invocation, /, actor: str, amount: str, **options: Any) -> None:  # noqa: ANN401
    """Grant AMOUNT millicents to ACTOR."""
    with invocation.client() as client:
        receipt = client.grant(actor, amount, **options)
    _show(invocation, receipt, _show_receipt)


@main.command()
@click.argument("actor")
@json_option
@pass_invocation
def account(invocation: Invocation, actor: str) -> None:
    """Show the balance, grants and holds of ACTOR."""
    with invocation.client() as client:
        _show(invocation, client.account(actor), _show_account)


@main.command()
@click.argument("actor")
@rows_option
@json_option
@pass_invocation
def audit(invocation: Invocation, actor: str, limit: int) -> None:
    """List the audit rows of ACTOR, newest first. Exit code 1 if their sequence or chain is broken.

    Rows that have not arrived yet are no fault: the output says up to which seq the trail is complete.
    """
    with invocation.client() as client:
        trail = client.audit(actor, max_rows=limit)
    _show(invocation, trail, lambda shown: _show_trail(actor, shown))
    sys.exit(0 if trail.verified else EXIT_REFUSED)


@main.command()
@click.argument("key")
@click.option("--actor", required=True, help="The actor that the key belongs to.")
@json_option
@pass_invocation
def operation(invocation: Invocation, key: str, actor: str) -> None:
    """Show what was recorded under KEY. Exit code 5 if nothing was."""
    with invocation.client() as client:
        _show(invocation, client.operation(key, actor), _show_operation)


@main.command()
@json_option
@pass_invocation
def health(invocation: Invocation) -> None:
    """Ask whether the service answers."""
    with invocation.client() as client:
        _show(invocation, client.health(), lambda shown: print_facts("Service", {"status": shown.status}))


main.add_command(replay)
main.add_command(verify)
main.add_command(digest)
main.add_command(dlq)
main.add_command(backfill_command)
main.add_command(doctor)
main.add_command(console)
main.add_command(cost, "charge")
main.add_command(rates)
for _command in TERMS_COMMANDS:
    rates.add_command(_command)
main.add_command(quote)
for command in (configure, freeze, unfreeze, join, leave, limits, allowance):
    main.add_command(command)
main.add_command(enqueue)
main.add_command(accounts)
main.add_command(entries)
main.add_command(statement)
main.add_command(usage)
main.add_command(top)
main.add_command(tail)
main.add_command(show)
main.add_command(estimate)

_Answer = TypeVar("_Answer")


def _show(invocation: Invocation, answer: _Answer, as_table: Callable[[_Answer], None]) -> None:
    if invocation.as_json:
        print_json(answer)
    else:
        as_table(answer)


def _insist_on_one(name: str, amount: str | None, options: Mapping[str, Any]) -> None:
    instead = {name: options[name] for name in ("usage", "cost_usd") if name in options}
    if [amount, *instead.values()].count(None) != len(instead):
        named = " or ".join(f"--{each}" for each in instead).replace("_", "-")
        raise click.UsageError(f"give either {name} or {named}")


def _insist_on_one_form(options: Mapping[str, Any]) -> None:
    update = [name for name in ("old", "new", "force") if options[name]]
    grant = [name for name in ("amount", "category", "priority", "expires_at") if options[name] is not None]
    if update and grant:
        raise click.UsageError("give either --old and --new (set the funded total) or --amount (add a grant)")
    if grant and options["amount"] is None:
        raise click.UsageError("a grant needs --amount")
    if not grant and (options["old"] is None or options["new"] is None):
        raise click.UsageError("give --old and --new to set the funded total, or --amount to add a grant")


def _grant(client: Millicent, actor: str, options: Mapping[str, Any]) -> Receipt:
    terms = {name: options[name] for name in ("category", "priority", "expires_at", "reason", "key")}
    return client.grant(actor, options["amount"], **terms)


def _update_funding(client: Millicent, actor: str, options: Mapping[str, Any]) -> Receipt:
    terms = {name: options[name] for name in ("reason", "force", "key")}
    return client.update_funding(actor, options["old"], options["new"], **terms)


def _show_check(result: CheckResult) -> None:
    print_facts(
        f"Check of {result.actor}",
        {
            "allowed": result.allowed,
            "reason": result.reason,
            **decision_facts(result.limit),
            "minimum": result.minimum,
            "available": result.available,
            "held": result.held,
            "spendable": result.spendable,
            "shortfall": result.shortfall,
            "rate card": result.rate_card,
            "check": result.check_id,
        },
    )


def _show_receipt(receipt: Receipt, *, is_looked_up: bool = False) -> None:
    entry, balance = receipt.entry, receipt.balance
    print_facts(
        f"{entry.kind} of {entry.actor}",
        {
            "amount": entry.amount,
            "outcome": entry.outcome,
            "shortfall": receipt.shortfall or None,
            "replayed": None if is_looked_up else receipt.replayed,
            "rate card": entry.rate_card,
            "occurred at": entry.occurred_at,
            "dollars": entry.cost_usd,
            **_hold_facts(receipt.hold),
            "grant": receipt.grant.id if receipt.grant else None,
            "available": balance.available,
            "held": balance.held,
            "funded": balance.funded,
            "spent": balance.spent,
            "seq": entry.seq,
            "key": entry.key,
        },
    )


def _hold_facts(shown: Hold | None) -> dict[str, object]:
    if shown is None:
        return {}
    return {"hold": shown.id, "hold is": shown.status, "hold until": shown.expires_at}


def _show_account(shown: Account) -> None:
    print_facts(
        f"Account of {shown.actor}",
        {
            "available": shown.available,
            "held": shown.held,
            "funded": shown.funded,
            "spent": shown.spent,
            "overdraft limit": shown.overdraft_limit,
            "entries": shown.seq,
            **policy_facts(shown),
        },
    )
    if shown.limits:
        print_limits("Limits", shown.limits)
    if shown.grants:
        sides = {"grant": "left", "remaining": "right", "amount": "right", "priority": "right"}
        rows = ((g.id, g.remaining, g.amount, g.priority, g.category, g.expires_at) for g in shown.grants)
        print_rows("Grants", {**sides, "category": "left", "expires": "left"}, rows)
    if shown.holds:
        held = ((each.id, each.amount, each.expires_at) for each in shown.holds)
        print_rows("Open holds", {"hold": "left", "amount": "right", "until": "left"}, held)


def _show_trail(actor: str, trail: AuditTrail) -> None:
    pending = f"sequence and chain are intact up to seq {trail.verified_through}; newer rows have not arrived yet"
    verdict = {True: "sequence and chain are intact", "pending": pending}.get(
        trail.verified, "SEQUENCE OR CHAIN IS BROKEN"
    )
    show_entries(f"Audit of {actor}: {verdict}", list(trail.items))


def _show_operation(shown: Operation) -> None:
    _show_receipt(Receipt(entry=shown.entry, balance=shown.balance), is_looked_up=True)
    if shown.problem is not None:
        problem = shown.problem
        facts = {"status": shown.status, "code": problem.code, "detail": problem.detail, **figures_of(problem)}
        print_facts("Refused", facts)
