"""The consumer of docs/examples: what it sums, how often, and that the page on events shows it as it is."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from tests.integration.world import World, client
from tests.template.loading import ROOT, template

EXAMPLE: Final = ROOT / "docs" / "examples" / "consumer.yaml"
RESOURCES: Final[dict[str, Any]] = cfn_yaml.load(str(EXAMPLE))["Resources"]
TABLE: Final = "sums"

Consumer = Callable[[dict[str, Any], object], dict[str, Any]]


@pytest.fixture
def consumer(world: World, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """The function as the example has it, with its table beside the stack."""
    table = RESOURCES["Sums"]["Properties"]
    client("dynamodb").create_table(
        TableName=TABLE,
        **{name: table[name] for name in ("BillingMode", "KeySchema", "AttributeDefinitions")},
    )
    monkeypatch.setenv("TABLE", TABLE)
    module: dict[str, Any] = {}
    exec(RESOURCES["Consumer"]["Properties"]["InlineCode"], module)  # noqa: S102 - our own example
    handler: Consumer = module["lambda_handler"]
    return handler


def sums() -> dict[str, Decimal]:
    rows = client("dynamodb").scan(TableName=TABLE)["Items"]
    return {row["id"]["S"]: Decimal(row["spent"]["N"]) for row in rows if "spent" in row}


def matching(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that the rule of the example takes."""
    pattern = RESOURCES["Charges"]["Properties"]["EventPattern"]
    events = [(record, json.loads(record["body"])) for record in records]
    return [
        record
        for record, event in events
        if event["source"] in pattern["source"]
        and event["detail-type"] in pattern["detail-type"]
        and event["detail"]["version"] in pattern["detail"]["version"]
        and event["detail"]["data"].get("outcome") in pattern["detail"]["data"]["outcome"]
    ]


def test_it_sums_the_charges_of_each_account_however_often_an_event_comes(world: World, consumer: Consumer) -> None:
    for actor in ("user:alice", "user:bob"):
        world.fund({"actor": actor, "old_amount": 0, "new_amount": 100})
    for actor, cost in (("user:alice", 42.125), ("user:alice", 1), ("user:bob", 3), ("user:bob", 1000)):
        world.cost({"actor": actor, "cost": cost})
    world.invoke("outbox", world.stream_event())
    records = matching(world.queue_event()["Records"])
    assert len(records) == 3
    for _ in range(2):
        assert consumer({"Records": [*records, records[0]]}, None) == {"batchItemFailures": []}
    assert sums() == {"account/main/user:alice": Decimal("43.125"), "account/main/user:bob": Decimal(3)}


def test_only_the_message_that_it_cannot_take_comes_again(world: World, consumer: Consumer) -> None:
    good = (ROOT / "events" / "bus" / "record-cost.json").read_text()
    records = [{"messageId": "bad", "body": "{}"}, {"messageId": "good", "body": good}]
    assert consumer({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert sums() == {"account/main/user:alice": Decimal("42.125")}


def test_it_imports_what_the_stack_exports() -> None:
    imported = RESOURCES["Charges"]["Properties"]["EventBusName"]["Fn::ImportValue"]["Fn::Sub"]
    exported = template()["Outputs"]["EventBusName"]["Export"]["Name"]["Fn::Sub"]
    assert imported.replace("${MillicentStack}", "${AWS::StackName}") == exported


def test_the_page_on_events_shows_it_whole() -> None:
    assert f"```yaml\n{EXAMPLE.read_text()}```\n" in Path(ROOT / "docs" / "events.md").read_text()
