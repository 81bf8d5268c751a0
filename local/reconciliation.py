"""Checks that everything adds up, with the product's own reconciler, as `millicent verify` does."""

import time
from collections.abc import Callable
from typing import Final

from local.aws import Aws
from local.deploy import STACK, Stack
from local.tables import Tables
from millicent import aws as sdk
from millicent import operations
from millicent.operations import Reconciliation
from shared.adapters.keys import is_entry_sk

STANDSTILL_S: Final = 220
"""If no new audit row arrives in this time, none will: a failed event is delivered again after 190 s."""
POLL_INTERVAL_S: Final = 1


def reconcile(aws: Aws) -> Reconciliation:
    """The findings of the deployed reconciler. No charges may run meanwhile, or audit rows seem to be missing."""
    deployed = sdk.Stack(STACK, aws.session, aws.url)
    *_, found = operations.reconcile(deployed, repair=False, grace_s=0)
    return found


def wait_for_audit(
    tables: Tables, now_s: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Waits for the audit table to catch up with the ledger, as long as rows keep arriving."""
    expected = sum(is_entry_sk(item["sk"]["S"]) for item in tables.ledger_items())
    moved_at, rows = now_s(), -1
    while now_s() - moved_at < STANDSTILL_S:
        counted = sum(1 for _ in tables.audit_items())
        if counted >= expected:
            return
        if counted != rows:
            rows, moved_at = counted, now_s()
        sleep(POLL_INTERVAL_S)


def reconcile_when_caught_up(aws: Aws, stack: Stack) -> Reconciliation:
    wait_for_audit(Tables(aws, stack))
    return reconcile(aws)
