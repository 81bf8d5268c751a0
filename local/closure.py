"""The files of this repository that a handler's package needs: modules, and documents beside the handler.

    python3 local/closure.py functions.cost.handler

It parses the code without running it, so it needs only the standard library and no environment.

An import counts anywhere in a module, also inside a function. Names in strings and imports for type checkers alone do
not count.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def closure(module: str, root: Path = ROOT) -> list[Path]:
    """Paths from the root of the checkout, sorted. Raises ImportError for a missing module or a relative import."""
    if _file(module, root) is None:
        raise ImportError(f"there is no module {module}")
    used: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in used and (file := _file(name, root)) is not None:
            used.add(name)
            waiting += [*_packages(name), *_imports(file, root)]
    modules = [file for name in used if (file := _file(name, root))]
    return sorted(file.relative_to(root) for file in (*modules, *_data(module, root)))


def _data(module: str, root: Path) -> Iterator[Path]:
    """The documents beside a handler, and the site that was built there, which it reads by their location."""
    beside = root.joinpath(*module.split(".")).parent
    yield from beside.glob("*.json")
    yield from (path for path in (beside / "site").rglob("*") if path.is_file())


def _file(module: str, root: Path) -> Path | None:
    """The file of a module of this repository; None for other modules."""
    place = root.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _packages(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


@cache
def _imports(file: Path, root: Path) -> tuple[str, ...]:
    return tuple(_found_imports(file, root))


def _found_imports(file: Path, root: Path) -> Iterator[str]:
    for node in _walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise ImportError(
                    f"{file} line {node.lineno}: name a module of ours from the top, relative imports are not followed"
                )
            yield from (_imported(node.module, alias.name, root) for alias in node.names)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes except those that only type checkers see."""
    yield node
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from _walk(child)


def _imported(module: str, name: str, root: Path) -> str:
    submodule = f"{module}.{name}"
    return submodule if _file(submodule, root) else module


if __name__ == "__main__":
    print(*closure(sys.argv[1]), sep="\n")
