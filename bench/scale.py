"""What an account, many accounts and a team carry, in virtual time: the real protocol against a model of DynamoDB.

    make scale

Every request runs the service's own protocol and reducer, and a lease the client's own; the table is the one in memory,
and latencies, conflicts and capacity are modelled as `Table` of bench/scale_model.py says. Time is simulated, so the
result depends on the seed and not on the machine. The last line on standard output is the result as JSON. The exit
status is 0 only if the promises of docs/scale.md hold and every charge that was acknowledged is in its account's
balance once.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from bench.scale_leases import LeasedScenario
from bench.scale_model import HOT, AnyScenario, LoopScenario, Result, Scenario, one_of, run
from shared.ledger.protocol import MAX_BATCH

SCENARIOS: Final[tuple[AnyScenario, ...]] = (
    Scenario("one account, single", 25, 60, lambda _: HOT),
    Scenario("one account, single", 60, 60, lambda _: HOT),
    Scenario("one account, single", 200, 10, lambda _: HOT),
    Scenario("one account, batches of 90", 400, 10, lambda _: HOT, batch=MAX_BATCH),
    Scenario("one account, batches of 90", 600, 10, lambda _: HOT, batch=MAX_BATCH),
    LoopScenario("one account, 1 in a loop", 1, 20),
    LoopScenario("one account, 32 in a loop", 32, 20),
    LeasedScenario("one account, leased, each", 400, 20, "each", flush_every_s=1),
    LeasedScenario("one account, leased, sums", 10_000, 20, "sum", flush_every_s=1),
    Scenario("10,000 accounts, single", 1000, 5, one_of(10_000)),
    Scenario("a team of 1,000, single", 25, 30, one_of(1000), member=True),
    Scenario("a team of 1,000, single", 60, 30, one_of(1000), member=True),
    Scenario("a team of 1,000, single", 200, 5, one_of(1000), member=True),
    Scenario("a team of 1,000, batches of 90", 400, 5, one_of(1000), batch=MAX_BATCH, member=True),
    LeasedScenario("a team of 1,000, leased, sums", 1000, 120, "sum", flush_every_s=60, members=1000),
)
P99_MS_MAX: Final = 1100
ANSWER_P99_MS_MAX: Final = 1500
TRANSACTIONS_MAX: Final = 3


def promises(results: Mapping[str, Result]) -> dict[str, bool]:
    """What docs/scale.md says that an account carries."""
    one, crowd = results["one account, 1 in a loop, 0"], results["one account, 32 in a loop, 0"]
    at_60, at_200 = results["one account, single, 60"], results["one account, single, 200"]
    return {
        "60 a second: none fails": at_60.failed == 0,
        "60 a second: p99 at most 1.1 s": at_60.p99_ms <= P99_MS_MAX,
        "60 a second: at most 3 transactions a charge": at_60.transactions_per_charge <= TRANSACTIONS_MAX,
        "200 a second: at least the goodput of 60": at_200.goodput_per_s >= at_60.goodput_per_s,
        "32 in a loop: at least 0.7 of the goodput of one": crowd.goodput_per_s >= 0.7 * one.goodput_per_s,
        "32 in a loop: p99 of an answer under 1.5 s": crowd.answer_p99_ms < ANSWER_P99_MS_MAX,
        "10,000 a second, leased: no spend waits": results["one account, leased, sums, 10000"].p99_ms == 0,
        "every acknowledged charge is in the balance once": all(each.adds_up for each in results.values()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="scale", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    columns = ("offered/s", "goodput/s", "failed", "shed", "p50 ms", "p99 ms", "answer p99", "tx/charge")
    print(" " * 31 + "".join(f"{column:>11}" for column in columns))
    results: dict[str, Result] = {}
    for scenario in SCENARIOS:
        result = run(scenario, wanted.seed)
        results[f"{scenario.name}, {scenario.offered_per_s}"] = result
        print(f"{scenario.name:<31}" + "".join(f"{figure:>11}" for figure in _as_json(result).values()), flush=True)
    return _judged(results)


def _judged(results: Mapping[str, Result]) -> int:
    held = promises(results)
    for promise, is_held in held.items():
        print(f"{'held' if is_held else 'BROKEN':<8}{promise}")
    print(json.dumps({name: _as_json(result) for name, result in results.items()} | {"held": all(held.values())}))
    return 0 if all(held.values()) else 1


def _as_json(result: Result) -> dict[str, Any]:
    return {name: figure for name, figure in asdict(result).items() if name != "adds_up"}


if __name__ == "__main__":
    sys.exit(main())
