"""Being asked to stop: Ctrl-C, a terminal that closes and a SIGTERM all end in the same clean-up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """From here on each of them raises KeyboardInterrupt in the main thread."""
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """For the clean-up itself: an impatient second Ctrl-C must not cut it short."""
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
