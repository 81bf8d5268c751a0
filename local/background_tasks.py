"""The background tasks of a running cloud: renew tokens, show errors of the functions, detect its end."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local import tokens
from local.disk import low_space
from local.endpoint import Endpoint, write_endpoint
from local.function_logs import FunctionErrors

INTERVAL_S: Final = 2
LOG_TICKS: Final = 5
"""To look into the logs takes a call for each function, so not every tick does."""


class BackgroundTasks:
    """`tick` runs what is due. A failed tick is reported, and the next one tries again."""

    def __init__(
        self, url: str, base_url: str, clients: list[tokens.Client], errors: FunctionErrors, state_dir: Path
    ) -> None:
        self._url = url
        self._base_url = base_url
        self._clients = clients
        self._errors = errors
        self._state_dir = state_dir
        self._tokens = self._renewed()
        self._is_disk_low = False
        self._ticks = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self._base_url, self._tokens.by_name)

    def tick(self) -> None:
        if self._tokens.are_due:
            self._tokens = self._renewed()
        self._ticks += 1
        if self._ticks % LOG_TICKS == 0:
            self.show_errors()
        self._warn_of_low_disk()

    def show_errors(self) -> None:
        for line in self._errors.new_lines():
            print(line, file=sys.stderr, flush=True)

    def _warn_of_low_disk(self) -> None:
        """Once, until there was room in between."""
        warning = low_space(self._state_dir)
        if warning and not self._is_disk_low:
            print(warning, file=sys.stderr, flush=True)
        self._is_disk_low = warning is not None

    def _renewed(self) -> tokens.Tokens:
        fetched = tokens.fetch(self._url, self._clients)
        write_endpoint(self._state_dir, Endpoint(self._base_url, fetched.by_name))
        return fetched


@contextmanager
def in_background(tasks: BackgroundTasks) -> Iterator[None]:
    """Ticks in a thread until the block ends."""
    done = threading.Event()
    thread = threading.Thread(target=_tick_until, args=(done, tasks), name="background tasks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tick_until(done: threading.Event, tasks: BackgroundTasks) -> None:
    """The errors that no tick has shown are shown at the end."""
    is_last = False
    while not is_last:
        is_last = done.wait(INTERVAL_S)
        try:
            (tasks.show_errors if is_last else tasks.tick)()
        except (BotoCoreError, ClientError, httpx.HTTPError) as failure:
            if not done.is_set():
                print(f"{time.strftime('%H:%M:%S')} background tasks failed: {failure}", file=sys.stderr)
