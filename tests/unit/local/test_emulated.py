"""What we add to the emulator, part by part and without it."""

import errno
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local import disk, tokens
from local.background_tasks import BackgroundTasks
from local.disk import low_space, require_space
from local.emulated import seams
from local.emulated.failing import EXIT_NOT_SAVED, cause, ends_where_nothing_is_saved
from local.emulated.journal import Journal, Put, Removal, Replacement
from local.emulated.requests import may_change, signed_for
from local.emulated.saved_state import SavedState
from local.emulated.seams import PROVED_ON, SeamMovedError, require_version
from local.emulated.shared_layers import SHARED, archives_unpacked_once
from local.emulator import Emulator
from local.function_logs import FunctionErrors
from local.moved_state import move_to_port
from local.paths import REQUIREMENTS, ROOT
from local.processes import ProcessFailedError

ITEM = {"pk": {"S": "a"}, "amount": {"N": "1"}}


OPENED: list[Journal] = []


@pytest.fixture(autouse=True)
def _closed_in_the_end() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return reopened(tmp_path)


def reopened(tmp_path: Path, max_pages: int | None = None) -> Journal:
    """As another process would find it, while the first one has closed nothing."""
    OPENED.append(Journal(tmp_path / "journal.sqlite", max_pages))
    return OPENED[-1]


def test_what_was_written_is_there_for_who_comes_next(journal: Journal, tmp_path: Path) -> None:
    journal.write([Put("t1", "a", "1", ITEM), Put("t1", "a", "2", ITEM), Put("t2", "a", "1", {})])
    journal.write([Removal("t1", "a", "2"), Put("t1", "a", "1", {**ITEM, "amount": {"N": "2"}})])
    found = reopened(tmp_path)
    assert found.items("t1") == {"a": {"1": {**ITEM, "amount": {"N": "2"}}}}
    assert found.items("t2") == {"a": {"1": {}}}
    assert found.items("t3") == {}


def test_all_items_of_a_table_can_be_replaced(journal: Journal, tmp_path: Path) -> None:
    journal.write([Put("t1", "a", "1", ITEM), Put("t2", "a", "1", ITEM)])
    journal.write([Replacement("t1", {"b": {"1": {}, "2": {}}})])
    assert reopened(tmp_path).items("t1") == {"b": {"1": {}, "2": {}}}
    journal.write([Replacement("t1", {})])
    assert reopened(tmp_path).items("t1") == {}
    assert reopened(tmp_path).items("t2") == {"a": {"1": ITEM}}


def test_a_change_that_cannot_be_written_takes_the_whole_request_back(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        journal.write([Put("t1", "a", "1", ITEM), Put("t1", "a", "2", {"not": object()})])
    assert reopened(tmp_path).items("t1") == {}
    journal.write([Put("t1", "a", "3", ITEM)])
    assert reopened(tmp_path).items("t1") == {"a": {"3": ITEM}}


def test_messages_stay_in_their_order_until_they_are_gone(journal: Journal, tmp_path: Path) -> None:
    first, second, third = ({"id": str(number), "body": f"body {number}"} for number in (1, 2, 3))
    journal.keep_messages({"q1": [second, first], "q2": [third]})
    assert reopened(tmp_path).messages("q1") == [second, first]
    later = reopened(tmp_path)
    later.keep_messages({"q1": [first, third], "q2": []})
    assert reopened(tmp_path).messages("q1") == [first, third]
    assert reopened(tmp_path).messages("q2") == []


def test_a_full_disk_is_told_from_other_failures(tmp_path: Path) -> None:
    journal = reopened(tmp_path, max_pages=20)
    long = [Put("t1", "a", str(number), {"long": {"S": "x" * 1000}}) for number in range(1000)]
    with pytest.raises(sqlite3.Error) as full:
        journal.write(long)
    assert f"the disk that holds {tmp_path} is full" in cause(tmp_path, full.value)
    assert "is full" in cause(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert f"{tmp_path} cannot be written: [Errno 13] no. Make it" in cause(tmp_path, PermissionError(13, "no"))


CANNOT_WRITE = (
    "class Full:\n    def write(self, text): raise OSError(28, 'full')\n    flush = write\nsys.stderr = Full()"
)


@pytest.mark.parametrize("standard_error", ["", CANNOT_WRITE], ids=["with a log", "on the same full disk"])
def test_a_process_that_cannot_save_says_why_and_ends_without_an_answer(tmp_path: Path, standard_error: str) -> None:
    program = f"""
import errno, sys
from pathlib import Path
sys.path[0] = {str(ROOT)!r}
from local.emulated.failing import ends_where_nothing_is_saved
{standard_error}
try:
    with ends_where_nothing_is_saved(Path({str(tmp_path)!r})):
        raise OSError(errno.ENOSPC, "No space left on device")
finally:
    print("answered")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (EXIT_NOT_SAVED, "")
    told = f"the laptop cloud stopped, since it cannot save its state: the disk that holds {tmp_path}"
    assert (told in ended.stderr and "Free some space and start it again" in ended.stderr) is not bool(standard_error)


def test_a_cloud_that_ended_on_a_full_disk_is_told_from_one_that_failed(tmp_path: Path) -> None:
    (tmp_path / "emulator.log").write_text("a traceback")

    def ended(status: int) -> str:
        process = cast("subprocess.Popen[bytes]", SimpleNamespace(poll=lambda: status))
        return Emulator(process, 1, tmp_path / "emulator.log").why_it_ended()

    assert f"it could not save its state to {tmp_path}, whose disk has" in ended(EXIT_NOT_SAVED)
    assert ended(1) == "last lines of its log:\na traceback"


def test_what_is_no_failure_to_save_passes_through(tmp_path: Path) -> None:
    with pytest.raises(KeyError), ends_where_nothing_is_saved(tmp_path):
        raise KeyError


def test_an_archive_is_unpacked_once_for_all_workers(tmp_path: Path) -> None:
    workers = [unpacked_for_a_worker(tmp_path, name, "print()") for name in ("one", "two")]
    other = unpacked_for_a_worker(tmp_path, "three", "print(2)")
    assert [(each / "module.py").read_text() for each in (*workers, other)] == ["print()", "print()", "print(2)"]
    assert workers[0].resolve() == workers[1].resolve() != other.resolve()
    assert len(list((tmp_path / SHARED).iterdir())) == 2
    assert list(tmp_path.rglob("*.zip")) == []
    shutil.rmtree(tmp_path / "one")
    assert (workers[1] / "module.py").is_file()


def test_an_archive_that_does_not_fit_names_the_disk_and_takes_up_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs_out(self: zipfile.ZipFile, path: Path, *_: object) -> None:
        path.mkdir(parents=True)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", runs_out)
    with pytest.raises(RuntimeError, match=f"the disk that holds {tmp_path} is full"):
        unpacked_for_a_worker(tmp_path, "one", "print()")
    assert list((tmp_path / SHARED).iterdir()) == []


def test_a_start_is_refused_where_the_disk_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_space(tmp_path, needed_mib=0)
    leave_free(monkeypatch, 5)
    needs = rf"the disk that holds {tmp_path} has 5 MiB free, and the laptop cloud needs 300 MiB: free some space"
    with pytest.raises(ProcessFailedError, match=needs):
        require_space(tmp_path)


def test_a_disk_that_fills_up_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = tasks_without_work(tmp_path, monkeypatch)
    leave_free(monkeypatch, 500)
    assert low_space(tmp_path) is None
    tasks.tick()
    leave_free(monkeypatch, 50)
    tasks.tick()
    tasks.tick()
    told = capsys.readouterr().err
    assert told == (
        f"the disk that holds {tmp_path} has 50 MiB free: the laptop cloud stops when it is full. Free some space\n"
    )


def test_a_state_is_moved_to_another_port_whatever_ports_it_was_made_on(tmp_path: Path) -> None:
    (tmp_path / "sqs.json").write_text(
        '{"http://localhost:4566/000000000000/a": 1, "http://localhost:4571/000000000000/b": 2}'
    )
    (tmp_path / "lambda.json").write_text('"http://localhost:4566/000000000000/a http://localhost:45660/ localhost:99"')
    (tmp_path / "cloudformation.json").write_text('"http://x.execute-api.localhost:4571"')
    move_to_port(tmp_path, 5000)
    assert (tmp_path / "sqs.json").read_text() == (
        '{"http://localhost:5000/000000000000/a": 1, "http://localhost:5000/000000000000/b": 2}'
    )
    assert (
        "localhost:5000/000000000000/a http://localhost:45660/ localhost:99" in (tmp_path / "lambda.json").read_text()
    )
    assert (tmp_path / "cloudformation.json").read_text() == '"http://x.execute-api.localhost:5000"'


def test_a_state_that_stays_on_its_port_is_not_touched(tmp_path: Path) -> None:
    move_to_port(tmp_path, 5000)
    (tmp_path / "sqs.json").write_text('{"http://localhost:5000/000000000000/a": 1}')
    before = (tmp_path / "sqs.json").stat().st_mtime_ns
    move_to_port(tmp_path, 5000)
    assert (tmp_path / "sqs.json").stat().st_mtime_ns == before


def test_a_state_is_written_only_where_it_changed_and_the_stack_last(tmp_path: Path) -> None:
    states = {"cloudformation": {"a": 1}, "sqs": {"b": 1}, "iam": {"c": 1}}
    saved = saved_state(tmp_path, states)
    saved.save_all()
    written = {file.stem: file.stat().st_mtime_ns for file in tmp_path.glob("*.json")}
    assert max(written, key=lambda name: written[name]) == "cloudformation"
    states["iam"] = {"c": 2}
    saved.save_all()
    assert {file.stem for file in tmp_path.glob("*.json") if file.stat().st_mtime_ns != written[file.stem]} == {"iam"}
    assert (tmp_path / "iam.json").read_text() == '{"__ministack_format__": 3, "payload": {"c": 2}}'


def test_a_state_that_changes_while_it_is_copied_is_copied_again(tmp_path: Path) -> None:
    tries = iter([RuntimeError("dictionary changed size during iteration"), None])

    def state() -> dict[str, Any]:
        if failure := next(tries):
            raise failure
        return {"a": 1}

    saved_state(tmp_path, {}).save("kms", state)
    assert '"payload": {"a": 1}' in (tmp_path / "kms.json").read_text()


@pytest.mark.parametrize(
    ("service", "method", "action", "changes"),
    [
        ("iam", "POST", b"/", True),
        ("sqs", "POST", b"AmazonSQS.SendMessage", True),
        ("s3", "PUT", b"/bucket/key", True),
        ("s3", "GET", b"/bucket/key", False),
        ("kms", "POST", b"TrentService.GetPublicKey", False),
        ("events", "POST", b"AWSEvents.PutEvents", False),
        ("events", "POST", b"AWSEvents.PutRule", True),
        ("lambda", "POST", b"/2015-03-31/functions/cost/invocations", False),
        ("lambda", "PUT", b"/2015-03-31/functions/cost/code", True),
        ("dynamodb", "POST", b"DynamoDB_20120810.PutItem", False),
    ],
)
def test_what_may_change_a_service_is_saved(service: str, method: str, action: bytes, changes: bool) -> None:
    assert may_change(service, method, action) is changes


def test_a_service_is_known_by_the_signature_of_the_request() -> None:
    signature = (
        b"AWS4-HMAC-SHA256 Credential=KEY/20261201/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    )
    assert signed_for({b"authorization": signature}) == "sqs"
    assert signed_for({b"authorization": b"Bearer token"}) is None
    assert signed_for({}) is None


def test_what_is_added_was_proved_on_the_pinned_emulator() -> None:
    assert f"ministack=={PROVED_ON}" in (REQUIREMENTS / "cloud.in").read_text().splitlines()
    require_version(PROVED_ON)
    with pytest.raises(SeamMovedError, match=r"the emulator is ministack 2\.0\.0"):
        require_version("2.0.0")


def test_a_function_that_the_emulator_does_not_have_any_more_is_named() -> None:
    with pytest.raises(SeamMovedError, match="_set_item"):
        seams.require(cast("Any", disk), "LOW_MIB", "_set_item")


def unpacked_for_a_worker(temporary: Path, name: str, content: str) -> Path:
    """As the emulator does it: an archive and an empty directory beside it. Returns the directory."""
    own = temporary / name
    code = own / "code"
    code.mkdir(parents=True)
    archive = own / "code.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(zipfile.ZipInfo("module.py"), content)
    with archives_unpacked_once().ZipFile(str(archive)) as packed:
        packed.extractall(str(code))
    return code


def leave_free(monkeypatch: pytest.MonkeyPatch, mib: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=mib * disk.MIB))


def tasks_without_work(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> BackgroundTasks:
    fresh = SimpleNamespace(by_name={}, are_due=False)
    monkeypatch.setattr(tokens, "fetch", lambda *_: fresh)
    errors = cast("FunctionErrors", SimpleNamespace(new_lines=list))
    return BackgroundTasks("", "", [], errors, state_dir)


def saved_state(place: Path, states: dict[str, dict[str, Any]]) -> SavedState:
    app = SimpleNamespace(
        _build_persistence_save_dict=lambda: {name: (lambda name=name: states[name]) for name in states}, save_all=None
    )
    persistence = SimpleNamespace(_json_default=None, _state_format_version=lambda _: 3)
    return SavedState(cast("Any", app), cast("Any", persistence), place)
