import tomllib
from typing import Any, Final

import pytest

from shared.runtime.settings import VARIABLES
from tests.template.loading import FUNCTIONS, ROOT, of_type, properties, template

GLOBALS: Final[dict[str, Any]] = template()["Globals"]["Function"]
PARAMETERS: Final[dict[str, Any]] = template()["Parameters"]
RESERVED: Final = ("Check", "Cost", "Funding", "Holds", "Accounts", "History", "Tenant", "Outbox")
MUTATIONS: Final = ("Cost", "Funding", "Holds", "Policies", "Rates")
LAST_TRY_MS: Final = 3_000
"""A try that begins just before the deadline: 1 s to connect, 2 s to read."""


def _variables(name: str) -> dict[str, Any]:
    return {**GLOBALS["Environment"]["Variables"], **properties(f"{name}Function")["Environment"]["Variables"]}


def _timeout_ms(name: str) -> int:
    seconds: int = properties(f"{name}Function").get("Timeout", GLOBALS["Timeout"])
    return seconds * 1000


def test_the_functions_are_those_that_read_settings() -> None:
    assert set(of_type("AWS::Serverless::Function")) == {f"{name}Function" for name in FUNCTIONS}
    assert set(VARIABLES) == {name.lower() for name in FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_given_the_variables_it_reads_and_no_others(name: str) -> None:
    assert set(_variables(name)) == VARIABLES[name.lower()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_its_handler_built_by_its_own_target(name: str) -> None:
    function = properties(f"{name}Function")
    module, _, attribute = function["Handler"].rpartition(".")
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()
    assert module == f"functions.{name.lower()}.handler"
    assert f"def {attribute}(" in source
    assert template()["Resources"][f"{name}Function"]["Metadata"]["BuildMethod"] == "makefile"
    assert _variables(name)["POWERTOOLS_SERVICE_NAME"] == name.lower()


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_answers_before_its_function_and_the_gateway_lose_patience(name: str) -> None:
    deadline_ms = PARAMETERS["LedgerDeadlineMs"]["MaxValue"]
    gateway_ms = properties(f"{name}Integration")["TimeoutInMillis"]
    assert deadline_ms + LAST_TRY_MS < _timeout_ms(name) < gateway_ms
    assert _variables(name)["LEDGER_DEADLINE_MS"] == {"Ref": "LedgerDeadlineMs"}


@pytest.mark.parametrize("name", RESERVED)
def test_concurrency_is_reserved_only_when_the_parameter_asks_for_it(name: str) -> None:
    parameter = f"{name}Concurrency"
    assert PARAMETERS[parameter]["Default"] == 0
    assert template()["Conditions"][f"With{parameter}"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, 0]}]}
    assert properties(f"{name}Function")["ReservedConcurrentExecutions"] == {
        "Fn::If": [f"With{parameter}", {"Ref": parameter}, {"Ref": "AWS::NoValue"}],
    }


@pytest.mark.parametrize("name", ["Audit", "Usage", "Ingest"])
def test_a_function_behind_a_queue_is_limited_there_so_that_messages_wait_instead_of_failing(name: str) -> None:
    assert "ReservedConcurrentExecutions" not in properties(f"{name}Function")
    assert properties(f"{name}QueueMapping")["ScalingConfig"] == {
        "MaximumConcurrency": {"Fn::FindInMap": ["Executions", {"Ref": f"{name}Concurrency"}, "Maximum"]},
    }
    offered = PARAMETERS[f"{name}Concurrency"]["AllowedValues"]
    assert {each: {"Maximum": int(each)} for each in offered} == template()["Mappings"]["Executions"]


def test_runtime_and_processor_are_those_that_the_layer_was_built_for() -> None:
    layer = properties("ThirdPartyLayer")
    assert GLOBALS["Runtime"] == {"Ref": "PythonRuntime"}
    assert GLOBALS["Architectures"] == [{"Ref": "Architecture"}]
    assert GLOBALS["Layers"] == [{"Ref": "ThirdPartyLayer"}]
    assert layer["CompatibleRuntimes"] == [{"Ref": "PythonRuntime"}]
    assert layer["CompatibleArchitectures"] == [{"Ref": "Architecture"}]


def test_what_is_built_when_nothing_is_said_is_what_is_deployed_when_nothing_is_said() -> None:
    makefile = (ROOT / "build.mk").read_text()
    assert f"LAMBDA_RUNTIME ?= {PARAMETERS['PythonRuntime']['Default']}\n" in makefile
    assert f"LAMBDA_ARCHITECTURE ?= {PARAMETERS['Architecture']['Default']}\n" in makefile


def test_what_is_deployed_has_to_be_for_the_runtime_that_the_build_wrote_down() -> None:
    rule = template()["Rules"]["RuntimeIsWhatWasBuiltFor"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "BuiltRuntime"}, ""]}]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "PythonRuntime"}, {"Ref": "BuiltRuntime"}]}
    assert PARAMETERS["BuiltRuntime"]["Default"] == ""


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_sam_deploys_for_the_runtime_that_the_build_wrote_down(environment: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    assert settings["parameter_overrides"][0] == "file://.aws-sam/build/ThirdPartyLayer/built-for.yaml"


def test_the_least_severe_lines_are_chosen_in_the_function_so_that_lambda_lets_metrics_pass() -> None:
    assert GLOBALS["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == {"Ref": "LogLevel"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_logs_json_into_its_own_group_and_is_traced_where_the_parameter_says_so(name: str) -> None:
    assert properties(f"{name}Function")["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "DEBUG",
        "SystemLogLevel": "WARN",
        "LogGroup": {"Ref": f"{name}Logs"},
    }
    assert GLOBALS["Tracing"] == {"Ref": "Tracing"}
