import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from millicent.failures import ON_SCHEDULE
from shared.ledger.kinds import KINDS
from tests.integration.world import SPENDING
from tests.template.loading import FUNCTIONS, ROOT, listed, of_type, properties, references, resource, template

FAILURE_QUEUES: Final = (
    "OutboxFailureQueue", "RuleFailureQueue", "AuditFailureQueue", "UsageFailureQueue", "ScheduleFailureQueue",
    "IngestFailureQueue",
)  # fmt: skip
WORKING_QUEUES: Final = ("AuditQueue", "UsageQueue", "IngestQueue")
SCHEDULED: Final = ("Reconcile", "Digest", "Due", "Boards")
AUDIT_RULE: Final = {"Fn::GetAtt": ["AuditRule", "Arn"]}
USAGE_RULE: Final = {"Fn::GetAtt": ["UsageRule", "Arn"]}
SENDERS: Final[Mapping[str, Any]] = {
    "AuditQueue": AUDIT_RULE,
    "RuleFailureQueue": [AUDIT_RULE, *({"Fn::GetAtt": [name, "Arn"]} for name in ("LowBalanceRule", "DigestMadeRule"))],
    "UsageQueue": USAGE_RULE,
    "UsageFailureQueue": USAGE_RULE,
}
SCHEDULE_FAILURES: Final = {"Fn::GetAtt": ["ScheduleFailureQueue", "Arn"]}
FOURTEEN_DAYS_S: Final = 14 * 24 * 3600
STREAM_KEEPS_S: Final = 24 * 3600
ALARMS: Final = of_type("AWS::CloudWatch::Alarm")


def _alarms_on(metric: str, dimension: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, alarm in ALARMS.items()
        if alarm["MetricName"] == metric and [each["Value"] for each in alarm["Dimensions"]] == [dimension]
    ]


def test_what_the_stream_gives_up_goes_to_a_queue() -> None:
    stream = properties("OutboxStream")
    assert stream["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": ["OutboxFailureQueue", "Arn"]}},
    }


def test_the_stream_is_read_from_the_first_entry_on_and_tells_a_bad_record_from_a_bad_batch() -> None:
    stream = properties("OutboxStream")
    assert stream["EventSourceArn"] == {"Fn::GetAtt": ["LedgerTable", "StreamArn"]}
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_an_outage_is_tried_again_for_hours_but_given_up_before_the_stream_forgets() -> None:
    stream = properties("OutboxStream")
    assert STREAM_KEEPS_S / 2 < stream["MaximumRecordAgeInSeconds"] < STREAM_KEEPS_S
    assert stream["MaximumRetryAttempts"] == 10_000


def test_the_stream_hands_over_new_operations_alone() -> None:
    (criterion,) = properties("OutboxStream")["FilterCriteria"]["Filters"]
    assert json.loads(criterion["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "OP#"}]}}},
    }


def test_the_outbox_sets_aside_into_the_queue_it_is_given() -> None:
    environment = properties("OutboxFunction")["Environment"]["Variables"]
    assert environment["FAILURE_QUEUE_URL"] == {"Ref": "OutboxFailureQueue"}


def test_every_event_of_ours_goes_to_the_audit_queue_and_what_does_not_arrive_to_another() -> None:
    rule = properties("AuditRule")
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert rule["EventPattern"] == {"source": ["millicent"], "detail-type": [{"prefix": "credit."}]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["AuditQueue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["RuleFailureQueue", "Arn"]}}


def test_what_is_spent_goes_to_the_usage_queue_and_what_does_not_arrive_to_its_failure_queue() -> None:
    rule = properties("UsageRule")
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert rule["EventPattern"] == {"source": ["millicent"], "detail-type": list(SPENDING)}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["UsageQueue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UsageFailureQueue", "Arn"]}}


def test_every_event_that_is_counted_wakes_who_counts() -> None:
    assert set(SPENDING) == {each.event for each in KINDS.values() if each.usage is not None}


@pytest.mark.parametrize("queue", SENDERS)
def test_only_our_rules_may_send_to_the_queue(queue: str) -> None:
    policy = properties(f"{queue}Policy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == [{"Ref": queue}]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
    senders = [each for each in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) if "Fn::If" not in each]
    assert senders == listed(SENDERS[queue])


@pytest.mark.parametrize(
    ("rule", "topic", "detail_type"),
    [("LowBalanceRule", "LowBalanceTopic", "credit.low-balance"), ("DigestMadeRule", "DigestTopic", "ledger.digest")],
)
def test_what_somebody_waits_for_goes_to_a_topic_and_what_does_not_arrive_to_a_queue(
    rule: str, topic: str, detail_type: str
) -> None:
    assert properties(rule)["EventBusName"] == {"Ref": "EventBus"}
    assert properties(rule)["EventPattern"] == {"source": ["millicent"], "detail-type": [detail_type]}
    (target,) = properties(rule)["Targets"]
    assert target["Arn"] == {"Ref": topic}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["RuleFailureQueue", "Arn"]}}


@pytest.mark.parametrize(("rule", "topic"), [("LowBalanceRule", "LowBalanceTopic"), ("DigestMadeRule", "DigestTopic")])
def test_only_our_rule_may_tell_a_topic(rule: str, topic: str) -> None:
    policy = properties(f"{topic}Policy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Topics"] == [{"Ref": topic}]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sns:Publish")
    assert statement["Resource"] == {"Ref": topic}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}}


@pytest.mark.parametrize("name", ["LowBalance", "Digest"])
def test_a_topic_is_mailed_to_an_address_that_the_parameter_names_and_else_to_none(name: str) -> None:
    subscription = resource(f"{name}EmailSubscription")
    assert subscription["Condition"] == f"With{name}Email"
    assert subscription["Properties"] == {
        "TopicArn": {"Ref": f"{name}Topic"},
        "Protocol": "email",
        "Endpoint": {"Ref": f"{name}Email"},
    }
    assert template()["Parameters"][f"{name}Email"]["Default"] == ""


@pytest.mark.parametrize("name", ["Audit", "Usage"])
def test_what_cannot_be_done_with_an_event_goes_to_a_queue_after_five_tries(name: str) -> None:
    assert properties(f"{name}Queue")["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [f"{name}FailureQueue", "Arn"]},
        "maxReceiveCount": 5,
    }
    assert properties(f"{name}QueueMapping")["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", ["Audit", "Usage"])
def test_a_message_stays_hidden_for_six_times_as_long_as_the_function_may_take_and_its_batch_gathers(name: str) -> None:
    window_s = properties(f"{name}QueueMapping")["MaximumBatchingWindowInSeconds"]
    assert properties(f"{name}Queue")["VisibilityTimeout"] == 6 * properties(f"{name}Function")["Timeout"] + window_s


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_schedule_that_cannot_call_its_function_and_a_call_that_fails_both_end_in_a_queue(name: str) -> None:
    (target,) = properties(f"{name}Rule")["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [f"{name}Function", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": SCHEDULE_FAILURES}
    asynchronous = properties(f"{name}Failures")
    assert asynchronous["FunctionName"] == {"Ref": f"{name}Function"}
    assert asynchronous["DestinationConfig"] == {"OnFailure": {"Destination": SCHEDULE_FAILURES}}


def test_a_call_on_schedule_that_failed_can_be_made_again() -> None:
    assert {*ON_SCHEDULE} == {f"{name}FunctionName" for name in SCHEDULED}


def test_only_our_schedules_may_send_to_their_queue() -> None:
    (statement,) = properties("ScheduleFailureQueuePolicy")["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == SCHEDULE_FAILURES
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [f"{name}Rule", "Arn"]} for name in SCHEDULED]},
    }


@pytest.mark.parametrize("metric", ["DriftMicrocents", "Findings", "AccountsUnverified"])
def test_what_the_reconciler_finds_raises_an_alarm(metric: str) -> None:
    (alarm,) = [each for each in ALARMS.values() if each["MetricName"] == metric]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert dimensions == {"service": "reconcile", "stage": {"Ref": "Stage"}}
    assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("Millicent", "Maximum", 1)


def test_a_digest_that_contradicts_the_one_before_raises_an_alarm() -> None:
    (alarm,) = [each for each in ALARMS.values() if each["MetricName"] == "DigestRegressions"]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert dimensions == {"service": "digest", "stage": {"Ref": "Stage"}}
    assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("Millicent", "Maximum", 1)


def test_what_the_feed_of_activity_lacks_raises_an_alarm() -> None:
    (alarm,) = [each for each in ALARMS.values() if each["MetricName"] == "ActivityLinesLost"]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert dimensions == {"service": "audit", "stage": {"Ref": "Stage"}}
    assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("Millicent", "Sum", 1)


def test_the_alerts_of_a_tenant_know_every_failure_exit_and_no_other_queue() -> None:
    told = properties("TenantFunction")["Environment"]["Variables"]["FAILURE_QUEUE_URLS"]
    assert sorted(references(told)) == sorted(FAILURE_QUEUES)


def test_an_account_that_stays_behind_raises_an_alarm() -> None:
    (alarm,) = [each for each in ALARMS.values() if each["MetricName"] == "AccountsBehind"]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert dimensions == {"service": "due", "stage": {"Ref": "Stage"}}
    assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("Millicent", "Maximum", 1)


def test_every_queue_but_the_working_ones_is_a_failure_exit() -> None:
    assert set(of_type("AWS::SQS::Queue")) == {*FAILURE_QUEUES, *WORKING_QUEUES}


@pytest.mark.parametrize("queue", FAILURE_QUEUES)
def test_a_failure_exit_keeps_what_it_gets_for_fourteen_days_and_raises_an_alarm_at_the_first(queue: str) -> None:
    assert properties(queue)["MessageRetentionPeriod"] == FOURTEEN_DAYS_S
    (alarm,) = _alarms_on("ApproximateNumberOfMessagesVisible", {"Fn::GetAtt": [queue, "QueueName"]})
    assert ALARMS[alarm]["Threshold"] == 1
    assert ALARMS[alarm]["Statistic"] == "Maximum"


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_fails_or_is_throttled_raises_an_alarm(name: str, metric: str) -> None:
    assert len(_alarms_on(metric, {"Ref": f"{name}Function"})) == 1


@pytest.mark.parametrize(
    ("metric", "dimension"),
    [
        ("IteratorAge", {"Ref": "OutboxFunction"}),
        ("ApproximateAgeOfOldestMessage", {"Fn::GetAtt": ["AuditQueue", "QueueName"]}),
        ("ApproximateAgeOfOldestMessage", {"Fn::GetAtt": ["UsageQueue", "QueueName"]}),
        ("ApproximateAgeOfOldestMessage", {"Fn::GetAtt": ["IngestQueue", "QueueName"]}),
        ("5xx", {"Ref": "Api"}),
    ],
)
def test_falling_behind_and_failing_callers_raise_an_alarm(metric: str, dimension: dict[str, Any]) -> None:
    assert len(_alarms_on(metric, dimension)) == 1


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_reaches_somebody_and_is_quiet_while_nothing_happens(alarm: str) -> None:
    assert set(references(ALARMS[alarm]["AlarmActions"])) == {"AlarmTopic", "AlarmTopicArn"}
    assert ALARMS[alarm]["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert ALARMS[alarm]["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("alarm", ALARMS)
def test_the_runbook_says_what_to_do_about_an_alarm(alarm: str) -> None:
    name = ALARMS[alarm]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
    headings = [line for line in (ROOT / "docs" / "operations.md").read_text().splitlines() if line.startswith("### ")]
    named = {word.strip("`,") for line in headings for word in line.split()}
    assert name in named
