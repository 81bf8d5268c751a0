"""Each attack is found, and by those that the page says; one is not, and the page says that."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.world import World
from tests.tampering.attacks import ATTACKS, Attack
from tests.tampering.scene import Scene

PAGE: Final = (Path(__file__).parents[2] / "docs" / "tamper-evidence.md").read_text()
FINDERS: Final = ("service", "reconciler", "digest", "audit page", "verifier")
OFTEN: Final = {"audit page"}
"""Also finds what it need not: it says of what is missing or late that it cannot tell yet."""


@pytest.fixture
def scene(world: World) -> Scene:
    made = Scene(world)
    made.set_up()
    return made


def test_nobody_finds_anything_where_nothing_was_done(scene: Scene) -> None:
    assert scene.finders() == set()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_an_attack_is_found_by_those_that_the_page_says(scene: Scene, attack: Attack) -> None:
    attack.do(scene)
    found = scene.finders()
    assert attack.found_by <= found
    assert found - OFTEN == attack.found_by - OFTEN


def test_the_page_has_every_attack_and_who_finds_it() -> None:
    lines = PAGE.partition("| attack | detected by |\n|---|---|\n")[2].partition("\n\n")[0]
    table = re.findall(r"^\| (.+?) \| (.+?) \|$", lines, re.MULTILINE)
    ours = {attack.what: _spelled(attack) for attack in ATTACKS}
    assert dict(table) == ours


def _spelled(attack: Attack) -> str:
    return ", ".join(each for each in FINDERS if each in attack.found_by) or "nobody"


def test_six_attacks_more_than_were_known_are_tried() -> None:
    assert len(ATTACKS) >= 12


def test_an_account_whose_state_vanished_is_answered_503_and_nothing_is_written(scene: Scene, log: Any) -> None:
    next(each for each in ATTACKS if each.what.startswith("STATE and")).do(scene)
    before = scene.world.contents()
    answer = scene.world.cost({"actor": "user:alice", "cost": 1}, key="again")
    assert (answer.status, answer.code) == (503, "ledger_unavailable")
    lines = [{"key": f"again-{actor}", "actor": actor, "cost": 1} for actor in ("user:alice", "user:zoe")]
    batch = scene.world.batch(lines)
    assert [each["status"] for each in batch.body["results"]] == [503, 402]
    assert [row for row in scene.world.contents()["ledger"] if "zoe" not in row["pk"]["S"]] == before["ledger"]
    assert log.getvalue().count("record is damaged") == 2


def test_a_contradiction_is_told_once_and_stays_in_the_digest(scene: Scene) -> None:
    next(each for each in ATTACKS if each.what.startswith("an account deleted")).do(scene)
    told = scene.world.invoke("digest", {})
    assert (told["regressions"], told["findings"]) == (
        1,
        [{"tenant": "main", "actor": "user:alice", "problem": "had 6 entries and no longer exists"}],
    )
    assert scene.world.invoke("digest", {})["regressions"] == 0
