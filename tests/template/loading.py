"""template.yaml as plain values: intrinsic functions are one-key mappings such as {"Ref": "LedgerTable"}.

Its loops are expanded as cfn-lint does it, and names in them are written out: a test sees resources alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from local.expanded import template
from local.paths import ROOT

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
    "Console",
    "Boards",
    "Tenant",
)

Properties: TypeAlias = Mapping[str, Any]

__all__ = ["FUNCTIONS", "ROOT", "template"]


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
