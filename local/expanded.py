"""template.yaml with its loops expanded: resources alone, for those who do not know Fn::ForEach.

Intrinsic functions are one-key mappings such as {"Ref": "LedgerTable"}, and names in loops are written out. cfn-lint
expands it; whoever imports this needs the development environment.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Final

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]
from cfnlint.template import Template  # type: ignore[import-untyped]
from cfnlint.template.transforms._language_extensions import (  # type: ignore[import-untyped]
    language_extension,
)

from local.paths import ROOT

FILE: Final = ROOT / "template.yaml"
LOOP: Final = "Fn::ForEach::"


@cache
def template() -> Mapping[str, Any]:
    written: Mapping[str, Any] = cfn_yaml.load(str(FILE))
    plain = {name: each for name, each in written["Resources"].items() if not name.startswith(LOOP)}
    loops = {name: each for name, each in written["Resources"].items() if name.startswith(LOOP)}
    return {**written, "Resources": {**plain, **_expanded(deepcopy({**written, "Resources": loops}))}}


def _expanded(loops: Mapping[str, Any]) -> Mapping[str, Any]:
    """The resources of a template of loops alone: elsewhere cfn-lint would put values where parameters stand."""
    problems, expanded = language_extension(Template(str(FILE), loops, regions=["us-east-1"]))
    if problems:
        raise ValueError(f"the loops of {FILE.name} cannot be expanded: {problems}")
    resources: Mapping[str, Any] = _written_out(expanded["Resources"])
    return resources


def _written_out(value: Any) -> Any:  # noqa: ANN401 - any value of a template
    """{"Fn::Sub": ["${Stack}-${Name}", {"Name": "check"}]} as {"Fn::Sub": "${Stack}-check"}."""
    if isinstance(value, list):
        return [_written_out(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    match value.get("Fn::Sub"):
        case [text, {**names}] if all(isinstance(name, str) for name in names.values()):
            for name, is_called in names.items():
                text = text.replace(f"${{{name}}}", is_called)
            return {"Fn::Sub": text} if "${" in text else text
    return {name: _written_out(each) for name, each in value.items()}
