"""`millicent doctor`, with the service in memory as the API of a stack whose AWS is a few answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, Final

import httpx
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from millicent.aws import Stack
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.doctor import CHECKS, Finding, inside, outside
from millicent.errors import TokenError
from millicent.testing import InMemoryMillicent, Scope
from millicent.tokens import ClientCredentials, TokenSource

QUEUES: Final = ("Outbox", "Rule", "Audit", "Usage", "Ingest", "Schedule")
OUTPUTS: Final = {
    "ApiUrl": "http://127.0.0.1",
    "LedgerTableName": "ledger",
    "AuditTableName": "audit",
    "UsageTableName": "usage",
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
    **{f"{name}FailureQueueUrl": f"https://sqs/{name.lower()}" for name in QUEUES},
}


class Aws:
    """A stack that is whole. A test changes what it answers."""

    def __init__(self) -> None:
        self.status = "CREATE_COMPLETE"
        self.alarms = {"millicent-outbox-failures": "OK", "millicent-drift": "INSUFFICIENT_DATA"}
        self.subscriptions = ["arn:aws:sns:eu-central-1:123456789012:alarms:1"]
        self.recovery = dict.fromkeys(("ledger", "audit", "usage"), "ENABLED")
        self.guarded = dict.fromkeys(("ledger", "audit", "usage"), True)
        self.waiting = {name.lower(): 0 for name in QUEUES}
        self.limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}

    def stack(self) -> Stack:
        clients: dict[Any, Any] = {
            "sts": fake(get_caller_identity=lambda: {"Arn": "arn:aws:iam::123456789012:user/operator"}),
            "cloudformation": fake(describe_stacks=self._described),
            "cloudwatch": fake(describe_alarms=self._alarms),
            "sns": fake(list_subscriptions_by_topic=self._subscriptions),
            "dynamodb": fake(describe_continuous_backups=self._backups, describe_table=self._table),
            "sqs": fake(get_queue_attributes=self._queue),
            "lambda": fake(get_account_settings=lambda: {"AccountLimit": self.limit}),
        }
        return Stack("millicent", SimpleNamespace(), clients=clients)  # type: ignore[arg-type]

    def _described(self, **_: Any) -> Any:
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": outputs}]}

    def _alarms(self, **asked: str) -> Any:
        """One to a page."""
        names = [name for name in self.alarms if name.startswith(asked["AlarmNamePrefix"])]
        place = int(asked.get("NextToken", 0))
        page = [{"AlarmName": name, "StateValue": self.alarms[name]} for name in names[place : place + 1]]
        return {"MetricAlarms": page} | ({"NextToken": str(place + 1)} if place + 1 < len(names) else {})

    def _subscriptions(self, **_: Any) -> Any:
        return {"Subscriptions": [{"SubscriptionArn": arn} for arn in self.subscriptions]}

    def _backups(self, **asked: str) -> Any:
        recovery = {"PointInTimeRecoveryStatus": self.recovery[asked["TableName"]]}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}

    def _table(self, **asked: str) -> Any:
        return {"Table": {"DeletionProtectionEnabled": self.guarded[asked["TableName"]]}}

    def _queue(self, **asked: Any) -> Any:
        waiting = self.waiting[asked["QueueUrl"].rpartition("/")[2]]
        return {"Attributes": {name: "0" if "Not" in name else str(waiting) for name in asked["AttributeNames"]}}


def fake(**operations: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(**operations)


def denied(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, "GetAccountSettings")


@pytest.fixture
def aws() -> Aws:
    return Aws()


class OfRole(ClientCredentials):
    """A token of the service in memory, as a machine client's credentials would give it."""

    def __init__(self, token: str) -> None:
        super().__init__("http://127.0.0.1/oauth2/token", "id", "secret")
        self._given = token

    def token(self) -> str:
        return self._given


def service_of(millicent: InMemoryMillicent, **how: Any) -> outside.Service:
    scopes: dict[outside.Role, list[Scope]] = {
        "read": ["credits/read"],
        "charge": ["credits/charge"],
        "fund": ["credits/fund"],
    }
    tokens = {role: OfRole(millicent.token(scope)) for role, scope in scopes.items()}
    given: dict[str, Any] = {
        "base_url": "http://127.0.0.1",
        "tokens": tokens,
        "deadline_s": 5,
        "clock": millicent._clock,
        "transport": millicent.transport,
    }
    return outside.Service(**given | how)


def run(millicent: InMemoryMillicent, aws: Aws, *options: str) -> Result:
    invocation = Invocation(
        token=millicent.token(), transport=millicent.transport, clock=millicent._clock, stack=aws.stack()
    )
    return CliRunner().invoke(main, ["--token", invocation.token or "", "doctor", *options], obj=invocation)


def test_a_stack_that_is_whole_passes_every_check(millicent: InMemoryMillicent, aws: Aws) -> None:
    done = run(millicent, aws, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["stack"], told["ok"]) == ("millicent", True)
    assert {each["check"]: each["status"] for each in told["checks"]} == {
        **dict.fromkeys(CHECKS, "ok"),
        "clock": "skipped",  # the service in memory has no header Date
        "missing-scope": "skipped",  # the token that was given has all
    }
    assert millicent.account(outside.ACTOR).available == 0


def test_one_failed_check_is_exit_code_1_and_says_what_to_do(millicent: InMemoryMillicent, aws: Aws) -> None:
    aws.recovery["ledger"] = "DISABLED"
    done = run(millicent, aws)
    assert done.exit_code == 1
    (line,) = [line for line in done.stdout.splitlines() if "backups" in line]
    assert "ledger has no point-in-time recovery" in line
    assert "deploy again" in line


Change = Callable[[Aws], Any]


@pytest.mark.parametrize(
    ("check", "change", "seen"),
    [
        (inside.deployment, lambda aws: setattr(aws, "status", "UPDATE_ROLLBACK_COMPLETE"), "UPDATE_ROLLBACK_COMPLETE"),
        (inside.alarms, lambda aws: aws.alarms.update({"millicent-drift": "ALARM"}), "in alarm: drift"),
        (inside.alarms, lambda aws: aws.alarms.clear(), "no alarm is called millicent-"),
        (inside.subscribers, lambda aws: aws.subscriptions.append("PendingConfirmation"), "1 of 2 are not confirmed"),
        (inside.backups, lambda aws: aws.recovery.update(audit="DISABLED"), "audit has no point-in-time recovery"),
        (inside.backups, lambda aws: aws.guarded.update(usage=False), "usage can be deleted"),
        (inside.failure_queues, lambda aws: aws.waiting.update(rule=3), "rule has 3"),
        (inside.concurrency, lambda aws: aws.limit.update(ConcurrentExecutions=10), "of 10 executions"),
    ],
)
def test_what_is_wrong_inside_is_found(aws: Aws, check: Callable[[Stack], Finding], change: Change, seen: str) -> None:
    before = check(aws.stack())
    assert before.status == "ok"
    change(aws)
    found = check(aws.stack())
    assert found.status == "failed"
    assert seen in found.detail
    assert found.advice


def test_alarms_without_data_are_named_and_no_fault(aws: Aws) -> None:
    assert inside.alarms(aws.stack()).detail == "1 of 2 are OK; 1 without data so far: drift"


def test_of_many_alarms_without_data_a_few_are_named(aws: Aws) -> None:
    aws.alarms = {f"millicent-{name}": "INSUFFICIENT_DATA" for name in "abcde"}
    assert inside.alarms(aws.stack()).detail == "0 of 5 are OK; 5 without data so far: a, b, c and 2 more"


def test_a_topic_without_subscribers_is_told(aws: Aws) -> None:
    aws.subscriptions.clear()
    assert inside.subscribers(aws.stack()).status == "skipped"


def test_what_the_operator_may_not_ask_is_told_and_the_rest_goes_on(millicent: InMemoryMillicent, aws: Aws) -> None:
    stack = aws.stack()
    stack.clients["cloudwatch"] = fake(describe_alarms=denied)
    stack.clients["lambda"] = fake(get_account_settings=denied)
    invocation = Invocation(transport=millicent.transport, clock=millicent._clock, stack=stack)
    done = CliRunner().invoke(main, ["--token", millicent.token(), "doctor", "--json"], obj=invocation)
    told = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert done.exit_code == 1
    assert (told["alarms"]["status"], told["concurrency"]["status"]) == ("failed", "skipped")
    assert "not allowed" in told["alarms"]["detail"]
    assert told["backups"]["status"] == "ok"


def test_a_token_to_read_is_shown_not_to_charge(millicent: InMemoryMillicent) -> None:
    found = outside.without_the_scope(service_of(millicent))
    assert (found.status, "403" in found.detail) == ("ok", True)


def test_a_token_to_read_that_charges_is_found(millicent: InMemoryMillicent) -> None:
    tokens: dict[outside.Role, TokenSource] = {"read": OfRole(millicent.token())}
    found = outside.without_the_scope(service_of(millicent, tokens=tokens))
    assert (found.status, found.detail.endswith("answered 402, not 403")) == ("failed", True)


def test_open_routes_are_found(millicent: InMemoryMillicent) -> None:
    def let_in(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={})

    assert outside.without_a_token(service_of(millicent)).status == "ok"
    found = outside.without_a_token(service_of(millicent, transport=httpx.MockTransport(let_in)))
    assert (found.status, found.detail) == ("failed", "answered 200, not 401")


def test_a_token_that_cannot_be_had_is_told(millicent: InMemoryMillicent) -> None:
    class Refusing(TokenSource):
        def token(self) -> str:
            raise TokenError("invalid_client")

    found = outside.identity(service_of(millicent, tokens={"read": Refusing()}))
    assert (found.status, found.detail) == ("failed", "invalid_client")


def test_without_any_token_the_pipeline_is_left_out(millicent: InMemoryMillicent) -> None:
    pipeline = outside.Pipeline(service_of(millicent, tokens={}))
    assert [pipeline.charge().status, pipeline.audit().status, pipeline.usage().status] == ["skipped"] * 3


@pytest.mark.parametrize(("skew_s", "status"), [(0, "ok"), (29, "ok"), (31, "failed"), (-31, "failed")])
def test_a_clock_that_is_wrong_is_found(millicent: InMemoryMillicent, skew_s: int, status: str) -> None:
    here = datetime(2026, 1, 31, tzinfo=UTC)
    dated = httpx.MockTransport(lambda _: httpx.Response(200, headers={"Date": format_datetime(here, usegmt=True)}))
    service = service_of(millicent, transport=dated)
    assert outside.clock(service, lambda: here + timedelta(seconds=skew_s)).status == status


def test_events_that_do_not_arrive_are_found(millicent: InMemoryMillicent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(millicent._service, "_publish", lambda: None)
    pipeline = outside.Pipeline(service_of(millicent))
    assert pipeline.charge().status == "ok"
    for found in (pipeline.audit(), pipeline.usage()):
        assert (found.status, "not there after 5 s" in found.detail) == ("failed", True)


def test_a_charge_that_fails_is_told_and_what_follows_is_left_out(millicent: InMemoryMillicent) -> None:
    millicent.fail_next("unavailable", times=1000)
    pipeline = outside.Pipeline(service_of(millicent))
    assert [pipeline.charge().status, pipeline.audit().status] == ["failed", "skipped"]


def test_an_api_that_does_not_answer_is_told(millicent: InMemoryMillicent, aws: Aws) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to host")

    invocation = Invocation(transport=httpx.MockTransport(unreachable), clock=millicent._clock, stack=aws.stack())
    done = CliRunner().invoke(main, ["--token", "t", "doctor", "--json"], obj=invocation)
    told = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert told["health"]["detail"] == "no answer: no route to host"
    assert told["backups"]["status"] == "ok"


def test_the_names_of_the_checks_are_those_that_are_made(millicent: InMemoryMillicent, aws: Aws) -> None:
    told = json.loads(run(millicent, aws, "--json").stdout)
    assert tuple(each["check"] for each in told["checks"]) == CHECKS
