"""What is due, on the laptop cloud and under its IAM: done for accounts that nobody calls, and by whoever calls."""

import time
from typing import Any

import pytest

from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

TTL_S = 1


def leaked(laptop: Laptop, actor: str) -> str:
    """The id of a hold of 60 that nobody ended and that is over."""
    with laptop.client() as client:
        client.grant(actor, 100)
        hold = client.hold(actor, 60, ttl_s=TTL_S).hold
    assert hold is not None
    time.sleep(TTL_S + 0.2)
    return hold.id


def stored(laptop: Laptop, actor: str, sk: str) -> dict[str, Any]:
    """A row of the account as it lies in the table."""
    dynamodb = laptop.aws.session.client("dynamodb", endpoint_url=laptop.aws.url)
    key = {"pk": {"S": f"TENANT#default#ACTOR#{actor}"}, "sk": {"S": sk}}
    return dict(dynamodb.get_item(TableName=laptop.stack.outputs["LedgerTableName"], Key=key)["Item"])


def test_a_hold_of_an_account_that_nobody_calls_is_returned_all_the_same(laptop: Laptop) -> None:
    hold = leaked(laptop, "user:gone")
    assert stored(laptop, "user:gone", f"HOLD#{hold}")["status"] == {"S": "open"}
    aws_lambda = laptop.aws.session.client("lambda", endpoint_url=laptop.aws.url)
    aws_lambda.invoke(
        FunctionName=laptop.stack.outputs["DueFunctionName"],
        InvocationType="Event",
        Payload=b'{"scheduled": true, "grace_s": 0, "budget_s": 0}',
    )
    state = eventually(
        lambda: state if "open_holds" not in (state := stored(laptop, "user:gone", "STATE")) else None, "it came back"
    )
    assert (state["available"], state["held"]) == ({"N": "100000"}, {"N": "0"})
    assert stored(laptop, "user:gone", f"HOLD#{hold}")["status"] == {"S": "expired"}
    laptop.books_when_audited()


def test_an_account_with_a_hold_that_is_over_can_be_frozen(laptop: Laptop) -> None:
    leaked(laptop, "user:suspect")
    with laptop.client() as client:
        client.freeze("user:suspect")
        assert client.account("user:suspect").status == "frozen"
