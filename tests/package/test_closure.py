from pathlib import Path

import pytest

from local.closure import closure


def test_a_handler_brings_its_own_function_and_what_it_uses_of_the_shared_code() -> None:
    files = {file.as_posix() for file in closure("functions.cost.handler")}
    assert {"functions/cost/handler.py", "functions/cost/schema.py", "shared/ledger/reducer.py"} <= files
    assert "functions/check/handler.py" not in files
    assert "shared/usecases/keep_audit.py" not in files


def test_an_import_inside_of_a_function_counts() -> None:
    assert Path("shared/adapters/dynamodb_ledger.py") in closure("functions.cost.handler")


def test_the_packages_above_a_module_come_with_it() -> None:
    files = set(closure("functions.audit.handler"))
    assert {Path("functions/__init__.py"), Path("functions/audit/__init__.py"), Path("shared/__init__.py")} <= files


def test_a_handler_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ImportError):
        list(closure("functions.nothing.handler"))
