"""The signer, against AWS's published vectors and against botocore's own signer."""

from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from shared.adapters.sigv4 import Signer

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = "20150830T123600Z"
HOST = {"host": "example.amazonaws.com"}
DATE = {"x-amz-date": AT}
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7"
    "mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d"
    "+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

PUBLISHED: dict[str, tuple[dict[str, str], bytes, str]] = {
    "post-vanilla": (HOST | DATE, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-key-sort": (
        HOST | {"my-header1": "value1"} | DATE,
        b"",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-header-value-case": (
        HOST | {"my-header1": "VALUE1"} | DATE,
        b"",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-x-www-form-urlencoded": (
        {"content-type": "application/x-www-form-urlencoded"} | HOST | DATE,
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-sts-header-before": (
        HOST | DATE | {"x-amz-security-token": TOKEN},
        b"",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_aws_signs_its_published_requests_the_same(name: str) -> None:
    headers, body, signature = PUBLISHED[name]
    signed = ";".join(headers)
    assert Signer("us-east-1", "service").authorization(ACCESS_KEY, SECRET_KEY, AT, headers, body) == (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    )


def test_botocore_signs_a_thousand_random_requests_the_same() -> None:
    chance = Random(7)
    for _ in range(1000):
        region = chance.choice(["eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1"])
        access_key, secret_key = _text(chance, 20), _text(chance, 40)
        at = f"20{chance.randrange(20, 40)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}T{_time(chance)}Z"
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "host": f"{_text(chance, 12).lower()}.test",
            "x-amz-date": at,
        }
        if chance.random() < 0.5:
            headers["x-amz-security-token"] = _text(chance, 300)
        headers["x-amz-target"] = f"DynamoDB_20120810.{_text(chance, 9)}"
        body = chance.randbytes(chance.randrange(2000))
        ours = Signer(region, "dynamodb").authorization(access_key, secret_key, at, headers, body)
        assert ours == _by_botocore(region, access_key, secret_key, headers, body)


def _by_botocore(region: str, access_key: str, secret_key: str, headers: dict[str, str], body: bytes) -> str:
    own = {name: value for name, value in headers.items() if name not in {"host", "x-amz-date", "x-amz-security-token"}}
    request = AWSRequest("POST", f"http://{headers['host']}/", headers=own, data=body)
    at = headers["x-amz-date"]
    signer = auth.SigV4Auth(
        Credentials(access_key, secret_key, headers.get("x-amz-security-token")), "dynamodb", region
    )
    clock: Any = SimpleNamespace(strftime=lambda _: at)
    with patch.object(auth, "get_current_datetime", lambda: clock):
        signer.add_auth(request)
    authorization: str = request.headers["Authorization"]
    return authorization


def _text(chance: Random, length: int) -> str:
    return "".join(chance.choices("ABCDEFabcdef0123456789", k=length))


def _time(chance: Random) -> str:
    return f"{chance.randrange(24):02}{chance.randrange(60):02}{chance.randrange(60):02}"
