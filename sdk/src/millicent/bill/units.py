"""What operations take of AWS, as `python -m bench.units` of the repository counts it on the wire.

A usual operation: UUIDs, an app, a meter and three metadata. A test compares this table with the count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Units:
    """Of one operation, one line of a batch of 90, or one event. `log_bytes` are lines of the function."""

    calls: float
    write_units: float
    read_units: float
    log_bytes: float


COUNTED: Final[Mapping[str, Units]] = {
    "check": Units(1, 0, 1, 888),
    "charge": Units(2, 5, 1, 840),
    "charge with limits": Units(3, 7, 2, 840),
    "charge of a member": Units(4, 10, 3, 840),
    "hold": Units(2, 8, 1, 834),
    "capture": Units(3, 8, 2, 843),
    "release": Units(3, 8, 2, 843),
    "batched charge": Units(0.02, 3.02, 0.01, 9),
    "batched part of a hold": Units(0.03, 3.06, 0.02, 9),
    "batched charge of a member": Units(0.06, 6.09, 0.03, 9),
    "publish, alone": Units(0, 0, 0, 765),
    "audit, alone": Units(2, 2, 0, 826),
    "audit, of 90 accounts": Units(1.01, 1.06, 0, 9),
    "audit of a check": Units(2, 2, 0, 826),
    "usage, alone": Units(3, 1, 1.5, 775),
    "usage, of a batch": Units(0.03, 0.01, 0.07, 9),
}

STORED_BYTES: Final = 1800
"""Of a charge: its row, the index of rows, the audit row. 100 bytes each are DynamoDB's own."""
