"""What is cut off in the middle: functions at work, the supervisor, the whole cloud."""

import os
import re
import signal
import stat
from contextlib import suppress

import pytest

from local.ownership import owned
from local.processes import ProcessFailedError
from local.tables import Tables
from millicent import Millicent
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

CHARGES_AT_MOST = 500


def test_killing_the_outbox_and_the_audit_function_at_work_loses_no_audit_row(
    laptop: Laptop, client: Millicent
) -> None:
    actor = "user:cut-off"
    client.grant(actor, 1000)
    failed_before = {name: _failed_batches(laptop, name) for name in ("outbox", "audit")}
    _repeat_failed_messages_soon(laptop)
    for number in range(CHARGES_AT_MOST):
        cut_off = {name for name, before in failed_before.items() if _failed_batches(laptop, name) > before}
        if len(cut_off) == len(failed_before):
            break
        client.charge(actor, "0.5", key=f"cut-off-{number}")
        for name in failed_before.keys() - cut_off:
            _kill_workers(laptop, name)
    else:
        pytest.fail("no function was killed at work")

    books = laptop.books_when_audited()
    assert books.audited == books.entries
    trail = client.audit(actor)
    assert trail.verified
    assert len(trail.items) == client.account(actor).seq


def test_a_restart_keeps_the_accounts_and_loses_no_audit_row(laptop: Laptop) -> None:
    actor = "user:restart"
    with laptop.client() as before:
        before.grant(actor, 1000, key="restart-1")
        for number in range(20):
            before.charge(actor, 1, key=f"restart-charge-{number}")
    laptop.stop()
    assert not laptop.endpoint_file.exists()
    eventually(lambda: laptop.processes() == [], "no process is left")

    laptop.start()
    with laptop.client() as after:
        assert after.account(actor).available == 980
        assert after.grant(actor, 1000, key="restart-1").replayed
        after.charge(actor, 1, key="restart-2")
    books = laptop.books_when_audited()
    assert (books.audited, books.drift_microcents) == (books.entries, 0)


def test_a_killed_supervisor_leaves_no_process_and_no_account_behind(laptop: Laptop) -> None:
    with laptop.client() as before:
        before.grant("user:killed", 7)
    laptop.kill_supervisor()
    eventually(lambda: laptop.processes() == [], "the emulator ends with its supervisor")

    laptop.start()
    with laptop.client() as after:
        assert after.account("user:killed").available == 7


def test_a_second_supervisor_is_refused(laptop: Laptop) -> None:
    with pytest.raises(ProcessFailedError, match="already runs"), owned(laptop.state_dir):
        pytest.fail("two supervisors own one state directory")


def test_starting_a_running_cloud_again_changes_nothing(laptop: Laptop) -> None:
    before = laptop.endpoint_file.read_text()
    running = laptop.processes()
    assert laptop.base_url in laptop.command("up")
    assert (laptop.endpoint_file.read_text(), set(running) - set(laptop.processes())) == (before, set())


def test_only_the_owner_may_read_the_tokens(laptop: Laptop) -> None:
    assert stat.S_IMODE(laptop.endpoint_file.stat().st_mode) == 0o600


def test_the_tables_of_the_stack_are_those_that_are_verified(laptop: Laptop, client: Millicent) -> None:
    client.grant("user:tables", 1, key="tables-1")
    assert Tables(laptop.aws, laptop.stack).outcomes()["user:tables", "tables-1"] == "applied"


def _failed_batches(laptop: Laptop, name: str) -> int:
    """How often the emulator told of a batch that the function did not get through."""
    return len(re.findall(rf"ESM: Lambda \S*-{name} failed processing", laptop.emulator_log()))


def _kill_workers(laptop: Laptop, name: str) -> None:
    for pid in laptop.processes(f"-{name}-"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _repeat_failed_messages_soon(laptop: Laptop) -> None:
    """In a second rather than three minutes."""
    sqs = laptop.aws.session.client("sqs", endpoint_url=laptop.aws.url)
    sqs.set_queue_attributes(QueueUrl=laptop.stack.outputs["AuditQueueUrl"], Attributes={"VisibilityTimeout": "1"})
