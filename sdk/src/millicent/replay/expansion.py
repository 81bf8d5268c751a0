"""Documents that contain many rows: pages of an API, buckets of time, and traces of OpenTelemetry."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from millicent.replay.errors import BadUsage

_LISTS: Final = ("data", "items", "rows", "records", "results", "entries", "events")
_BUCKET_TIMES: Final = ("start_time", "end_time", "starting_at", "ending_at")


def expanded(document: Any) -> Iterator[Any]:  # noqa: ANN401 - whatever a file has
    """The rows in a document; itself if it is one."""
    if isinstance(document, list):
        for member in document:
            yield from expanded(member)
    elif isinstance(document, Mapping):
        yield from _expanded(document)
    else:
        yield document


def _expanded(document: Mapping[str, Any]) -> Iterator[Any]:
    if "resourceSpans" in document:
        yield from _spans(document)
        return
    times = {name: document[name] for name in _BUCKET_TIMES if name in document}
    results = document.get("results")
    if times and isinstance(results, list):
        # A bucket without results is a time in which nothing was used.
        yield from ({**times, **result} if isinstance(result, Mapping) else result for result in results)
        return
    name = next((name for name in _LISTS if _are_rows(document.get(name))), None)
    # The answer of an API has its own `usage`, and may have a list of results beside it.
    if name is None or "usage" in document:
        yield document
        return
    yield from expanded(document[name])


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(member, Mapping) for member in value)


class _Attribute(msgspec.Struct):
    key: str
    value: dict[str, Any] = {}


class _Span(msgspec.Struct, rename="camel"):
    attributes: list[_Attribute] = []
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None
    start_time_unix_nano: str | int | None = None


class _Scope(msgspec.Struct):
    spans: list[_Span] = []


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _OfResource(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_Scope] = []


class _Traces(msgspec.Struct, rename="camel"):
    resource_spans: list[_OfResource]


def _spans(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        traces = msgspec.convert(document, _Traces)
    except msgspec.ValidationError as malformed:
        raise BadUsage(f"the file is not a trace of OpenTelemetry: {malformed}") from malformed
    for of_resource in traces.resource_spans:
        resource = _values(of_resource.resource.attributes if of_resource.resource else (), "resource.")
        for span in (span for scope in of_resource.scope_spans for span in scope.spans):
            known = {"traceId": span.trace_id, "spanId": span.span_id, "startTimeUnixNano": span.start_time_unix_nano}
            yield {**resource, **known, "name": span.name, **_values(span.attributes)}


def _values(attributes: Iterable[_Attribute], prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{each.key}": next(iter(each.value.values()), None) for each in attributes}
