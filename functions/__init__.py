"""The edge: one folder a Lambda function. No business rule lives here.

Lambda imports this package before anything else of ours, so two things that cannot wait happen here. A package that was
built for another Python is refused in words: this file ships as source, for bytecode of another Python says nothing but
"bad magic number". And the libraries are told to log warnings alone, since some log while they are imported.
"""

import logging
import sys
from pathlib import Path

RUNNING = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def refuse_another_runtime(package: Path) -> None:
    """Raises ImportError where the build noted another runtime in `package` than the one that is running.

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
