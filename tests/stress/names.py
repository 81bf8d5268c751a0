"""The names of what the functions read and write."""

from typing import Final

LEDGER_TABLE: Final = "ledger"
AUDIT_TABLE: Final = "audit"
ACTIVITY_TABLE: Final = "activity"
USAGE_TABLE: Final = "usage"
BOARDS_BUCKET: Final = "boards"
