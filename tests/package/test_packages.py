import importlib.util
import json
import marshal
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from types import CodeType
from typing import Final

import pytest
import yaml
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from local.closure import closure
from local.sources import of_the_build
from shared.runtime.settings import VARIABLES
from tests.console_settings import CONSOLE_SETTINGS
from tests.package.artefacts import FUNCTIONS, ROOT, RUNTIME, SAM, Artefacts, make, walk, zipped

LARGEST_SOURCE_BYTES: Final = 590_000
"""Of all that one function has of ours, before it is compiled. The largest, rates, has 490,000: a sixth is left."""
LARGEST_CODE_BYTES: Final = 980_000
"""Unzipped, as Lambda reads it. Cost has 442,000 (Python 3.12) to 602,000 (3.14), by what each compiles it to."""
MOST_MODULES: Final = 120
"""Of ours. Each is a file to find and read in a cold start; holds, which has most, has 103."""
MOST_MODULES_OF_OTHERS: Final = 300
"""Loaded in a cold start. Those that the API's functions load are 272."""
AT_COLD_START: Final = {
    "aws_lambda_powertools",
    "botocore",
    "dateutil",
    "jmespath",
    "msgspec",
    "pynamodb",
    "six.py",
    "typing_extensions.py",
    "urllib3",
}
LARGEST_LAYER_BYTES: Final = 36_000_000
PACKAGES: Final = ("aws_lambda_powertools", "boto3", "botocore", "genai_prices", "msgspec", "pynamodb", "tzdata")
DATA: Final = {"Docs": {".json"}, "Console": {"", ".gz", ".html"}}
WHEN_NEEDED: Final = {"genai_prices", "httpx2", "pydantic"}
"""Prices of models, and what they bring along: a function that never needs them does not pay for them."""
TOOLS: Final = ("pip", "setuptools", "pytest", "moto", "mypy", "ruff", "hypothesis", "cfnlint", "samcli", "httpx")
CODE: Final = {".py", ".pyc"}
FOR_ANY_PYTHON: Final = {"functions/__init__.py", "functions/built-for"}
HASH_BASED_UNCHECKED: Final = 0b01
VALUES: Final = {
    "AUDIT_GRACE_S": "900",
    "MAX_USAGE_AGE_DAYS": "35",
    "ACTIVITY_DAYS": "14",
    "ACTIVITY_TABLE": "activity",
    "AUDIT_TABLE": "audit",
    "BOARDS_BUCKET": "boards",
    "CHECK_EVENTS": "all",
    "DEFAULT_TENANT": "default",
    "OPERATOR_CLAIM": "cognito:groups",
    "OPERATOR_VALUE": "millicent-operators",
    "CONSOLE_CLIENT": "console",
    "DIGEST_BUCKET": "digests",
    "EVENT_BUS": "bus",
    "FAILURE_QUEUE_URL": "http://127.0.0.1/failures",
    "FAILURE_QUEUE_URLS": "http://127.0.0.1/failures,http://127.0.0.1/others",
    "INGEST_TENANT": "default",
    "BUILD": "",
    **CONSOLE_SETTINGS,
    "LEDGER_DEADLINE_MS": "5000",
    "LEDGER_TABLE": "ledger",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "POWERTOOLS_METRICS_NAMESPACE": "Millicent",
    "POWERTOOLS_SERVICE_NAME": "service",
    "SIGNING_KEY": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "STAGE": "test",
    "TENANT_CLAIM": "tenant",
    "TENANT_SHARDS": "1",
    "USAGE_TABLE": "usage",
}
SET_BY_LAMBDA: Final = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
PRICE_A_MODEL: Final = """
import sys
from fractions import Fraction
sys.path[:0] = sys.argv[1:]
from shared.adapters.genai_rates import GenaiCard
from shared.pricing.rates import worth_of
card = GenaiCard().find("llm", "gpt-4o", 1_763_900_000_000)
print(card.reference, worth_of({"input_tokens": Fraction(374), "output_tokens": Fraction(44)}, card.rate).amount)
"""
KNOWN_ZONE: Final = """
import sys, zoneinfo
from datetime import datetime
sys.path[:0] = sys.argv[1:]
zoneinfo.reset_tzpath(())
print(datetime(2026, 3, 29, tzinfo=zoneinfo.ZoneInfo("Europe/Amsterdam")))
"""
READ_AS_SAM_DOES: Final = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
print(json.dumps(CfnParameterOverridesType().convert(tuple(sys.argv[1:]), None, None)))
"""
IMPORT_HANDLER: Final = """
import importlib, json, sys
sys.path[:0] = sys.argv[2:]
handler = importlib.import_module(sys.argv[1])
assert callable(handler.lambda_handler)
print(json.dumps([file for module in sys.modules.values() if (file := getattr(module, "__file__", None))]))
"""


def _imported(module: str, function: str, *path: Path) -> list[str]:
    """The files of all modules that a handler brings in, where nothing but `path` and the standard library is."""
    command = [sys.executable, "-I", "-B", "-S", "-c", IMPORT_HANDLER, module, *map(str, path)]
    environment = {name: VALUES[name] for name in VARIABLES[function]} | SET_BY_LAMBDA
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files: list[str] = json.loads(done.stdout.splitlines()[-1])
    return files


def _content(file: Path) -> object:
    """Equal for equal code: how often a constant was in memory makes other bytes of it."""
    return marshal.loads(file.read_bytes()[16:]) if file.suffix == ".pyc" else file.read_bytes()  # noqa: S302 - ours


def _files(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in walk(directory)}


def _header(bytecode: Path) -> tuple[bytes, int]:
    head = bytecode.read_bytes()[:8]
    return head[:4], int.from_bytes(head[4:], "little")


def _bytecode(directory: Path) -> Iterator[Path]:
    return (path for path in walk(directory) if path.suffix == ".pyc")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_laptop_cloud_has_the_packages_that_sam_builds(artefacts: Artefacts, laptop_build: Path, name: str) -> None:
    ours = Artefacts(laptop_build)
    with zipfile.ZipFile(ours.function(name).with_suffix(".zip")) as archive:
        deployed = set(archive.namelist())
    # Not what is in the directory: functions may have run from it, and Python keeps bytecode of what stays source.
    assert deployed == artefacts.files(name)
    for file in deployed:
        assert _content(ours.function(name) / file) == _content(artefacts.function(name) / file)


def test_the_laptop_cloud_has_the_template_that_sam_builds(artefacts: Artefacts, laptop_build: Path) -> None:
    """SAM spells it anew and gives nothing up."""
    ours, sams = (cfn_yaml.load(str(place / "template.yaml")) for place in (laptop_build, artefacts.directory))
    assert ours == sams


def test_the_laptop_cloud_has_the_layer_that_sam_builds(artefacts: Artefacts, laptop_build: Path) -> None:
    ours = _files(laptop_build / "ThirdPartyLayer")
    assert ours == _files(artefacts.directory / "ThirdPartyLayer")
    with zipfile.ZipFile(laptop_build / "ThirdPartyLayer.zip") as archive:
        assert set(archive.namelist()) == ours


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_imports_from_its_zip_and_the_layer_alone(
    artefacts: Artefacts, layer_elsewhere: Path, name: str, tmp_path: Path
) -> None:
    task = tmp_path / "task"
    with zipfile.ZipFile(BytesIO(zipped(artefacts.function(name)))) as archive:
        archive.extractall(task)
    files = _imported(f"functions.{name.lower()}.handler", name.lower(), task, layer_elsewhere)
    ours = {file for file in files if Path(file).is_relative_to(task)}
    foreign = {file for file in files if Path(file).is_relative_to(ROOT)}
    assert f"{task}/functions/{name.lower()}/handler.pyc" in ours
    assert foreign == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_cold_start_imports_what_it_needs_and_not_the_prices_of_models(artefacts: Artefacts, name: str) -> None:
    layer = artefacts.layer
    files = _imported(f"functions.{name.lower()}.handler", name.lower(), artefacts.function(name), layer)
    of_others = [Path(file).relative_to(layer).parts[0] for file in files if Path(file).is_relative_to(layer)]
    assert set(of_others).isdisjoint(WHEN_NEEDED)
    assert set(of_others) <= AT_COLD_START
    assert "aws_lambda_powertools" in of_others
    assert len(of_others) < MOST_MODULES_OF_OTHERS


@pytest.mark.parametrize("name", ["Cost", "Holds", "Ingest", "Rates"])
def test_the_layer_prices_a_model_when_it_has_to(artefacts: Artefacts, name: str) -> None:
    priced = subprocess.run(
        [sys.executable, "-I", "-B", "-S", "-c", PRICE_A_MODEL, str(artefacts.function(name)), str(artefacts.layer)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert priced.stdout.split() == [f"genai-prices@{version('genai-prices')}/openai/gpt-4o", "137500"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_code_of_a_function_stays_small(artefacts: Artefacts, name: str) -> None:
    """Not its zip: how well bytecode is deflated is the interpreter's matter."""
    sources = [ROOT / path for path in closure(f"functions.{name.lower()}.handler") if path.suffix == ".py"]
    compiled = [artefacts.function(name) / file for file in artefacts.files(name) if Path(file).suffix in CODE]
    assert sum(path.stat().st_size for path in sources) < LARGEST_SOURCE_BYTES
    assert sum(path.stat().st_size for path in compiled) < LARGEST_CODE_BYTES
    assert len(compiled) == len(sources) < MOST_MODULES


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_zip_has_the_code_of_its_own_function_and_what_is_shared(artefacts: Artefacts, name: str) -> None:
    files = artefacts.files(name)
    own = f"functions/{name.lower()}/"
    assert {f"{own}handler.pyc", "shared/runtime/settings.pyc", *FOR_ANY_PYTHON} <= files
    assert [file for file in files if not file.startswith((own, "shared/")) and file not in FOR_ANY_PYTHON] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_zip_is_bytecode_of_this_runtime_that_no_date_invalidates(artefacts: Artefacts, name: str) -> None:
    assert {Path(file).suffix for file in artefacts.files(name) - FOR_ANY_PYTHON} - DATA.get(name, set()) == {".pyc"}
    headers = {_header(path) for path in _bytecode(artefacts.function(name))}
    assert headers == {(importlib.util.MAGIC_NUMBER, HASH_BASED_UNCHECKED)}


def test_a_package_that_was_built_for_another_python_says_so_when_it_is_imported(
    artefacts: Artefacts, tmp_path: Path
) -> None:
    shutil.copytree(artefacts.function("Docs"), tmp_path / "task")
    (tmp_path / "task" / "functions" / "built-for").write_text("python3.99\n")
    command = [sys.executable, "-I", "-B", "-S", "-c", IMPORT_HANDLER, "functions.docs.handler", str(tmp_path / "task")]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: this package was built for python3.99 and runs on {RUNTIME}: build it with "
        f"LAMBDA_RUNTIME={RUNTIME}, or deploy it with PythonRuntime=python3.99"
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_compares_the_runtimes_is_source_since_no_python_reads_the_bytecode_of_another(
    artefacts: Artefacts, name: str
) -> None:
    directory = artefacts.function(name)
    assert (directory / "functions" / "built-for").read_text() == f"{RUNTIME}\n"
    assert (directory / "functions" / "__init__.py").read_text() == (ROOT / "functions" / "__init__.py").read_text()
    assert not (directory / "functions" / "__init__.pyc").exists()


def test_sam_reads_what_the_build_wrote_down_as_parameters(artefacts: Artefacts) -> None:
    written = artefacts.layer.parent / "built-for.yaml"
    done = subprocess.run(
        [str(SAM.with_name("python")), "-c", READ_AS_SAM_DOES, f"file://{written}", "Stage=dev"],
        capture_output=True,
        text=True,
        check=True,
    )
    architecture = {"Architecture": yaml.safe_load(written.read_text()).get("Architecture")}
    told = {"PythonRuntime": RUNTIME, "BuiltRuntime": RUNTIME, "Build": of_the_build(), "Stage": "dev"}
    assert json.loads(done.stdout) == told | {name: value for name, value in architecture.items() if value}


def test_a_traceback_names_the_place_where_lambda_has_the_code(artefacts: Artefacts) -> None:
    code = marshal.loads((artefacts.function("Cost") / "shared" / "runtime" / "clock.pyc").read_bytes()[16:])  # noqa: S302
    assert isinstance(code, CodeType)
    assert code.co_filename == "/var/task/shared/runtime/clock.py"


def test_the_layer_is_compiled_whole_and_no_date_invalidates_it(artefacts: Artefacts) -> None:
    headers = {_header(path) for path in _bytecode(artefacts.layer)}
    sources = {path for path in walk(artefacts.layer) if path.suffix == ".py"}
    compiled = {Path(importlib.util.cache_from_source(str(path))) for path in sources}
    assert headers == {(importlib.util.MAGIC_NUMBER, HASH_BASED_UNCHECKED)}
    assert compiled == set(_bytecode(artefacts.layer))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_layer_has_what_the_functions_use_and_says_which_version(artefacts: Artefacts, package: str) -> None:
    assert (artefacts.layer / package).is_dir()
    assert list(artefacts.layer.glob(f"{package}-*.dist-info/METADATA")) != []


def test_a_time_zone_is_known_where_the_system_knows_none(artefacts: Artefacts) -> None:
    command = [sys.executable, "-I", "-B", "-S", "-c", KNOWN_ZONE, str(artefacts.layer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("2026-03-29 00:00:00+01:00", "")


def test_the_layer_has_neither_tools_nor_tests_nor_commands(artefacts: Artefacts) -> None:
    present = {path.name for path in artefacts.layer.iterdir()}
    assert present.isdisjoint(TOOLS)
    assert "bin" not in present
    assert [path for path in artefacts.layer.rglob("*") if path.is_dir() and path.name in {"test", "tests"}] == []


def test_the_layer_has_nothing_of_ours(artefacts: Artefacts) -> None:
    assert {path.name for path in artefacts.layer.iterdir()}.isdisjoint({"functions", "shared", "millicent", "local"})


def test_of_the_descriptions_of_all_services_the_layer_has_those_that_are_called(artefacts: Artefacts) -> None:
    data = artefacts.layer / "botocore" / "data"
    called = {"dynamodb", "events", "kms", "lambda", "s3", "sqs"}
    assert {path.name for path in data.iterdir() if path.is_dir()} == called
    assert {"_retry.json", "endpoints.json", "partitions.json"} <= {path.name for path in data.iterdir()}
    assert sum(path.stat().st_size for path in walk(artefacts.layer)) < LARGEST_LAYER_BYTES


def test_a_package_does_not_depend_on_where_and_when_it_was_built(tmp_path: Path) -> None:
    places = [tmp_path / "here", tmp_path / "somewhere" / "else"]
    for place in places:
        make("build-CostFunction", place)
    here, elsewhere = map(zipped, places)
    assert here == elsewhere


def test_a_package_has_no_path_of_the_machine_that_built_it(artefacts: Artefacts) -> None:
    places = (str(ROOT).encode(), str(artefacts.directory).encode())
    paths = [path for path in walk(artefacts.directory) if path.suffix == ".pyc"]
    assert [path for path in paths if any(place in path.read_bytes() for place in places)] == []
