"""Makes a mistake in one module of this process, before it is imported."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutants.catalogue import Mutant


class Stale(Exception):
    """The passage that a mutant changes is not there, or more than once."""


def source_path(module: str) -> Path:
    root = Path(__file__).parents[2]
    base = root / "sdk" / "src" if module.startswith("millicent.") else root
    return base.joinpath(*module.split(".")).with_suffix(".py")


def mutated(mutant: Mutant) -> str:
    """The module's text with the mistake in it. Raises Stale."""
    source = source_path(mutant.module).read_text()
    if source.count(mutant.right) != 1:
        raise Stale(f"{mutant.name}: found {source.count(mutant.right)} times in {mutant.module}: {mutant.right!r}")
    return source.replace(mutant.right, mutant.wrong)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(source_path(mutant.module)))
        self._source = mutated(mutant)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._module = mutant.module
        self._loader = _Loader(mutant)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


def plant(mutant: Mutant) -> None:
    """Raises Stale, and ImportError where it is too late."""
    if mutant.module in sys.modules:
        raise ImportError(f"{mutant.module} is imported already")
    sys.meta_path.insert(0, _Finder(mutant))
