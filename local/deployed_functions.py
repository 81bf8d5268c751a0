"""What the laptop cloud has deployed of the functions and of the routes to them, and as whom a function may run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.aws import Aws
from local.deploy import Stack

FUNCTION_TYPE: Final = "AWS::Lambda::Function"
API_TYPE: Final = "AWS::ApiGatewayV2::Api"
SESSION_S: Final = 12 * 60 * 60
TRUST_SID: Final = "LaptopRunsThisFunctionItself"


@dataclass(frozen=True)
class DeployedFunction:
    """`logical_id` is its name in the template, `name` the one that it was deployed under."""

    logical_id: str
    name: str
    handler: str
    runtime: str
    timeout_s: int
    memory_mib: int
    role_arn: str
    variables: Mapping[str, str]
    logging: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """`key` is as in `POST /v1/cost`; `function` is the function's logical id."""

    key: str
    function: str


def functions_of(aws: Aws, stack: Stack) -> list[DeployedFunction]:
    """All functions of the stack, by logical id."""
    client = aws.session.client("lambda", endpoint_url=aws.url)
    logical_ids = sorted(name for name, of_type in stack.types.items() if of_type == FUNCTION_TYPE)
    return [
        _function(logical_id, client.get_function_configuration(FunctionName=stack.ids[logical_id]))
        for logical_id in logical_ids
    ]


def routes_of(aws: Aws, stack: Stack, functions: list[DeployedFunction]) -> list[Route]:
    """All routes of the API, by key."""
    client: Any = aws.session.client("apigatewayv2", endpoint_url=aws.url)
    api = {"ApiId": stack.only(API_TYPE), "MaxResults": "500"}
    logical_ids = {function.name: function.logical_id for function in functions}
    reached = {
        f"integrations/{each['IntegrationId']}": logical_ids[each["IntegrationUri"].rpartition(":")[2]]
        for each in client.get_integrations(**api)["Items"]
    }
    routes = [Route(each["RouteKey"], reached[each["Target"]]) for each in client.get_routes(**api)["Items"]]
    return sorted(routes, key=lambda route: route.key)


def role_credentials(aws: Aws, function: DeployedFunction) -> dict[str, str]:
    """The variables that make whoever has them the function's role, for twelve hours.

    A role trusts Lambda alone. In the laptop cloud, where nothing is at stake, it is told to trust the deployer too.
    """
    iam = aws.session.client("iam", endpoint_url=aws.url)
    sts = aws.session.client("sts", endpoint_url=aws.url)
    role_name = function.role_arn.rpartition("/")[2]
    trust = json.loads(json.dumps(iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]))
    if TRUST_SID not in {statement.get("Sid") for statement in trust["Statement"]}:
        deployer = {"AWS": sts.get_caller_identity()["Arn"]}
        ours = {"Sid": TRUST_SID, "Effect": "Allow", "Principal": deployer, "Action": "sts:AssumeRole"}
        trust["Statement"].append(ours)
        iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(trust))
    credentials = sts.assume_role(RoleArn=function.role_arn, RoleSessionName=function.name, DurationSeconds=SESSION_S)[
        "Credentials"
    ]
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def _function(logical_id: str, described: Mapping[str, Any]) -> DeployedFunction:
    return DeployedFunction(
        logical_id=logical_id,
        name=described["FunctionName"],
        handler=described["Handler"],
        runtime=described["Runtime"],
        timeout_s=described["Timeout"],
        memory_mib=described["MemorySize"],
        role_arn=described["Role"],
        variables=described["Environment"]["Variables"],
        logging={name: described["LoggingConfig"][name] for name in ("LogFormat", "ApplicationLogLevel")},
    )
