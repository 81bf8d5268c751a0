"""Judges a world by the record and by what its processes had accepted, with arithmetic of its own."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from millicent.leases.calls import LATE
from tests.leases.services import Recorded, Service
from tests.leases.world import SLICE, Life, World

FIGURES: Final = (
    "overspent",
    "twice",
    "lost",
    "unknown",
    "other_amount",
    "held",
    "unbalanced",
    "unmarked",
    "abandoned",
)
"""spent above what was funded; a spend on the record twice; one that should be there and is not; one that nobody
accepted; with another amount; credits that did not return; funded is not spent and available; late without its lease;
a budget that gave up at a ledger which was taking its lines"""


@dataclass(slots=True)
class Verdict:
    figures: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    recorded: int = 0
    accepted: int = 0
    late: int = 0
    lost_microcents: int = 0

    def add(self, figure: str, what: str) -> None:
        self.figures[figure] += 1
        self.said.append(f"{figure}: {what}")


def judge(world: World) -> Verdict:
    verdict = Verdict(accepted=sum(life.count for life in world.lives))
    taken = list(world.service.taken())
    _judge_balance(verdict, world, taken)
    by_life: dict[str, list[Recorded]] = defaultdict(list)
    for each in taken:
        if not each.key.startswith("other-"):
            by_life[each.key.removesuffix(LATE).rpartition(".")[0]].append(each)
    for life in world.lives:
        _judge_life(verdict, life, by_life.pop(life.prefix, []))
    for prefix in by_life:
        verdict.add("unknown", f"nobody was {prefix}")
    return verdict


def _judge_balance(verdict: Verdict, world: World, taken: list[Recorded]) -> None:
    late = 0
    for each in taken:
        is_late = each.key.endswith(LATE)
        late += each.microcents if is_late else 0
        verdict.late += is_late
        if is_late and "lease" not in each.metadata:
            verdict.add("unmarked", each.key)
        if each.available + late < 0:
            verdict.add("overspent", f"{each.key} left {each.available}, of which late settlement explains {late}")
    service: Service = world.service
    if service.held():
        verdict.add("held", f"{service.held()} are still held")
    spent = sum(each.microcents for each in taken)
    if world.funded != spent + service.held() + service.available():
        verdict.add("unbalanced", f"{world.funded} funded, {spent} spent, {service.available()} available")


def _judge_life(verdict: Verdict, life: Life, recorded: list[Recorded]) -> None:
    for key, count in Counter(each.key.removesuffix(LATE) for each in recorded).items():
        if count > 1:
            verdict.add("twice", key)
    total = sum(each.microcents for each in recorded)
    if life.record == "each":
        _judge_each(verdict, life, recorded)
    else:
        _judge_sums(verdict, life, recorded, total)
    if life.is_abandoned:
        verdict.add("abandoned", life.prefix)
    missing = life.total - total
    may_lose = 0 if life.has_journal or life.end != "killed" else max(SLICE, life.largest)
    verdict.lost_microcents += missing
    if missing > may_lose:
        verdict.add("lost", f"{life.prefix}, {life.end}: {missing} of {life.total} are not on the record")


def _judge_each(verdict: Verdict, life: Life, recorded: list[Recorded]) -> None:
    verdict.recorded += len(recorded)
    for each in recorded:
        accepted = life.accepted.get(each.key.removesuffix(LATE))
        if accepted is None:
            verdict.add("unknown", each.key)
        elif accepted != each.microcents:
            verdict.add("other_amount", f"{each.key}: {accepted} accepted, {each.microcents} recorded")


def _judge_sums(verdict: Verdict, life: Life, recorded: list[Recorded], total: int) -> None:
    count = sum(int(each.metadata["count"]) for each in recorded)
    verdict.recorded += count
    if count > life.count or total > life.total:
        verdict.add("twice", f"{life.prefix}: {count} of {life.count} spends, {total} of {life.total}")
