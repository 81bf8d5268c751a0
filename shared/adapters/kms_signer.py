"""Signs with an RSA key that never leaves KMS. PKCS #1 v1.5, so that a verifier needs only integer arithmetic."""

from typing import TYPE_CHECKING, Final, cast

from botocore.config import Config
from botocore.exceptions import ClientError

from shared.adapters.aws_session import shared_session
from shared.ports.inspection import Signature, SignedDigest

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_ALGORITHM: Final = "RSASSA_PKCS1_V1_5_SHA_256"
_NOT_OURS: Final = frozenset({"KMSInvalidSignatureException", "ValidationException"})
"""The second is raised for bytes that cannot be a signature."""


def kms_client() -> "KMSClient":
    return cast("KMSClient", shared_session().create_client("kms", config=Config(connect_timeout=2, read_timeout=10)))


class KmsSigner:
    """Implements ports.Signer."""

    def __init__(self, key_id: str, client: "KMSClient") -> None:
        self._key_id = key_id
        self._client = client

    def public_key(self) -> bytes:
        return self._client.get_public_key(KeyId=self._key_id)["PublicKey"]

    def sign(self, text: str) -> Signature:
        """`text` has at most 4096 bytes; KMS hashes it."""
        signed = self._client.sign(
            KeyId=self._key_id, Message=text.encode(), MessageType="RAW", SigningAlgorithm=_ALGORITHM
        )
        return Signature(signed["Signature"], self.public_key(), signed["KeyId"])

    def has_signed(self, digest: SignedDigest) -> bool:
        """Asks KMS, since the public key stored with a signature could be anyone's."""
        try:
            told = self._client.verify(
                KeyId=self._key_id,
                Message=digest.text.encode(),
                MessageType="RAW",
                Signature=digest.signature.value,
                SigningAlgorithm=_ALGORITHM,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_OURS:
                return False
            raise
        return told["SignatureValid"]
