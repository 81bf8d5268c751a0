"""The catalogue fits the code, and a planted mistake is noticed. `make mutants` tries them all."""

import subprocess
import sys

import pytest

from tests.mutants.__main__ import verdict_on
from tests.mutants.catalogue import ENDLESS, MUTANTS, SIMULATOR, Mutant
from tests.mutants.patching import Stale, mutated, plant, source_path
from tests.mutants.trial import KILLED, SURVIVED


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_changes_one_passage_and_still_compiles(mutant: Mutant) -> None:
    text = mutated(mutant)
    assert text != source_path(mutant.module).read_text()
    compile(text, mutant.name, "exec")


def test_there_are_enough_mutants_and_no_name_twice() -> None:
    names = {mutant.name for mutant in MUTANTS}
    assert len(names) == len(MUTANTS) >= 40


def test_a_passage_that_is_gone_makes_a_mutant_stale() -> None:
    with pytest.raises(Stale):
        mutated(Mutant("stale", "shared.verification.chain", "no such passage", "", (SIMULATOR,)))


def test_a_mistake_in_a_module_that_is_imported_already_is_refused() -> None:
    with pytest.raises(ImportError):
        plant(Mutant("too late", "tests.mutants.catalogue", "Final", "Any", (SIMULATOR,)))


def test_a_planted_mistake_is_noticed_by_the_simulator() -> None:
    ended = trial("take no answer for a yes", SIMULATOR)
    assert (ended.returncode, "lost" in ended.stdout) == (KILLED, True)


def test_the_simulator_notices_a_protocol_that_reads_again_while_a_commit_is_in_doubt() -> None:
    ended = trial("read again while in doubt", SIMULATOR)
    assert (ended.returncode, "replay_mismatch" in ended.stdout) == (KILLED, True)


def test_a_mistake_that_a_killer_does_not_look_at_survives_it() -> None:
    ended = trial("believe that the bus took all", "tests/unit/ledger/test_chain.py")
    assert ended.returncode == SURVIVED


def trial(name: str, killer: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.mutants.trial", name, killer]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("status", [1, 2, 3])
def test_a_trial_that_fails_says_nothing_of_its_mutant(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess([], status, stdout="ImportError: no such module")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    verdict = verdict_on(MUTANTS[0])
    assert (verdict.is_killed, verdict.by) == (False, "ImportError: no such module")


@pytest.mark.parametrize("mutant", [MUTANTS[0], next(each for each in MUTANTS if each.name in ENDLESS)])
def test_a_trial_without_end_notices_nothing_but_a_mutant_without_end(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired([], 1)

    monkeypatch.setattr(subprocess, "run", run)
    assert verdict_on(mutant).is_killed == (mutant.name in ENDLESS)
