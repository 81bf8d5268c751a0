"""What the build of the console makes of its sources, and that its sources keep their conventions."""

import gzip
import json
import re
from pathlib import Path
from typing import Final

import pytest

from functions.console.files import ASK_AGAIN, FOR_EVER, Site, policy
from local.console import NOT_SERVED, SOURCES, loaded_bytes, sources, write_site
from local.console import _by_path as by_path
from local.sources import fingerprint

INDEX: Final = b"""<script type="importmap">{{importmap}}</script><script src="{{src/main.js}}"></script>"""
MODULES: Final = [SOURCES / "widgets.js", *sorted((SOURCES / "src").rglob("*.js"))]


def site_of(directory: Path, main: bytes = b"export {};") -> Site:
    write_site({"index.html": INDEX, "src/main.js": main, "styles.css": b"a{}"}, directory)
    return Site(directory)


def hashed_name(site: Site) -> str:
    found = re.search(r'<script src="([^"]+)"', site.page("").content)
    assert found
    return found[1]


def test_a_file_is_kept_for_ever_under_the_name_with_its_hash_and_asked_for_again_under_its_own(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    kept, own = site.file(hashed_name(site)), site.file("src/main.js")
    assert kept
    assert own
    assert (kept.cache, own.cache) == (FOR_EVER, ASK_AGAIN)
    assert kept.content == own.content == gzip.decompress(own.deflated) == b"export {};"
    assert own.type == "text/javascript; charset=utf-8"


def test_a_file_that_changes_gets_another_name_and_the_same_file_the_same(tmp_path: Path) -> None:
    first, same, other = site_of(tmp_path / "a"), site_of(tmp_path / "b"), site_of(tmp_path / "c", b"export let a;")
    assert hashed_name(first) == hashed_name(same) != hashed_name(other)
    assert other.file(hashed_name(first)) is None


def test_the_import_map_leads_from_the_name_in_the_sources_to_the_one_with_the_hash(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    for base in ("", "console/"):
        found = re.search(r'<script type="importmap">(.*?)</script>', site.page(base).content)
        assert found
        name = hashed_name(site)
        assert json.loads(found[1]) == {"imports": {f"./{base}src/main.js": f"./{base}{name}"}}


@pytest.mark.parametrize("name", ["manifest", "built-from", "../handler.py", "src/../manifest", "/etc/passwd", "src"])
def test_a_name_that_no_file_has_is_not_found_whatever_is_on_the_disk(tmp_path: Path, name: str) -> None:
    assert site_of(tmp_path).file(name) is None


def test_the_policy_allows_our_scripts_and_the_import_map_by_its_hash_and_nothing_inline(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    told = policy(site.page(""), ["https://issuer.example"])
    assert site.page("").hash != site.page("console/").hash
    assert f"script-src 'self' {site.page('').hash};" in told
    assert "connect-src 'self' https://issuer.example;" in told
    assert "frame-ancestors 'none'" in told
    assert "unsafe" not in told


def test_libraries_are_called_by_path_in_what_is_served() -> None:
    source = b'import { h } from "preact";\nimport { useState } from "preact/hooks";\nimport("uplot");\nimport"htm";'
    assert by_path("src/parts/chart.js", source).decode() == (
        'import { h } from "../../lib/preact.js";\nimport { useState } from "../../lib/hooks.js";\n'
        'import("../../lib/uplot.js");\nimport"../../lib/htm.js";'
    )


def test_tests_and_notes_are_not_served() -> None:
    served = [path.relative_to(SOURCES) for path in sources()]
    assert not [path for path in served if NOT_SERVED & set(path.parts) or path.suffix == ".md"]
    assert Path("src/main.js") in served


def test_a_build_follows_from_the_sources_of_the_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = fingerprint()
    monkeypatch.setattr("local.console.SOURCES", tmp_path)
    assert fingerprint() != before


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(SOURCES).as_posix())
def test_no_text_becomes_markup_and_no_token_is_kept_beyond_a_tab(module: Path) -> None:
    text = module.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert "dangerouslySet" not in text
    assert "localStorage" not in text or module.name == "theme.js"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(SOURCES).as_posix())
def test_an_import_is_relative_and_names_a_file_that_is_there_or_it_is_a_library(module: Path) -> None:
    text = module.read_text()
    for name in re.findall(r"""(?:\bfrom|\bimport\()\s*["']([^"']+)["']""", text):
        is_file = name.startswith(".") and (module.parent / name).is_file()
        is_generated = name.endswith("types/api.js")
        assert is_file or is_generated or name in {"preact", "preact/hooks", "htm", "uplot"}, name


def test_a_module_is_small() -> None:
    assert [path.name for path in MODULES if path.read_text().count("\n") > 600] == []


def test_what_is_loaded_is_what_is_named_and_the_libraries_imported_at_once() -> None:
    def bytes_of(page: bytes) -> int:
        files = {"src/pack.js": page, "lib/small.js": b"1", "lib/large.js": b"".join(b"%d" % n for n in range(2000))}
        return loaded_bytes(files, ("src/pack.js",))

    later = bytes_of(b'const a = () => import("../lib/large.js");\n')
    small = bytes_of(b'import * as a from "../lib/small.js";\n')
    large = bytes_of(b'import * as a from "../lib/large.js";\n')
    assert later < small < large
