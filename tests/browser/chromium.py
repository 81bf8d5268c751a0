"""The Chromium of this machine. `python -m tests.browser.chromium` fails where there is none, and says what to do."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, expect, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING: Final = f"no browser is on PATH ({', '.join(NAMES)}): install one, such as Debian's chromium"
PATIENCE_MS: Final = 60_000
"""A busy machine is given long; nothing asserts on how long it took."""


def chromium() -> Path | None:
    """None if there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


@contextmanager
def started(executable: Path) -> Iterator[Browser]:
    """Playwright's loop stays in this thread until the block ends: nothing else may use asyncio here until then."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, timeout=PATIENCE_MS, args=["--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


if __name__ == "__main__":
    sys.exit(None if chromium() else MISSING)
