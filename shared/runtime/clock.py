"""The clock, ids and waiting. They are passed in, so that tests can control them."""

import time
from uuid import uuid4


def epoch_now_ms() -> int:
    return time.time_ns() // 1_000_000


def monotonic_now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wait_ms(duration_ms: int) -> None:
    time.sleep(duration_ms / 1000)


def new_id() -> str:
    return str(uuid4())
