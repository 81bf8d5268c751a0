import tomllib
from typing import Final

import pytest

from tests.template.loading import ROOT, of_type, properties, template

OUTPUTS: Final = {
    "ApiUrl",
    "LedgerTableName",
    "AuditTableName",
    "EventBusName",
    "UserPoolId",
    "TokenEndpoint",
    "ReadClientId",
    "ChargeClientId",
    "FundClientId",
    "AdminClientId",
}


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
def test_everything_that_people_meet_is_described(section: str) -> None:
    assert [name for name, each in template()[section].items() if not each.get("Description")] == []


def test_the_outputs_tell_how_to_use_the_stack() -> None:
    assert set(template()["Outputs"]) >= OUTPUTS


def test_every_parameter_is_in_one_group_of_the_form() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template()["Parameters"])


@pytest.mark.parametrize("group", of_type("AWS::Logs::LogGroup"))
def test_a_log_group_forgets_after_as_many_days_as_the_parameter_says(group: str) -> None:
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_what_is_tagged_is_tagged_by_the_stack_and_by_nothing_else() -> None:
    functions = {"Globals": template()["Globals"]["Function"]}
    resources = {name: each.get("Properties", {}) for name, each in template()["Resources"].items()}
    assert [name for name, each in {**functions, **resources}.items() if {"Tags", "UserPoolTags"} & set(each)] == []


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_the_stack_is_tagged_with_the_stage_that_it_is_deployed_as(environment: str) -> None:
    parameters = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    overrides = dict(each.split("=") for each in parameters["parameter_overrides"] if "=" in each)
    assert dict(each.split("=") for each in parameters["tags"]) == {"service": "millicent", "stage": overrides["Stage"]}


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_whoever_deploys_agrees_to_roles_and_to_loops(environment: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    assert settings["deploy"]["parameters"]["capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    assert settings["global"]["parameters"]["language_extensions"] is True


def test_loops_are_written_out_before_sam_looks_at_what_they_come_to() -> None:
    assert template()["Transform"] == ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_a_build_never_ships_an_older_copy_of_what_the_functions_share(environment: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    assert settings["build"]["parameters"]["cached"] is False


@pytest.mark.parametrize("parameter", template()["Parameters"])
def test_the_page_on_deploying_knows_the_parameter(parameter: str) -> None:
    assert f"`{parameter}`" in (ROOT / "docs" / "deploy.md").read_text()
