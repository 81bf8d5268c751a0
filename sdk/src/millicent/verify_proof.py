"""Verifies a proof that an account's history is in a signed digest. One file, standard library only.

    python verify_proof.py proof.json --key 3f1c…            the fingerprint of the key that you trust
    python verify_proof.py proof.json --key key.pem          or the key itself, PEM or DER
    python verify_proof.py proof.json --key … --records FILE

Prints what is proved and exits with 0, or prints the fault and exits with 1. Proved is: the holder of the key signed,
at the time that the digest names, that the account's newest entry was the one with this number and hash. The hash of an
entry covers the entry before it, so entries that lead to that hash are unaltered since then.

You supply the trusted key; it never comes from the proof. Obtain it once from an independent source, and keep it.

Records are the texts of entries in order of their number, up to the head: those that come with the proof, or those of
`--records`: a JSON array or JSON lines of texts, of objects with a member `record`, or of items of a table's export.
"""

import argparse
import base64
import hashlib
import json
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

VERSION: Final = 1
DIGEST_VERSIONS: Final = frozenset({1, 2})
"""Version 2 also counts the contradictions to the digest before it; the signature covers that too."""
GENESIS: Final = "0" * 64
_SHA256_PREFIX: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""The DER of algorithm and length, which PKCS #1 v1.5 puts before a SHA-256 hash (RFC 8017, 9.2)."""
_RSA: Final = bytes.fromhex("06092a864886f70d010101")
_SMALLEST_KEY_BITS: Final = 2048
_SEQUENCE, _INTEGER, _BIT_STRING = 0x30, 0x02, 0x03
_TEXT_BYTES_MAX: Final = 4 * 1024 * 1024

_DICTIONARY_1: Final = (
    # What is frequent comes last.
    b'"resets_at_ms":17,"used":,"window":"month","window":"day"}'
    b'"parameters":{"limits":[{"amount":,"app":null,"meter":null,"window":"hour"}],"low_balance_thresholds":[],'
    b'"overdraft_limit":0,"parent":"team:","status":"open","time_zone":"Europe/'
    b'"parameters":{"charge":"'
    b'"parameters":{"force":false,"new_amount":,"note":"","old_amount":'
    b'"parameters":{"amount":,"category":"promotional","expires_at_ms":17,"note":"","priority":'
    b'"parameters":{"grant":"g","kind":"void","kind":"allowance","key":"~allowance-","kind":"configure",'
    b'"kind":"funding_update","kind":"grant","by":"millicent","key":"~expire-","kind":"expire","parameters":{}'
    b'"kind":"refund","kind":"extend","kind":"release","status":"released","status":"expired",'
    b'"parameters":{"hold":"","ttl_ms":600000}'
    b'"outcome":"refused","outcome":"partial","reason":"insufficient_credits","reason":"limit_exceeded",'
    b'"alerts":[],"limit":{"amount":'
    b'"if_insufficient":"overdraw","occurred_at_ms":17,"cost_usd":"0.0,"cost_money":{"amount":"0.0,'
    b'"currency":"EUR"},"exchange_rate":{"currency":"EUR","rate":"","version":1},"remainder":,'
    b'"adjustment":"markup@1",'
    b'"check_id":"","carry":{"after":,"before":},'
    b'"member":"user:","parent":{"actor":"team:","amount":,"hold":"","seq":},"merged":'
    b'"origin":{"app":"","meter":"llm","model":"openai/gpt-4o"},'
    b'"window_ends":{"day":17,"hour":17,"month":17,"moved":'
    b'"remaining":,"parameters":{"amount":,"final":false,"hold":"h"'
    b'"rate_card":"genai-prices@","usage":{"cached_input_tokens":,"input_tokens":,"meter":"llm","model":"claude-",'
    b'"output_tokens":,"service_tier":"batch"}},"model":"anthropic/claude-'
    b'"hold":{"amount":,"captured":,"expires_at_ms":17,"id":"h","status":"captured"},"key":"","kind":"capture",'
    b'"parameters":{"amount":,"hold":"h","overrun":"refuse"},"prev_hash":"'
    b'"hold":{"amount":,"captured":0,"expires_at_ms":17,"id":"h","status":"open"},"key":"","kind":"hold",'
    b'"parameters":{"amount":,"ttl_ms":600000},'
    b'{"actor":"user:","after":{"available":,"funded":,"held":0,"spent":},"amount":-,"app":null,"app":"chat",'
    b'"at_ms":17,"before":{"available":,"funded":,"held":0,"spent":0},"by":"","correlation_id":"'
    b'","drawn":[{"amount":,"category":"allowance","expires_at_ms":17,{"amount":,"category":"purchased",'
    b'"expires_at_ms":null,"grant_seq":1,"priority":10}],"key":"","kind":"charge",'
    b'"metadata":{"conversation":"","customer":"","duration_ms":,"feature":"","input_tokens":,'
    b'"model":"gpt-4o-mini","output_tokens":,"project":"","region":"us-east-1","request":"","request_id":"",'
    b'"session":"","team":"","user":""},"metadata":null,"meter":null,"meter":"llm","outcome":"applied",'
    b'"parameters":{"cost":,"if_insufficient":"refuse"},"prev_hash":"'
    b'","reason":null,"request_hash":"","schema":1,"seq":,"shortfall":0,"tenant":"default"}'
)

DICTIONARIES: Final[Mapping[int, bytes]] = {1: _DICTIONARY_1}
"""Rows store a record deflated with one of these, whose number is its first byte."""


class NotProved(Exception):
    """The message says which step failed."""


@dataclass(frozen=True)
class Proved:
    """`records` lead to the head, from entry `first_record` on.

    `regressions`: how many accounts the digest found missing, cut or rewritten since the one before it; None if it has
    no such count.
    """

    tenant: str
    actor: str
    seq: int
    head_hash: str
    number: int
    made_at: str
    accounts: int
    records: int
    first_record: int | None
    regressions: int | None = None


def verify(proof: Mapping[str, Any], fingerprint: str, records: Iterable[str] | None = None) -> Proved:
    """`fingerprint`: SHA-256 of the trusted key (SubjectPublicKeyInfo in DER), in hex. Raises NotProved."""
    try:
        return _verified(proof, _plain(fingerprint), records)
    except (KeyError, TypeError, ValueError, AttributeError) as malformed:
        raise NotProved(f"the proof is malformed: {type(malformed).__name__}: {malformed}") from malformed


def digest_of(shown: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """The content of a digest: `shown` has its text, signature and public_key, as in a proof. Raises NotProved."""
    try:
        return _signed(shown, _plain(fingerprint))
    except (KeyError, TypeError, ValueError, AttributeError) as malformed:
        raise NotProved(f"the digest is malformed: {type(malformed).__name__}: {malformed}") from malformed


def fingerprint_of(key: bytes) -> str:
    """The fingerprint of a public key in PEM or DER. Raises ValueError for other content."""
    text = key.strip()
    if text.startswith(b"-----BEGIN PUBLIC KEY-----"):
        key = base64.b64decode(b"".join(text.splitlines()[1:-1]), validate=True)
    _rsa_key(key)
    return hashlib.sha256(key).hexdigest()


def records_from(text: str) -> list[str]:
    """The texts of entries in a JSON array or in JSON lines. Raises ValueError, KeyError or TypeError."""
    stripped = text.strip()
    rows = json.loads(stripped) if stripped.startswith("[") else [json.loads(line) for line in stripped.splitlines()]
    return sorted(map(record_of_row, rows), key=lambda record: json.loads(record)["seq"])


def _verified(proof: Mapping[str, Any], fingerprint: str, records: Iterable[str] | None) -> Proved:
    _require(proof["version"] == VERSION, "unknown version of the proof")
    head = proof["head"]
    digest = _signed(proof["digest"], fingerprint)
    _require(_root(head, proof["path"]) == digest["root"], "the path does not lead from the head to the digest")
    texts = list(proof.get("records", []) if records is None else records)
    _follow(texts, head)
    return Proved(
        tenant=head["tenant"],
        actor=head["actor"],
        seq=head["seq"],
        head_hash=head["hash"],
        number=digest["number"],
        made_at=digest["made_at"],
        accounts=digest["count"],
        records=len(texts),
        first_record=json.loads(texts[0])["seq"] if texts else None,
        regressions=digest.get("regressions"),
    )


def _signed(shown: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """The content of the digest, if the trusted key has signed it."""
    key = base64.b64decode(shown["public_key"], validate=True)
    _require(hashlib.sha256(key).hexdigest() == fingerprint, "the digest is not signed with the trusted key")
    signature = base64.b64decode(shown["signature"], validate=True)
    _require(_is_signed(shown["text"].encode(), signature, key), "the signature does not match the digest")
    digest: dict[str, Any] = json.loads(shown["text"])
    _require(digest["version"] in DIGEST_VERSIONS, "unknown version of the digest")
    return digest


def _plain(fingerprint: str) -> str:
    return fingerprint.strip().lower().replace(":", "")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotProved(otherwise)


def _is_signed(text: bytes, signature: bytes, key: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256: the decrypted signature must be the padded hash, byte for byte."""
    modulus, exponent = _rsa_key(key)
    size = (modulus.bit_length() + 7) // 8
    opened = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    hashed = _SHA256_PREFIX + hashlib.sha256(text).digest()
    return len(signature) == size and opened == b"\x00\x01" + b"\xff" * (size - len(hashed) - 3) + b"\x00" + hashed


def _root(head: Mapping[str, Any], path: Iterable[tuple[str, str]]) -> str:
    leaf = {name: head[name] for name in ("tenant", "actor", "seq", "hash")}
    computed = hashlib.sha256(b"\x00" + _canonical(leaf)).digest()
    for side, sibling in path:
        _require(side in {"left", "right"}, "the path turns neither left nor right")
        other = bytes.fromhex(sibling)
        computed = hashlib.sha256(b"\x01" + (other + computed if side == "left" else computed + other)).digest()
    return computed.hex()


def _follow(records: list[str], head: Mapping[str, Any]) -> None:
    """Each record must belong to the account and link to the one before; the last one must be the head."""
    before: tuple[int, str] | None = None
    for text in records:
        entry = json.loads(text)
        seq, link = entry["seq"], entry["prev_hash"]
        account = (entry["tenant"], entry["actor"])
        _require(account == (head["tenant"], head["actor"]), f"record {seq} belongs to another account")
        expected = before or (seq - 1, GENESIS if seq == 1 else link)
        _require((seq - 1, link) == expected, f"record {seq} does not link to the one before it")
        before = (seq, hashlib.sha256(text.encode()).hexdigest())
    _require(before in (None, (head["seq"], head["hash"])), "the records do not lead to the head")


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _rsa_key(der: bytes) -> tuple[int, int]:
    """Modulus and exponent of a SubjectPublicKeyInfo. Raises ValueError if it is not an RSA key."""
    outer, rest = _der(der, _SEQUENCE)
    algorithm, bits = _der(outer, _SEQUENCE)
    packed, beyond = _der(bits, _BIT_STRING)
    if rest or beyond or not algorithm.startswith(_RSA) or packed[:1] != b"\x00":
        raise ValueError("this is not a public RSA key")
    numbers, _ = _der(packed[1:], _SEQUENCE)
    modulus, exponents = _der(numbers, _INTEGER)
    exponent, _ = _der(exponents, _INTEGER)
    found = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if found[0].bit_length() < _SMALLEST_KEY_BITS:
        raise ValueError("the key is too short to be trusted")
    return found


def _der(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, which must have this tag, and the rest after it."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004 - a tag and a length
        raise ValueError("this is not a public key in DER")
    start, length = 2, data[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("the key is cut off")
    return data[start : start + length], data[start + length :]


def record_of_row(row: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """The text of the record in a text, an object or an item. Raises ValueError, KeyError or TypeError."""
    row = row["Item"] if isinstance(row, dict) and "Item" in row else row
    record = row["record"] if isinstance(row, dict) else row
    if isinstance(record, dict) and "B" in record:
        return text_of(base64.b64decode(record["B"], validate=True))
    text = record["S"] if isinstance(record, dict) else record
    if not isinstance(text, str):
        raise TypeError("a record is a text")
    return text


def text_of(stored: bytes) -> str:
    """The text of a record as a row stores it: a byte that names the dictionary, and a raw deflate stream.

    Raises ValueError if it is none.
    """
    if stored[:1] not in {bytes([number]) for number in DICTIONARIES}:
        raise ValueError("this row needs a newer verify_proof.py: it names a dictionary that this one does not have")
    inflater = zlib.decompressobj(-15, DICTIONARIES[stored[0]])
    try:
        text = inflater.decompress(stored[1:], _TEXT_BYTES_MAX)
    except zlib.error as damaged:
        raise ValueError("this row's record is damaged") from damaged
    if not inflater.eof or inflater.unused_data:
        raise ValueError("this row's record is damaged")
    return text.decode()


def trusted(given: str) -> str:
    """The fingerprint of a key file, or the given fingerprint. Raises ValueError for other input."""
    path = Path(given)
    if path.is_file():
        return fingerprint_of(path.read_bytes())
    if len(given.replace(":", "")) != hashlib.sha256().digest_size * 2:
        raise ValueError(f"{given} is neither a file nor a fingerprint (64 hexadecimal digits)")
    return given


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proof", type=Path)
    parser.add_argument("--key", required=True, help="the trusted key: its SHA-256 fingerprint, or a file")
    parser.add_argument("--records", type=Path, help="records to check instead of those in the proof")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """`arguments` are those of the command line."""
    wanted = _parsed(arguments)
    try:
        records = records_from(wanted.records.read_text()) if wanted.records else None
        proved = verify(json.loads(wanted.proof.read_text()), trusted(wanted.key), records)
    except (NotProved, OSError, ValueError, KeyError, TypeError) as failure:
        print(f"NOT PROVED: {failure}", file=sys.stderr)  # noqa: T201
        return 1
    print(sentence(proved))  # noqa: T201
    return 0


def sentence(proved: Proved) -> str:
    """The result in one sentence."""
    said = (
        f"proved: digest {proved.number} of {proved.made_at}, over {proved.accounts} accounts, has {proved.actor} "
        f"(tenant {proved.tenant}) at entry {proved.seq}, hash {proved.head_hash}"
    )
    if proved.records:
        said = f"{said}; {proved.records} records, from entry {proved.first_record} on, lead to it unaltered"
    if proved.regressions:
        said = f"{said}; but the digest says that it contradicts the one before it in {proved.regressions} places"
    return said


if __name__ == "__main__":
    sys.exit(main())
