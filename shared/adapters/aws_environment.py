"""What botocore would find in the environment of a Lambda function, found without botocore.

Its session takes half of a cold start, to look for credentials, region and endpoint in a dozen places. In a Lambda
function the environment has them all. Whatever it leaves open (profiles, SSO, container roles, credentials that expire,
proxies) is botocore's to answer: see `says_everything`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import botocore

_VARIABLES: Final = os.environ  # noqa: TID251 - variables of botocore and of Lambda, which are no settings of ours
_FILES: Final = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_LEFT_OPEN: Final = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
"""With any of these set, more than this module knows has to be considered."""
_BOTOCORE: Final = Path(botocore.__file__).parent


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


def says_everything() -> bool:
    """Whether botocore would find all there is in the environment.

    Not where its session is loaded: whoever loaded it, as moto or an instrumentation, may have put hooks into it. Not
    in a snapshot: its copies have the credentials of a container role, which botocore gets and refreshes.
    """
    return (
        "botocore.session" not in sys.modules
        and not is_snapshotted()
        and credentials() is not None
        and not any(map(_VARIABLES.get, _LEFT_OPEN))
        and not any(name.lower().endswith("_proxy") for name in _VARIABLES)
        and not any(Path(_VARIABLES.get(name, usual)).expanduser().exists() for name, usual in _FILES.items())
    )


def credentials() -> Credentials | None:
    """Read anew by every call. None if they are not in the environment."""
    access_key, secret_key = _VARIABLES.get("AWS_ACCESS_KEY_ID"), _VARIABLES.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    token = _VARIABLES.get("AWS_SECURITY_TOKEN") or _VARIABLES.get("AWS_SESSION_TOKEN")
    return Credentials(access_key, secret_key, token or None)


def region() -> str | None:
    return _VARIABLES.get("AWS_DEFAULT_REGION")


def configured_endpoint_url(service: str) -> str | None:
    return _VARIABLES.get(f"AWS_ENDPOINT_URL_{service.upper()}") or _VARIABLES.get("AWS_ENDPOINT_URL")


def regional_endpoint_url(service: str, region: str) -> str | None:
    """None for a region that botocore does not list."""
    listed: dict[str, Any] = json.loads((_BOTOCORE / "data" / "partitions.json").read_bytes())
    for partition in listed["partitions"]:
        if region in partition["regions"]:
            return f"https://{service}.{region}.{partition['outputs']['dnsSuffix']}"
    return None


def ca_bundle() -> str:
    """The certificates that botocore trusts: those that it brings, unless the environment names others."""
    return _VARIABLES.get("AWS_CA_BUNDLE") or str(_BOTOCORE / "cacert.pem")


def is_snapshotted() -> bool:
    """Whether this process is one that Lambda takes a snapshot of, or a copy of that."""
    return _VARIABLES.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def trace_id() -> str | None:
    return _VARIABLES.get("_X_AMZN_TRACE_ID")
