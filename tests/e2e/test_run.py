"""`make run`: the demo on a laptop cloud, as a person starts it."""

import json
import signal
import subprocess
import sys
from itertools import pairwise, takewhile
from pathlib import Path

import httpx
import pytest

from local.ownership import owner
from local.paths import ROOT
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

ROWS = 40
KEYS = {
    "requests",
    "charged",
    "refused",
    "replayed",
    "holds",
    "captures",
    "ledger_rows",
    "audit_rows",
    "drift_microcents",
    "seconds",
}


def test_made_up_usage_is_charged_once_however_often_it_is_run(laptop: Laptop) -> None:
    first = _run(laptop, "--limit", str(ROWS))
    again = _run(laptop, "--limit", str(ROWS))
    assert set(first) == KEYS
    assert (first["requests"], first["charged"] + first["refused"], first["replayed"]) == (ROWS, ROWS, 0)
    assert (again["charged"], again["refused"], again["replayed"]) == (0, 0, ROWS)
    assert again["ledger_rows"] == first["ledger_rows"] == first["audit_rows"] == again["audit_rows"]
    assert first["drift_microcents"] == again["drift_microcents"] == 0


def test_a_file_without_actors_is_charged_too_and_some_are_refused(laptop: Laptop, tmp_path: Path) -> None:
    usage = tmp_path / "usage.csv"
    rows = [f"2023-11-16 18:15:{second:02d}.6805900,{100 + second},{10 + second}" for second in range(60)]
    usage.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    result = _run(laptop, "--usage", str(usage))
    assert result["requests"] == len(rows) == result["charged"] + result["refused"]
    assert result["refused"] > 0
    assert (result["ledger_rows"], result["drift_microcents"]) == (result["audit_rows"], 0)


def test_it_serves_until_it_is_interrupted_and_leaves_no_process_behind(laptop: Laptop) -> None:
    laptop.stop()
    running = subprocess.Popen(
        _command(laptop, "--limit", str(ROWS)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        eventually(lambda: owner(laptop.state_dir), "it starts")
        assert running.stdout is not None
        printed = list(takewhile(lambda line: not line.startswith("{"), running.stdout))
        curl_lines = [line for line in printed if line.startswith("curl ")]
        assert [_http_status(line) for line in curl_lines] == [200, 201, 200]
        assert httpx.get(f"{laptop.base_url}/v1/health", timeout=60).status_code == 200
        running.send_signal(signal.SIGINT)
        rest, told = running.communicate(timeout=120)
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, rest) == (0, ""), told
    eventually(lambda: laptop.processes() == [], "no process is left")
    laptop.start()


def _run(laptop: Laptop, *arguments: str) -> dict[str, int]:
    done = subprocess.run(
        [*_command(laptop, *arguments), "--once"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return result


def _command(laptop: Laptop, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "local.run", *arguments, "--state", str(laptop.state_dir)]


def _http_status(curl_line: str) -> int:
    """Sends what the line would, without needing curl: the shell says what it means, httpx sends it."""
    script = f"set -- {curl_line.strip()}; printf '%s\\n' \"$@\""
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    words = said.stdout.splitlines()
    assert words[:2] == ["curl", "-sS"]
    options = list(pairwise(words))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    body = next((value for option, value in options if option == "-d"), None)
    return httpx.request("POST" if body else "GET", words[-1], content=body, headers=headers, timeout=60).status_code
