"""The settings of a service in memory, in the place of shared/runtime/settings.py: the environment is not read."""

from typing import Final

from shared.runtime.settings import VARIABLES, CheckEvents, IngestTenant, Settings

__all__ = ["CheckEvents", "IngestTenant", "Settings", "settings_of"]

TENANT: Final = "main"
_NAMED: Final = {
    "DEFAULT_TENANT": TENANT,
    "OPERATOR_CLAIM": "cognito:groups",
    "OPERATOR_VALUE": "millicent-operators",
    "CONSOLE_CLIENT": "console",
    "TENANT_CLAIM": "custom:tenant",
    "CHECK_EVENTS": "all",
    "INGEST_TENANT": "default",
    "LEDGER_DEADLINE_MS": "5000",
    "AUDIT_GRACE_S": "900",
    "MAX_USAGE_AGE_DAYS": "35",
}


def settings_of(function: str) -> Settings:
    """What template.yaml gives a function by default; names of tables and the like stand for nothing here."""
    return Settings.from_env({name: _NAMED.get(name, "in-memory") for name in VARIABLES[function]}, function)
