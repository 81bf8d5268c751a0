"""moto for handlers that call it from several threads: it is not made for that, and fails or loses updates.

Nothing about concurrency is tested on moto. A batch with several payers calls it from several threads all the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber


@contextmanager
def mock_aws_one_call_at_a_time() -> Iterator[None]:
    lock, process_request = RLock(), BotocoreStubber.process_request

    def process_alone(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return process_request(stubber, request)

    with patch.object(BotocoreStubber, "process_request", process_alone), mock_aws():
        yield
