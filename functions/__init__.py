"""The Lambda functions, one folder each. They contain no business rules.

Lambda imports this package before any other code of ours, so two things that cannot wait happen here. First, a
package that was built for another Python is refused with a clear message; this file ships as source, because bytecode
of another Python only fails with "bad magic number". Second, the libraries are told to log only warnings and worse,
because some log while they are imported.
"""

import logging
import sys
from pathlib import Path

RUNNING = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def refuse_another_runtime(package: Path) -> None:
    """Raises ImportError when the build noted in `package` another runtime than the one that is running.

    A checkout was not built and has no such note.
    """
    note = package / "built-for"
    built_for = note.read_text().strip() if note.is_file() else RUNNING
    if built_for != RUNNING:
        raise ImportError(
            f"this package was built for {built_for} and runs on {RUNNING}: build it with LAMBDA_RUNTIME={RUNNING},"
            f" or deploy it with PythonRuntime={built_for}"
        )


refuse_another_runtime(Path(__file__).parent)
logging.getLogger().setLevel(logging.WARNING)
