"""`make mutants`: every mutant, and what killed it. Exits 1 where one survives, or is no longer one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.mutants.catalogue import ENDLESS, MUTANTS, SIMULATOR, Mutant
from tests.mutants.trial import KILLED, SURVIVED, say

_TIMEOUT_S: Final = 300
"""Several times what any trial takes here. A trial that ends for want of time says nothing of its mutant."""
_NO_END: Final = -1
_WIDTH: Final = max(len(mutant.name) for mutant in MUTANTS)


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    is_killed: bool
    by: str


def main(names: Sequence[str]) -> int:
    """`names` of mutants, or none for all of them."""
    started_s = time.monotonic()
    mutants = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = []
        for verdict in pool.map(verdict_on, mutants):
            verdicts.append(verdict)
            say(f"{'killed' if verdict.is_killed else 'ALIVE':<7} {verdict.mutant.name:<{_WIDTH}}  {verdict.by}")
    killed = sum(verdict.is_killed for verdict in verdicts)
    seconds = round(time.monotonic() - started_s, 1)
    say(
        json.dumps({"mutants": len(verdicts), "killed": killed, "survived": len(verdicts) - killed, "seconds": seconds})
    )
    return 0 if killed == len(verdicts) else 1


def verdict_on(mutant: Mutant) -> Verdict:
    for killer in mutant.killers:
        code, said = _trial(mutant, killer)
        if code == KILLED:
            return Verdict(mutant, is_killed=True, by=f"simulator: {said}" if killer == SIMULATOR else said)
        if code != SURVIVED:
            return Verdict(mutant, is_killed=False, by=said)
    return Verdict(mutant, is_killed=False, by=f"survived {', '.join(mutant.killers)}")


def _trial(mutant: Mutant, killer: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.mutants.trial", mutant.name, killer]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return KILLED if mutant.name in ENDLESS else _NO_END, f"no end within {_TIMEOUT_S} s"
    lines = (ended.stdout or ended.stderr).strip().splitlines()
    return ended.returncode, lines[-1] if lines else "nothing said"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
