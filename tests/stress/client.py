"""A client: four threads that send what the plan gives them, until each request has its answer.

    python -m tests.stress.client DIRECTORY NUMBER

It says that it is ready, and waits for its part of the plan. It may be killed at any moment and started again: what has
no answer in its journal is sent again, with the same key.
"""

import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from shared.runtime.clock import epoch_now_ms
from tests.stress.asked import Asked
from tests.stress.calls import FUNCTIONS, event_of, lookup_event, named_by, seq_of_made
from tests.stress.environment import Environment, EnvironmentEndedError, prepare
from tests.stress.journal import Journal, journal_file, lines
from tests.stress.plan import LANES_PER_CLIENT, Send, plan_file, read, ready_file

TURNED_AWAY: Final = frozenset({429, 503})
FOUND: Final = 200
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 2.0
POLL_S: Final = 0.05


def main(directory: Path, client: int) -> None:
    prepare(FUNCTIONS)
    environments = [Environment() for _ in range(LANES_PER_CLIENT)]
    ready_file(directory, client).touch()
    wait_for(plan_file(directory, client))
    file = journal_file(directory, client)
    done = {line.send for line in lines(file) if line.happening == "answered"}
    killed = {line.send for line in lines(file) if line.happening == "killed"}
    lanes: dict[int, list[Send]] = defaultdict(list)
    for send in read(directory, client):
        if send.number not in done:
            lanes[send.lane].append(send)
    journal = Journal(file)
    with ThreadPoolExecutor(LANES_PER_CLIENT) as threads:
        at_work = [
            threads.submit(work, sends, environment, journal, killed)
            for sends, environment in zip(lanes.values(), environments, strict=False)
        ]
        for lane in at_work:
            lane.result()


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(POLL_S)


def work(sends: list[Send], environment: Environment, journal: Journal, killed: set[int]) -> None:
    for send in sends:
        wait_until(send.not_before_ms)
        until_answered(send, environment, journal, is_killed_already=send.number in killed)
    environment.close()


def wait_until(not_before_ms: int | None) -> None:
    while not_before_ms is not None and (left_ms := not_before_ms - epoch_now_ms()) > 0:
        time.sleep(left_ms / 1000)


def until_answered(send: Send, environment: Environment, journal: Journal, *, is_killed_already: bool) -> None:
    named = terms_named(send, environment)
    kill_after_ms = None if is_killed_already else send.kill_after_ms
    while (answer := _ask(send, named, environment, journal, kill_after_ms)) is None or _is_turned_away(answer):
        kill_after_ms = None
        _wait(FIRST_WAIT_S)
    is_replayed = "Idempotency-Replayed" in answer["headers"]
    journal.answered(send.number, answer["statusCode"], answer["body"], is_replayed=is_replayed)


def terms_named(send: Send, environment: Environment) -> dict[str, dict[str, str]]:
    """What each operation names, by its key, once that is on record. Of a batch, all name one.

    Its request is an earlier one, so somebody is at it.
    """
    naming = [asked for asked in send.asked if asked.named is not None]
    if not naming or naming[0].named is None:
        return {}
    first, ceiling_s = naming[0], FIRST_WAIT_S
    while (seq := _seq_of_made(first, naming[0].named, environment)) is None:
        _wait(ceiling_s)
        # Its lane may be far behind, and all who ask in vain keep that lane from its work.
        ceiling_s = min(ceiling_s * 2, LONGEST_WAIT_S)
    return {asked.key: named_by(asked, seq) for asked in naming}


def _seq_of_made(asked: Asked, key: str, environment: Environment) -> int | None:
    try:
        answer = environment.invoke(*lookup_event(asked.actor, key, f"request-{uuid4()}"))
    except EnvironmentEndedError:
        return None
    return seq_of_made(json.loads(answer["body"])) if answer["statusCode"] == FOUND else None


def _ask(
    send: Send,
    named: Mapping[str, Mapping[str, str]],
    environment: Environment,
    journal: Journal,
    kill_after_ms: int | None,
) -> Any:
    request = f"request-{uuid4()}"
    journal.sent(send.number)
    try:
        answer = environment.invoke(*event_of(send, request, named), kill_after_ms)
    except EnvironmentEndedError:
        journal.killed(send.number)
        return None
    if _is_turned_away(answer):
        journal.turned_away(send.number, request, answer["statusCode"], answer["body"])
    return answer


def _is_turned_away(answer: Any) -> bool:
    """Whether it is to be sent again; of a batch, whether any of it is."""
    if answer["statusCode"] in TURNED_AWAY:
        return True
    results = json.loads(answer["body"]).get("results", ())
    return any(result["status"] in TURNED_AWAY for result in results)


def _wait(ceiling_s: float) -> None:
    time.sleep(random.uniform(0, ceiling_s))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
