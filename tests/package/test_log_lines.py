"""Every line that a function prints under Lambda's own runtime client, as Lambda's filter of levels reads it.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html: a line that is no JSON, or has no
level, or no time by RFC 3339, counts as INFO. A metric has no level, so it passes where ApplicationLogLevel is INFO or
lower, and nowhere else.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from shared.runtime.settings import VARIABLES
from tests.package.artefacts import FUNCTIONS, ROOT, Artefacts
from tests.package.lambda_process import REQUEST_ID, Mood, Services, running, runtime_client
from tests.package.test_packages import VALUES
from tests.template.loading import properties

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
PYTHONS_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
RFC_3339_UTC: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
WITHIN_A_SHORT_DEADLINE: Final = ("Cost", "Funding", "Holds", "Policies")
"""Functions whose LEDGER_DEADLINE_MS is set, here to a moment: others ask a ledger that is down for seconds."""
STRICT: Final = ("Cost", "Docs", "Audit")
"""Of each way to answer one: through the resolver, through powertools' own, and from a queue."""
QUEUED: Final = {"Outbox", "Audit", "Usage", "Boards", "Ingest", "Reconcile", "Digest", "Due"}
OF_FILES: Final = {"Docs", "Console"}
"""Functions that answer with files, and call nothing of AWS."""
Line = Mapping[str, Any]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runtime client is published for Linux alone")


@dataclass(frozen=True)
class Printed:
    """`text` is all of it, `lines` what is in it."""

    text: str

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def metrics(self) -> list[Line]:
        return [line for line in self.lines if "_aws" in line]

    @property
    def logged(self) -> list[Line]:
        return [line for line in self.lines if "_aws" not in line]

    @property
    def errors(self) -> list[Line]:
        return [line for line in self.logged if line["level"] == "ERROR"]


def samples(name: str) -> Iterable[Any]:
    """Entries of the stream come first for the outbox: of its sample nothing is published."""
    events = ROOT / "events"
    of_the_stream = [events / "stream" / "entries.json"] if name == "Outbox" else []
    return (json.loads(path.read_text()) for path in [*of_the_stream, *sorted(events.glob(f"{name.lower()}*.json"))])


def of_nobody(event: Any) -> Any:
    """The request as the gateway passes it on where no token is asked for."""
    return event | {"requestContext": {**event["requestContext"], "authorizer": {}}}


def calls(name: str) -> Iterable[tuple[Any, Mood]]:
    """Every sample of a function; then one that is refused, one that AWS forbids, one while AWS is down."""
    first, *others = samples(name)
    for event in (first, *others):
        yield event, "empty"
    if name in OF_FILES:
        yield first | {"rawPath": "/nowhere"}, "empty"
        yield {}, "empty"
        return
    if name not in QUEUED:
        yield of_nobody(first), "empty"
    yield first, "forbidden"
    if name in WITHIN_A_SHORT_DEADLINE:
        yield first, "down"


Print = Callable[[str, str], Printed]


@pytest.fixture(scope="module")
def printed(artefacts: Artefacts) -> Print:
    """What a function prints of all `calls` to it, by its name and LogLevel."""
    client = runtime_client()

    def run(name: str, log_level: str, services: Services) -> Printed:
        variables = {each: VALUES[each] for each in VARIABLES[name.lower()]} | {
            "POWERTOOLS_LOG_LEVEL": log_level,
            "AWS_LAMBDA_LOG_LEVEL": properties(f"{name}Function")["LoggingConfig"]["ApplicationLogLevel"],
        }
        if "LEDGER_DEADLINE_MS" in variables:
            variables["LEDGER_DEADLINE_MS"] = "1"
        path = [artefacts.function(name), artefacts.layer, client]
        with running(f"functions.{name.lower()}.handler.lambda_handler", path, variables, services) as process:
            for event, mood in calls(name):
                process.invoke(event, mood)
        return Printed(process.printed)

    @cache
    def once(name: str, log_level: str) -> Printed:
        services = Services()
        if name == "Proof":
            run("Digest", log_level, services)
        return run(name, log_level, services)

    return once


def level_for_lambda(line: Line) -> str:
    level = str(line.get("level", "")).upper()
    level = PYTHONS_NAMES.get(level, level)
    return level if level in LEVELS and RFC_3339_UTC.fullmatch(str(line.get("timestamp"))) else "INFO"


def passes(line: Line, application_level: str) -> bool:
    return LEVELS.index(level_for_lambda(line)) >= LEVELS.index(application_level)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_line_is_a_metric_or_has_a_level_and_a_time_that_lambda_knows(printed: Print, name: str) -> None:
    seen = printed(name, "DEBUG")
    assert seen.metrics
    assert all(isinstance(line["_aws"]["Timestamp"], int) and "level" not in line for line in seen.metrics)
    assert [line for line in seen.logged if not RFC_3339_UTC.fullmatch(line["timestamp"])] == []
    assert [line for line in seen.logged if PYTHONS_NAMES.get(line["level"], line["level"]) not in LEVELS] == []
    assert {"INFO", "ERROR"} <= {line["level"] for line in seen.logged}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_library_says_a_word_not_even_at_debug(printed: Print, name: str) -> None:
    seen = printed(name, "DEBUG")
    of_ours = [line for line in seen.logged if line.get("service") == VALUES["POWERTOOLS_SERVICE_NAME"]]
    of_the_runtime = [line for line in seen.logged if "errorType" in line]
    assert of_ours
    assert [line for line in seen.logged if line not in of_ours and line not in of_the_runtime] == []


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - OF_FILES))
def test_an_error_has_the_class_of_its_cause_and_the_code_and_request_id_of_aws(printed: Print, name: str) -> None:
    told = [line for line in printed(name, "DEBUG").errors if line.get("aws_code") == "AccessDeniedException"]
    assert {line["aws_request_id"] for line in told} == {REQUEST_ID}
    assert {"ClientError", "AccessDeniedException"} & {line.get("cause", line["error"]) for line in told}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_failure_is_counted(printed: Print, name: str) -> None:
    failures = {"RequestsFailed", "InvocationsFailed"}
    assert [line for line in printed(name, "DEBUG").metrics if failures & line.keys()] != []


@pytest.mark.parametrize("name", WITHIN_A_SHORT_DEADLINE)
def test_an_outage_is_an_error_with_its_cause(printed: Print, name: str) -> None:
    (line,) = [each for each in printed(name, "DEBUG").errors if each.get("code") == "ledger_unavailable"]
    assert line["message"] == ("charges not recorded" if name == "Cost" else "request failed")
    said = line["aws_code"], line["aws_request_id"], line["cause"]
    assert said == ("InternalServerError", REQUEST_ID, "InternalServerError")


@pytest.mark.parametrize("name", STRICT)
def test_errors_and_metrics_outlive_the_strictest_level(printed: Print, name: str) -> None:
    seen = printed(name, "ERROR")
    application_level = properties(f"{name}Function")["LoggingConfig"]["ApplicationLogLevel"]
    assert {line["level"] for line in seen.logged} == {"ERROR"}
    assert len(seen.metrics) == len(printed(name, "DEBUG").metrics)
    assert [line for line in seen.lines if not passes(line, application_level)] == []


@pytest.mark.parametrize("level", LEVELS[3:])
def test_a_metric_would_be_lost_above_info(level: str) -> None:
    metric = {"_aws": {"Timestamp": 1_763_900_000_000}, "Requests": [1.0]}
    assert passes(metric, "INFO")
    assert not passes(metric, level)


def test_a_line_with_powertools_own_time_would_count_as_info() -> None:
    line = {"level": "ERROR", "timestamp": "2026-01-31 12:00:00,000+0000", "message": "request failed"}
    assert level_for_lambda(line) == "INFO"
    assert level_for_lambda(line | {"timestamp": "2026-01-31T12:00:00.000Z"}) == "ERROR"
