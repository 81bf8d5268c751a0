"""Renders the OpenAPI document as an HTML page. It has no scripts and loads nothing."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any, Final, TypeAlias

Json: TypeAlias = Mapping[str, Any]

_METHODS: Final = ("get", "put", "post", "delete", "patch")
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5c6675;--line:#d9dee6;--soft:#f4f6f9;--back:#fff;--accent:#0b5cad}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--dim:#9aa5b4;--line:#313a47;--soft:#1b222c;--back:#12171e;
--accent:#7ab8ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 5rem}
h1{font-size:2rem;margin:0 0 .5rem}h2{margin:2.5rem 0 .75rem;font-size:1.3rem}h3{margin:1.2rem 0 .4rem;font-size:1rem}
a{color:var(--accent)}p{margin:.5rem 0;max-width:46rem}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;overflow:auto}
details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;overflow:hidden}
summary{cursor:pointer;padding:.6rem .9rem;display:flex;flex-wrap:wrap;gap:.35rem .8rem;align-items:baseline}
summary:hover,details[open]>summary{background:var(--soft)}
details>div{padding:.25rem 1rem 1rem;scroll-margin-top:3.5rem}
.method{font-weight:700;font-size:.8rem;min-width:4.2rem;text-align:center;border-radius:4px;padding:.1rem .4rem;
color:#fff;background:#50607a}
.get{background:#1d6fb8}.post{background:#2a7d46}.put{background:#8a5a00}.patch{background:#7a4aa0}.delete{background:#b3372f}
.path{font-weight:600;overflow-wrap:anywhere}.what{color:var(--dim);flex:1 1 14rem}
.scope{color:var(--dim);font-size:.85rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600}td:first-child{white-space:nowrap}
.dim{color:var(--dim)}
.anchor{text-decoration:none;color:var(--dim)}
@media(max-width:600px){main{padding:1.25rem .75rem 4rem}details>div{padding:.25rem .75rem .75rem}
.what{flex-basis:100%}
thead{display:none}tr{display:block;padding:.4rem 0;border-bottom:1px solid var(--line)}
td,td:first-child{display:block;border:0;padding:.1rem .25rem;white-space:normal;overflow-wrap:anywhere}
td:empty{display:none}}
"""


def page(document: Json) -> str:
    """The whole page, as HTML."""
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])}</h1>{_prose(info['description'])}"
        '<p>The same for tools: <a href="openapi.json">openapi.json</a>. '
        'The events on the bus: <a href="asyncapi.json">asyncapi.json</a>.</p>'
        f"{''.join(_sections(document))}{_schemas(document)}</main></body></html>"
    )


def _sections(document: Json) -> Iterator[str]:
    found = [(path, method, each[method]) for path, each in document["paths"].items() for method in _METHODS
             if method in each]  # fmt: skip
    order = [tag["name"] for tag in document["tags"]]
    by_tag = sorted(found, key=lambda call: order.index(call[2]["tags"][0]))
    for tag, calls in groupby(by_tag, key=lambda call: call[2]["tags"][0]):
        yield f"<h2>{escape(tag)}</h2>"
        yield from (_call(document, *call) for call in calls)


def _call(document: Json, path: str, method: str, call: Json) -> str:
    return (
        f'<details><summary><span class="method {method}">{method.upper()}</span>'
        f'<code class="path">{escape(path)}</code><span class="what">{escape(call["summary"])}</span>'
        f'<span class="scope">{escape(_scope(call))}</span>{_anchor(call["operationId"])}</summary>'
        f'<div id="{escape(call["operationId"])}">'
        f"{_parameters(document, call)}{_body(document, call)}{_answers(document, call)}</div></details>"
    )


def _anchor(name: str) -> str:
    """A link to copy; following it opens the call."""
    return f'<a class="anchor" href="#{escape(name)}" title="Link to this">#</a>'


def _scope(call: Json) -> str:
    """The first security scheme; the alternatives are the same for all calls."""
    ways = call["security"]
    return ", ".join(scope for scopes in ways[0].values() for scope in scopes) if ways else "open"


def _parameters(document: Json, call: Json) -> str:
    found = [_resolved(document, each) for each in call.get("parameters", ())]
    rows = [(_name(each["name"], required=each["required"]), escape(each["in"]), _value(each["schema"]),
             _text(each.get("description", ""))) for each in found]  # fmt: skip
    return _table("Parameters", ("name", "in", "value", ""), rows) if rows else ""


def _body(document: Json, call: Json) -> str:
    if "requestBody" not in call:
        return ""
    content = call["requestBody"]["content"]["application/json"]
    forms = content["schema"].get("oneOf", [content["schema"]])
    tables = "<p>or</p>".join(_fields(_resolved(document, form), "Body") for form in forms)
    example = json.dumps(content["example"], indent=2, ensure_ascii=False) if "example" in content else None
    return tables + (f"<h3>Example</h3><pre>{escape(example)}</pre>" if example else "")


def _answers(document: Json, call: Json) -> str:
    rows = []
    for status, answer in call["responses"].items():
        found = _resolved(document, answer)
        schema = next(iter(found["content"].values()))["schema"]
        shown = _value(schema) if "$ref" in schema else ""
        rows.append((f"<code>{escape(status)}</code>", _codes(found["description"]), shown))
    return _table("Answers", ("status", "", "body"), rows)


def _codes(description: str) -> str:
    """Sentences for people; `code: meaning` for each code that a status can have."""
    parts = [part.partition(": ") for part in description.split("; ")]
    return "<br>".join(
        f"<code>{escape(code)}</code> {escape(meaning)}"
        if meaning and " " not in code
        else escape(code + colon + meaning)
        for code, colon, meaning in parts
    )


def _schemas(document: Json) -> str:
    schemas = document["components"]["schemas"].items()
    return "<h2>Schemas</h2>" + "".join(
        f'<details><summary><code class="path">{escape(name)}</code>{_anchor(name)}</summary>'
        f'<div id="{escape(name)}">{_schema(schema)}</div></details>'
        for name, schema in schemas
    )


def _schema(schema: Json) -> str:
    described = _prose(schema.get("description", ""))
    return described + (_fields(schema, "") if "properties" in schema else f"<p>{_value(schema)}</p>")


def _fields(schema: Json, heading: str) -> str:
    required = schema.get("required", ())
    rows = [(_name(name, required=name in required), _value(each), _remark(each))
            for name, each in schema["properties"].items()]  # fmt: skip
    title = f"{heading}: {schema['title']}" if heading and "title" in schema else heading
    return _table(title, ("field", "value", ""), rows) + _relation(schema)


def _relation(schema: Json) -> str:
    """How many of some fields must be given."""
    one_of = schema.get("oneOf", ())
    or_none = any("not" in form for form in one_of)
    for words, forms in (
        ("At most one of" if or_none else "Exactly one of", one_of),
        ("At least one of", schema.get("anyOf", ())),
    ):
        *first, last = [f"<code>{escape(name)}</code>" for form in forms for name in form.get("required", ())] or [""]
        if first:
            return f"<p>{words} {', '.join(first)} and {last}.</p>"
    return ""


def _remark(schema: Json) -> str:
    given = schema.get("default")
    default = "" if given is None else f"default <code>{escape(json.dumps(given))}</code>"
    return "; ".join(filter(None, [_text(_description(schema)), default]))


def _description(schema: Json) -> str:
    inner = (form.get("description", "") for form in schema.get("anyOf", ()))
    return str(schema.get("description") or next(filter(None, inner), ""))


def _name(name: str, *, required: bool) -> str:
    return f"<code>{escape(name)}</code>" + ("" if required else ' <span class="dim">optional</span>')


def _value(schema: Json) -> str:
    """The allowed values in a few words; named types are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_value(each) for each in schema["anyOf"] if each != {"type": "null"})
    if schema.get("type") == "array":
        return f"list of {_value(schema['items'])}" if schema.get("items") else "list"
    return escape(f"{schema.get('type', 'anything')}{_bounds(schema)}")


def _bounds(schema: Json) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f", {schema['minimum']} to {schema['maximum']}"
    return f" ({schema['format']})" if "format" in schema else ""


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Headings and title are text, cells are HTML."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    above = f"<h3>{escape(title)}</h3>" if title else ""
    return f'{above}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _prose(text: str) -> str:
    return "".join(f"<p>{_text(paragraph)}</p>" for paragraph in text.split("\n\n") if paragraph)


def _text(text: str) -> str:
    """Text between backticks becomes code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _resolved(document: Json, part: Json) -> Json:
    """The part itself, or the part that it refers to."""
    found: Any = document
    if "$ref" not in part:
        return part
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    resolved: Json = found
    return resolved
