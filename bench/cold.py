"""A cold start: the processor time of a new process from its first line to its first answer.

    python -m bench.cold [--runs 9]

Of every charging function as it is built, of a script that makes botocore's client and reads one item (bare), and of
the naive twin as `sam build` packages a function by default: its source and all its libraries as pip leaves them, here
with bytecode. In turn, and the median of the runs. The interpreter's own start is in none of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.requests import ACTOR, USUAL, http_event
from bench.stage import Stage, stage
from local.environments import install_packages

ROOT: Final = Path(__file__).resolve().parents[1]
CALLS: Final[Mapping[str, dict[str, Any]]] = {
    "check": http_event("POST /v1/check", {"actor": ACTOR}),
    "cost": http_event("POST /v1/cost", {"actor": ACTOR, "cost": 1.5, **USUAL}, "cold"),
    "holds": http_event("POST /v1/holds", {"actor": ACTOR, "amount": 5, **USUAL}, "cold-hold"),
    "funding": http_event("POST /v1/funding", {"actor": ACTOR, "amount": 10}, "cold-grant"),
}
_FUNCTION: Final = """
import time
before = time.process_time()
import sys, json
from importlib import import_module
answer = import_module(sys.argv[1]).lambda_handler(json.loads(sys.argv[2]), __import__("context").Context())
took = time.process_time() - before
assert answer["statusCode"] in {200, 201}, answer
print(json.dumps({"cold_ms": took * 1000}))
"""
_BARE: Final = """
import time
before = time.process_time()
import json
from botocore.config import Config
from botocore.session import get_session
client = get_session().create_client("dynamodb", config=Config(parameter_validation=False))
client.get_item(TableName="bare", Key={"pk": {"S": "a"}, "sk": {"S": "b"}}, ConsistentRead=True)
print(json.dumps({"cold_ms": (time.process_time() - before) * 1000}))
"""
_CONTEXT: Final = """
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "bench", 1024, "r"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    def get_remaining_time_in_millis(self):
        return 900_000
"""


def measured(runs: int) -> dict[str, float]:
    """Milliseconds of processor time by what starts."""
    with stage() as on, tempfile.TemporaryDirectory() as directory:
        starts = _built(Path(directory))
        _funded(on, starts["funding"])
        times: dict[str, list[float]] = {name: [] for name in starts}
        for _ in range(runs):
            for name, start in starts.items():
                times[name].append(_cold_ms(on, start))
    return {name: median(each) for name, each in times.items()}


def ratios(times_ms: Mapping[str, float]) -> dict[str, float]:
    """Of the slowest charging function."""
    worst_ms = max(times_ms[name] for name in CALLS)
    return {
        "cold_over_bare": round(worst_ms / times_ms["bare"], 3),
        "cold_over_naive": round(worst_ms / times_ms["naive"], 3),
    }


def _built(directory: Path) -> dict[str, tuple[list[Path], list[str]]]:
    """By name: where a process finds its modules, and its arguments."""
    context = directory / "context"
    context.mkdir()
    (context / "context.py").write_text(_CONTEXT)
    runtime = f"LAMBDA_RUNTIME=python{sys.version_info.major}.{sys.version_info.minor}"
    for target in ("ThirdPartyLayer", *(f"{name.capitalize()}Function" for name in CALLS)):
        build = ["make", "-f", "build.mk", f"build-{target}", f"ARTIFACTS_DIR={directory / target}", runtime]
        subprocess.run([*build, "LAMBDA_ARCHITECTURE=native"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    layer = directory / "ThirdPartyLayer" / "python"
    starts = {
        name: (
            [directory / f"{name.capitalize()}Function", layer, context],
            [_FUNCTION, f"functions.{name}.handler", json.dumps(event)],
        )
        for name, event in CALLS.items()
    }
    return {**starts, "bare": ([layer], [_BARE]), "naive": ([_naive(directory), context], _naive_arguments())}


def _naive(directory: Path) -> Path:
    """Everything that its requirements bring, with the bytecode that pip makes."""
    package = directory / "naive"
    shutil.copytree(ROOT / "bench" / "naive", package / "bench" / "naive")
    options = ["--compile-bytecode", "--python", sys.executable]
    install_packages(ROOT / "requirements.txt", package, options)
    return package


def _naive_arguments() -> list[str]:
    return [_FUNCTION, "bench.naive.handler", json.dumps(CALLS["cost"])]


def _funded(on: Stage, funding: tuple[list[Path], list[str]]) -> None:
    import boto3  # noqa: PLC0415 - its clients read the environment of the stage

    _cold_ms(on, funding)
    tables: Any = boto3.resource("dynamodb", endpoint_url=on.dynamodb_url)
    tables.Table("naive").put_item(Item={"pk": ACTOR, "available": 10**9, "spent": 0})


def _cold_ms(on: Stage, start: tuple[list[Path], list[str]]) -> float:
    places, (program, *arguments) = start
    environment = {
        **on.environment,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # -S: without the packages of the environment that runs the benchmark. A program given by -c also finds what is in
    # the directory where it runs: not the checkout.
    command = [sys.executable, "-S", "-c", program, *arguments]
    told = subprocess.check_output(command, env=environment, cwd=places[-1], text=True)
    cold_ms: float = json.loads(told.splitlines()[-1])["cold_ms"]
    return cold_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=9)
    times_ms = measured(parser.parse_args().runs)
    for name, time_ms in times_ms.items():
        print(f"{name:<10}{time_ms:9.1f} ms")
    print(json.dumps(ratios(times_ms)))


if __name__ == "__main__":
    main()
