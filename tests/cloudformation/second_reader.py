"""What a second reader of CloudFormation, moto, takes of the template, and what it does not.

The emulator of the laptop cloud forgives what AWS refuses, as any emulator does. Another one forgives other things:
what both take is less likely to be a habit of one of them.
"""

import json
import subprocess
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from typing import Any, Final

from local.environments import ensure
from local.lambda_runtime import SAM
from local.paths import ROOT

EXPAND: Final = Path(__file__).parent / "expand.py"
NO_MODEL: Final = "moto makes resources of this type by its API, and none by CloudFormation"

NOT_MADE: Final[Mapping[str, str]] = {
    "AWS::ApiGatewayV2::Api": NO_MODEL,
    "AWS::ApiGatewayV2::Authorizer": NO_MODEL,
    "AWS::ApiGatewayV2::Integration": NO_MODEL,
    "AWS::ApiGatewayV2::Route": NO_MODEL,
    "AWS::ApiGatewayV2::Stage": NO_MODEL,
    "AWS::CloudWatch::Alarm": NO_MODEL,
    "AWS::Cognito::UserPool": "moto's model of Cognito needs a package that nothing else here needs",
    "AWS::Cognito::UserPoolClient": "as AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolDomain": "as AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolGroup": "as AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolResourceServer": "as AWS::Cognito::UserPool",
    "AWS::Lambda::EventInvokeConfig": NO_MODEL,
    "AWS::S3::BucketPolicy": NO_MODEL,
    "AWS::SNS::Subscription": NO_MODEL,
    "AWS::SNS::TopicPolicy": NO_MODEL,
    "AWS::SQS::QueuePolicy": NO_MODEL,
}
"""Types that moto's CloudFormation does not know, and why: they are left out, with the outputs that name them."""

BY_ITS_NAME: Final = "EventBus"
"""moto hands a rule the bus itself where `Ref` stands for its name; `Fn::GetAtt` of Name is the same text on AWS."""


@cache
def expanded() -> Mapping[str, Any]:
    """template.yaml as CloudFormation gets it: loops written out, SAM's resources translated."""
    ensure(SAM)
    done = subprocess.run(
        [str(SAM.python), str(EXPAND), str(ROOT / "template.yaml")], capture_output=True, text=True, check=True
    )
    template: Mapping[str, Any] = json.loads(done.stdout)
    return template


def for_moto() -> dict[str, Any]:
    """The template without what moto does not make."""
    whole = expanded()
    left_out = {name for name, each in whole["Resources"].items() if each["Type"] in NOT_MADE}
    kept = {name: each for name, each in whole["Resources"].items() if name not in left_out}
    outputs = {
        name: each
        for name, each in whole["Outputs"].items()
        if not any(_is_named_in(each, resource) for resource in left_out)
    }
    return {**whole, "Resources": _by_name(kept, left_out), "Outputs": _by_name(outputs, left_out)}


def _is_named_in(value: object, name: str) -> bool:
    """By Ref, GetAtt or Sub."""
    text = json.dumps(value)
    return f'"{name}"' in text or f"${{{name}}}" in text or f"${{{name}." in text


def _by_name(value: Any, left_out: AbstractSet[str]) -> Any:
    """What is left out cannot be referred to: its logical id stands for its own."""
    match value:
        case {"Ref": str(name)} if name == BY_ITS_NAME:
            return {"Fn::GetAtt": [name, "Name"]}
        case {"Ref": str(name)} if name in left_out:
            return name
        case {**members}:
            return {name: _by_name(each, left_out) for name, each in members.items()}
        case [*items]:
            return [_by_name(each, left_out) for each in items]
    return value
