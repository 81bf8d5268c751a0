"""The Lambda functions, one folder each. They contain no business rules.

Lambda imports this package before any other code of ours, so two things that cannot wait happen here. First, a
package that was built for another Python is refused with a clear message; this file ships as source, because bytecode
of another Python only fails with "bad magic number". Second, a package makes the libraries log only warnings and
worse, because some log while they are imported.
"""

import logging
import sys
from pathlib import Path

NOTE = "built-for"
RUNNING = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def is_package(directory: Path) -> bool:
    """Whether a build made `directory`. A checkout is not built; nor is the copy in the client's wheel."""
    return (directory / NOTE).is_file()


def refuse_another_runtime(directory: Path) -> None:
    """Raises ImportError when the build noted in `directory` another runtime than the one that is running."""
    built_for = (directory / NOTE).read_text().strip() if is_package(directory) else RUNNING
    if built_for != RUNNING:
        raise ImportError(
            f"this package was built for {built_for} and runs on {RUNNING}: build it with LAMBDA_RUNTIME={RUNNING},"
            f" or deploy it with PythonRuntime={built_for}"
        )


refuse_another_runtime(Path(__file__).parent)
if is_package(Path(__file__).parent):
    logging.getLogger().setLevel(logging.WARNING)
