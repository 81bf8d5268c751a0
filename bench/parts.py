"""The parts of `make bench`."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Any, Final

from bench.report import Report

PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "a": ("charges", "one call: processor time"),
    "b": ("cold", "a cold start: processor time to the first answer"),
    "c": ("units", "one operation, on the wire"),
    "d": ("throughput", "charges a second on DynamoDB Local"),
    "e": ("growth", "with the rows behind the account"),
    "f": ("memory", "memory of a function"),
    "g": ("leases", "leased spends in one process"),
    "h": ("tenants", "a page of a tenant's accounts"),
}
"""By letter: the module, whose `report` measures it, and a title."""


def report_of(part: str, rounds: int, **options: Any) -> Report:  # noqa: ANN401 - each part has its own
    """Measured in a process of its own: what a part imports, and the environment that it sets, dies with it.

    `options` are passed on to the part's `report`.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, PARTS[part][0], rounds, options).result()


def _measured(module: str, rounds: int, options: Mapping[str, Any]) -> Report:
    report: Report = import_module(f"bench.{module}").report(rounds, **options)
    return report
