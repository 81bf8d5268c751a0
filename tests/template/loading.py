"""template.yaml as plain values: intrinsic functions are one-key mappings such as {"Ref": "LedgerTable"}.

Its loops are expanded as cfn-lint does it, and names in them are written out: a test sees resources alone.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]
from cfnlint.template import Template  # type: ignore[import-untyped]
from cfnlint.template.transforms._language_extensions import (  # type: ignore[import-untyped]
    language_extension,
)

ROOT: Final = Path(__file__).resolve().parents[2]
FILE: Final = ROOT / "template.yaml"
FUNCTIONS: Final = (
    "Check",
    "Cost",
    "Funding",
    "Holds",
    "Ingest",
    "Policies",
    "Rates",
    "Accounts",
    "History",
    "Docs",
    "Outbox",
    "Audit",
    "Usage",
    "Reconcile",
    "Digest",
    "Due",
    "Proof",
)

Properties: TypeAlias = Mapping[str, Any]


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
    assert not problems
    resources: Mapping[str, Any] = _written_out(expanded["Resources"])
    return resources


def _written_out(value: Any) -> Any:
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


def resource(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = template()["Resources"][name]
    return found


def properties(name: str) -> Properties:
    found: Properties = resource(name)["Properties"]
    return found


def of_type(resource_type: str) -> dict[str, Properties]:
    """The properties of all resources of a type, by logical id."""
    resources = template()["Resources"]
    return {name: each.get("Properties", {}) for name, each in resources.items() if each["Type"] == resource_type}


def statements(role: str) -> list[Mapping[str, Any]]:
    """All that the inline policies of a role say."""
    return [each for policy in properties(role)["Policies"] for each in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(role: str) -> set[str]:
    return {action for statement in statements(role) for action in listed(statement["Action"])}


def references(value: Any) -> Iterator[str]:
    """Logical ids that a value names by Ref or GetAtt."""
    if isinstance(value, Mapping):
        if "Ref" in value:
            yield value["Ref"]
        if "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)
