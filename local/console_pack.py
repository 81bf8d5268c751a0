"""Puts the modules of the console into one file, so that opening it is one request and not forty.

A module becomes a function that makes its exports, called when they are first needed. Nothing else changes: names and
comments are those of the source, `import.meta.url` is where the module would be, and libraries stay modules of their
own.

It reads the few forms of import and export that the console is written in, and refuses any other:

    import { a, b as c } from "./x.js";      import d from "htm";      import * as e from "./y.js";
    export { a } from "./x.js";              export { f, g as h };     import("./pages/z.js")
    export const i =     export function     export async function     export function*     export class
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

PACK: Final = "src/pack.js"
ENTRY: Final = "src/main.js"

_IMPORT: Final = re.compile(r'^import\s+(?:\{([^}]*)\}|\*\s+as\s+(\w+)|(\w+))\s+from\s+"([^"]+)";[ \t]*$', re.MULTILINE)
_PASSED_ON: Final = re.compile(r'^export\s+\{([^}]*)\}\s+from\s+"([^"]+)";[ \t]*$', re.MULTILINE)
_LISTED: Final = re.compile(r"^export\s+\{([^}]*)\};[ \t]*$", re.MULTILINE)
_DECLARED: Final = re.compile(r"^export\s+((?:async\s+)?function\*?|class|const)\s+(\w+)", re.MULTILINE)
_LATER: Final = re.compile(r'\bimport\("(\.[^"]+)"\)')
"""Also in a comment that names a type, where it does not matter."""
_NOTES: Final = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
"""Comments with lines of their own, which nobody's browser needs: a third of what is loaded."""
_LEFT: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class NotPackable(Exception):
    """A module uses a form of import or export that is not packed, or modules import each other in a circle."""


def packed(modules: Mapping[str, str], entry: str = ENTRY, at: str = PACK) -> str:
    """One module that is at `at`, of modules by their path, with the exports of `entry`.

    Libraries are those imported from below lib/. Raises NotPackable.
    """
    makers = {path: _Maker(path, text, modules, at) for path, text in modules.items()}
    _refuse_circles(makers)
    libraries = sorted({name for maker in makers.values() for name in maker.libraries})
    imports = (f'import * as {_variable(name)} from "{_from(at, name)}";' for name in libraries)
    made = (
        f"{json.dumps(path)}: () => {{\n{maker.body}\nreturn {{ {', '.join(maker.exports)} }};\n}},"
        for path, maker in makers.items()
    )
    need = "const made = {};\nconst need = (name) => (made[name] ??= makers[name]());"
    names = ", ".join(each.partition(":")[0] for each in makers[entry].exports)
    begun = f"{f'export const {{ {names} }} = ' if names else ''}need({json.dumps(entry)});"
    return "\n".join([*imports, need, "const makers = {", *made, "};", begun, ""])


def reached(modules: Mapping[str, str], entry: str) -> dict[str, str]:
    """Those that `entry` imports, at once or later, itself or through others. Raises NotPackable."""
    found = {entry: modules[entry]}
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        maker = _Maker(path, modules[path], modules, PACK)
        new = [each for each in (*maker.needed, *maker.later) if each not in found]
        found |= {each: modules[each] for each in new}
        waiting += new
    return {path: text for path, text in modules.items() if path in found}


class _Maker:
    """The body of the function that a module becomes, and what it needs before."""

    def __init__(self, path: str, text: str, modules: Mapping[str, str], at: str) -> None:
        self._path = path
        self._modules = modules
        self._at = at
        self.exports: list[str] = []
        self.needed: list[str] = []
        self.later: list[str] = []
        self.libraries: list[str] = []
        text = _PASSED_ON.sub(self._passed_on, _NOTES.sub("", text))
        text = _IMPORT.sub(self._imported, text)
        text = _LISTED.sub(self._listed, text)
        text = _DECLARED.sub(self._declared, text)
        text = _LATER.sub(self._later, text)
        self.body = text.replace("import.meta.url", f'new URL("{_from(at, path)}", import.meta.url).href')
        if left := _LEFT.search(self.body):
            raise NotPackable(f"{path} has a form that is not packed: {left[0]}")

    def _imported(self, found: re.Match[str]) -> str:
        names, everything, default, name = found.groups()
        source = self._source(name)
        if everything:
            return f"const {everything} = {source};"
        return (
            f"const {{ default: {default} }} = {source};" if default else f"const {{ {_renamed(names)} }} = {source};"
        )

    def _passed_on(self, found: re.Match[str]) -> str:
        source = self._source(found[2])
        pairs = list(_pairs(found[1]))
        self.exports += [f"{outside}: {source}.{inside}" for inside, outside in pairs]
        return ""

    def _listed(self, found: re.Match[str]) -> str:
        self.exports += [f"{outside}: {inside}" for inside, outside in _pairs(found[1])]
        return ""

    def _declared(self, found: re.Match[str]) -> str:
        self.exports.append(found[2])
        return f"{found[1]} {found[2]}"

    def _later(self, found: re.Match[str]) -> str:
        path = self._resolved(found[1])
        if path not in self._modules:
            return f'import("{_from(self._at, path)}")'
        self.later.append(path)
        return f"Promise.resolve().then(() => need({json.dumps(path)}))"

    def _source(self, name: str) -> str:
        path = self._resolved(name)
        if path in self._modules:
            self.needed.append(path)
            return f"need({json.dumps(path)})"
        self.libraries.append(path)
        return _variable(path)

    def _resolved(self, name: str) -> str:
        if not name.startswith("."):
            raise NotPackable(f"{self._path} imports {name}, which is no path")
        return posixpath.normpath(posixpath.join(posixpath.dirname(self._path), name))


def _pairs(names: str) -> Iterator[tuple[str, str]]:
    """The name inside of a module and the one outside, of each in a list."""
    for each in filter(None, (name.strip() for name in names.split(","))):
        inside, _, outside = each.partition(" as ")
        yield inside.strip(), (outside or inside).strip()


def _renamed(names: str) -> str:
    return ", ".join(one if one == other else f"{one}: {other}" for one, other in _pairs(names))


def _from(at: str, path: str) -> str:
    """The address of a file as a module at `at` names it."""
    found = posixpath.relpath(path, posixpath.dirname(at) or ".")
    return found if found.startswith(".") else f"./{found}"


def _variable(path: str) -> str:
    return re.sub(r"\W", "_", path)


def _refuse_circles(makers: Mapping[str, _Maker]) -> None:
    done: set[str] = set()

    def follow(path: str, way: tuple[str, ...]) -> None:
        if path in way:
            raise NotPackable(f"modules import each other: {' -> '.join((*way[way.index(path) :], path))}")
        if path not in done:
            for needed in makers[path].needed:
                follow(needed, (*way, path))
            done.add(path)

    for path in makers:
        follow(path, ())
