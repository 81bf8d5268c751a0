"""A client: four threads that send what the plan gives them, until each request has its answer.

    python -m tests.torture.client DIRECTORY NUMBER

It may be killed at any moment and started again: what has no answer in its journal is sent again, with the same key.
"""

import json
import random
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.torture.environment import Environment, EnvironmentEndedError, prepare
from tests.torture.journal import Journal, journal_file, lines
from tests.torture.plan import LANES_PER_CLIENT, Asked, Send, read

TURNED_AWAY: Final = frozenset({429, 503})
CALLER: Final = {"sub": "billing", "client_id": "billing", "scope": "credits/charge credits/fund"}
PATHS: Final = {"cost": "/v1/cost", "funding": "/v1/funding"}
LONGEST_WAIT_S: Final = 0.2


def main(directory: Path, client: int) -> None:
    prepare(PATHS)
    file = journal_file(directory, client)
    done = {line.send for line in lines(file) if line.happening == "answered"}
    killed = {line.send for line in lines(file) if line.happening == "killed"}
    lanes: dict[int, list[Send]] = defaultdict(list)
    for send in read(directory, client):
        if send.number not in done:
            lanes[send.lane].append(send)
    journal = Journal(file)
    with ThreadPoolExecutor(LANES_PER_CLIENT) as threads:
        for lane in [threads.submit(work, sends, journal, killed) for sends in lanes.values()]:
            lane.result()


def work(sends: list[Send], journal: Journal, killed: set[int]) -> None:
    environment = Environment()
    for send in sends:
        until_answered(send, environment, journal, is_killed_already=send.number in killed)
    environment.close()


def until_answered(send: Send, environment: Environment, journal: Journal, *, is_killed_already: bool) -> None:
    kill_after_ms = None if is_killed_already else send.kill_after_ms
    while (answer := _ask(send, environment, journal, kill_after_ms)) is None or answer["statusCode"] in TURNED_AWAY:
        kill_after_ms = None
        time.sleep(random.uniform(0, LONGEST_WAIT_S))
    is_replayed = "Idempotency-Replayed" in answer["headers"]
    journal.answered(send.number, answer["statusCode"], answer["body"], is_replayed=is_replayed)


def _ask(send: Send, environment: Environment, journal: Journal, kill_after_ms: int | None) -> Any:
    request = f"request-{uuid4()}"
    journal.sent(send.number)
    try:
        answer = environment.invoke(send.asked.function, http_event(send.asked, request), kill_after_ms)
    except EnvironmentEndedError:
        journal.killed(send.number)
        return None
    if answer["statusCode"] in TURNED_AWAY:
        journal.turned_away(send.number, request, answer["statusCode"])
    return answer


def http_event(asked: Asked, request: str) -> dict[str, Any]:
    """Payload format 2.0, as the gateway sends it once it has verified the token."""
    path = PATHS[asked.function]
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "idempotency-key": asked.key},
        "requestContext": {
            "requestId": request,
            "stage": "$default",
            "http": {"method": "POST", "path": path, "sourceIp": "127.0.0.1", "userAgent": "torture"},
            "authorizer": {"jwt": {"claims": CALLER, "scopes": None}},
        },
        "isBase64Encoded": False,
        "body": json.dumps(asked.body),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
