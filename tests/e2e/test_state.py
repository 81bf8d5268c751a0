"""What stays of the laptop cloud after a kill and on another port, and on how much disk."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from local.deploy import STACK
from local.emulated.shared_layers import SHARED
from local.stream_recovery import uncounted
from local.tables import Tables
from millicent import Millicent, operations
from millicent import aws as sdk
from millicent.errors import MillicentError
from millicent.operations import Reconciliation
from millicent.retry import RetryPolicy
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

LOGGER = logging.getLogger(__name__)

WRITERS = 4
CHARGES_BEFORE_A_KILL = 60
ROUNDS = int(os.environ.get("KILL_ROUNDS", "1"))
"""How often the cloud is killed under load: `KILL_ROUNDS=3` for the proof."""
IMPATIENT = RetryPolicy(deadline_s=5, attempt_timeout_s=5)
"""Nobody waits for a cloud that was killed."""


class Writers:
    """Clients that charge one account each, as fast as they can, and note what the service acknowledged."""

    def __init__(self, laptop: Laptop, name: str) -> None:
        self.acknowledged: dict[str, list[str]] = {f"user:{name}-{number}": [] for number in range(WRITERS)}
        self._laptop = laptop
        self._is_over = threading.Event()

    @property
    def count(self) -> int:
        return sum(len(keys) for keys in self.acknowledged.values())

    @contextmanager
    def charging(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._charge, args=(actor,)) for actor in self.acknowledged]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def _charge(self, actor: str) -> None:
        """A charge that nobody answered is sent again with its key, like one that took long to start."""
        with Millicent(self._laptop.base_url, self._laptop.token("charge"), retry=IMPATIENT) as client:
            while not self._is_over.is_set():
                key = f"{actor}-{len(self.acknowledged[actor])}"
                with suppress(MillicentError):
                    client.charge(actor, "0.001", key=key)
                    self.acknowledged[actor].append(key)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_cloud_that_is_killed_under_load_loses_no_acknowledged_charge(laptop: Laptop, number: int) -> None:
    writers = Writers(laptop, f"killed-{number}")
    with laptop.client() as client:
        for actor in writers.acknowledged:
            client.grant(actor, 1000, key=f"{actor}-grant")
    with writers.charging():
        eventually(lambda: writers.count >= CHARGES_BEFORE_A_KILL, "there is load")
        laptop.kill()
    laptop.start()

    outcomes = Tables(laptop.aws, laptop.stack).outcomes()
    acknowledged = [(actor, key) for actor, keys in writers.acknowledged.items() for key in keys]
    assert {outcomes.get(each) for each in acknowledged} == {"applied"}
    books = laptop.books_when_audited()
    LOGGER.info("%d acknowledged; %d entries, %d of them audited", len(acknowledged), books.entries, books.audited)
    assert (books.audited, books.drift_microcents) == (books.entries, 0)
    eventually(lambda: uncounted(Tables(laptop.aws, laptop.stack)) == [], "all is counted")


def test_a_state_made_on_one_port_delivers_its_events_on_another(laptop: Laptop) -> None:
    actor = "user:moved"
    with laptop.client() as before:
        before.grant(actor, 100)
        before.charge(actor, 1, key="moved-1")
    laptop.books_when_audited()
    laptop.move()
    with laptop.client() as after:
        after.charge(actor, 1, key="moved-2")
        assert after.account(actor).available == 98
        books = laptop.books_when_audited()
        assert (books.audited, books.late) == (books.entries, 0)
        eventually(lambda: len(after.audit(actor).items) == 3, "what happened on the new port is audited")
        eventually(lambda: [each.count for each in after.usage(actor).items] == [2], "and counted")


def test_an_audit_that_stands_still_is_a_finding_until_it_moves_again(laptop: Laptop, client: Millicent) -> None:
    deployed = sdk.Stack(STACK, laptop.aws.session, laptop.aws.url)
    with delivery_stopped(laptop, "AuditFunction"):
        client.grant("user:still", 1)
        (found,) = verified(deployed).findings
        assert (found.place, found.problem) == ("audit", "stands still: 1 entry waits, and none arrived in 2 s")
    eventually(lambda: verified(deployed).holds, "it moves again")


def verified(deployed: sdk.Stack) -> Reconciliation:
    """As `millicent verify --wait 2`."""
    *_, found = operations.reconcile(deployed, repair=False)
    return operations.with_standstills(deployed, found, wait_s=2)


@contextmanager
def delivery_stopped(laptop: Laptop, function: str) -> Iterator[None]:
    """Messages for the function stay in its queue meanwhile."""
    lambdas = laptop.aws.session.client("lambda", endpoint_url=laptop.aws.url)
    listed = lambdas.list_event_source_mappings(FunctionName=laptop.stack.ids[function])
    (mapping,) = listed["EventSourceMappings"]
    lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_the_layer_is_unpacked_once_for_all_workers(laptop: Laptop, client: Millicent) -> None:
    client.grant("user:layer", 1)
    client.charge("user:layer", 1)
    temporary = laptop.state_dir / "tmp"
    packages = [path for path in temporary.rglob("botocore/__init__.py") if not _is_linked(path, temporary)]
    assert [path.relative_to(temporary).parts[0] for path in packages] == [SHARED]
    assert len(laptop.processes("_worker.py")) > 1


def _is_linked(path: Path, below: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if below in parent.parents)
