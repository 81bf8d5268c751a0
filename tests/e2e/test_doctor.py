"""`millicent doctor` on the laptop cloud: a whole stack passes, and what is broken on purpose is found."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner

from millicent.cli import main
from millicent.doctor import CHECKS
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

Findings: TypeAlias = Mapping[str, Mapping[str, Any]]


@pytest.fixture
def _below(laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a person would be: below a directory that has the laptop cloud's files."""
    (tmp_path / ".millicent").symlink_to(laptop.state_dir)
    monkeypatch.chdir(tmp_path)
    for variable in ("MILLICENT_URL", "MILLICENT_TOKEN", "MILLICENT_TOKEN_URL", "MILLICENT_STACK"):
        monkeypatch.delenv(variable, raising=False)


def examined(expected_exit_code: int) -> Findings:
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert done.exit_code == expected_exit_code, done.output
    return {each["check"]: each for each in json.loads(done.stdout)["checks"]}


@pytest.mark.usefixtures("_below")
def test_the_stack_of_the_laptop_cloud_passes_every_check(laptop: Laptop) -> None:
    with emptied(laptop):
        found = examined(0)
    assert tuple(found) == CHECKS
    # Nobody is subscribed to the alarms of a laptop.
    assert {name for name, each in found.items() if each["status"] != "ok"} == {"subscribers"}


@pytest.mark.usefixtures("_below")
def test_a_table_without_backups_and_a_message_in_a_failure_queue_are_found(laptop: Laptop) -> None:
    with emptied(laptop), unrecoverable(laptop, "LedgerTableName"), filled(laptop, "RuleFailureQueueUrl"):
        found = examined(1)
    assert {name for name, each in found.items() if each["status"] == "failed"} == {"backups", "failure-queues"}
    assert found["failure-queues"]["detail"] == "rule has 1"
    assert "has no point-in-time recovery" in found["backups"]["detail"]
    assert all(found[name]["advice"] for name in ("backups", "failure-queues"))


@contextmanager
def unrecoverable(laptop: Laptop, output: str) -> Iterator[None]:
    dynamodb = laptop.aws.session.client("dynamodb", endpoint_url=laptop.aws.url)
    table = laptop.stack.outputs[output]

    def recover(is_on: bool) -> None:
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": is_on}
        )

    recover(False)
    try:
        yield
    finally:
        recover(True)


@contextmanager
def filled(laptop: Laptop, output: str) -> Iterator[None]:
    sqs = laptop.aws.session.client("sqs", endpoint_url=laptop.aws.url)
    url = laptop.stack.outputs[output]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        yield
    finally:
        sqs.purge_queue(QueueUrl=url)


@contextmanager
def emptied(laptop: Laptop) -> Iterator[None]:
    """Other tests leave messages in the failure queues."""
    sqs = laptop.aws.session.client("sqs", endpoint_url=laptop.aws.url)
    for name, url in laptop.stack.outputs.items():
        if name.endswith("FailureQueueUrl"):
            sqs.purge_queue(QueueUrl=url)
    yield
