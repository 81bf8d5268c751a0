"""Events held against their schemas, more strictly than a consumer should: what no schema speaks of is a fault too."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from openapi.events import SCHEMAS


def faults_of(envelope: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event: its source, detail-type and detail."""
    detail_type = envelope["detail-type"]
    if not (SCHEMAS / f"{detail_type}.json").is_file():
        return [f"{detail_type} has no schema"]
    return [
        f"{detail_type} {error.json_path}: {error.message}" for error in _validator(detail_type).iter_errors(envelope)
    ]


@cache
def _validator(detail_type: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{detail_type}.json").read_text())
    return Draft202012Validator(closed(schema), format_checker=FormatChecker())


def closed(schema: Any) -> Any:
    """The schema with no members but those that it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    is_object = inner.get("type") == "object" and "properties" in inner
    return inner | {"additionalProperties": False} if is_object else inner
