"""`make invoke`: runs samples of events/ by Lambda's own runtime client, with what the laptop cloud has deployed.

python -m local.invoke                                                  all samples, in order, and a table
python -m local.invoke --event events/cost.json                         one of them
python -m local.invoke --event my.json --function CostFunction          an event of your own
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.aws import Aws, as_deployer, forget_callers_aws
from local.build import built
from local.cloud import port_of, up
from local.deploy import describe
from local.deployed_functions import DeployedFunction, functions_of, role_credentials
from local.lambda_runtime import FunctionFailedError, RunningFunction, running
from local.paths import STATE
from local.processes import ProcessFailedError
from local.samples import STORY, Sample, sample_of
from local.signals import stop_on_signals


class Runner:
    """Starts each function the first time that it is invoked, under its own role."""

    def __init__(self, aws: Aws, build: Path, logs: Path, until_closed: ExitStack) -> None:
        stack = describe(aws)
        self._aws = aws
        self._build = build
        self._logs = logs
        self._until_closed = until_closed
        self._deployed = {function.logical_id: function for function in functions_of(aws, stack)}
        self._running: dict[str, RunningFunction] = {}

    def function(self, logical_id: str) -> RunningFunction:
        """Raises ProcessFailedError when there is none of this name, or it does not start."""
        if logical_id not in self._deployed:
            raise ProcessFailedError(f"there is no function {logical_id}: {', '.join(sorted(self._deployed))}")
        if logical_id not in self._running:
            self._running[logical_id] = self._until_closed.enter_context(self._started(self._deployed[logical_id]))
        return self._running[logical_id]

    def invoke(self, logical_id: str, event: bytes) -> Any:  # noqa: ANN401 - JSON
        """Raises FunctionFailedError and ProcessFailedError."""
        return self.function(logical_id).invoke(event)

    def _started(self, function: DeployedFunction) -> AbstractContextManager[RunningFunction]:
        variables = role_credentials(self._aws, function) | {"AWS_ENDPOINT_URL": self._aws.url}
        return running(function, self._build, variables, self._logs / f"{function.name}.log")


@contextmanager
def runner(aws: Aws, state_dir: Path) -> Iterator[Runner]:
    """For the functions as they are built now; ends them with the block. Their lines are in `state_dir`/invoke."""
    logs = state_dir / "invoke"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as until_closed:
        yield Runner(aws, built(), logs, until_closed)


def tell_story(runs: Runner) -> bool:
    """Runs all samples in their order and prints what became of each; False when one was answered wrongly."""
    table = Table("sample", "function", "answer", "")
    right = [_told(runs, sample, table) for sample in STORY]
    Console().print(table)
    return all(right)


def _told(runs: Runner, sample: Sample, table: Table) -> bool:
    try:
        answer = runs.invoke(sample.function, sample.file.read_bytes())
        is_right, said = sample.is_answered_by(answer), sample.in_short(answer)
    except FunctionFailedError as failure:
        is_right, said = False, str(failure)
    table.add_row(sample.name, sample.function, said, "ok" if is_right else "WRONG")
    return is_right


def _invoke_one(runs: Runner, event: Path, logical_id: str | None) -> None:
    answer = runs.invoke(logical_id or sample_of(event).function, event.read_bytes())
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--event", type=Path, help="a file of events/; default: all of them")
    parser.add_argument("--function", help="a logical id, such as CostFunction; default: the sample's")
    parser.add_argument("--state", type=Path, default=STATE)
    return parser.parse_args()


def main() -> int:
    wanted = _parsed()
    forget_callers_aws()
    stop_on_signals()
    state_dir = wanted.state.resolve()
    up(state_dir, None)
    aws = as_deployer(f"http://127.0.0.1:{port_of(state_dir)}", state_dir)
    with runner(aws, state_dir) as runs:
        if wanted.event is None:
            return 0 if tell_story(runs) else 1
        _invoke_one(runs, wanted.event, wanted.function)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProcessFailedError, FunctionFailedError, OSError, ValueError) as failure:
        sys.exit(f"make invoke: {failure}")
    except KeyboardInterrupt:
        sys.exit("make invoke: stopped")
