"""The contracts of the bus: a JSON Schema of each event, and the AsyncAPI document that has them all.

What an event holds comes from the client's model of it (`millicent.events`), as an answer's content does.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from millicent.events import EVENTS, SOURCE
from openapi.document import ROOT, readable

Json: TypeAlias = dict[str, Any]

ASYNCAPI_FILE: Final = ROOT / "functions" / "docs" / "asyncapi.json"
SCHEMAS: Final = ROOT / "docs" / "event-schemas"
"""One file an event, for those that check or generate something by it."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_COMPONENT: Final = "#/components/schemas/{name}"
_DEFINITION: Final = "#/$defs/{name}"
_MILLICENTS: Final = {"type": "number", "description": "Millicents (1/1000 cent), exact to three decimals."}
_INTRODUCTION: Final = (
    "What happens to credits, on an EventBridge bus of the stack (output EventBusName). Events are delivered at least "
    "once and in no guaranteed order: be idempotent on event_id, and let seq give the order within an account. A later "
    "release may add members and events; what changes or removes one has another version."
)


def schema(detail_type: str) -> Json:
    """The JSON Schema of an event as a rule matches it and a target receives it, with all that it refers to."""
    found = _components([detail_type], _DEFINITION)
    definitions = {name: each for name, each in found.items() if name != EVENTS[detail_type].__name__}
    detail = found[EVENTS[detail_type].__name__]
    return {
        "$schema": _DIALECT,
        "title": detail_type,
        "description": detail["description"],
        **_envelope(detail_type, {name: each for name, each in detail.items() if name not in {"title", "description"}}),
        "$defs": definitions,
    }


def asyncapi() -> Json:
    """The AsyncAPI 3.0 document."""
    schemas = _components(list(EVENTS), _COMPONENT)
    messages = {model.__name__: _message(detail_type) for detail_type, model in EVENTS.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Millicent", "version": "1.0.0", "description": _INTRODUCTION},
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": None,
                "title": "The event bus of the stack",
                "description": "Its name is the output EventBusName and the parameter /STACK/event-bus-name.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "publish": {
                "action": "send",
                "channel": {"$ref": "#/channels/bus"},
                "summary": "Every entry, and every check that is told, becomes an event",
            }
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def files() -> Mapping[Path, str]:
    """What is generated here, by where it is kept."""
    return {ASYNCAPI_FILE: text(asyncapi())} | {
        SCHEMAS / f"{detail_type}.json": text(schema(detail_type)) for detail_type in EVENTS
    }


def text(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _message(detail_type: str) -> Json:
    model = EVENTS[detail_type]
    return {
        "name": detail_type,
        "title": detail_type,
        "summary": (model.__doc__ or "").strip(),
        "payload": _envelope(detail_type, {"$ref": _COMPONENT.format(name=model.__name__)}),
    }


def _envelope(detail_type: str, detail: Json) -> Json:
    """What EventBridge puts around the detail; of its own members those that a consumer goes by."""
    return {
        "type": "object",
        "properties": {
            "source": {"const": SOURCE},
            "detail-type": {"const": detail_type},
            "detail": detail,
            "id": {"type": "string", "description": "EventBridge's own; another one for each delivery to the bus."},
            "time": {"type": "string", "format": "date-time", "description": "when it came to the bus"},
            "account": {"type": "string"},
            "region": {"type": "string"},
            "resources": {"type": "array"},
            "version": {"type": "string", "description": "of EventBridge's envelope"},
        },
        "required": ["source", "detail-type", "detail"],
    }


def _components(detail_types: list[str], reference: str) -> Json:
    models = [EVENTS[each] for each in detail_types]
    _, found = msgspec.json.schema_components(models, ref_template=reference)
    return {name: _written(each) for name, each in sorted(found.items())}


def _written(component: Any) -> Json:  # noqa: ANN401 - JSON
    """With amounts as they are on the bus, and nothing but members that every version of an event may do without."""
    written: Json = readable(component, _MILLICENTS)
    for name, member in _members(written):
        # `seq: None` has a default in the model, for whoever makes one; on the bus it is always there.
        if member == {"type": "null", "default": None}:
            written["properties"][name] = {"type": "null"}
            written["required"] = [*written["required"], name]
    return written


def _members(component: Json) -> Iterator[tuple[str, Json]]:
    yield from component.get("properties", {}).items()
