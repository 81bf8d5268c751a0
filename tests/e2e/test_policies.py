"""What governs accounts, on the deployed stack."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from millicent import LimitExceeded, Millicent, SpendingLimit
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def heard(laptop: Laptop) -> Any:
    """What a subscriber of the topic of low balances receives."""
    sqs = laptop.aws.session.client("sqs", endpoint_url=laptop.aws.url)
    sns = laptop.aws.session.client("sns", endpoint_url=laptop.aws.url)
    url = sqs.create_queue(QueueName="heard-of-low-balances")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = laptop.stack.outputs["LowBalanceTopicArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})}
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def receive(count: int) -> list[tuple[str, int, int]]:
        events: list[dict[str, Any]] = []

        def found() -> list[dict[str, Any]] | None:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            events.extend(json.loads(json.loads(each["Body"])["Message"])["detail"] for each in messages)
            return events if len(events) >= count else None

        told = eventually(found, "the low balances are told")
        return sorted((each["actor"], each["seq"], each["data"]["threshold"]) for each in told)

    return receive


def test_limits_members_and_allowances_decide_and_the_books_hold(laptop: Laptop, client: Millicent, heard: Any) -> None:
    member, team = "user:policies", "team:policies"
    client.configure(team, time_zone="Europe/Amsterdam", low_balance_thresholds=[90, 50])
    client.grant(team, 100)
    client.set_allowance(member, 80, "monthly", rollover_maximum=40)
    client.join(member, team)
    client.set_limits(team, [SpendingLimit(amount=60, window="day", app="chat")])

    with client.holding(member, 20, app="chat") as held:
        held.capture(15)
    charged = client.charge(member, 40, app="chat", key="charged")
    with pytest.raises(LimitExceeded) as refused:
        client.charge(member, 10, app="chat")
    client.refund(member, "charged", 5)

    assert charged.entry.parent == team
    assert refused.value.limit is not None
    assert (refused.value.limit.account, refused.value.largest_affordable) == (team, Decimal(5))
    assert (client.account(member).available, client.account(team).available) == (Decimal(30), Decimal(50))
    assert client.account(team).limits[0].used == 50
    # Both were above what was there when they were set; the hold took nothing away, its capture did.
    assert heard(4) == [(team, 1, 50), (team, 1, 90), (team, 5, 90), (team, 6, 50)]
    assert laptop.books_when_audited().holds


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", {"status": "frozen"}),
        ("PATCH", "", {"low_balance_thresholds": [500], "time_zone": "Europe/Amsterdam"}),
        ("PUT", "/limits", {"limits": [{"amount": 500, "window": "day"}]}),
        ("PUT", "/allowance", {"amount": 10, "interval": "monthly"}),
    ],
    ids=["freeze", "settings", "limits", "allowance"],
)
def test_what_governs_an_account_is_set_although_a_hold_of_it_is_over(
    laptop: Laptop, client: Millicent, method: str, below: str, body: Any
) -> None:
    """The function ends that hold first, and so has to be allowed to find it."""
    actor = f"user:overdue.{'-'.join(body)}"
    client.grant(actor, 1000)
    client.hold(actor, 100, ttl_s=1)
    eventually(lambda: client.account(actor).available == 1000, "the hold is over")
    answer = httpx.request(
        method,
        f"{laptop.base_url}/v1/accounts/{actor}{below}",
        json=body,
        headers={"Authorization": f"Bearer {laptop.token('fund')}", "Idempotency-Key": "-".join(body)},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert "expire" in {entry.kind for entry in client.entries(actor)}
