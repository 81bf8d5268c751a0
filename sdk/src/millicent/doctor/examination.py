"""All checks, in the order in which one explains the next. A check that cannot be made is a failed one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import httpx

from millicent.aws import Stack
from millicent.doctor import inside, outside
from millicent.doctor.findings import Finding, failed
from millicent.errors import MillicentError

CHECKS: Final = (
    "caller",
    "deployment",
    "health",
    "clock",
    "identity",
    "no-token",
    "missing-scope",
    "charge",
    "audit",
    "usage",
    "failure-queues",
    "alarms",
    "subscribers",
    "backups",
    "concurrency",
)


@dataclass(frozen=True)
class Examination:
    """What is examined: the stack, and the service that its API is."""

    stack: Stack
    service: outside.Service

    def checks(self) -> list[Callable[[], Finding]]:
        """In the order of CHECKS."""
        stack, service = self.stack, self.service
        pipeline = outside.Pipeline(service)
        return [
            lambda: inside.caller(stack),
            lambda: inside.deployment(stack),
            lambda: outside.health(service),
            lambda: outside.clock(service),
            lambda: outside.identity(service),
            lambda: outside.without_a_token(service),
            lambda: outside.without_the_scope(service),
            pipeline.charge,
            pipeline.audit,
            pipeline.usage,
            lambda: inside.failure_queues(stack),
            lambda: inside.alarms(stack),
            lambda: inside.subscribers(stack),
            lambda: inside.backups(stack),
            lambda: inside.concurrency(stack),
        ]


def examine(examination: Examination) -> Iterator[Finding]:
    for name, check in zip(CHECKS, examination.checks(), strict=True):
        yield _made(name, check)


def _made(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except httpx.HTTPError as unreachable:
        return failed(name, f"no answer: {str(unreachable) or type(unreachable).__name__}", "is the URL the stack's?")
    except MillicentError as refused:
        return failed(name, str(refused), "see that your identity may ask for this, and that the stack has it")
