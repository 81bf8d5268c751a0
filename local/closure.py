"""What a handler imports of ours: the files that its package needs, and no others.

    python3 local/closure.py functions.cost.handler

Reads the code and runs none of it, so it needs no package of others and no environment. Standard library only.
"""

import sys
from collections.abc import Iterator
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def closure(module: str) -> Iterator[Path]:
    """Paths from the root of the checkout, sorted. Raises ImportError when there is no such module.

    An import inside of a function counts too; one by a name that is only made at run time is not seen.
    """
    finder = ModuleFinder(path=[str(ROOT)])
    finder.import_hook(module)
    files: Iterator[str | None] = (vars(found)["__file__"] for found in finder.modules.values())
    yield from sorted(Path(file).resolve().relative_to(ROOT) for file in files if file)


if __name__ == "__main__":
    print(*closure(sys.argv[1]), sep="\n")
