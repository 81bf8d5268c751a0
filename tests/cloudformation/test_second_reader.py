"""moto makes a stack of the template: another reader than the laptop cloud's."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

from shared.runtime.settings import VARIABLES
from tests.cloudformation.second_reader import NOT_MADE, expanded, for_moto
from tests.template.loading import FUNCTIONS, template

REGION: Final = "eu-central-1"
STACK: Final = "millicent"
BUCKET, KEY = "bucket", "value"
"""Where SAM's own check of a template says that the packages are."""


@pytest.fixture(scope="module")
def resources() -> Iterator[list[dict[str, Any]]]:
    """Those of the stack, as CloudFormation describes them."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        put_package()
        cloudformation = boto3.client("cloudformation")
        body = json.dumps(for_moto())
        cloudformation.create_stack(StackName=STACK, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        listed = [dict(each) for each in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]]
        # moto also lists resources whose condition is false, without a name.
        yield [each for each in listed if "LogicalResourceId" in each]


def put_package() -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=package.getvalue())


def conditional() -> set[str]:
    """Resources that a stack without parameters does not have."""
    return {name for name, each in expanded()["Resources"].items() if "Condition" in each}


def test_all_resources_are_made_but_those_that_moto_does_not_know(resources: list[dict[str, Any]]) -> None:
    made = {each["LogicalResourceId"] for each in resources}
    known = {name for name, each in expanded()["Resources"].items() if each["Type"] not in NOT_MADE}
    assert known - made <= conditional()
    assert made <= known


def test_no_type_is_left_out_that_the_template_does_not_have() -> None:
    assert set(NOT_MADE) <= {each["Type"] for each in expanded()["Resources"].values()}


def test_moto_still_does_not_know_what_is_left_out(resources: list[dict[str, Any]]) -> None:
    """What it has learned is no longer to be left out."""
    # It brings moto's models of all services, and every process imports this module.
    from moto.cloudformation.parsing import resource_class_from_type  # noqa: PLC0415

    assert [kind for kind in NOT_MADE if resource_class_from_type(kind) is not None] == []


def test_a_function_has_the_variables_that_it_reads(resources: list[dict[str, Any]]) -> None:
    functions = boto3.client("lambda").list_functions()["Functions"]
    assert {each["FunctionName"]: set(each["Environment"]["Variables"]) for each in functions} == {
        f"{STACK}-{name.lower()}": set(VARIABLES[name.lower()]) for name in FUNCTIONS
    }
    given = [each["Environment"]["Variables"] for each in functions]
    tables = {value for variables in given for name, value in variables.items() if name.endswith("_TABLE")}
    assert tables == set(boto3.client("dynamodb").list_tables()["TableNames"])


def test_a_table_has_the_keys_the_indexes_and_the_stream_of_the_template(resources: list[dict[str, Any]]) -> None:
    dynamodb = boto3.client("dynamodb")
    for name in ("Ledger", "Audit", "Usage"):
        written = template()["Resources"][f"{name}Table"]["Properties"]
        table = dynamodb.describe_table(TableName=f"{STACK}-{name.lower()}")["Table"]
        assert table["KeySchema"] == written["KeySchema"]
        assert table["DeletionProtectionEnabled"] is True
        assert [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])] == [
            index["IndexName"] for index in written.get("GlobalSecondaryIndexes", [])
        ]
        assert ("LatestStreamArn" in table) is ("StreamSpecification" in written)


def test_a_queue_that_a_function_reads_ends_in_a_queue_for_failures(resources: list[dict[str, Any]]) -> None:
    failures = {arn: policy.get("deadLetterTargetArn") for arn, policy in redrive_policies().items()}
    mappings = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    sources = [mapping["EventSourceArn"] for mapping in mappings]
    read = {source for source in sources if source in failures}
    assert (len(sources), len(read)) == (5, 3)
    assert {failures[source] for source in read} <= failures.keys()


def test_a_rule_of_the_bus_reaches_a_queue_or_a_topic_that_is_there(resources: list[dict[str, Any]]) -> None:
    events = boto3.client("events")
    rules = [rule["Name"] for rule in events.list_rules(EventBusName=STACK)["Rules"]]
    targets = [events.list_targets_by_rule(Rule=rule, EventBusName=STACK)["Targets"] for rule in rules]
    topics = {topic["TopicArn"] for topic in boto3.client("sns").list_topics()["Topics"]}
    assert sorted(len(each) for each in targets) == [1, 1, 1, 1]
    assert {target["Arn"] for each in targets for target in each} <= topics | redrive_policies().keys()


def redrive_policies() -> dict[str, Any]:
    """Of all queues, by ARN; empty for one that has none."""
    sqs = boto3.client("sqs")
    urls = sqs.list_queues()["QueueUrls"]
    queues = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in urls]
    return {queue["QueueArn"]: json.loads(queue.get("RedrivePolicy", "{}")) for queue in queues}


def test_a_function_runs_under_a_role_of_its_own(resources: list[dict[str, Any]]) -> None:
    roles = [each["Role"] for each in boto3.client("lambda").list_functions()["Functions"]]
    assert len(set(roles)) == len(roles)
    assert set(roles) <= {role["Arn"] for role in boto3.client("iam").list_roles()["Roles"]}
