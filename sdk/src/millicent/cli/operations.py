"""The commands that need AWS credentials: `verify`, `dlq`, `enqueue` and `digest` (proofs need none)."""

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from millicent import failures, ingest, operations, verify_proof
from millicent.aws import Stack, find_stack
from millicent.cli.backfill import show_backfill
from millicent.cli.invocation import EXIT_REFUSED, Invocation, json_option, pass_invocation
from millicent.cli.output import print_facts, print_json, print_rows, print_text, writing
from millicent.errors import NotFound
from millicent.kept import digests_from, sentence, verify_kept
from millicent.operations import NothingRecorded, Reconciliation

_FINDING_COLUMNS: Final = {"tenant": "left", "actor": "left", "place": "left", "seq": "right", "problem": "left"}
_MESSAGE_COLUMNS: Final = {"sent": "left", "kind": "left", "what": "left", "why": "left", "message": "left"}
_decode_object: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode

_existing_file: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_stack_option = click.option("--stack", help="The deployed stack. Default: MILLICENT_STACK, else the laptop cloud's.")


@click.command()
@click.option("--repair", is_flag=True, help="Write missing audit rows, places in the index and sums of tenants.")
@click.option("--actor", help="Check this account only.")
@click.option("--tenant", default="default", show_default=True, help="The tenant of --actor.")
@click.option(
    "--grace",
    "grace_s",
    type=click.IntRange(0, 86_400),
    help="Seconds that an entry may take to reach the audit table; default: the stack's parameter.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(0, 3600),
    default=30,
    show_default=True,
    help="Seconds to wait for entries on their way to the audit table and to usage. None arriving is a finding.",
)
@_stack_option
@json_option
@pass_invocation
def verify(  # noqa: PLR0913, PLR0917 - an argument an option
    invocation: Invocation,
    repair: bool,
    actor: str | None,
    tenant: str,
    grace_s: int | None,
    wait_s: int,
    stack: str | None,
) -> None:
    """Check that the ledger adds up and matches the audit table. Exit code 1 if not.

    Exit code 5 if the account of --actor does not exist.
    """
    found = Reconciliation()
    deployed = _stack(invocation, stack)
    if repair and actor is None:
        show_backfill(deployed)
    runs = operations.reconcile(deployed, repair=repair, grace_s=grace_s, tenant=tenant, actor=actor)
    for found in runs:
        if found.next is not None:
            click.echo(f"{found.accounts:,} accounts, {len(found.findings):,} findings so far", err=True)
    if actor is not None and found.saw_nothing:
        raise NothingRecorded(f"account {actor} does not exist in the tenant {tenant}")
    if repair:
        found = operations.with_sums_repaired(deployed, found, grace_s)
    found = _settled(deployed, found, wait_s)
    if invocation.as_json:
        print_json({"holds": found.holds, **msgspec.structs.asdict(found)})
    else:
        _show_reconciliation(found)
    sys.exit(0 if found.holds else EXIT_REFUSED)


@click.group()
def digest() -> None:
    """Signed digests over all accounts, and proofs that an account is in one."""


@digest.command("make")
@_stack_option
@json_option
@pass_invocation
def make(invocation: Invocation, stack: str | None) -> None:
    """Make a digest now, in addition to the daily digests. Exit code 1 if it contradicts the digest before it."""
    made = operations.make_digest(_stack(invocation, stack))
    if invocation.as_json:
        print_json(made)
    else:
        facts = msgspec.structs.asdict(made)
        facts.pop("findings")
        print_facts(f"Digest of {stack or 'all accounts'}", facts)
        if made.findings:
            rows = ((each.tenant, each.actor, each.problem) for each in made.findings)
            print_rows("Contradictions", {"tenant": "left", "actor": "left", "problem": "left"}, rows)
    sys.exit(EXIT_REFUSED if made.regressions else 0)


@digest.command("key")
@_stack_option
@json_option
@pass_invocation
def key(invocation: Invocation, stack: str | None) -> None:
    """Show the public key that signs digests, and its fingerprint, from KMS."""
    shown = operations.signing_key(_stack(invocation, stack))
    if invocation.as_json:
        print_json(shown)
    else:
        print_text(f"fingerprint {shown.fingerprint}\n{shown.pem}")


@digest.command("proof")
@click.argument("actor")
@click.option("--digest", "wanted", default="latest", show_default=True, help="latest, a number, or a date.")
@click.option("--records", type=click.IntRange(1, 100), help="The number of newest entries to include in the proof.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead of standard output."
)
@pass_invocation
def proof(invocation: Invocation, actor: str, wanted: str, records: int | None, out: Path | None) -> None:
    """Fetch the proof that ACTOR's history is in a digest."""
    with invocation.client() as client:
        document = client.proof(actor, digest=wanted, records=records)
    if out is None:
        print_json(document)
    else:
        with writing(out):
            out.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
        print_text(f"written to {out}\n")


@digest.command("verify")
@click.argument("proof_file", metavar="[PROOF]", type=_existing_file, required=False)
@click.option(
    "--kept",
    type=_existing_file,
    help="Digests that you kept, to compare with the service's instead of verifying a proof.",
)
@click.option("--key", "trusted", required=True, help="The trusted key: its fingerprint, or a file.")
@click.option("--records", type=_existing_file, help="A file with your own copy of the records.")
@pass_invocation
@click.pass_context
def verify_digest(
    ctx: click.Context,
    invocation: Invocation,
    proof_file: Path | None,
    kept: Path | None,
    trusted: str,
    records: Path | None,
) -> None:
    """Verify a proof offline, or with --kept compare digests that you kept. Exit code 1 if the check fails.

    --kept asks the service for its digests, from the oldest that was kept to its newest: each must be signed with the
    key and follow from the one before it, and those that were kept must be the same word for word.
    """
    if (proof_file is None) == (kept is None) or (kept and records):
        raise click.UsageError("give either PROOF (with or without --records) or --kept")
    if kept is not None:
        ctx.exit(_verify_kept(invocation, kept, trusted))
    arguments = [str(proof_file), "--key", trusted, *(["--records", str(records)] if records else [])]
    ctx.exit(verify_proof.main(arguments))


def _verify_kept(invocation: Invocation, file: Path, key: str) -> int:
    try:
        digests, fingerprint = digests_from(file.read_text()), verify_proof.trusted(key)
    except (OSError, ValueError, TypeError) as unreadable:
        raise click.UsageError(f"{file}: {unreadable}") from unreadable
    with invocation.client() as client:

        def shown(wanted: str) -> Mapping[str, Any] | None:
            try:
                return client.digest(wanted)
            except NotFound:
                return None

        try:
            found = verify_kept(digests, fingerprint, lambda number: shown(str(number)), shown("latest"))
        except verify_proof.NotProved as failure:
            click.echo(f"NOT PROVED: {failure}", err=True)
            return EXIT_REFUSED
    print_text(f"{sentence(found)}\n")
    return EXIT_REFUSED if found.contradictions else 0


@click.command("enqueue")
@click.argument("file", type=click.File("rb"))
@click.option("--tenant", help="The tenant of the charges, where the stack takes the tenant from messages.")
@_stack_option
@json_option
@pass_invocation
def enqueue(invocation: Invocation, file: BinaryIO, tenant: str | None, stack: str | None) -> None:
    """Send the charges in FILE (JSON lines; - is standard input) to the ingest queue without waiting for answers.

    A line is a charge as in POST /v1/cost/batch, with its own key: enqueue the same file again, and nothing is charged
    twice.
    """
    charges = [_charge(number, line) for number, line in enumerate(file, start=1) if line.strip()]
    sent = ingest.enqueue(_stack(invocation, stack), charges, tenant=tenant)
    if invocation.as_json:
        print_json({"enqueued": sent})
    else:
        print_facts("Ingest queue", {"enqueued": sent})


@click.group()
def dlq() -> None:
    """The failure queues: list, show and redrive messages that failed."""


@dlq.command("list")
@_stack_option
@json_option
@pass_invocation
def list_queues(invocation: Invocation, stack: str | None) -> None:
    """Count the messages in each failure queue. Exit code 1 if there are any."""
    found = _stack(invocation, stack)
    counted = [failures.waiting(found, queue) for queue in failures.queues(found)]
    if invocation.as_json:
        rows = [{"name": each.queue.name, "waiting": each.waiting, "in_hand": each.in_hand} for each in counted]
        print_json({"items": rows})
    else:
        columns = {"queue": "left", "waiting": "right", "in hand": "right"}
        print_rows("Failure queues", columns, ((each.queue.name, each.waiting, each.in_hand) for each in counted))
    sys.exit(EXIT_REFUSED if any(each.waiting or each.in_hand for each in counted) else 0)


@dlq.command("show")
@click.argument("queue")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="Messages.")
@_stack_option
@json_option
@pass_invocation
def show(invocation: Invocation, queue: str, limit: int, stack: str | None) -> None:
    """Show messages of QUEUE (outbox, rule, audit, usage, schedule or ingest) without removing them."""
    found = _stack(invocation, stack)
    shown = failures.show(found, failures.queue_named(found, queue), limit)
    if invocation.as_json:
        print_json({"items": [_facts(each) for each in shown]})
    else:
        rows = ((each.sent_at, each.kind, each.subject, each.why, each.id) for each in shown)
        print_rows(f"Failure queue {queue}", _MESSAGE_COLUMNS, rows)


@dlq.command("redrive")
@click.argument("queue")
@click.option("--limit", type=click.IntRange(1), help="The most messages to send; default: all.")
@_stack_option
@json_option
@pass_invocation
def redrive(invocation: Invocation, queue: str, limit: int | None, stack: str | None) -> None:
    """Send the messages of QUEUE again. Repeating is safe. Exit code 1 if any message stays."""
    found = _stack(invocation, stack)
    done = list(failures.redrive(found, failures.queue_named(found, queue), limit))
    taken = sum(each.is_taken for each in done)
    if invocation.as_json:
        items = [_facts(each.failure) | {"taken": each.is_taken, "done": each.done} for each in done]
        print_json({"taken": taken, "left": len(done) - taken, "items": items})
    else:
        columns = {"taken": "left", "kind": "left", "what": "left", "done": "left"}
        rows = ((each.is_taken, each.failure.kind, each.failure.subject, each.done) for each in done)
        print_rows(f"Failure queue {queue}: {taken} sent, {len(done) - taken} left", columns, rows)
    sys.exit(0 if taken == len(done) else EXIT_REFUSED)


def _charge(number: int, line: bytes) -> dict[str, Any]:
    """Checks only what sending needs. Raises UsageError."""
    try:
        charge = _decode_object(line)
    except msgspec.DecodeError as malformed:
        raise click.UsageError(f"line {number} is not a JSON object: {malformed}") from malformed
    for name in ("key", "actor"):
        if not isinstance(charge.get(name), str) or not charge[name]:
            raise click.UsageError(f"line {number} needs {name}, a string")
    return charge


def _stack(invocation: Invocation, name: str | None) -> Stack:
    return invocation.stack or find_stack(name)


def _settled(deployed: Stack, found: Reconciliation, wait_s: int) -> Reconciliation:
    """Once what is on its way has arrived, or a part of it; what stands still is among the findings."""
    if not found.waiting or not found.holds:
        return found
    told = f"{found.late:,} entries are on their way to the audit table, {found.uncounted:,} to usage"
    click.echo(f"{told}: waiting up to {wait_s} s for one to arrive", err=True)
    return operations.with_standstills(deployed, found, wait_s)


def _show_reconciliation(found: Reconciliation) -> None:
    facts = {
        "accounts": found.accounts,
        "entries": found.entries,
        "audit rows": found.audited,
        "late": found.late,
        "uncounted": found.uncounted,
        "repaired": found.repaired,
        "drift (microcents)": found.drift_microcents,
        "findings": len(found.findings),
        "not verified": len(found.unverified),
        "everything holds": found.holds,
    }
    print_facts("Reconciliation", facts)
    if found.findings:
        rows = ((each.tenant, each.actor, each.place, each.seq, each.problem) for each in found.findings)
        print_rows("Findings", _FINDING_COLUMNS, rows)
    if found.unverified:
        print_rows("Not verified: too large", {"tenant": "left", "actor": "left"}, map(_row, found.unverified))


def _row(account: operations.TenantActor) -> tuple[str, str]:
    return account.tenant, account.actor


def _facts(failure: failures.Failure) -> dict[str, Any]:
    return {
        "id": failure.id,
        "sent_at": failure.sent_at,
        "kind": failure.kind,
        "what": failure.subject,
        "why": failure.why,
        "body": failure.body,
    }
