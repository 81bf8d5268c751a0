from dataclasses import fields

import pytest

from shared.runtime.settings import VARIABLES, InvalidSettings, Settings
from tests.console_settings import CONSOLE_SETTINGS

COMPLETE = {
    "LEDGER_TABLE": "ledger",
    "AUDIT_TABLE": "audit",
    "USAGE_TABLE": "usage",
    "ACTIVITY_TABLE": "activity",
    "ACTIVITY_DAYS": "7",
    "EVENT_BUS": "bus",
    "FAILURE_QUEUE_URL": "https://queue",
    "FAILURE_QUEUE_URLS": "https://one,https://two",
    "CHECK_EVENTS": "refused",
    "LEDGER_DEADLINE_MS": "4000",
    "AUDIT_GRACE_S": "60",
    "MAX_USAGE_AGE_DAYS": "10",
    "DIGEST_BUCKET": "digests",
    "BOARDS_BUCKET": "boards",
    "TENANT_SHARDS": "4",
    "SIGNING_KEY": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "TENANT_CLAIM": "custom:tenant",
    "DEFAULT_TENANT": "",
    "OPERATOR_CLAIM": "cognito:groups",
    "OPERATOR_VALUE": "millicent-operators",
    "CONSOLE_CLIENT": "console",
    "INGEST_TENANT": "message",
    "BUILD": "",
    **CONSOLE_SETTINGS,
    "STAGE": "prod",
    "POWERTOOLS_SERVICE_NAME": "millicent",
    "POWERTOOLS_METRICS_NAMESPACE": "Millicent",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}


@pytest.mark.parametrize("function", VARIABLES)
def test_a_function_needs_its_variables_and_no_others(function: str) -> None:
    own = {name: COMPLETE[name] for name in VARIABLES[function]}
    assert Settings.from_env(own, function) == Settings.from_env(COMPLETE, function)


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function in VARIABLES for name in sorted(VARIABLES[function] - {"LEDGER_DEADLINE_MS"})],
)
def test_a_missing_variable_stops_the_function(function: str, name: str) -> None:
    environ = {key: value for key, value in COMPLETE.items() if key != name}
    with pytest.raises(InvalidSettings, match=f"the {function} function cannot start: {name} is not set"):
        Settings.from_env(environ, function)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(InvalidSettings) as stopped:
        Settings.from_env({**COMPLETE, "LEDGER_TABLE": " ", "CHECK_EVENTS": "some", "STAGE": ""}, "check")
    assert str(stopped.value) == (
        "the check function cannot start: LEDGER_TABLE is empty; STAGE is empty; "
        "CHECK_EVENTS must be all, refused or none"
    )


@pytest.mark.parametrize("name", [field.name.upper() for field in fields(Settings) if field.type is int])
def test_every_number_is_a_whole_number_above_0(name: str) -> None:
    function = next(function for function, names in VARIABLES.items() if name in names)
    for wrong in ("0", "many"):
        with pytest.raises(InvalidSettings, match=f"{name} must be a whole number above 0"):
            Settings.from_env({**COMPLETE, name: wrong}, function)


@pytest.mark.parametrize("deadline", ["0", "-1", "1.5", "five", "٣"])
def test_a_deadline_is_a_whole_number_above_0(deadline: str) -> None:
    with pytest.raises(InvalidSettings, match="LEDGER_DEADLINE_MS must be"):
        Settings.from_env({**COMPLETE, "LEDGER_DEADLINE_MS": deadline}, "cost")


def test_the_deadline_has_a_default() -> None:
    environ = {name: value for name, value in COMPLETE.items() if name != "LEDGER_DEADLINE_MS"}
    assert Settings.from_env(environ, "cost").ledger_deadline_ms == 5000
    assert Settings.from_env(COMPLETE, "cost").ledger_deadline_ms == 4000


def test_what_a_function_does_not_use_is_not_read() -> None:
    assert Settings.from_env(COMPLETE, "outbox").ledger_table == ""
