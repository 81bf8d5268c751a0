import tomllib
from typing import Any, Final

import pytest

from tests.template.loading import ROOT, of_type, properties, template

TAGGED_BY: Final = {
    "AWS::ApiGatewayV2::Api": "Tags",
    "AWS::ApiGatewayV2::Stage": "Tags",
    "AWS::CloudWatch::Alarm": "Tags",
    "AWS::Cognito::UserPool": "UserPoolTags",
    "AWS::DynamoDB::Table": "Tags",
    "AWS::Events::EventBus": "Tags",
    "AWS::IAM::Role": "Tags",
    "AWS::Lambda::EventSourceMapping": "Tags",
    "AWS::Logs::LogGroup": "Tags",
    "AWS::KMS::Key": "Tags",
    "AWS::S3::Bucket": "Tags",
    "AWS::SNS::Topic": "Tags",
    "AWS::SQS::Queue": "Tags",
}
TAGS: Final = {"service": "millicent", "stage": {"Ref": "Stage"}}
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


def _tags(given: Any) -> dict[str, Any]:
    return {each["Key"]: each["Value"] for each in given} if isinstance(given, list) else dict(given)


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


@pytest.mark.parametrize(
    ("name", "by"),
    [(name, by) for resource_type, by in TAGGED_BY.items() for name in of_type(resource_type)],
)
def test_a_resource_that_can_be_tagged_says_what_it_belongs_to(name: str, by: str) -> None:
    assert _tags(properties(name)[by]) == TAGS


def test_functions_are_tagged_all_at_once() -> None:
    assert template()["Globals"]["Function"]["Tags"] == TAGS


@pytest.mark.parametrize("environment", ["default", "prod"])
def test_a_build_never_ships_an_older_copy_of_what_the_functions_share(environment: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    assert settings["build"]["parameters"]["cached"] is False
    assert {"service=millicent"} < set(settings["deploy"]["parameters"]["tags"])


@pytest.mark.parametrize("parameter", template()["Parameters"])
def test_the_page_on_deploying_knows_the_parameter(parameter: str) -> None:
    assert f"`{parameter}`" in (ROOT / "docs" / "deploy.md").read_text()
