"""Shows the functions' error logs on the terminal."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from local.aws import Aws

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

NOISE: Final = '-RequestId: -"level":"INFO" -"level":"DEBUG" -"_aws"'
"""A filter pattern that reduces the transfer: it drops the platform's lines, routine entries and metrics."""
SEVERE: Final = frozenset({"ERROR", "CRITICAL"})
OVERLAP_MS: Final = 3_000
"""An entry can arrive a little late: look back this far, and print nothing twice."""
REMEMBERED: Final = 5_000


class FunctionErrors:
    """Follows log groups from its creation on."""

    def __init__(self, aws: Aws, groups: Sequence[str]) -> None:
        self._logs: CloudWatchLogsClient = aws.session.client("logs", endpoint_url=aws.url)
        self._groups = groups
        self._since_ms = int(time.time() * 1000)
        self._seen: OrderedDict[tuple[str, int, str], None] = OrderedDict()

    def new_lines(self) -> list[str]:
        """The new lines since the last call, as `[function] message`."""
        now_ms = int(time.time() * 1000)
        lines = [line for group in self._groups for line in self._of(group)]
        self._since_ms = now_ms - OVERLAP_MS
        return lines

    def _of(self, group: str) -> Iterator[str]:
        name = group.rsplit("/", 1)[-1]
        found = self._logs.filter_log_events(logGroupName=group, startTime=self._since_ms, filterPattern=NOISE)
        for event in found["events"]:
            if is_error(event["message"]) and self._is_new(event):
                yield f"[{name}] {event['message'].rstrip()}"

    def _is_new(self, event: FilteredLogEventTypeDef) -> bool:
        key = (event["logStreamName"], event["timestamp"], event["message"])
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True


def is_error(message: str) -> bool:
    """Functions log JSON: any other line is part of a traceback or reports a time-out."""
    try:
        entry = json.loads(message)
    except ValueError:
        return True
    return isinstance(entry, dict) and entry.get("level") in SEVERE
