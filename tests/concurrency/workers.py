"""What other processes run. They share nothing with the test but the table."""

import time
from collections.abc import Iterable

from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.operations import Charge
from tests.builders import NOW_MS, operation
from tests.database import PATIENT_MS, patient_connections, record_patiently


def charge_each(table_name: str, host: str, keys: Iterable[str]) -> list[tuple[str, bool]]:
    """Charges 1 under each key in turn and returns outcome and whether it was a replay."""
    with patient_connections():
        ledger = DynamoLedger(table_name, PATIENT_MS, host=host)
    recorded = [record_patiently(ledger, operation(key, Charge(1)), NOW_MS) for key in keys]
    return [(each.entry.outcome, each.replayed) for each in recorded]


def charge_until_killed(table_name: str, host: str, keys: Iterable[str]) -> None:
    """Charges 1 under each key and then waits, so that whoever kills this process may come late."""
    charge_each(table_name, host, keys)
    time.sleep(3600)
