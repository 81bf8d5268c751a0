"""What `make run` and `make up` are told: what is wrong is said in one line, before anything is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.demo import demo
from local.paths import ROOT


@pytest.mark.parametrize(
    ("module", "options", "must_be"),
    [
        ("local.run", ["--limit", "-1"], "0 or more"),
        ("local.run", ["--limit", "abc"], "a whole number"),
        ("local.run", ["--concurrency", "0"], "1 or more"),
        ("local.run", ["--port", "70000"], "from 1 to 65535"),
        ("local.cloud", ["serve", "--port", "70000"], "from 1 to 65535"),
        ("local.cloud", ["up", "--port", "0"], "from 1 to 65535"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, module: str, options: list[str], must_be: str
) -> None:
    state = tmp_path / "state"
    done = subprocess.run(
        [sys.executable, "-m", module, *options, "--state", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert must_be in done.stderr
    assert "Traceback" not in done.stderr
    assert not state.exists()


def test_a_run_of_no_rows_still_has_somebody_to_show_calls_with() -> None:
    assert demo(None, 0).busiest_actor == "user:alice"
