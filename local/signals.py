"""Stop signals: Ctrl-C, a closed terminal and SIGTERM all lead to the same clean-up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """From now on each of them raises KeyboardInterrupt in the main thread."""
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """For the clean-up itself, which a second Ctrl-C must not interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
