"""Documents that contain many rows: pages of an API, buckets of time, and traces of OpenTelemetry."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

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


def _spans(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for of_resource in document["resourceSpans"]:
        resource = {f"resource.{name}": value for name, value in _attributes(of_resource.get("resource") or {})}
        for scope in of_resource.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                known = {name: span.get(name) for name in ("traceId", "spanId", "name", "startTimeUnixNano")}
                yield {**resource, **known, **dict(_attributes(span))}


def _attributes(carrier: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for attribute in carrier.get("attributes") or ():
        yield attribute.get("key"), next(iter((attribute.get("value") or {}).values()), None)
