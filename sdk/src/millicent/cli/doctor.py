"""`doctor`: is the deployed stack whole?"""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

import click

from millicent.aws import Stack, find_stack
from millicent.cli.invocation import EXIT_REFUSED, Invocation, json_option, pass_invocation
from millicent.cli.output import print_json, print_rows
from millicent.doctor import Examination, Finding, examine
from millicent.doctor.outside import ROLES, Role, Service, credentials_of
from millicent.endpoint import find_endpoint
from millicent.tokens import TokenSource, token_source

_COLUMNS: Final = {"check": "left", "": "left", "seen": "left", "to do": "left"}


@click.command()
@click.option("--stack", help="The deployed stack. Default: MILLICENT_STACK, else the laptop cloud's.")
@click.option("--region", help="The AWS region of the stack. Default: as every AWS tool finds it.")
@click.option("--profile", help="The AWS profile to use. Default: as every AWS tool finds it.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    help="Seconds until a charge must be in the audit table and in the usage.",
)
@json_option
@pass_invocation
def doctor(invocation: Invocation, stack: str | None, region: str | None, profile: str | None, wait_s: float) -> None:
    """Examine a deployed stack: callers, pipeline, alarms, backups. Exit code 1 if anything failed.

    Grants one microcent to the account doctor:millicent and charges it; changes nothing else.
    """
    found = invocation.stack or find_stack(stack, region=region, profile=profile)
    findings: list[Finding] = []
    for finding in examine(Examination(found, _service(invocation, found, wait_s))):
        findings.append(finding)
        if not invocation.as_json and sys.stderr.isatty():
            click.echo(f"{finding.check}: {finding.status}", err=True)
    is_well = all(finding.status != "failed" for finding in findings)
    if invocation.as_json:
        print_json({"stack": found.name, "ok": is_well, "checks": [asdict(finding) for finding in findings]})
    else:
        rows = ((each.check, each.status, each.detail, each.advice) for each in findings)
        print_rows(f"Stack {found.name}", _COLUMNS, rows)
    sys.exit(0 if is_well else EXIT_REFUSED)


def _service(invocation: Invocation, stack: Stack, wait_s: float) -> Service:
    """At the URL that was given, else at the stack's; the laptop cloud's own is in its endpoint file."""
    is_emulated = stack.endpoint_url is not None
    url = invocation.url or (None if is_emulated else stack.output("ApiUrl"))
    base_url = url or str(find_endpoint(None, None).base_url)
    given = None if invocation.token is None else token_source(invocation.token)
    tokens: Mapping[Role, TokenSource] = credentials_of(stack) if given is None else dict.fromkeys(ROLES, given)
    return Service(
        base_url=base_url,
        tokens=tokens,
        deadline_s=wait_s,
        clock=invocation.clock,
        transport=invocation.transport,
    )
