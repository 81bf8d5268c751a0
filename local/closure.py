"""What a handler uses of ours: the files that its package needs, and no others: modules, and documents beside it.

    python3 local/closure.py functions.cost.handler

Reads the code and runs none of it, so it needs no package of others and no environment. Standard library only.

An import at the top of a module counts whenever the module is used. One inside of a function counts when something that
is used names the function: shared/bootstrap.py composes every function of the service and imports for each what only
that one runs on. What is only named in a string, or imported for type checkers alone, does not count.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parents[1]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Use:
    """A module, and which of its functions are named; None where the module itself is, so all of them may be."""

    module: str
    functions: frozenset[str] | None


@dataclass(frozen=True)
class Source:
    """One module. Its functions are those at its top level; all else runs when it is imported, classes included."""

    file: Path

    @cached_property
    def _body(self) -> list[ast.stmt]:
        return ast.parse(self.file.read_bytes()).body

    @cached_property
    def functions(self) -> dict[str, Function]:
        return {node.name: node for node in self._body if isinstance(node, Function)}

    def running(self, named: AbstractSet[str]) -> list[ast.AST]:
        """The code that runs when the functions `named` are used, those that they name in turn included."""
        code = [part for node in self._body for part in _run_by_import(node)]
        called: set[str] = set()
        waiting = self.functions.keys() & (named | _names(code))
        while waiting:
            function = waiting.pop()
            called.add(function)
            code.append(self.functions[function])
            waiting |= self.functions.keys() & _names([self.functions[function]]) - called
        return code


def closure(module: str, root: Path = ROOT) -> list[Path]:
    """Paths from the root of the checkout, sorted. Raises ImportError for no such module and for a relative import."""
    if _file(module, root) is None:
        raise ImportError(f"there is no module {module}")
    used: dict[str, set[str]] = {}
    waiting = [Use(module, None)]
    read = cache(Source)  # many name the same module, and parsing it is what takes the time
    while waiting:
        waiting.extend(_followed(waiting.pop(), used, read, root))
    modules = [file for name in used if (file := _file(name, root))]
    return sorted(file.relative_to(root) for file in (*modules, *_data(module, root)))


def _data(module: str, root: Path) -> Iterable[Path]:
    """The documents that lie beside a handler: it reads them by their place."""
    return root.joinpath(*module.split(".")).parent.glob("*.json")


def _followed(use: Use, used: dict[str, set[str]], read: Callable[[Path], Source], root: Path) -> list[Use]:
    """What one use leads to. `used` has, for each module, the functions that were followed already."""
    file = _file(use.module, root)
    if file is None:
        return []
    source = read(file)
    wanted = source.functions.keys() if use.functions is None else use.functions & source.functions.keys()
    if use.module in used and wanted <= used[use.module]:
        return []
    used.setdefault(use.module, set()).update(wanted)
    packages = (Use(package, frozenset()) for package in _packages(use.module))
    return [*packages, *_imports(source.running(wanted), root)]


def _file(module: str, root: Path) -> Path | None:
    """Where a module of ours is; None for what others wrote."""
    place = root.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _packages(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _run_by_import(node: ast.stmt) -> Iterable[ast.AST]:
    """Of a function its decorators, defaults and annotations run; its body waits until it is called."""
    if isinstance(node, Function):
        return (*node.decorator_list, node.args, *((node.returns,) if node.returns else ()))
    return (node,)


def _walk(code: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes but those that type checkers alone see."""
    waiting = list(code)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _names(code: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in _walk(code) if isinstance(node, ast.Name)}


def _imports(code: Iterable[ast.AST], root: Path) -> Iterator[Use]:
    for node in _walk(code):
        if isinstance(node, ast.Import):
            yield from (Use(alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise ImportError(
                    f"line {node.lineno}: name a module of ours from the top, relative imports are not followed"
                )
            yield from (_imported(node.module, alias.name, root) for alias in node.names)


def _imported(module: str, name: str, root: Path) -> Use:
    submodule = f"{module}.{name}"
    if _file(submodule, root):
        return Use(submodule, None)
    return Use(module, None if name == "*" else frozenset({name}))


if __name__ == "__main__":
    print(*closure(sys.argv[1]), sep="\n")
