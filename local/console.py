"""Builds what functions/console serves, from console/ and the pinned libraries.

    python -m local.console            into functions/console/site, unless it is there already
    python -m local.console serve      the files of console/ themselves, before the laptop cloud: reload after a change
    python -m local.console sizes      how much a browser loads, compressed: of the page at first, and of the elements

A file is served under its own name and under one with a hash of its content, which a browser keeps for ever; the import
map in index.html leads from the one to the other. Libraries are called by name in the sources (`from "preact"`) and by
path in what is served, so that a site without our import map can load a module as well. The page loads all modules in
one file (local/console_pack.py); each is there alone, too.

It needs only the standard library, so that it can run while the environments are installed.
"""

import gzip
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import console_pack
from local.console_pack import ENTRY, PACK, NotPackable, packed, reached
from local.environments import alone
from local.npm import Lock, installed
from local.paths import ROOT
from local.processes import ProcessFailedError

SOURCES: Final = ROOT / "console"
SITE: Final = ROOT / "functions" / "console" / "site"
MANIFEST: Final = "manifest"
INDEX: Final = "index.html"
WIDGETS: Final = "widgets.js"
HASH_DIGITS: Final = 10
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}
NOT_SERVED: Final = frozenset({"tests", "types"})


@dataclass(frozen=True)
class Library:
    """A file of a package that modules import by `name`, served as `path`."""

    name: str
    file: str
    path: str


LIBRARIES: Final = (
    Library("preact", "preact/dist/preact.mjs", "lib/preact.js"),
    Library("preact/hooks", "preact/hooks/dist/hooks.mjs", "lib/hooks.js"),
    Library("htm", "htm/dist/htm.module.js", "lib/htm.js"),
    Library("uplot", "uplot/dist/uPlot.esm.js", "lib/uplot.js"),
)
STYLES: Final = Library("", "uplot/dist/uPlot.min.css", "lib/uplot.css")
IMPORTED_BY_NAME: Final = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])(preact/hooks|preact|htm|uplot)\2""")
IMPORTED_LIBRARY: Final = re.compile(r"""^import [^"']*from\s*["'][./]*(lib/\w+\.js)["']""", re.MULTILINE)
STYLE_SHEETS: Final = ("styles.css", "lib/uplot.css")
SOURCE_MAP: Final = re.compile(rb"\n?//# sourceMappingURL=\S+\s*$")


def built() -> Path:
    """The directory of the site, of the present sources. Raises ProcessFailedError if the libraries cannot be had."""
    with alone(ROOT / ".aws-sam" / "console.guard"):
        stamp = SITE / "built-from"
        wanted = fingerprint()
        if not stamp.is_file() or stamp.read_text() != wanted:
            scratch = SITE.with_suffix(".partial")
            shutil.rmtree(scratch, ignore_errors=True)
            write_site(site_files(), scratch)
            (scratch / stamp.name).write_text(wanted)
            shutil.rmtree(SITE, ignore_errors=True)
            scratch.rename(SITE)
    return SITE


def fingerprint() -> str:
    """Changes if what is served would."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in (Path(__file__), Path(console_pack.__file__))))
    for path in sources():
        digest.update(str(path.relative_to(SOURCES)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sources() -> list[Path]:
    """The files that decide what is served: those of console/ but its tests and notes, and the lock."""
    found = (path for path in SOURCES.rglob("*") if path.is_file())
    return sorted(
        path for path in found if path.suffix in TYPES or path.name == "package-lock.json" if _is_served(path)
    )


def site_files() -> dict[str, bytes]:
    """Content by the path below /console/."""
    modules = installed(Lock("console", SOURCES))
    files = {path.relative_to(SOURCES).as_posix(): path.read_bytes() for path in sources() if path.suffix in TYPES}
    files |= {each.path: SOURCE_MAP.sub(b"", (modules / each.file).read_bytes()) for each in (*LIBRARIES, STYLES)}
    by_path = {path: _by_path(path, content) for path, content in files.items()}
    own = {path: content.decode() for path, content in by_path.items() if path.startswith(("src/", WIDGETS))}
    page, widgets = packed(reached(own, ENTRY)), packed(reached(own, WIDGETS), WIDGETS, WIDGETS)
    return by_path | {PACK: page.encode(), WIDGETS: widgets.encode()}


def write_site(files: Mapping[str, bytes], directory: Path) -> None:
    """Each file deflated, and a manifest: names and types. index.html keeps a place for the prefix of addresses."""
    named = {path: _hashed(path, content) for path, content in files.items() if path != INDEX}
    for path, content in files.items():
        if path != INDEX:
            _write(directory / f"{path}.gz", _compressed(content))
    _write(directory / INDEX, page(files[INDEX].decode(), named).encode())
    manifest = {path: {"name": name, "type": TYPES[Path(path).suffix]} for path, name in named.items()}
    _write(directory / MANIFEST, json.dumps(manifest, indent=1).encode())


def page(index: str, named: Mapping[str, str]) -> str:
    """index.html with the import map; "{{base}}" is left where an address begins."""
    modules = {f"{{{{base}}}}{path}": f"{{{{base}}}}{name}" for path, name in named.items() if path.endswith(".js")}
    imports = json.dumps({"imports": {_relative(key): _relative(value) for key, value in modules.items()}})
    filled = index.replace("{{importmap}}", imports)
    return re.sub(r"\{\{(\w[\w./-]*\.\w+)\}\}", lambda found: "{{base}}" + named[found[1]], filled)


def _relative(address: str) -> str:
    """An import map takes an address that is no name: "./src/main.js"."""
    return f"./{address}"


def _by_path(path: str, content: bytes) -> bytes:
    """Libraries imported by their path from the module that is at `path`."""
    if not path.endswith(".js"):
        return content
    up = "../" * path.count("/") or "./"
    paths = {each.name: each.path for each in LIBRARIES}
    return IMPORTED_BY_NAME.sub(lambda f: f"{f[1]}{f[2]}{up}{paths[f[3]]}{f[2]}", content.decode()).encode()


def _hashed(path: str, content: bytes) -> str:
    stem, _, suffix = path.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:HASH_DIGITS]}.{suffix}"


def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _is_served(path: Path) -> bool:
    return not NOT_SERVED & set(path.relative_to(SOURCES).parts)


def loaded_bytes(files: Mapping[str, bytes], entries: Sequence[str]) -> int:
    """The size of these files and of the libraries that they import at once, compressed as they are served."""
    libraries = {each for path in entries for each in IMPORTED_LIBRARY.findall(files[path].decode())}
    return sum(len(_compressed(files[path])) for path in (*entries, *sorted(libraries)))


def main(arguments: list[str]) -> None:
    if arguments == ["serve"]:
        from local.console_server import serve  # noqa: PLC0415 - it needs what is installed later

        serve()
    elif arguments == ["sizes"]:
        files = site_files()
        for name, entries in {"page": (INDEX, *STYLE_SHEETS, PACK), "elements": (WIDGETS,)}.items():
            sys.stdout.write(f"{name:<10}{loaded_bytes(files, entries) / 1000:6.1f} KB\n")
    else:
        built()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ProcessFailedError, NotPackable) as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
