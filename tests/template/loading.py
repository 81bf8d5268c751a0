"""template.yaml as plain values: intrinsic functions are one-key mappings such as {"Ref": "LedgerTable"}."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

ROOT: Final = Path(__file__).resolve().parents[2]
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


@cache
def template() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return loaded


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
