"""New processes for benchmarks: every charging function as it is built, a script on botocore alone, and the naive twin.

The naive twin is what `sam build` packages by default: its source and all its libraries as pip leaves them, here with
bytecode.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.requests import ACTOR, USUAL, http_event
from bench.stage import Stage
from local.environments import install_packages

ROOT: Final = Path(__file__).resolve().parents[1]
CALLS: Final[Mapping[str, dict[str, Any]]] = {
    "check": http_event("POST /v1/check", {"actor": ACTOR}),
    "cost": http_event("POST /v1/cost", {"actor": ACTOR, "cost": 1.5, **USUAL}, "cold"),
    "holds": http_event("POST /v1/holds", {"actor": ACTOR, "amount": 5, **USUAL}, "cold-hold"),
    "funding": http_event("POST /v1/funding", {"actor": ACTOR, "amount": 10**6}, "cold-grant"),
}
"""One of each charging function."""
BARE: Final = "bare"
NAIVE: Final = "naive"
_CONTEXT: Final = """
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "bench", 1024, "r"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    def get_remaining_time_in_millis(self):
        return 900_000
"""


def built(directory: Path) -> dict[str, list[Path]]:
    """By name: where a process finds its modules."""
    context = with_context(directory)
    runtime = f"LAMBDA_RUNTIME=python{sys.version_info.major}.{sys.version_info.minor}"
    for target in ("ThirdPartyLayer", *(f"{name.capitalize()}Function" for name in CALLS)):
        build = ["make", "-f", "build.mk", f"build-{target}", f"ARTIFACTS_DIR={directory / target}", runtime]
        subprocess.run([*build, "LAMBDA_ARCHITECTURE=native"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    layer = directory / "ThirdPartyLayer" / "python"
    functions = {name: [directory / f"{name.capitalize()}Function", layer, context] for name in CALLS}
    return {**functions, BARE: [layer], NAIVE: [_naive(directory), context]}


def with_context(directory: Path) -> Path:
    """Where a program finds the context of an invocation."""
    context = directory / "context"
    context.mkdir()
    (context / "context.py").write_text(_CONTEXT)
    return context


def _naive(directory: Path) -> Path:
    """Everything that its requirements bring, with the bytecode that pip makes."""
    package = directory / "naive"
    shutil.copytree(ROOT / "bench" / "naive", package / "bench" / "naive")
    options = ["--compile-bytecode", "--python", sys.executable]
    install_packages(ROOT / "requirements.txt", package, options)
    return package


def arguments_of(name: str) -> list[str]:
    """Of a function: the module of its handler, and an event for it."""
    module = "bench.naive.handler" if name == NAIVE else f"functions.{name}.handler"
    return [module, json.dumps(CALLS["cost" if name == NAIVE else name])]


def fund(on: Stage, places: Mapping[str, list[Path]]) -> None:
    """The accounts of our functions and of the naive twin."""
    import boto3  # noqa: PLC0415 - its clients read the environment of the stage

    told_by(on, places["funding"], _FUND, *arguments_of("funding"))
    tables: Any = boto3.resource("dynamodb", endpoint_url=on.dynamodb_url)
    tables.Table("naive").put_item(Item={"pk": ACTOR, "available": 10**9, "spent": 0})


_FUND: Final = """
import sys, json
from importlib import import_module
answer = import_module(sys.argv[1]).lambda_handler(json.loads(sys.argv[2]), __import__("context").Context())
assert answer["statusCode"] in {200, 201}, answer
print("{}")
"""


def told_by(on: Stage, places: list[Path], program: str, *arguments: str) -> dict[str, float]:
    """The last line of what the program prints, which is JSON. `places` are where it finds its modules."""
    environment = {
        **on.environment,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # -S: without the packages of the environment that runs the benchmark. A program given by -c also finds what is in
    # the directory where it runs: not the checkout.
    command = [sys.executable, "-S", "-c", program, *arguments]
    output = subprocess.check_output(command, env=environment, cwd=places[-1], text=True)
    told: dict[str, float] = json.loads(output.splitlines()[-1])
    return told
