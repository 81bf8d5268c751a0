"""A run: many worlds on all cores, one verdict."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, TypeAlias

from tests.leases.oracle import Verdict, judge
from tests.leases.services import InMemoryLedger, PlainService, Service, service_copy
from tests.leases.world import FAULTS, OTHERS, TTL_S, Plan, World

Which: TypeAlias = Literal["service", "plain"]

SPENDS_A_WORLD: Final = 2000
HARNESS_FROM_SPENDS: Final = 20_000
"""A run of this size has to have had every fault."""
_SERVICES: Final[dict[Which, Callable[[], Service]]] = {"service": InMemoryLedger, "plain": PlainService}


@dataclass(slots=True)
class Outcome:
    attempts: int
    verdict: Verdict
    happened: Counter[str]
    history_hash: str


@dataclass(slots=True)
class Result:
    """`failures` pairs what is wrong with the number of its world."""

    spends: int = 0
    accepted: int = 0
    recorded: int = 0
    late: int = 0
    lost_microcents: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    worlds: int = 0

    @property
    def missed(self) -> list[str]:
        """What should have happened, and did not."""
        must = (*FAULTS, *OTHERS, "refused", "waited in vain") if self.spends >= HARNESS_FROM_SPENDS else ()
        return [what for what in must if not self.happened[what]]

    @property
    def is_clean(self) -> bool:
        return not self.figures and not self.missed and self.accepted > 0

    def add(self, number: int, outcome: Outcome) -> None:
        verdict = outcome.verdict
        self.worlds += 1
        self.spends += outcome.attempts
        self.accepted += verdict.accepted
        self.recorded += verdict.recorded
        self.late += verdict.late
        self.lost_microcents += verdict.lost_microcents
        self.figures += verdict.figures
        self.happened += outcome.happened
        self.failures += [(number, said) for said in verdict.said]


def run_world(plan: Plan, which: Which) -> Outcome:
    """Needs `service_copy` around it for the service."""
    with TemporaryDirectory() as directory:
        world = World(plan, _SERVICES[which](), Path(directory))
        world.run()
        # Every hold that nobody released is over by then.
        world.service.set_now_ms(world.clock.now_ms + world.skew_ms + 3 * TTL_S * 1000)
        verdict = judge(world)
        history = [f"{each.key} {each.microcents} {each.available}" for each in world.service.taken()]
        digest = sha256("\n".join([*history, repr(sorted(world.happened.items()))]).encode()).hexdigest()
        return Outcome(world.attempts, verdict, world.happened, digest)


def plans(spends: int, seed: int, fault_rate: float) -> list[Plan]:
    count = max(-(-spends // SPENDS_A_WORLD), 1)
    share, rest = divmod(spends, count)
    return [Plan(f"{seed}/{number}", share + (number < rest), fault_rate) for number in range(count)]


def run(chosen: list[tuple[int, Plan]], which: Which) -> Iterator[tuple[int, Outcome]]:
    """The worlds, each as it comes to its end."""
    with _processes(which) as pool:
        outcomes = pool.map(run_world, [plan for _, plan in chosen], [which] * len(chosen))
        for (number, _), outcome in zip(chosen, outcomes, strict=True):
            yield number, outcome


@contextmanager
def _processes(which: Which) -> Iterator[ProcessPoolExecutor]:
    """Forked, so that they have the copy of the service that this process has."""
    with service_copy():
        _SERVICES[which]()
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool:
            yield pool
