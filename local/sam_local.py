"""`make sam-local`: writes what `sam local` needs to run the functions in containers against the laptop cloud.

In .millicent/sam-local: a template with the deployed functions and routes, and their variables in an environment file
for --env-vars. SAM passes a variable only where the template declares it, reads routes only where the API precedes the
functions, resolves no !GetAtt in an IntegrationUri and hands on no claims: hence a template of its own, with a test
identity (local/test_identity.py). Then forwards an address that containers reach to the laptop cloud, until Ctrl-C.

python -m local.sam_local --host 172.17.0.1             an address of this machine: forwarded while this runs
python -m local.sam_local --host host.docker.internal   a name that the containers know: nothing to forward
"""

import argparse
import asyncio
import ipaddress
import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from local import sources, test_identity
from local.aws import Aws, as_deployer, forget_callers_aws
from local.build import built
from local.cloud import port_of, up
from local.deploy import Stack, describe
from local.deployed_functions import DeployedFunction, Route, functions_of, role_credentials, routes_of
from local.emulator import REGION
from local.files import write_private
from local.forwarding import check_own_address, forward
from local.paths import ROOT, STATE
from local.processes import ProcessFailedError
from local.samples import STORY
from local.signals import stop_on_signals

CONTAINERS_REACH: Final = "172.17.0.1" if sys.platform == "linux" else "host.docker.internal"
"""On Linux this machine on Docker's default bridge; elsewhere the name that Docker Desktop gives it."""
PAYLOAD_FORMAT: Final = "2.0"
ACCOUNT: Final = "000000000000"
CLAIMS: Final = {"sub": "sam-local", "client_id": "sam-local", "scope": "credits/admin"}
"""A service with every scope, of the stack's DefaultTenant."""


@dataclass(frozen=True)
class Files:
    """What is written, in one directory."""

    directory: Path

    @property
    def template(self) -> Path:
        return self.directory / "template.yaml"

    @property
    def variables(self) -> Path:
        return self.directory / "env.json"

    @property
    def identity_layer(self) -> Path:
        return self.directory / "test-identity"


def write(aws: Aws, stack: Stack, build: Path, endpoint_url: str, directory: Path) -> Files:
    """`build` holds the functions for containers, `endpoint_url` is the laptop cloud as these reach it."""
    files = Files(directory)
    functions = functions_of(aws, stack)
    variables = {each.logical_id: _variables(aws, each, endpoint_url) for each in functions}
    content = _template(functions, routes_of(aws, stack, functions), variables, build, files.identity_layer)
    _write_identity_layer(files.identity_layer)
    write_private(files.template, yaml.safe_dump(content, sort_keys=False, width=120))
    write_private(files.variables, json.dumps(variables, indent=2) + "\n")
    return files


def commands(files: Files) -> Iterable[str]:
    """A line for a shell for each sample, in their order."""
    for sample in STORY:
        yield f"{_sam_local('invoke', files)} -e {_shown(sample.file)} {sample.function}"


def start_api(files: Files) -> str:
    return _sam_local("start-api", files)


def _variables(aws: Aws, function: DeployedFunction, endpoint_url: str) -> dict[str, str]:
    own = {name: _reachable(value, aws.url, endpoint_url) for name, value in function.variables.items()}
    return {
        **own,
        **role_credentials(aws, function),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        test_identity.HANDLER_VARIABLE: function.handler,
        test_identity.CLAIMS_VARIABLE: json.dumps(CLAIMS),
    }


def _reachable(value: str, url: str, endpoint_url: str) -> str:
    """The URL of a queue as containers reach it; any other value as it is."""
    for ours in (url, url.replace("127.0.0.1", "localhost")):
        if value.startswith(f"{ours}/"):
            return endpoint_url + value.removeprefix(ours)
    return value


def _template(
    functions: list[DeployedFunction],
    routes: list[Route],
    variables: Mapping[str, Mapping[str, str]],
    build: Path,
    identity_layer: Path,
) -> dict[str, Any]:
    """The API first: SAM takes the kind of the first resource that it knows for the kind of all APIs."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": "For sam local alone: the laptop cloud's functions, with a test identity. Never deploy this.",
        "Resources": {
            "Api": _resource("AWS::ApiGatewayV2::Api", Name="millicent", ProtocolType="HTTP"),
            "Stage": _resource("AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="$default"),
            **{f"{name}Integration": _integration(name) for name in sorted({route.function for route in routes})},
            **{f"Route{number}": _route(route) for number, route in enumerate(routes, start=1)},
            "ThirdPartyLayer": _layer(build / "ThirdPartyLayer"),
            "TestIdentityLayer": _layer(identity_layer),
            **{each.logical_id: _function(each, variables[each.logical_id], build) for each in functions},
        },
    }


def _function(function: DeployedFunction, variables: Mapping[str, str], build: Path) -> dict[str, Any]:
    """Declares the variables; their values are in the environment file."""
    return _resource(
        "AWS::Serverless::Function",
        FunctionName=function.name,
        CodeUri=str(build / function.logical_id),
        Handler="test_identity.lambda_handler",
        Runtime=function.runtime,
        Architectures=[sources.architecture()],
        MemorySize=function.memory_mib,
        Timeout=function.timeout_s,
        LoggingConfig=dict(function.logging),
        Layers=[{"Ref": "ThirdPartyLayer"}, {"Ref": "TestIdentityLayer"}],
        Environment={"Variables": dict.fromkeys(sorted(variables), "")},
    )


def _integration(function: str) -> dict[str, Any]:
    return _resource(
        "AWS::ApiGatewayV2::Integration",
        ApiId={"Ref": "Api"},
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}",
        PayloadFormatVersion=PAYLOAD_FORMAT,
    )


def _route(route: Route) -> dict[str, Any]:
    target = f"integrations/{route.function}Integration"
    return _resource("AWS::ApiGatewayV2::Route", ApiId={"Ref": "Api"}, RouteKey=route.key, Target=target)


def _layer(directory: Path) -> dict[str, Any]:
    return _resource("AWS::Serverless::LayerVersion", ContentUri=str(directory))


def _resource(resource_type: str, **properties: object) -> dict[str, Any]:
    return {"Type": resource_type, "Properties": properties}


def _write_identity_layer(directory: Path) -> None:
    """What containers find under /opt."""
    (directory / "python").mkdir(parents=True, exist_ok=True)
    shutil.copy(str(test_identity.__file__), directory / "python" / "test_identity.py")


def _sam_local(command: str, files: Files) -> str:
    return f".tools/sam/bin/sam local {command} -t {_shown(files.template)} --env-vars {_shown(files.variables)}"


def _shown(path: Path) -> str:
    """As short as it works in the checkout."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _is_forwarded(host: str) -> bool:
    """An address is one of this machine's, on which nothing listens but for the one that the emulator has."""
    try:
        return ipaddress.ip_address(host) != ipaddress.ip_address("127.0.0.1")
    except ValueError:
        return False


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default=CONTAINERS_REACH, help="this machine, as containers reach it")
    parser.add_argument("--state", type=Path, default=STATE)
    return parser.parse_args()


def main() -> None:
    wanted = _parsed()
    forget_callers_aws()
    stop_on_signals()
    state_dir = wanted.state.resolve()
    if _is_forwarded(wanted.host):
        check_own_address(wanted.host)
    up(state_dir, None)
    port = port_of(state_dir)
    aws = as_deployer(f"http://127.0.0.1:{port}", state_dir)
    build = built(for_containers=True)
    files = write(aws, describe(aws), build, f"http://{wanted.host}:{port}", state_dir / "sam-local")
    print("\n".join(commands(files)))
    print(f"\nthe API, on http://127.0.0.1:3000:\n{start_api(files)}\n", flush=True)
    if _is_forwarded(wanted.host):
        print(f"forwarding {wanted.host}:{port} to the laptop cloud until Ctrl-C", file=sys.stderr, flush=True)
        asyncio.run(forward(wanted.host, port))


if __name__ == "__main__":
    try:
        main()
    except OSError as failure:
        sys.exit(f"make sam-local: {failure}: choose the address of this machine that containers reach with HOST=...")
    except ProcessFailedError as failure:
        sys.exit(f"make sam-local: {failure}")
    except KeyboardInterrupt:
        print("stopped forwarding", file=sys.stderr)
