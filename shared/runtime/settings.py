"""The settings of a function: the only place that reads the environment."""

import os
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, cast, get_args

from shared.ledger.frozen import dataclass

CheckEvents: TypeAlias = Literal["all", "refused", "none"]
IngestTenant: TypeAlias = Literal["default", "message"]
"""The source of the tenant of an ingest message: DEFAULT_TENANT, or the message itself."""

DEFAULT_LEDGER_DEADLINE_MS: Final = 5000
DEFAULT_AUDIT_GRACE_S: Final = 900
DEFAULT_MAX_USAGE_AGE_DAYS: Final = 35
DEFAULT_ACTIVITY_DAYS: Final = 14
DEFAULT_MILLICENTS_PER_UNIT: Final = 100_000
DEFAULT_TENANT_SHARDS: Final = 1

_COMMON: Final = frozenset({"STAGE", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"})
_IDENTITY: Final = frozenset({"TENANT_CLAIM", "DEFAULT_TENANT", "OPERATOR_CLAIM", "OPERATOR_VALUE", "CONSOLE_CLIENT"})
_MUTATION: Final = _COMMON | _IDENTITY | {"LEDGER_TABLE", "LEDGER_DEADLINE_MS"}
_PRICED: Final = _MUTATION | {"MAX_USAGE_AGE_DAYS"}
_CONSOLE: Final = frozenset(
    {
        "OPERATOR_CLAIM",
        "OPERATOR_VALUE",
        "BUILD",
        "CONSOLE",
        "CONSOLE_ISSUER",
        "CONSOLE_LOGIN",
        "CONSOLE_CLIENT_ID",
        "CONSOLE_AUDIENCE",
        "CONSOLE_SCOPES",
        "CONSOLE_CURRENCY",
        "CONSOLE_MILLICENTS_PER_UNIT",
    }
)

VARIABLES: Final[Mapping[str, frozenset[str]]] = {
    "check": _COMMON | _IDENTITY | {"LEDGER_TABLE", "EVENT_BUS", "CHECK_EVENTS"},
    "cost": _PRICED,
    "funding": _MUTATION,
    "holds": _PRICED,
    "policies": _MUTATION,
    "ingest": _COMMON
    | {
        "LEDGER_TABLE",
        "LEDGER_DEADLINE_MS",
        "DEFAULT_TENANT",
        "INGEST_TENANT",
        "FAILURE_QUEUE_URL",
        "MAX_USAGE_AGE_DAYS",
    },
    "rates": _PRICED,
    "accounts": _COMMON | _IDENTITY | {"LEDGER_TABLE"},
    "history": _COMMON | _IDENTITY | {"LEDGER_TABLE", "AUDIT_TABLE", "USAGE_TABLE", "AUDIT_GRACE_S"},
    "docs": _COMMON,
    "outbox": _COMMON | {"EVENT_BUS", "FAILURE_QUEUE_URL"},
    "audit": _COMMON | {"AUDIT_TABLE", "ACTIVITY_TABLE", "ACTIVITY_DAYS"},
    "usage": _COMMON | {"LEDGER_TABLE", "USAGE_TABLE"},
    "boards": _COMMON | {"USAGE_TABLE", "BOARDS_BUCKET", "TENANT_SHARDS"},
    "tenant": _COMMON
    | _IDENTITY
    | {"LEDGER_TABLE", "ACTIVITY_TABLE", "FAILURE_QUEUE_URLS", "USAGE_TABLE", "BOARDS_BUCKET"},
    "reconcile": _COMMON
    | {"LEDGER_TABLE", "AUDIT_TABLE", "USAGE_TABLE", "AUDIT_GRACE_S", "DIGEST_BUCKET", "BOARDS_BUCKET"},
    "digest": _COMMON | {"LEDGER_TABLE", "DIGEST_BUCKET", "SIGNING_KEY", "EVENT_BUS"},
    "due": _COMMON | {"LEDGER_TABLE"},
    "proof": _COMMON | _IDENTITY | {"AUDIT_TABLE", "DIGEST_BUCKET"},
    "console": _COMMON | _CONSOLE,
}
"""The variables that each function reads; template.yaml sets exactly these."""

_MAY_BE_EMPTY: Final = frozenset(
    {
        "DEFAULT_TENANT",
        "BUILD",
        "CONSOLE_CLIENT",
        "CONSOLE_ISSUER",
        "CONSOLE_LOGIN",
        "CONSOLE_CLIENT_ID",
        "CONSOLE_AUDIENCE",
    }
)
"""A deployment with an issuer of its own has no client of the console in a pool."""
_NUMBERS: Final = (
    "LEDGER_DEADLINE_MS",
    "AUDIT_GRACE_S",
    "MAX_USAGE_AGE_DAYS",
    "ACTIVITY_DAYS",
    "TENANT_SHARDS",
    "CONSOLE_MILLICENTS_PER_UNIT",
)
_MAY_BE_ABSENT: Final = frozenset({"LEDGER_DEADLINE_MS"})


class InvalidSettings(Exception):
    """The environment is incomplete. The message lists every fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of a function. Unused settings keep their defaults."""

    function: str
    stage: str
    service: str
    metrics_namespace: str
    log_level: str
    ledger_table: str = ""
    ledger_deadline_ms: int = DEFAULT_LEDGER_DEADLINE_MS
    audit_table: str = ""
    usage_table: str = ""
    activity_table: str = ""
    activity_days: int = DEFAULT_ACTIVITY_DAYS
    event_bus: str = ""
    failure_queue_url: str = ""
    failure_queue_urls: tuple[str, ...] = ()
    check_events: CheckEvents = "all"
    tenant_claim: str = ""
    default_tenant: str = ""
    operator_claim: str = ""
    operator_value: str = ""
    console_client: str = ""
    ingest_tenant: IngestTenant = "default"
    audit_grace_s: int = DEFAULT_AUDIT_GRACE_S
    max_usage_age_days: int = DEFAULT_MAX_USAGE_AGE_DAYS
    digest_bucket: str = ""
    signing_key: str = ""
    build: str = ""
    console_enabled: bool = True
    console_issuer: str = ""
    console_login: str = ""
    console_client_id: str = ""
    console_audience: str = ""
    console_scopes: str = ""
    console_currency: str = ""
    console_millicents_per_unit: int = DEFAULT_MILLICENTS_PER_UNIT
    boards_bucket: str = ""
    tenant_shards: int = DEFAULT_TENANT_SHARDS

    @classmethod
    def from_env(cls, environ: Mapping[str, str], function: str) -> "Settings":
        """Reads the settings of `function`. Raises InvalidSettings with all faults at once."""
        values = {name: environ[name] for name in VARIABLES[function] if name in environ}
        if problems := _problems(values, function):
            raise InvalidSettings(f"the {function} function cannot start: {'; '.join(problems)}")
        return cls(
            function=function,
            stage=values["STAGE"],
            service=values["POWERTOOLS_SERVICE_NAME"],
            metrics_namespace=values["POWERTOOLS_METRICS_NAMESPACE"],
            log_level=values["POWERTOOLS_LOG_LEVEL"],
            ledger_table=values.get("LEDGER_TABLE", ""),
            ledger_deadline_ms=int(values.get("LEDGER_DEADLINE_MS", DEFAULT_LEDGER_DEADLINE_MS)),
            audit_table=values.get("AUDIT_TABLE", ""),
            usage_table=values.get("USAGE_TABLE", ""),
            activity_table=values.get("ACTIVITY_TABLE", ""),
            activity_days=int(values.get("ACTIVITY_DAYS", DEFAULT_ACTIVITY_DAYS)),
            event_bus=values.get("EVENT_BUS", ""),
            failure_queue_url=values.get("FAILURE_QUEUE_URL", ""),
            failure_queue_urls=tuple(filter(None, values.get("FAILURE_QUEUE_URLS", "").split(","))),
            check_events=cast("CheckEvents", values.get("CHECK_EVENTS", "all")),
            tenant_claim=values.get("TENANT_CLAIM", ""),
            default_tenant=values.get("DEFAULT_TENANT", ""),
            operator_claim=values.get("OPERATOR_CLAIM", ""),
            operator_value=values.get("OPERATOR_VALUE", ""),
            console_client=values.get("CONSOLE_CLIENT", ""),
            ingest_tenant=cast("IngestTenant", values.get("INGEST_TENANT", "default")),
            audit_grace_s=int(values.get("AUDIT_GRACE_S", DEFAULT_AUDIT_GRACE_S)),
            max_usage_age_days=int(values.get("MAX_USAGE_AGE_DAYS", DEFAULT_MAX_USAGE_AGE_DAYS)),
            digest_bucket=values.get("DIGEST_BUCKET", ""),
            signing_key=values.get("SIGNING_KEY", ""),
            build=values.get("BUILD", ""),
            console_enabled=values.get("CONSOLE", "enabled") == "enabled",
            console_issuer=values.get("CONSOLE_ISSUER", ""),
            console_login=values.get("CONSOLE_LOGIN", ""),
            console_client_id=values.get("CONSOLE_CLIENT_ID", ""),
            console_audience=values.get("CONSOLE_AUDIENCE", ""),
            console_scopes=values.get("CONSOLE_SCOPES", ""),
            console_currency=values.get("CONSOLE_CURRENCY", ""),
            console_millicents_per_unit=int(values.get("CONSOLE_MILLICENTS_PER_UNIT", DEFAULT_MILLICENTS_PER_UNIT)),
            boards_bucket=values.get("BOARDS_BUCKET", ""),
            tenant_shards=int(values.get("TENANT_SHARDS", DEFAULT_TENANT_SHARDS)),
        )


def _problems(values: Mapping[str, str], function: str) -> list[str]:
    required = VARIABLES[function] - _MAY_BE_ABSENT
    missing = [f"{name} is not set" for name in sorted(required - values.keys())]
    empty = [
        f"{name} is empty" for name, value in sorted(values.items()) if not value.strip() and name not in _MAY_BE_EMPTY
    ]
    return [*missing, *empty, *_wrong_values(values)]


def _wrong_values(values: Mapping[str, str]) -> list[str]:
    problems = []
    if values.get("CHECK_EVENTS", "all") not in {"", *get_args(CheckEvents)}:
        problems.append("CHECK_EVENTS must be all, refused or none")
    if values.get("INGEST_TENANT", "default") not in {"", *get_args(IngestTenant)}:
        problems.append("INGEST_TENANT must be default or message")
    if values.get("CONSOLE", "enabled") not in {"", "enabled", "disabled"}:
        problems.append("CONSOLE must be enabled or disabled")
    for name in _NUMBERS:
        number = values.get(name, "1")
        if number and not (number.isascii() and number.isdigit() and int(number) > 0):
            problems.append(f"{name} must be a whole number above 0")
    return problems


def settings_of(function: str) -> Settings:
    """The settings of a function, by its name in lower case, from the environment of the process."""
    return Settings.from_env(os.environ, function)
