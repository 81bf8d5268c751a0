from typing import Any, Final

import pytest

from tests.template.loading import of_type, properties, references, resource, template

QUEUES: Final = ("IngestQueue", "IngestFailureQueue")
GLOBAL_TIMEOUT_S: Final[int] = template()["Globals"]["Function"]["Timeout"]
LAST_TRY_MS: Final = 3_000


@pytest.mark.parametrize("queue", QUEUES)
def test_the_queue_and_its_failure_exit_keep_order_by_account_and_not_over_all(queue: str) -> None:
    assert properties(queue)["QueueName"]["Fn::Sub"].endswith(".fifo")
    assert properties(queue)["FifoQueue"] is True
    assert properties(queue)["DeduplicationScope"] == "messageGroup"
    assert properties(queue)["FifoThroughputLimit"] == "perMessageGroupId"


@pytest.mark.parametrize("queue", QUEUES)
def test_a_sender_has_to_say_which_messages_are_the_same(queue: str) -> None:
    assert properties(queue)["ContentBasedDeduplication"] is False


@pytest.mark.parametrize("queue", QUEUES)
def test_charges_that_are_nowhere_else_outlive_the_stack(queue: str) -> None:
    assert resource(queue)["DeletionPolicy"] == resource(queue)["UpdateReplacePolicy"] == "Retain"


def test_an_outage_of_half_an_hour_is_outlived_and_a_function_that_dies_of_a_message_is_not_fed_it_for_ever() -> None:
    queue = properties("IngestQueue")
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["IngestFailureQueue", "Arn"]}
    assert queue["VisibilityTimeout"] == 6 * properties("IngestFunction").get("Timeout", GLOBAL_TIMEOUT_S)
    assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] == 30 * 60


def test_a_message_with_its_reason_beside_it_is_never_more_than_the_failure_queue_takes() -> None:
    assert properties("IngestQueue")["MaximumMessageSize"] == 16 * 1024
    assert "MaximumMessageSize" not in properties("IngestFailureQueue")


def test_the_function_tells_one_bad_message_from_a_bad_batch() -> None:
    mapping = properties("IngestQueueMapping")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["IngestQueue", "Arn"]}
    assert mapping["FunctionName"] == {"Ref": "IngestFunction"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10


def test_the_function_ends_before_it_is_ended() -> None:
    deadline_ms = template()["Parameters"]["LedgerDeadlineMs"]["MaxValue"]
    assert deadline_ms + LAST_TRY_MS < properties("IngestFunction").get("Timeout", GLOBAL_TIMEOUT_S) * 1000


def test_the_function_sets_aside_into_the_queue_it_is_given() -> None:
    environment = properties("IngestFunction")["Environment"]["Variables"]
    assert environment["FAILURE_QUEUE_URL"] == {"Ref": "IngestFailureQueue"}


def test_messages_do_not_choose_their_tenant_unless_the_deployer_says_so() -> None:
    parameter = template()["Parameters"]["IngestTenant"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("default", ["default", "message"])


def test_the_right_to_send_is_a_policy_that_nobody_has_unless_given_it() -> None:
    statement, _ = properties("IngestSenderPolicy")["PolicyDocument"]["Statement"]  # the other is about a key
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == {"Fn::GetAtt": ["IngestQueue", "Arn"]}
    holders: list[Any] = [role["ManagedPolicyArns"] for role in of_type("AWS::IAM::Role").values()]
    assert "IngestSenderPolicy" not in {name for each in holders for name in references(each)}
    assert {"Users", "Groups", "Roles"}.isdisjoint(properties("IngestSenderPolicy"))
    assert [name for name, each in of_type("AWS::SQS::QueuePolicy").items() if "Ingest" in str(each)] == []
