"""How the text of a record is stored: deflated with a dictionary of what records have in common.

A stored record is one byte, the number of its dictionary, and a raw deflate stream (RFC 1951) that begins with that
dictionary. A usual charge of 880 bytes becomes 280, so that its row, and each copy of it, stays below 1 KB. The hash
covers the text, not what is stored. Older releases stored the text itself; it is read as it is.

**A dictionary never changes.** Rows that name it could not be read any more. A better one is added under the next
number; `docs/record-dictionaries/` has each as a file, for readers without this code.
"""

import zlib
from collections.abc import Mapping
from typing import Final

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
NEWEST: Final = max(DICTIONARIES)

_RAW: Final = -15
"""A stream without zlib's header and checksum: DynamoDB's answers have a checksum, and the text has a hash."""
_LEVEL: Final = 6
_MEMORY_LEVEL: Final = 5
"""Enough for a record, and twice as fast as the default, which clears 256 KB first."""
_TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Ten times the largest item: no row can make its reader unpack more."""


def stored(text: str) -> bytes:
    """What is stored of a record. The same text can be stored differently by another zlib: compare texts."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, _MEMORY_LEVEL, zdict=DICTIONARIES[NEWEST])
    return bytes([NEWEST]) + deflater.compress(text.encode()) + deflater.flush()


def text_of(record: str | bytes) -> str:
    """The text of a stored record; of an older release, whose rows have the text itself.

    Raises ValueError for bytes that are none, and TypeError for another type.
    """
    if isinstance(record, str):
        return record
    if not isinstance(record, bytes):
        raise TypeError(f"a record is stored as bytes or text, not as {type(record).__name__}")
    dictionary = DICTIONARIES.get(record[0]) if record else None
    if dictionary is None:
        raise ValueError("a record with a dictionary that this release does not know")
    inflater = zlib.decompressobj(_RAW, dictionary)
    try:
        text = inflater.decompress(record[1:], _TEXT_BYTES_MAX)
    except zlib.error as damaged:
        raise ValueError("a record that cannot be inflated") from damaged
    if not inflater.eof or inflater.unused_data:
        raise ValueError("a record that does not end where it should")
    return text.decode()
