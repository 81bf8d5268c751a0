"""Photographs every page, at two widths and in both themes, into docs/images: `make pictures`.

python -m tests.browser.pictures                    of a laptop cloud of its own, with the demo of `make run` in it
python -m tests.browser.pictures --state .millicent of the one that runs there
"""

import argparse
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from local.cloud import down
from local.endpoint import Endpoint, read_endpoint
from local.paths import ROOT
from tests.browser.chromium import MISSING, chromium, started
from tests.browser.pages import PAGES, Place
from tests.browser.visits import visiting
from tests.e2e.laptop import Laptop

IMAGES: Final = ROOT / "docs" / "images"
WIDTHS: Final = {"wide": 1280, "narrow": 375}
THEMES: Final = ("light", "dark")
OF_THE_DEMO: Final = {
    "account": Place("account", "/accounts/team:research", "team:research"),
    "rate-card": Place("rate-card", "/rates/card?meter=speech&model=narrator-2", "speech / narrator-2"),
}
"""Where the demo has more to show than the accounts of the tests."""
HEIGHTS: Final = {"wide": 1000, "narrow": 1400}
QUALITY: Final = 72
MOST_BYTES: Final = 2_000_000


def photograph(browser: Browser, endpoint: Endpoint) -> Iterator[Path]:
    """Each file, as it is written. One window a width and theme: the page goes from place to place in it."""
    for size, width in WIDTHS.items():
        for theme in THEMES:
            view = {"width": width, "height": HEIGHTS[size]}
            url = f"{endpoint.base_url}/console"
            with visiting(browser, url, viewport=view, color_scheme=theme, reduced_motion="reduce") as visit:
                visit.enter("/", endpoint.tokens["admin"])
                visit.shows("Overview")
                for place in (OF_THE_DEMO.get(each.name, each) for each in PAGES):
                    visit.go(place.address)
                    visit.shows(place.title)
                    yield written(visit.page, place, f"{size}-{theme}")


def written(page: Page, place: Place, suffix: str) -> Path:
    """As WebP, which Playwright itself cannot write."""
    page.wait_for_function("document.fonts.status === 'loaded'")
    debugger = page.context.new_cdp_session(page)
    taken = debugger.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    debugger.detach()
    IMAGES.mkdir(exist_ok=True)
    file = IMAGES / f"console-{place.name}-{suffix}.webp"
    file.write_bytes(b64decode(taken["data"]))
    return file


@contextmanager
def demonstrated(state_dir: Path | None) -> Iterator[Endpoint]:
    """The cloud of that directory, or one of its own until the block ends."""
    if state_dir is not None:
        yield running(state_dir)
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            laptop = Laptop(Path(place))
            subprocess.run([sys.executable, "-m", "local.run", "--once", "--state", place], cwd=ROOT, check=True)
            yield running(laptop.state_dir)
        finally:
            down(Path(place))


def running(state_dir: Path) -> Endpoint:
    endpoint = read_endpoint(state_dir)
    return endpoint or sys.exit(f"no laptop cloud runs in {state_dir}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, help="of a laptop cloud that runs")
    wanted = parser.parse_args()
    executable = chromium() or sys.exit(MISSING)
    with demonstrated(wanted.state) as endpoint, started(executable) as browser:
        sizes = [file.stat().st_size for file in photograph(browser, endpoint)]
    sys.stderr.write(f"{len(sizes)} pictures, {sum(sizes):,} bytes\n")
    if sum(sizes) > MOST_BYTES:
        sys.exit(f"that is more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
