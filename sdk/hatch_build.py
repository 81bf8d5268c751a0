"""Puts the service into the wheel, for `millicent.testing`: the same source as is deployed, under a name of its own.

The service's packages are called `shared`, `functions` and `in_memory`, names that somebody else's project may have
too. In the wheel they are packages of `millicent._service`, so every import of theirs is written anew. What the service
runs on is replaced in the same step: a module of REPLACED is imported where the service says another.

An sdist has the copy already. An editable install has none.
"""

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

PACKAGE = "millicent._service"
SOURCES = ("shared", "functions", "in_memory")
REPLACED = {
    **{
        f"shared.composition.{part}": "in_memory.composition"
        for part in (
            "accounts",
            "activity",
            "audit",
            "boards",
            "bus",
            "digests",
            "ledger",
            "rate_store",
            "rates",
            "terms",
            "usage",
        )
    },
    "shared.runtime.clock": "in_memory.clock",
    "shared.runtime.observability": "in_memory.observability",
    "shared.runtime.settings": "in_memory.settings",
}
"""What the functions run on, and what they run on in memory. The modules of in_memory itself get the originals."""
ENTRY = "in_memory.service"
HANDLERS = ("accounts", "check", "cost", "docs", "funding", "history", "holds", "policies", "proof", "rates", "tenant")


def copy_service(root: Path, target: Path) -> list[Path]:
    """Copies what ENTRY and HANDLERS import from the repository at `root` into the package `target`.

    Returns the modules that were copied, from the root. Raises ImportError for an import that cannot be written anew.
    """
    waiting = [ENTRY, *(f"functions.{name}.handler" for name in HANDLERS)]
    copied: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        file = _file(module, root)
        if module in copied or file is None:
            continue
        copied[module] = file.relative_to(root)
        waiting += _copied(file, root, target)
        waiting += [module.rpartition(".")[0]] if "." in module else []
    _copy_documents(root, target)
    (target / "__init__.py").write_text('"""A copy of the service; its source is the repository."""\n')
    return sorted(copied.values())


def _copied(file: Path, root: Path, target: Path) -> Iterator[str]:
    """Writes one module with its imports anew; yields what it imports."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    replaced = {} if file.is_relative_to(root / "in_memory") else REPLACED
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] in SOURCES for alias in node.names):
            raise ImportError(f"{file} line {node.lineno}: write `from … import …` for a module of ours")
        if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] not in SOURCES:
            continue
        said = str(node.module)
        meant = replaced.get(said, said)
        line = node.lineno - 1
        lines[line] = lines[line].replace(f"from {said} ", f"from {PACKAGE}.{meant} ", 1)
        yield meant
        yield from (f"{meant}.{alias.name}" for alias in node.names if _file(f"{meant}.{alias.name}", root))
    written = target / file.relative_to(root)
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text("".join(lines), encoding="utf-8")


def _copy_documents(root: Path, target: Path) -> None:
    """The documents that lie beside a handler: it reads them by their place."""
    for name in HANDLERS:
        for document in (root / "functions" / name).glob("*.json"):
            shutil.copyfile(document, target / "functions" / name / document.name)


def _file(module: str, root: Path) -> Path | None:
    place = root.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a command, and for tests: nothing is built
    pass
else:

    class ServiceHook(BuildHookInterface):  # type: ignore[misc,type-arg,unused-ignore]
        """Adds the copy to the wheel, and to the sdist that a wheel can be built from."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            root = Path(self.root).parent
            if version == "editable" or not (root / "in_memory").is_dir():
                return
            self._directory = Path(mkdtemp(prefix="millicent-service-"))
            copy_service(root, self._directory)
            place = "millicent" if self.target_name == "wheel" else "src/millicent"
            build_data["force_include"][str(self._directory)] = f"{place}/_service"

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
            shutil.rmtree(getattr(self, "_directory", ""), ignore_errors=True)


if __name__ == "__main__":
    print(*copy_service(Path(sys.argv[1]).resolve(), Path(sys.argv[2])), sep="\n")  # noqa: T201
