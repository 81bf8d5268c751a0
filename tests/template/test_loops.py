"""What the loops of the template come to: the resources that stood there one by one, with their names unchanged.

A logical id or a name that changes makes CloudFormation replace the resource, and a log group loses its lines.
"""

from typing import Any, Final

import pytest

from tests.template.loading import FUNCTIONS, of_type, resource

CALLED_BY_THE_API: Final = (
    "Check", "Cost", "Funding", "Holds", "Policies", "Rates", "Accounts", "History", "Docs", "Proof", "Tenant",
)  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_log_group_of_its_name(name: str) -> None:
    assert resource(f"{name}Logs") == {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{name.lower()}"},
            "RetentionInDays": {"Ref": "LogRetentionDays"},
            "KmsKeyId": {"Fn::If": ["WithEncryptionKey", {"Ref": "EncryptionKey"}, {"Ref": "AWS::NoValue"}]},
        },
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_fails_once_raises_an_alarm_within_a_minute(name: str) -> None:
    assert resource(f"{name}ErrorsAlarm") == _alarm(
        name, suffix="errors", told=f"The {name.lower()} function fails", metric="Errors", minutes=1
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_is_throttled_for_five_minutes_raises_an_alarm(name: str) -> None:
    assert resource(f"{name}ThrottlesAlarm") == _alarm(
        name, suffix="throttles", told=f"The {name.lower()} function is throttled", metric="Throttles", minutes=5
    )


@pytest.mark.parametrize("name", CALLED_BY_THE_API)
def test_a_function_of_the_api_is_reached_by_one_integration(name: str) -> None:
    assert resource(f"{name}Integration") == {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": "Api"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": {
                "Fn::If": ["WithSnapStart", {"Ref": f"{name}Alias"}, {"Fn::GetAtt": [f"{name}Function", "Arn"]}]
            },
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": 20000,
        },
    }


def test_no_other_function_but_the_console_is_reached_by_an_integration() -> None:
    reached = {*CALLED_BY_THE_API, "Console"}
    assert set(of_type("AWS::ApiGatewayV2::Integration")) == {f"{name}Integration" for name in reached}


def _alarm(name: str, *, suffix: str, told: str, metric: str, minutes: int) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{name.lower()}-{suffix}"},
            "AlarmDescription": told,
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": f"{name}Function"}}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": minutes,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Fn::If": ["WithAlarmTopic", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}],
        },
    }
