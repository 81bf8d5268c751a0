"""The processor time of a charge, a check, a hold with its capture and a batch of 90, through the handlers.

    python -m bench.charges [--rounds 7]

Each is beside the same calls on botocore alone and beside the naive twin, in the same process, round by round in turn;
a figure is the median of the rounds. DynamoDB Local and the bus are other processes and do not count.
"""

import argparse
import contextlib
import importlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

from bench.bare import Bare, client
from bench.report import Report, over, processor_ms, rows
from bench.requests import ACTOR, USUAL, Context, http_event
from bench.stage import stage

BATCH: Final = 90
CALLS: Final[Mapping[str, int]] = {
    "charge": 60,
    "charge, bare": 60,
    "charge, naive": 30,
    "check": 60,
    "check, bare": 60,
    "hold and capture": 30,
    "hold and capture, bare": 30,
    "a line of a batch of 90": 3,
    "a line of a batch of 90, bare": 3,
}
"""What is measured, and how many of it in a round."""


def measured(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time by what is done, one of each round; of a line of a batch, not of a batch."""
    # The loggers take stdout as it is when the functions are imported.
    with stage() as on, Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        acts = _acts(on.dynamodb_url)
        for act in acts.values():
            act(0)
        times: dict[str, list[float]] = {name: [] for name in acts}
        for _ in range(rounds):
            for name, act in acts.items():
                lines = BATCH if name.startswith("a line") else 1
                times[name].append(processor_ms(act, CALLS[name]) / lines)
    return times


def report(rounds: int) -> Report:
    times_ms = measured(rounds)
    shown = {}
    for name, time_ms in times_ms.items():
        bare_ms = times_ms[f"{name.partition(',')[0]}, bare"]
        shown[name] = (f"{median(time_ms):.3f}", f"{over(time_ms, bare_ms):.2f}")
    return Report(rows(("processor ms", "of bare"), shown, 14), _ratios(times_ms))


def _ratios(times_ms: Mapping[str, Sequence[float]]) -> dict[str, float]:
    ratios = {
        "charge_over_bare": ("charge", "charge, bare"),
        "check_over_bare": ("check", "check, bare"),
        "hold_and_capture_over_bare": ("hold and capture", "hold and capture, bare"),
        "batch_line_over_bare": ("a line of a batch of 90", "a line of a batch of 90, bare"),
        "charge_over_naive": ("charge", "charge, naive"),
    }
    return {name: round(over(times_ms[one], times_ms[other]), 3) for name, (one, other) in ratios.items()}


def _acts(dynamodb_url: str) -> dict[str, Callable[[int], object]]:
    functions = {
        name: importlib.import_module(f"functions.{name}.handler") for name in ("cost", "check", "holds", "funding")
    }
    naive = importlib.import_module("bench.naive.handler")
    naive.table.put_item(Item={"pk": ACTOR, "available": 10**12, "spent": 0})

    def ask(function: Any, route: str, body: object, key: str | None = None, **path: str) -> dict[str, Any]:  # noqa: ANN401 - a module
        event = http_event(route, body, key, path)
        answer = function.lambda_handler(event, Context())
        if answer["statusCode"] not in {200, 201}:
            raise RuntimeError(f"{event} was answered {answer}")
        told: dict[str, Any] = json.loads(answer["body"])
        return told

    cost = {"actor": ACTOR, "cost": 12.345, **USUAL}
    ask(functions["funding"], "POST /v1/funding", {"actor": ACTOR, "old_amount": 0, "new_amount": 10**12}, "funded")

    def hold_and_capture() -> None:
        key = str(uuid4())
        held = ask(functions["holds"], "POST /v1/holds", {"actor": ACTOR, "amount": 50, **USUAL}, key)["hold"]["id"]
        body = {"actor": ACTOR, "amount": 12.345, **USUAL}
        ask(functions["holds"], "POST /v1/holds/{id}/capture", body, f"{key}.capture", id=held)

    def batch() -> None:
        lines = [{"key": str(uuid4()), **cost} for _ in range(BATCH)]
        ask(functions["cost"], "POST /v1/cost/batch", {"charges": lines})

    bare, numbers = Bare(client(dynamodb_url)), iter(range(10**9))
    return {
        "charge": lambda _: ask(functions["cost"], "POST /v1/cost", cost, str(uuid4())),
        "charge, bare": lambda _: bare.charge(next(numbers)),
        "charge, naive": lambda _: ask(naive, "POST /v1/cost", cost, str(uuid4())),
        "check": lambda _: ask(functions["check"], "POST /v1/check", {"actor": ACTOR}),
        "check, bare": bare.check,
        "hold and capture": lambda _: hold_and_capture(),
        "hold and capture, bare": lambda _: bare.hold_and_capture(next(numbers)),
        "a line of a batch of 90": lambda _: batch(),
        "a line of a batch of 90, bare": lambda _: bare.batch(next(numbers), BATCH),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="charges", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    report(parser.parse_args().rounds).show()


if __name__ == "__main__":
    main()
