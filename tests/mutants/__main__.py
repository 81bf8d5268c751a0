"""`make mutants`: every mutant, and what killed it. Exits 1 where one survives, or is no longer one."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.mutants.catalogue import MUTANTS, SIMULATOR, Mutant
from tests.mutants.trial import KILLED, STALE, say

_TIMEOUT_S: Final = 120
_WIDTH: Final = max(len(mutant.name) for mutant in MUTANTS)


@dataclass(frozen=True, slots=True)
class Fate:
    mutant: Mutant
    is_killed: bool
    by: str


def main() -> int:
    started_s = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        fates = []
        for fate in pool.map(_fate, MUTANTS):
            fates.append(fate)
            say(f"{'killed' if fate.is_killed else 'ALIVE':<7} {fate.mutant.name:<{_WIDTH}}  {fate.by}")
    killed = sum(fate.is_killed for fate in fates)
    seconds = round(time.monotonic() - started_s, 1)
    say(json.dumps({"mutants": len(fates), "killed": killed, "survived": len(fates) - killed, "seconds": seconds}))
    return 0 if killed == len(fates) else 1


def _fate(mutant: Mutant) -> Fate:
    for killer in mutant.killers:
        code, said = _trial(mutant, killer)
        if code == KILLED:
            return Fate(mutant, is_killed=True, by=f"simulator: {said}" if killer == SIMULATOR else said)
        if code == STALE:
            return Fate(mutant, is_killed=False, by=said)
    return Fate(mutant, is_killed=False, by=f"survived {', '.join(mutant.killers)}")


def _trial(mutant: Mutant, killer: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.mutants.trial", mutant.name, killer]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return KILLED, f"no end within {_TIMEOUT_S} s"
    lines = (ended.stdout or ended.stderr).strip().splitlines()
    return ended.returncode, lines[-1] if lines else "nothing said"


if __name__ == "__main__":
    sys.exit(main())
