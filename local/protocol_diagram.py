"""Draws the states of the protocol from its code: the order of the steps, and the reaction to each outcome.

python -m local.protocol_diagram > docs/protocol.md
"""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[1] / "shared" / "ledger" / "protocol.py"
_SENT_BY: Final = "send"
_PAUSE: Final = "pause"

HEAD: Final = """\
# The states of the protocol

Drawn from `shared/ledger/protocol.py` by `make diagrams`; a test compares this page with the code. A box is a step, a
round box a command that is sent to the store. An arrow says what comes next.
"""


@dataclass(frozen=True)
class Step:
    """A generator of the protocol: its next steps, the commands that it sends, and its reactions to the answers."""

    name: str
    goes_to: tuple[str, ...]
    sends: tuple[str, ...]
    answers: tuple[tuple[str, str, str], ...]
    """Command, outcome and reaction."""


def steps(source: str) -> list[Step]:
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    generators = {
        node.name: node for node in functions if any(isinstance(each, ast.YieldFrom) for each in ast.walk(node))
    }
    return [_step(node, generators) for node in generators.values()]


def _step(node: ast.FunctionDef, known: Collection[str]) -> Step:
    awaited = [each.value for each in ast.walk(node) if isinstance(each, ast.YieldFrom)]
    calls = [each for each in awaited if isinstance(each, ast.Call)]
    goes_to = dict.fromkeys(name for each in calls if (name := _name(each)) in known or name == _PAUSE)
    sends = dict.fromkeys(command for each in calls if (command := _command(each)))
    return Step(node.name, tuple(goes_to), tuple(sends), tuple(_answers(node)))


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _command(call: ast.Call) -> str | None:
    if _name(call) != _SENT_BY or not call.args or not isinstance(call.args[0], ast.Call):
        return None
    return _name(call.args[0])


def _answers(node: ast.FunctionDef) -> Iterator[tuple[str, str, str]]:
    for each in ast.walk(node):
        if not isinstance(each, ast.Match) or not isinstance(each.subject, ast.YieldFrom):
            continue
        call = each.subject.value
        command = _command(call) if isinstance(call, ast.Call) else None
        for case in each.cases if command else ():
            outcome = "anything else" if _is_wildcard(case.pattern) else ast.unparse(case.pattern)
            guard = f" if {ast.unparse(case.guard)}" if case.guard else ""
            yield str(command), outcome + guard, _done(case.body)


def _is_wildcard(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None and pattern.name is None


def _done(body: list[ast.stmt]) -> str:
    last = body[-1]
    if isinstance(last, ast.Raise) and last.exc is not None:
        return f"raise {_raised(last.exc)}"
    if isinstance(last, ast.Return):
        return f"go on with {ast.unparse(last.value)}" if last.value is not None else "go on"
    return "pause, then send it again"


def _raised(raised: ast.expr) -> str:
    return _name(raised) if isinstance(raised, ast.Call) else ast.unparse(raised)


def page(source: str) -> str:
    found = steps(source)
    return "\n".join([HEAD, "```mermaid", *_drawn(found), "```", "", *_table(found), ""])


def _drawn(found: list[Step]) -> Iterator[str]:
    yield "flowchart TD"
    for step in found:
        name = _label(step.name)
        for other in step.goes_to:
            yield f"    {name}[{name}] --> {_label(other)}[{_label(other)}]"
        for command in step.sends:
            yield f"    {name}[{name}] --> {command}([{command}])"


def _label(name: str) -> str:
    return name.lstrip("_")


def _table(found: list[Step]) -> Iterator[str]:
    yield "| step | sends | is answered | and then |"
    yield "|---|---|---|---|"
    for step in found:
        for command, outcome, done in step.answers:
            yield f"| {_label(step.name)} | {command} | `{outcome}` | {done} |"


if __name__ == "__main__":
    print(page(SOURCE.read_text()), end="")
