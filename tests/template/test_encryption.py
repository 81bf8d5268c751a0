"""Everything that is stored is encrypted, by keys of AWS or by the one that the parameter names."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.template.loading import FUNCTIONS, ROOT, of_type, properties, template
from tests.template.resolved import DEFAULT, REMOVED, Deployment

KEY: Final = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WITH_KEY: Final = Deployment({"EncryptionKey": KEY})
NAMES_ITS_KEY_BY: Final = {
    "AWS::DynamoDB::Table": "KMSMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::Events::EventBus": "KmsKeyIdentifier",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::S3::Bucket": "KMSMasterKeyID",
}
"""All that stores anything, and where its key stands. The environment of the functions is in the globals."""
STORES_NOTHING: Final = {
    "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::CloudWatch::Alarm", "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPoolDomain", "AWS::Cognito::UserPoolGroup",
    "AWS::Cognito::UserPoolResourceServer",
    "AWS::Events::Rule", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission",
    "AWS::Lambda::Version", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter", "AWS::Serverless::Function",
    "AWS::Serverless::LayerVersion",
}  # fmt: skip
"""Nothing of anybody's credits, that is."""
BY_EVENTS: Final = {"kms:Decrypt", "kms:GenerateDataKey*"}


def _found(name: str, value: Any) -> list[Any]:
    """Everything under this name, however deep."""
    if isinstance(value, Mapping):
        here = [value[name]] if name in value else []
        return here + [found for each in value.values() for found in _found(name, each)]
    return [found for each in value for found in _found(name, each)] if isinstance(value, list) else []


def _stores() -> list[tuple[str, str]]:
    return [(name, where) for kind, where in NAMES_ITS_KEY_BY.items() for name in of_type(kind)]


def _statements(policy: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each["Sid"]: each for each in policy["Statement"]}


def test_of_every_type_of_resource_it_is_known_whether_it_stores_anything() -> None:
    types = {each["Type"] for each in template()["Resources"].values()}
    assert types == STORES_NOTHING | set(NAMES_ITS_KEY_BY)


@pytest.mark.parametrize(("name", "where"), _stores())
def test_the_key_of_the_parameter_encrypts_whatever_stores_anything(name: str, where: str) -> None:
    assert _found(where, WITH_KEY.properties(name)) == [KEY]


@pytest.mark.parametrize(("name", "where"), _stores())
def test_without_such_a_key_aws_has_the_keys_of_all_but_the_topics(name: str, where: str) -> None:
    topic_key = DEFAULT.value({"Fn::GetAtt": ["TopicKey", "Arn"]})
    assert _found(where, DEFAULT.properties(name)) == ([topic_key] if name.endswith("Topic") else [])


def test_the_environment_of_the_functions_is_encrypted_by_the_same_key() -> None:
    written = template()["Globals"]["Function"]["KmsKeyArn"]
    assert (WITH_KEY.value(written), DEFAULT.value(written)) == (KEY, REMOVED)


@pytest.mark.parametrize("name", of_type("AWS::SQS::Queue"))
def test_a_queue_is_encrypted_in_one_way_and_never_in_none(name: str) -> None:
    assert DEFAULT.properties(name)["SqsManagedSseEnabled"] is True
    assert "SqsManagedSseEnabled" not in WITH_KEY.properties(name)


def test_the_bucket_is_encrypted_whichever_key_it_is() -> None:
    chosen = [_found("SSEAlgorithm", each.properties("DigestBucket")) for each in (DEFAULT, WITH_KEY)]
    assert chosen == [["AES256"], ["aws:kms"]]


def test_alarms_and_rules_may_use_the_key_of_the_topics() -> None:
    # Neither may use the key that AWS manages for SNS: an alarm would reach nobody.
    policy = _statements(DEFAULT.properties("TopicKey")["KeyPolicy"])
    for sid, service in (("AlarmsArePublished", "cloudwatch"), ("EventsArePublished", "events")):
        assert policy[sid]["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert set(policy[sid]["Action"]) == BY_EVENTS
    assert "Condition" not in policy["EventsArePublished"]
    assert not WITH_KEY.is_there("TopicKey")


def test_the_bus_may_set_aside_what_it_cannot_decrypt() -> None:
    assert "DeadLetterConfig" not in DEFAULT.properties("EventBus")
    queue = WITH_KEY.value({"Fn::GetAtt": ["RuleFailureQueue", "Arn"]})
    assert WITH_KEY.properties("EventBus")["DeadLetterConfig"] == {"Arn": queue}
    (statement,) = WITH_KEY.properties("RuleFailureQueuePolicy")["PolicyDocument"]["Statement"]
    senders = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert WITH_KEY.value({"Fn::GetAtt": ["EventBus", "Arn"]}) in senders


@pytest.mark.parametrize(("key", "is_one"), [("aws", True), (KEY, True), ("", False), ("alias/mine", False)])
def test_the_parameter_takes_the_arn_of_a_key_or_aws(key: str, is_one: bool) -> None:
    assert bool(re.fullmatch(template()["Parameters"]["EncryptionKey"]["AllowedPattern"], key)) is is_one


def _documented() -> dict[str, Mapping[str, Any]]:
    page = (ROOT / "docs" / "deploy.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page.partition("## Encryption")[2].partition("\n## ")[0], re.DOTALL)
    return _statements(json.loads(block))


def test_the_documented_policy_lets_in_the_services_that_use_the_key_by_themselves() -> None:
    services = {each["Principal"]["Service"] for each in _documented().values() if "Service" in each["Principal"]}
    assert services == {"logs.eu-central-1.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"}


def test_the_documented_policy_gives_alarms_and_rules_what_the_key_of_the_topics_does() -> None:
    of_topics = _statements(DEFAULT.properties("TopicKey")["KeyPolicy"])
    events, alarms = _documented()["EventsAreKeptAndDelivered"], _documented()["AlarmsArePublished"]
    assert set(events["Action"]) == BY_EVENTS | {"kms:DescribeKey"}
    assert "Condition" not in events
    assert alarms["Action"] == of_topics["AlarmsArePublished"]["Action"]
    assert set(alarms["Condition"]["StringEquals"]) == {"aws:SourceAccount"}


def test_the_documented_policy_covers_every_log_group() -> None:
    patterns = _documented()["LogGroupsOfTheStack"]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    beginnings = [each.partition("log-group:")[2].removesuffix("millicent-prod-*") for each in patterns]
    names = [DEFAULT.properties(f"{name}Logs")["LogGroupName"] for name in (*FUNCTIONS, "Api")]
    assert [name for name in names if not any(name.startswith(f"{each}millicent-") for each in beginnings)] == []


def test_a_sender_of_charges_may_encrypt_them() -> None:
    allowed = {
        action: statement["Resource"]
        for statement in WITH_KEY.properties("IngestSenderPolicy")["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert allowed["kms:GenerateDataKey"] == allowed["kms:Decrypt"] == KEY
    assert len(DEFAULT.properties("IngestSenderPolicy")["PolicyDocument"]["Statement"]) == 1


def test_the_key_that_signs_is_never_the_key_that_encrypts() -> None:
    assert properties("SigningKey")["KeyUsage"] == "SIGN_VERIFY"
    assert "EncryptionKey" not in str(properties("SigningKey"))
