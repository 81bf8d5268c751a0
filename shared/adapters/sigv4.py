"""AWS Signature Version 4 for one shape of request: a POST to `/` without a query, as DynamoDB's protocol has it.

Source: AWS's reference "Create a signed AWS API request". botocore's signer handles every shape, and takes most of a
small call's time for that; docs/adr has what was measured. The tests hold this one against AWS's published vectors and
against botocore's.
"""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final

from shared.ledger.frozen import dataclass

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_KEYS_KEPT: Final = 4
"""A signing key is of one secret and day. Old and new secrets overlap at a refresh, days at midnight."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one service in one region."""

    region: str
    service: str

    def authorization(self, access_key: str, secret_key: str, at: str, headers: Mapping[str, str], body: bytes) -> str:
        """The value of the header `Authorization`.

        `at` is the time as in the header `X-Amz-Date`: `20261130T120000Z`. `headers` are those that are signed:
        lower-case names, in the order of their names, values trimmed. They contain `host` and `x-amz-date`.
        """
        signed = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"POST\n/\n\n{lines}\n{signed}\n{sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{self.region}/{self.service}/aws4_request"
        to_sign = f"{ALGORITHM}\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(secret_key, at[:8], self.region, self.service)
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"


@lru_cache(maxsize=_KEYS_KEPT)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
