from pathlib import Path
from textwrap import dedent

import pytest

from local.closure import closure


def _tree(root: Path, **modules: str) -> Path:
    """A checkout with these modules; two underscores stand for a dot. Every package has its __init__."""
    for name, code in modules.items():
        file = root.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(dedent(code))
    return root


def _names(root: Path, module: str = "app.handler") -> set[str]:
    return {file.as_posix() for file in closure(module, root)}


def test_a_handler_brings_its_own_function_and_what_it_uses_of_the_shared_code() -> None:
    files = {file.as_posix() for file in closure("functions.cost.handler")}
    assert {"functions/cost/handler.py", "functions/cost/schema.py", "shared/ledger/reducer.py"} <= files
    assert {"shared/adapters/dynamodb_ledger.py", "shared/__init__.py", "functions/__init__.py"} <= files


def test_a_handler_brings_nothing_of_other_functions() -> None:
    files = {file.as_posix() for file in closure("functions.cost.handler")}
    assert files.isdisjoint(
        {
            "functions/check/handler.py",
            "shared/adapters/dynamodb_audit.py",
            "shared/adapters/eventbridge.py",
            "shared/usecases/keep_audit.py",
        }
    )


def test_an_import_inside_of_a_function_counts(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        app__handler="""
            def runtime():
                from app import ledger
        """,
        app__ledger="",
        app__trail="",
    )
    assert _names(root) == {"app/__init__.py", "app/handler.py", "app/ledger.py"}


def test_what_a_function_runs_on_stands_beside_its_handler_and_is_brought_along() -> None:
    files = {file.as_posix() for file in closure("functions.due.handler")}
    assert {"functions/due/runtime.py", "shared/adapters/dynamodb_due.py", "shared/runtime/clock.py"} <= files


def test_modules_that_import_each_other_are_each_taken_once(tmp_path: Path) -> None:
    root = _tree(tmp_path, app__handler="import app.other\n", app__other="import app.handler\n")
    assert _names(root) == {"app/__init__.py", "app/handler.py", "app/other.py"}


def test_an_import_for_type_checkers_alone_does_not_count(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        app__handler="""
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from app import stubs
            else:
                from app import real
        """,
        app__stubs="",
        app__real="",
    )
    assert _names(root) == {"app/__init__.py", "app/handler.py", "app/real.py"}


def test_a_handler_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ImportError, match=r"functions\.nothing\.handler"):
        closure("functions.nothing.handler")


def test_a_relative_import_is_an_error_rather_than_a_file_that_is_missing(tmp_path: Path) -> None:
    root = _tree(tmp_path, app__handler="from . import other\n", app__other="")
    with pytest.raises(ImportError, match="relative"):
        closure("app.handler", root)
