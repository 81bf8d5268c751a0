"""The ingest queue on the deployed stack: a real queue in order, the function behind it, and its failure queue."""

import json
from collections import Counter
from decimal import Decimal

import pytest
from click.testing import CliRunner

from local.deploy import STACK
from millicent import Millicent
from millicent.aws import Stack
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.failures import Failure, queue_named, show, waiting
from millicent.ingest import enqueue
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

ACTORS = [f"user:ingest-{number}" for number in range(5)]
CHARGES = [{"key": f"ingest-{n}", "actor": ACTORS[n % 5], "cost": "0.5", "meter": "llm"} for n in range(500)]
SPELLED_OTHERWISE = [charge | {"cost": "0.500"} for charge in CHARGES]
"""The same charges, in messages that the queue does not recognise."""
POISON = (
    "not json",
    '{"key":"ingest-invalid","actor":"user:ingest-0","cost":"much"}',
    '{"key":"ingest-0","actor":"user:ingest-0","cost":"7"}',
)


@pytest.fixture
def stack(laptop: Laptop) -> Stack:
    return Stack(STACK, laptop.aws.session, laptop.aws.url)


def send(stack: Stack, charges: list[dict[str, str]]) -> None:
    """Half of the charges from code, half by the command, and the poison between them."""
    enqueue(stack, charges[:250])
    for number, body in enumerate(POISON):
        stack.call(
            "sqs",
            "send_message",
            QueueUrl=stack.output("IngestQueueUrl"),
            MessageBody=body,
            MessageGroupId=f"/{ACTORS[0]}",
            MessageDeduplicationId=f"poison-{number}",
        )
    lines = "".join(json.dumps(charge) + "\n" for charge in charges[250:])
    sent = CliRunner().invoke(main, ["enqueue", "-", "--json"], input=lines, obj=Invocation(stack=stack))
    assert (sent.exit_code, json.loads(sent.stdout)) == (0, {"enqueued": 250})


def is_idle(stack: Stack) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = stack.output("IngestQueueUrl")
    found = stack.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=names)["Attributes"]
    return not any(int(found[name]) for name in names)


def set_aside(stack: Stack) -> Counter[str]:
    queue = queue_named(stack, "ingest")

    def of_nobody_else() -> list[Failure] | None:
        return None if waiting(stack, queue).in_hand else show(stack, queue, 100)

    return Counter(failure.body for failure in eventually(of_nobody_else, "the failure queue is let go"))


def test_every_charge_is_on_the_record_once_and_poison_alone_is_set_aside(
    laptop: Laptop, client: Millicent, stack: Stack
) -> None:
    for actor in ACTORS:
        client.grant(actor, 100, key=f"{actor}-grant")
    send(stack, CHARGES)
    eventually(lambda: is_idle(stack), "the ingest queue is empty")
    for actor in ACTORS:
        keys = [entry.key for entry in client.entries(actor, kind="charge", page_size=100)]
        assert keys[::-1] == [charge["key"] for charge in CHARGES if charge["actor"] == actor]
        assert client.account(actor).spent == Decimal(50)
    assert set_aside(stack) == Counter(POISON)
    before = [(client.account(actor).seq, client.account(actor).spent) for actor in ACTORS]
    send(stack, SPELLED_OTHERWISE)
    eventually(lambda: is_idle(stack), "the ingest queue is empty again")
    assert [(client.account(actor).seq, client.account(actor).spent) for actor in ACTORS] == before
    assert set_aside(stack) == Counter(POISON)
    assert laptop.books_when_audited().drift_microcents == 0
