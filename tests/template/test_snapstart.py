"""SnapStart by parameter: with `none` nothing of it is there; with `published` the API calls copies of a snapshot."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.template.loading import properties, references, resource, template
from tests.template.resolved import ACCOUNT, REGION, STACK, Deployment
from tests.template.test_loops import CALLED_BY_THE_API

NONE: Final = Deployment()
PUBLISHED: Final = Deployment({"SnapStart": "published", "Build": "1234abcd", "PythonRuntime": "python3.13"})

ITS_OWN: Final = frozenset({"SnapStart"})
"""Changing it makes the versions, or removes them."""


def permissions_of_the_api(deployment: Deployment) -> dict[str, Any]:
    found = deployment.of_type("AWS::Lambda::Permission")
    return {name: each for name, each in found.items() if each["Principal"] == "apigateway.amazonaws.com"}


def test_without_it_there_are_no_versions_and_no_aliases() -> None:
    assert template()["Parameters"]["SnapStart"]["Default"] == "none"
    assert NONE.of_type("AWS::Lambda::Version") == {}
    assert NONE.of_type("AWS::Lambda::Alias") == {}
    assert "SnapStart" not in NONE.value(template()["Globals"]["Function"])


@pytest.mark.parametrize("name", CALLED_BY_THE_API)
def test_without_it_the_api_calls_the_function(name: str) -> None:
    function = f"{STACK}-{name.lower()}"
    uri = NONE.properties(f"{name}Integration")["IntegrationUri"]
    assert uri == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    assert NONE.properties(f"{name}Permission")["FunctionName"] == function


def test_with_it_every_version_is_a_snapshot() -> None:
    assert PUBLISHED.value(template()["Globals"]["Function"])["SnapStart"] == {"ApplyOn": "PublishedVersions"}


@pytest.mark.parametrize("name", CALLED_BY_THE_API)
def test_with_it_the_api_calls_the_alias_of_the_newest_version(name: str) -> None:
    assert properties(f"{name}Alias") == {
        "Name": "live",
        "FunctionName": {"Ref": f"{name}Function"},
        "FunctionVersion": {"Fn::GetAtt": [f"{name}Version", "Version"]},
    }
    assert properties(f"{name}Version")["FunctionName"] == {"Ref": f"{name}Function"}
    alias = {"Ref": f"{name}Alias"}
    assert properties(f"{name}Integration")["IntegrationUri"]["Fn::If"][:2] == ["WithSnapStart", alias]
    assert properties(f"{name}Permission")["FunctionName"]["Fn::If"][:2] == ["WithSnapStart", alias]


def test_with_it_nothing_but_functions_of_the_api_has_versions_and_only_the_api_calls_them() -> None:
    assert set(PUBLISHED.of_type("AWS::Lambda::Version")) == {f"{name}Version" for name in CALLED_BY_THE_API}
    assert set(PUBLISHED.of_type("AWS::Lambda::Alias")) == {f"{name}Alias" for name in CALLED_BY_THE_API}
    called = {f"{name}Permission" for name in CALLED_BY_THE_API}
    assert set(permissions_of_the_api(PUBLISHED)) == {*called, "ConsolePermission"}


@pytest.mark.parametrize("name", CALLED_BY_THE_API)
def test_an_older_version_goes_once_the_alias_has_left_it(name: str) -> None:
    assert (resource(f"{name}Version")["DeletionPolicy"], resource(f"{name}Version")["UpdateReplacePolicy"]) == (
        "Delete",
        "Delete",
    )


@pytest.mark.parametrize("name", CALLED_BY_THE_API)
def test_a_change_of_anything_that_a_function_is_made_of_publishes_a_version(name: str) -> None:
    """A version keeps code and settings as they were. Only another description makes CloudFormation publish another."""
    described = set(parameters_of(properties(f"{name}Version")["Description"]))
    made_of = set(parameters_of(template()["Globals"]["Function"])) | set(parameters_of(properties(f"{name}Function")))
    assert made_of - ITS_OWN - reservations() <= described
    assert "Build" in described


@pytest.mark.parametrize("name", CALLED_BY_THE_API)
def test_the_longest_description_of_usual_parameters_is_short_enough_for_lambda(name: str) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
    usual = {"Build": "0" * 16, "EncryptionKey": key, "TenantClaim": "https://issuer.example/claims/tenant"}
    usual |= {"OperatorClaim": "https://issuer.example/claims/roles"}
    assert len(Deployment(usual).properties(f"{name}Version")["Description"]) <= 256


def test_it_needs_a_runtime_that_has_it_and_the_fingerprint_of_the_build() -> None:
    asked = {"Fn::Equals": [{"Ref": "SnapStart"}, "published"]}
    rules = [each for each in template()["Rules"].values() if each["RuleCondition"] == asked]
    asserted = [assertion["Assert"] for rule in rules for assertion in rule["Assertions"]]
    assert asserted == [
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "PythonRuntime"}, "python3.11"]}]},
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "Build"}, ""]}]},
    ]


def parameters_of(value: Any) -> Iterator[str]:
    """The parameters that a value follows from, also by conditions."""
    yield from (each for each in references(value) if each in template()["Parameters"])
    for condition in conditions_in(value):
        yield from parameters_of(template()["Conditions"][condition])


def conditions_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "Fn::If" in value:
            yield value["Fn::If"][0]
        for each in value.values():
            yield from conditions_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from conditions_in(each)


def reservations() -> set[str]:
    """They belong to the function, whatever its versions are."""
    return {name for name in template()["Parameters"] if name.endswith("Concurrency")}
