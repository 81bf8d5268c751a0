"""One mutant against one killer, in a process of its own: `python -m tests.mutants.trial <mutant> <killer>`.

Prints what noticed the mistake and exits with KILLED; with SURVIVED where nothing did, and with STALE where the source
is no longer what the mutant changes. Any other status means that the trial itself failed and says
nothing of the mutant.
"""

import sys
from typing import Final

from tests.mutants.catalogue import MUTANTS, SIMULATOR
from tests.mutants.patching import Stale, plant

SURVIVED: Final = 0
KILLED: Final = 10
STALE: Final = 11
SEEDS: Final = ("mutants/1", "mutants/2")
OPERATIONS: Final = 6000
FAULT_RATE: Final = 0.1


def main(name: str, killer: str) -> int:
    mutant = next(each for each in MUTANTS if each.name == name)
    try:
        plant(mutant)
    except Stale as stale:
        say(str(stale))
        return STALE
    noticed = _simulated() if killer == SIMULATOR else _tested(killer)
    say(noticed or "nothing")
    return KILLED if noticed else SURVIVED


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _simulated() -> str | None:
    return next(filter(None, map(_figures, SEEDS)), None)


def _figures(seed: str) -> str | None:
    from tests.simulation.world import Plan, World  # noqa: PLC0415 - only now is the mistake in place

    try:
        figures = World(Plan(seed, OPERATIONS, FAULT_RATE)).run().verdict.figures
    except Exception as crash:  # noqa: BLE001 - whatever a mistake breaks, it was noticed
        return f"{type(crash).__name__} {crash}"
    return ", ".join(f"{figure} {count}" for figure, count in figures.items() if count) or None


def _tested(path: str) -> str | None:
    import pytest  # noqa: PLC0415 - the simulator does without

    seen = _Seen()
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--no-summary", path], plugins=[seen])
    if code in {pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR}:
        raise FileNotFoundError(f"no tests in {path}")
    if code == pytest.ExitCode.TESTS_FAILED:
        return seen.failed
    return None if code == pytest.ExitCode.OK else f"pytest ended with {code}"


class _Seen:
    """A plugin of pytest that remembers which test failed."""

    failed = "a test"

    def pytest_runtest_logreport(self, report: object) -> None:
        if getattr(report, "failed", False):
            self.failed = getattr(report, "nodeid", self.failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
