"""What becomes of the forms of import and export that the console is written in."""

import pytest

from local.console_pack import NotPackable, packed, reached

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


def test_a_file_of_another_place_finds_libraries_and_modules_know_where_they_would_be() -> None:
    modules = {
        "widgets.js": 'import { a } from "./src/x.js";\nexport { a } from "./src/x.js";\nexport const b = 1;',
        "src/x.js": 'import { h } from "../lib/htm.js";\nexport const a = new URL("..", import.meta.url);',
    }
    made = packed(modules, "widgets.js", "widgets.js")
    assert 'import * as lib_htm_js from "./lib/htm.js";' in made
    assert 'new URL("..", new URL("./src/x.js", import.meta.url).href)' in made
    assert made.endswith('export const { a, b } = need("widgets.js");\n')
    page = packed({MAIN: "", "src/x.js": modules["src/x.js"]})
    assert 'new URL("..", new URL("./x.js", import.meta.url).href)' in page


def test_a_file_has_what_its_first_module_reaches_at_once_or_later_and_nothing_else() -> None:
    modules = {
        MAIN: 'import { a } from "./x.js";\nconst load = () => import("./pages/y.js");',
        "src/x.js": "export const a = 1;",
        "src/pages/y.js": 'import { b } from "../z.js";',
        "src/z.js": "export const b = 1;",
        "src/widgets/other.js": "export const c = 1;",
    }
    assert list(reached(modules, MAIN)) == [MAIN, "src/x.js", "src/pages/y.js", "src/z.js"]


def test_a_comment_with_lines_of_its_own_stays_out_and_code_behind_a_comment_stays() -> None:
    text = "/** What it is. */\nconst a = 1;\n/** @type {X} */ (a).b();\nconst c = 2;\n/**\n * Told.\n */\nconst d = 3;"
    assert "const a = 1;\n/** @type {X} */ (a).b();\nconst c = 2;\nconst d = 3;" in packed({MAIN: text})
