"""How many messages are in the failure queues."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Final

from shared.ports.activity import QueueDepth

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_COUNTED: Final[tuple["QueueAttributeNameType", ...]] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
)
"""Those that nobody has received, and those that somebody looks at."""


class SqsFailureQueues:
    """Implements ports.FailureQueues. `connect` makes the client when it is asked for first."""

    def __init__(self, queue_urls: Sequence[str], connect: Callable[[], "SQSClient"]) -> None:
        self._queue_urls = queue_urls
        self._connect = connect

    @cached_property
    def _client(self) -> "SQSClient":
        return self._connect()

    def depths(self) -> tuple[QueueDepth, ...]:
        # A client is safe to share between threads, but not to make in one of them.
        client = self._client
        with ThreadPoolExecutor(len(self._queue_urls)) as threads:
            return tuple(threads.map(lambda url: _depth(client, url), self._queue_urls))


def _depth(client: "SQSClient", queue_url: str) -> QueueDepth:
    told = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=_COUNTED)["Attributes"]
    return QueueDepth(queue_url.rpartition("/")[2], sum(int(told.get(name, 0)) for name in _COUNTED))
