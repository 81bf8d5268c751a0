"""A run: several worlds on all cores, the naive twin beside them, one verdict."""

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from tests.simulation import naive
from tests.simulation.matrix import Cell, cells
from tests.simulation.verdict import Verdict, Wrong
from tests.simulation.world import OPERATIONS_MAX, Outcome, Plan, World

TWIN_OPERATIONS: Final = (5_000, 12_500)
TWIN_SHARE: Final = 40
MATRIX_FROM_OPERATIONS: Final = 100_000
MATRIX_FROM_FAULT_RATE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Settings:
    operations: int
    seed: int
    fault_rate: float


@dataclass(slots=True)
class Result:
    """`failures` pairs what is wrong with the number of its world."""

    settings: Settings
    operations: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    fired: Counter[Cell] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, Wrong]] = field(default_factory=list)
    concurrent_max: int = 0
    repaired: int = 0
    history_hash: str = ""
    processor_s: float = 0.0
    twin: Verdict = field(default_factory=Verdict)

    @property
    def unfired(self) -> list[Cell]:
        return [cell for cell in cells() if not self.fired[cell]]

    @property
    def must_fill_matrix(self) -> bool:
        settings = self.settings
        return self.operations >= MATRIX_FROM_OPERATIONS and settings.fault_rate >= MATRIX_FROM_FAULT_RATE

    @property
    def is_harness_sound(self) -> bool:
        """The harness finds what is wrong with the twin, and has done to the ledger all that it says it does."""
        has_bitten = bool(self.twin.figures["double"] and self.twin.figures["audit_missing"])
        is_matrix_full = not (self.must_fill_matrix and self.unfired)
        return (has_bitten or not self.settings.fault_rate) and is_matrix_full

    @property
    def is_clean(self) -> bool:
        return not any(self.figures.values())

    def add(self, number: int, outcome: Outcome) -> None:
        self.operations += outcome.operations
        self.figures += outcome.verdict.figures
        self.fired += outcome.fired
        self.counts += outcome.counts
        self.failures += [(number, wrong) for wrong in outcome.verdict.examples]
        self.concurrent_max = max(self.concurrent_max, outcome.concurrent_max)
        self.repaired += outcome.repaired
        self.processor_s += outcome.processor_s
        self.history_hash = sha256((self.history_hash + outcome.history_hash).encode()).hexdigest()


def plans(settings: Settings) -> list[Plan]:
    """The worlds of a run: an even number of them, so that two cores are busy to the end."""
    count = max(2 * -(-settings.operations // (2 * OPERATIONS_MAX)), 2)
    share, rest = divmod(settings.operations, count)
    return [Plan(f"{settings.seed}/{number}", share + (number < rest), settings.fault_rate) for number in range(count)]


def twin_plan(settings: Settings) -> Plan:
    least, most = TWIN_OPERATIONS
    operations = min(max(settings.operations // TWIN_SHARE, least), most)
    return Plan(f"{settings.seed}/twin", operations, settings.fault_rate)


def run(settings: Settings, only_world: int | None = None) -> Result:
    """All worlds, or one of them."""
    result = Result(settings)
    chosen = list(enumerate(plans(settings)))
    if only_world is not None:
        chosen = [chosen[only_world]]
    with _processes() as pool:
        twin = pool.submit(_run_twin, twin_plan(settings))
        for (number, _), outcome in zip(chosen, pool.map(_run_world, [plan for _, plan in chosen]), strict=True):
            result.add(number, outcome)
        result.twin = twin.result()
    return result


def story(settings: Settings, number: int, key: str) -> Sequence[str]:
    """What happened to one operation: its world again, this time with somebody watching."""
    return World(replace(plans(settings)[number], watched=key)).run().story


def _processes() -> ProcessPoolExecutor:
    """A process for each world: in one that had another world before, memory is a patchwork and takes a fifth longer.

    They are copies of a process that has imported everything.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(os.cpu_count(), context, max_tasks_per_child=1)


def _run_world(plan: Plan) -> Outcome:
    # A world makes millions of objects that live until its end; looking for garbage among them costs a quarter more.
    gc.disable()
    return World(plan).run()


def _run_twin(plan: Plan) -> Verdict:
    return naive.run(plan)
