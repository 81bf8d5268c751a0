"""The way from the sums of accounts to those of tenants, as the template has it."""

import json
from typing import Any, Final, get_args

import msgspec

from functions.boards.schema import SweepRequest
from shared.ledger.boards import BoardGrouping
from tests.template.loading import properties, resource, template

STREAM: Final[dict[str, Any]] = dict(properties("BoardsStream"))


def test_every_sum_of_an_account_reaches_the_boards_and_nothing_else_does() -> None:
    assert STREAM["EventSourceArn"] == {"Fn::GetAtt": ["UsageTable", "StreamArn"]}
    (criterion,) = STREAM["FilterCriteria"]["Filters"]
    pattern = json.loads(criterion["Pattern"])
    prefixes = [each["prefix"] for each in pattern["dynamodb"]["Keys"]["sk"]["S"]]
    assert pattern == {"dynamodb": {"Keys": {"sk": {"S": [{"prefix": each} for each in prefixes]}}}}
    assert prefixes == ["DAY#", *(f"{grouping}#" for grouping in [*get_args(BoardGrouping), "member"])]
    for other in ("COUNTED", "2026-01", "2026-01#00"):
        assert not other.startswith(tuple(prefixes))


def test_the_stream_has_the_new_images_from_the_first_on() -> None:
    assert properties("UsageTable")["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert STREAM["StartingPosition"] == "TRIM_HORIZON"


def test_a_batch_is_tried_again_until_the_stream_forgets_it_and_an_alarm_warns_before() -> None:
    assert (STREAM["MaximumRetryAttempts"], STREAM["MaximumRecordAgeInSeconds"]) == (-1, -1)
    alarm = properties("BoardsDelayAlarm")
    assert (alarm["MetricName"], alarm["Dimensions"][0]["Value"]) == ("IteratorAge", {"Ref": "BoardsFunction"})


def test_sums_gather_for_as_long_as_the_parameter_says() -> None:
    assert STREAM["MaximumBatchingWindowInSeconds"] == {"Ref": "BoardsWindowSeconds"}
    assert template()["Parameters"]["BoardsWindowSeconds"]["Default"] == 60


def test_once_a_week_the_function_sweeps_and_no_rule_of_the_bucket_deletes_a_text() -> None:
    """A text of a month that is over stays in use however old it is, so its age says nothing."""
    rule = properties("BoardsRule")
    assert rule["ScheduleExpression"] == "rate(7 days)"
    asked = SweepRequest(sweep=True, scheduled=True)
    assert msgspec.convert(json.loads(rule["Targets"][0]["Input"]), SweepRequest) == asked
    rules = properties("BoardsBucket")["LifecycleConfiguration"]["Rules"]
    assert [each.keys() & {"ExpirationInDays", "Expiration", "NoncurrentVersionExpiration"} for each in rules] == [
        set()
    ]
    assert "VersioningConfiguration" not in properties("BoardsBucket"), "what is deleted would be kept as a version"


def test_the_texts_are_never_public_and_never_travel_in_clear() -> None:
    bucket = properties("BoardsBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    (statement,) = properties("BoardsBucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert resource("BoardsBucket")["DeletionPolicy"] == "Retain"
