"""What becomes of the forms of import and export that the console is written in."""

import pytest

from local.console_pack import NotPackable, packed

MAIN = "src/main.js"


def test_a_module_becomes_a_function_that_gives_its_exports_by_their_names_outside() -> None:
    text = (
        "export const a = 1;\nexport async function* b() {}\nexport class C {}\nfunction d() {}\nexport { d as e };\n"
    )
    made = packed({MAIN: text})
    assert "const a = 1;\nasync function* b() {}\nclass C {}\nfunction d() {}" in made
    assert "return { e: d, a, b, C };" in made
    assert made.endswith('need("src/main.js");\n')


def test_an_import_of_a_module_is_a_call_of_its_function_and_may_rename() -> None:
    other = 'import { a, b as c } from "../x.js";\nimport * as all from "../x.js";\n'
    made = packed({MAIN: "", "src/x.js": "export const a = 1;\nexport const b = 2;", "src/parts/y.js": other})
    assert 'const { a, b: c } = need("src/x.js");\nconst all = need("src/x.js");' in made


def test_names_that_are_passed_on_are_exports_and_no_names_of_the_module() -> None:
    made = packed({MAIN: 'export { a, b as c } from "./x.js";', "src/x.js": "export const a = 1;\nexport const b = 2;"})
    assert 'return { a: need("src/x.js").a, c: need("src/x.js").b };' in made


def test_a_library_stays_a_module_of_its_own_that_is_imported_once() -> None:
    made = packed({MAIN: 'import htm from "../lib/htm.js";', "src/x.js": 'import { h } from "../lib/htm.js";'})
    assert made.count('import * as lib_htm_js from "../lib/htm.js";') == 1
    assert "const { default: htm } = lib_htm_js;" in made
    assert "const { h } = lib_htm_js;" in made


def test_a_page_is_made_when_it_is_opened_and_a_library_loaded_when_it_is_needed() -> None:
    text = 'const load = () => import("./pages/x.js");\nconst draw = () => import("../lib/uplot.js");'
    made = packed({MAIN: text, "src/pages/x.js": ""})
    assert 'const load = () => Promise.resolve().then(() => need("src/pages/x.js"));' in made
    assert 'const draw = () => import("../lib/uplot.js");' in made


@pytest.mark.parametrize(
    "text",
    [
        "export default 1;",
        "export let a = 1;",
        'import "./x.js";',
        "import { a } from './x.js';",
        'import a, { b } from "./x.js";',
        'export * from "./x.js";',
        'import { h } from "preact";',
    ],
)
def test_any_other_form_is_refused_and_not_guessed(text: str) -> None:
    with pytest.raises(NotPackable, match=r"src/main\.js"):
        packed({MAIN: text, "src/x.js": "export const a = 1;"})


def test_modules_that_import_each_other_in_a_circle_are_refused() -> None:
    circle = {MAIN: 'import { a } from "./x.js";', "src/x.js": 'import { b } from "./main.js";'}
    with pytest.raises(NotPackable, match=r"src/main\.js -> src/x\.js -> src/main\.js"):
        packed(circle)
