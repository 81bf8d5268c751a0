"""The OpenAPI 3.1 document: plain JSON values, in an order that is always the same."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, get_args

import msgspec

from functions.rates.schema import RateDocument
from functions.rates.terms import AdjustmentDocument
from millicent.models import Problem, Receipt
from openapi.answers import GATEWAY, MORE, GatewayMessage
from openapi.calls import AT_MOST_ONE, CALLS, EITHER, NOT_EMPTY, WITHOUT, BatchRequest, Call
from openapi.rules import CURRENCY_OF_RATE, NO_ALIASES
from openapi.rules import schemas as schemas_of_rules
from shared.edge.amount_texts import PARAMETER, AmountsAs
from shared.edge.identity import ADMIN_SCOPE
from shared.edge.path_ids import IdInPath
from shared.edge.problems import MEANINGS, REFUSALS, Meaning
from shared.edge.validation import (
    IDEMPOTENCY_KEY,
    MAX_METADATA_DEPTH,
    MAX_PAGE,
    Dollars,
    Metadata,
    Microcents,
    MoneyText,
    PageLimit,
    PositiveMicrocents,
    schema_named,
)
from shared.ledger.amounts import to_millicents

Json: TypeAlias = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = ROOT / "functions" / "docs" / "openapi.json"

ALWAYS: Final = (
    "unauthenticated", "insufficient_scope", "tenant_missing", "actor_not_allowed", "throttled", "ledger_unavailable",
    "internal_error",
)  # fmt: skip
WITH_BODY: Final = ("invalid_json", "duplicate_json_key", "body_too_large", "validation_failed")
WITH_KEY: Final = (
    "idempotency_key_required", "idempotency_key_reused", "invalid_operation", "validation_failed", "account_busy",
)  # fmt: skip
PROBLEMS: Final[Mapping[str, Meaning]] = {
    **{error.code: meaning for error, meaning in MEANINGS.items()},
    **{str(reason): meaning for reason, meaning in REFUSALS.items()},
    "internal_error": Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error, safe to retry with the same key"),
}
PASSING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

_REFERENCE: Final = "#/components/schemas/{name}"
_RESPONSE: Final = "#/components/responses/{name}"
_NO_ROUTE: Final = "NoRoute"
_METADATA: Final = (
    f"a JSON object of your own, at most {MAX_METADATA_DEPTH} levels deep, with integers that fit in 64 bits"
)
_PATH: Final = {
    "actor": ("Who pays.", "user:alice"),
    "id": ("The id from the answer that created it.", "h2"),
    "key": ("The idempotency key of the operation.", "0b6f8a8e-3f0e-4a36-9d55-6a1f6a0c0001"),
    "number": ("The number of a digest, or latest.", "latest"),
}
"""What the parameters in paths are, and an example of each."""
_OURS: Final[Mapping[type, str]] = {
    Microcents: "Amount",
    PositiveMicrocents: "PositiveAmount",
    Dollars: "Dollars",
    MoneyText: "MoneyText",
}
_AMOUNTS_AS: Final[Json] = {
    "name": PARAMETER,
    "in": "query",
    "required": False,
    "description": "The format of amounts in answers. Accept: application/json; amounts=string does the same.",
    "schema": {"type": "string", "enum": list(get_args(AmountsAs)), "default": "number"},
}
_INTRODUCTION: Final = """
Prepaid credits and metering: check before the work, charge after it, exactly once.

Amounts are millicents (1/1000 cent, $0.00001), numbers unless amounts=string asks for decimal strings. Times are RFC
3339, answered in UTC. Unknown fields and duplicate JSON keys are refused. A body has at most 8 KiB, a batch 256 KiB.

Ids and keys are 1 to 128 printable ASCII characters other than space, # ~ " and backslash, so the subjects of tokens,
e-mail addresses and ARNs are ids as they are. In a path an id is percent-encoded. An id that has a /, ? or % in it, and
the ids . and .. are written with ~~ in front and ~ in the place of the % instead: a/b as ~~a~2Fb. Gateways would change
them otherwise.

A call that changes something needs an Idempotency-Key, which you create before the first attempt. A request sent again
with the same key and content is applied once and gets the first answer, with the header Idempotency-Replayed. After
429, 503 or no answer at all, send the same request again. A refusal by the ledger (402, 409, or 404 for a hold, charge
or grant) is on the record and final for its key.

Errors are problem details (RFC 9457) with a stable code. The scope credits/admin opens every route.
"""


def document() -> Json:
    components, of_type = _components()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Millicent", "version": "1.0.0", "description": _paragraphs(_INTRODUCTION)},
        "servers": [{"url": ".", "description": "where this document is"}],
        "tags": [{"name": tag} for tag, _ in groupby(CALLS, key=lambda call: call.tag)],
        "paths": _paths(of_type),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "parameters": {"IdempotencyKey": _idempotency_key(), "Amounts": _AMOUNTS_AS},
            "headers": {
                "IdempotencyReplayed": {
                    "description": "true if an earlier request with this key was recorded",
                    "schema": {"type": "string", "const": "true"},
                },
                "RetryAfter": {"description": "seconds to wait", "schema": {"type": "integer"}},
            },
            "responses": _responses(),
            "schemas": components,
        },
    }


def text() -> str:
    """As it is kept in FILE."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _paths(of_type: Mapping[Any, Json]) -> Json:
    paths: Json = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call, of_type)
    return paths


def _operation(call: Call, of_type: Mapping[Any, Json]) -> Json:
    operation: Json = {"tags": [call.tag], "summary": call.summary, "operationId": _operation_id(call)}
    operation["security"] = [] if call.scope is None else _ways(call.scope)
    shared_by_many = [*_key_parameter(call), *_amounts_parameter(call)]
    if parameters := [*_path_parameters(call), *_query_parameters(call), *shared_by_many]:
        operation["parameters"] = parameters
    if call.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": _request(call, of_type)}}
    operation["responses"] = {**_answers(call, of_type), **_problems(call)}
    return operation


def _ways(scope: str) -> list[Json]:
    return [{"token": [each]} for each in dict.fromkeys((scope, ADMIN_SCOPE))]


def _operation_id(call: Call) -> str:
    words = re.findall(r"[a-z]+", call.path.removeprefix("/v1").replace(".json", ""))
    return call.method + "".join(word.title() for word in words)


def _path_parameters(call: Call) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", call.path):
        described, example = _PATH[name]
        schema = _typed(call.path_types.get(name, IdInPath))
        yield {
            "name": name, "in": "path", "required": True, "description": described, "example": example,
            "schema": schema,
        }  # fmt: skip


def _query_parameters(call: Call) -> Iterator[Json]:
    if call.query is None:
        return
    for field in msgspec.structs.fields(call.query):
        schema = _given(_field(field))
        yield {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}


def _key_parameter(call: Call) -> Iterator[Json]:
    if call.keyed:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}


def _amounts_parameter(call: Call) -> Iterator[Json]:
    if call.scope is not None:
        yield {"$ref": "#/components/parameters/Amounts"}


def _idempotency_key() -> Json:
    described = "Created by you before the first attempt, bare or in quotes. Keys belong to the account."
    schema = _typed(Annotated[str, msgspec.Meta(pattern=IDEMPOTENCY_KEY)])
    return {"name": "Idempotency-Key", "in": "header", "required": True, "description": described, "schema": schema}


def _request(call: Call, of_type: Mapping[Any, Json]) -> Json:
    forms = [of_type[form] for form in call.body]
    content: Json = {"schema": forms[0] if len(forms) == 1 else {"oneOf": forms}}
    if call.sample is not None:
        content["example"] = sample_body(call.sample)
    return content


def sample_body(name: str) -> Any:  # noqa: ANN401 - JSON
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return json.loads(event["body"])


def _answers(call: Call, of_type: Mapping[Any, Json]) -> Json:
    if isinstance(call.answer, str):
        kind = "object" if call.answer == "application/json" else "string"
        return {"200": {"description": "the document", "content": {call.answer: {"schema": {"type": kind}}}}}
    content = {"application/json": {"schema": of_type[call.answer]}}
    content |= {kind: {"schema": {"type": "string"}} for kind in call.also}
    replayed = {"headers": {"Idempotency-Replayed": {"$ref": "#/components/headers/IdempotencyReplayed"}}}
    if not call.keyed:
        made = {"201": {"description": "made", "content": content}} if call.status == HTTPStatus.CREATED else {}
        told = "it existed already" if made else "the answer"
        return {**made, "200": {"description": told, "content": content}}
    if call.status == HTTPStatus.OK:
        return {"200": {"description": "recorded, now or by an earlier request", **replayed, "content": content}}
    again = {"description": "recorded by an earlier request with this key", **replayed, "content": content}
    return {str(call.status): {"description": "recorded", "content": content}, "200": again}


def _problems(call: Call) -> Json:
    """By status, each with all the codes that it can have."""
    return {
        str(status): {"$ref": _RESPONSE.format(name=_response_name(codes))}
        for status, codes in _codes_by_status(call).items()
    }


def _responses() -> Json:
    """All problems of all calls, each once."""
    found = [(status, codes) for call in CALLS for status, codes in _codes_by_status(call).items()]
    return dict(sorted((_response_name(codes), _problem(status, codes)) for status, codes in found))


def _response_name(codes: tuple[str, ...]) -> str:
    return ".".join(codes) or _NO_ROUTE


def _codes_by_status(call: Call) -> dict[int, tuple[str, ...]]:
    codes = list(dict.fromkeys(_codes(call)))
    statuses = {int(PROBLEMS[code].status) for code in codes}
    if "{" in call.path:
        # An id with a slash in it, encoded or not, makes a path that no route has.
        statuses.add(int(HTTPStatus.NOT_FOUND))
    return {status: tuple(code for code in codes if PROBLEMS[code].status == status) for status in sorted(statuses)}


def _codes(call: Call) -> Iterator[str]:
    if call.scope is None:
        return
    yield from call.refusals
    yield from call.errors
    yield from ALWAYS
    yield "validation_failed"
    if call.body:
        yield from WITH_BODY
    if call.keyed:
        yield from WITH_KEY


def _problem(status: int, codes: tuple[str, ...]) -> Json:
    described = [f"{code}: {PROBLEMS[code].title}" for code in codes]
    content: Json = {}
    if codes:
        of_codes = {"properties": {"code": {"enum": list(codes)}}}
        content["application/problem+json"] = {"schema": {"allOf": [schema_named(Problem.__name__), of_codes]}}
    if status in GATEWAY:
        described.append(GATEWAY[status])
        content["application/json"] = {"schema": schema_named(GatewayMessage.__name__)}
    return {"description": "; ".join(described), **_headers(status), "content": content}


def _headers(status: int) -> Json:
    return {"headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}} if status in PASSING else {}


def _components() -> tuple[Json, Mapping[Any, Json]]:
    """The schemas by name, and for each type that a call names the reference to its schema."""
    requests = list(dict.fromkeys(form for call in CALLS for form in call.body))
    answers = list(dict.fromkeys(call.answer for call in CALLS if not isinstance(call.answer, str)))
    referred = [*answers, Problem, GatewayMessage, *(part for form in requests for part in _parts(form))]
    _, found = msgspec.json.schema_components(referred, schema_hook=_hook, ref_template=_REFERENCE)
    schemas = {name: _readable(schema) for name, schema in found.items()}
    schemas |= {form.__name__: _object(form) for form in (*requests, *EITHER)} | schemas_of_rules(_typed, _object)
    for name, members in MORE.items():
        schemas[name]["properties"] = members | schemas[name]["properties"]
    receipt = schemas[Receipt.__name__]
    receipt["description"] = "What was recorded: the entry, the balance after it, and the hold or grant that it made."
    del receipt["properties"]["replayed"]  # it is in a header
    references = {each: {"$ref": _REFERENCE.format(name=each.__name__)} for each in (*requests, *answers)}
    return dict(sorted(schemas.items())), references


def _parts(form: type[msgspec.Struct]) -> Iterable[Any]:
    return (field.type for field in msgspec.structs.fields(form))


def _object(form: type[msgspec.Struct]) -> Json:
    """A request. msgspec would do it but for the defaults of types that it does not know."""
    fields = msgspec.structs.fields(form)
    schema: Json = {"type": "object", "title": form.__name__}
    if form.__doc__:
        schema["description"] = _paragraphs(form.__doc__)
    schema["properties"] = {field.encode_name: _field(field) for field in fields}
    schema["required"] = [field.encode_name for field in fields if field.required]
    schema["additionalProperties"] = False
    if form is BatchRequest:
        schema["properties"]["charges"]["items"] = _answered_in_place(schema["properties"]["charges"]["items"])
    return schema | _relations(form)


def _answered_in_place(schema: Json) -> Json:
    """What else stands in the list is no reason to refuse the rest of it."""
    return {"anyOf": [schema, {"description": "anything else: its own result says what is wrong with it"}]}


def _relations(form: type[msgspec.Struct]) -> Json:
    """What holds between the fields of a request."""
    if form in EITHER:
        return {"oneOf": [{"required": [name]} for name in EITHER[form]]}
    if form in AT_MOST_ONE:
        given = [_is_given(form, name) for name in AT_MOST_ONE[form]]
        return {"oneOf": [{"not": {"anyOf": given}, **WITHOUT.get(form, {})}, *given]}
    if form is AdjustmentDocument:
        return CURRENCY_OF_RATE
    if form is RateDocument:
        return {"anyOf": [NO_ALIASES, _is_given(form, "model")]}
    return {"anyOf": [_is_given(form, name) for name in form.__struct_fields__]} if form in NOT_EMPTY else {}


def _is_given(form: type[msgspec.Struct], name: str) -> Json:
    """The field is there and, where null stands for its absence, not null."""
    field = next(field for field in msgspec.structs.fields(form) if field.name == name)
    is_there: Json = {"required": [field.encode_name]}
    return is_there | ({"properties": {field.encode_name: {"not": {"type": "null"}}}} if field.default is None else {})


def _field(field: msgspec.structs.FieldInfo) -> Json:
    schema = _typed(field.type)
    default = field.default
    if field.required or default in {None, msgspec.NODEFAULT, msgspec.UNSET}:
        return schema
    return schema | {"default": to_millicents(default) if isinstance(default, Microcents) else default}


def _typed(wanted: Any) -> Json:  # noqa: ANN401 - whatever an annotation can be
    (schema,), _ = msgspec.json.schema_components([wanted], schema_hook=_hook, ref_template=_REFERENCE)
    readable: Json = _readable(schema)
    return readable


def _given(schema: Json) -> Json:
    """Without null: a query parameter is there or is not."""
    forms = [form for form in schema.get("anyOf", ()) if form != {"type": "null"}]
    return forms[0] if len(forms) == 1 else schema


def _paragraphs(text: str) -> str:
    """With line breaks between paragraphs alone."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text).split("\n\n"))


def _hook(wanted: type) -> Json:
    """The schema of a type that msgspec does not know. Raises NotImplementedError for one that is not described."""
    if wanted in _OURS:
        return {"$ref": _REFERENCE.format(name=_OURS[wanted])}
    if wanted is PageLimit:
        return {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}
    if wanted is Metadata:
        return {"type": "object", "description": _METADATA}
    # As msgspec asks of a schema hook. Whoever adds a type meets it in `make openapi`, before anything is shipped.
    raise NotImplementedError(f"{wanted.__name__}: say in _hook what its schema is")


def readable(schema: Any, amount: Json) -> Any:  # noqa: ANN401 - JSON
    """Decimals are amounts, with `amount` for their schema; patterns are those of JavaScript."""
    if isinstance(schema, list):
        return [readable(each, amount) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return dict(amount)
    read = {name: readable(each, amount) for name, each in schema.items() if not _is_decimal_default(name, each)}
    if isinstance(read.get("description"), str):
        read["description"] = _paragraphs(read["description"])
    if isinstance(read.get("pattern"), str):
        read["pattern"] = read["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    return read


def _readable(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """For answers, whose amounts are numbers or, where the request asks for it, texts."""
    return readable(schema, {"$ref": _REFERENCE.format(name="Millicents")})


def _is_decimal_default(name: str, value: object) -> bool:
    return name == "default" and value in {"0", Decimal(0)}
