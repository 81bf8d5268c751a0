"""Other spellings of the reports that the `genai-prices` package reads.

The package knows each report as the provider's HTTP API sends it. Google's Python library shows the same report with
names in snake case. Bedrock's InvokeModel has no one form: its models, its streams and its headers each spell the
quantities of Converse in their own way.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_AFTER_UNDERSCORE: Final = re.compile(r"_([a-z])")
_LIVE: Final[Mapping[str, str]] = {
    "responseTokenCount": "candidatesTokenCount",
    "responseTokensDetails": "candidatesTokensDetails",
}
"""Google's Live API names the output so; everywhere else it is the candidates'."""
_BEDROCK: Final[Mapping[str, str]] = {
    "inputTokenCount": "inputTokens",
    "outputTokenCount": "outputTokens",
    "cacheReadInputTokenCount": "cacheReadInputTokens",
    "cacheWriteInputTokenCount": "cacheWriteInputTokens",
    "inputTextTokenCount": "inputTokens",
    "prompt_token_count": "inputTokens",
    "generation_token_count": "outputTokens",
    "x-amzn-bedrock-input-token-count": "inputTokens",
    "x-amzn-bedrock-output-token-count": "outputTokens",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokens",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokens",
}
_METRICS: Final = "amazon-bedrock-invocationMetrics"


def respelled(provider: str, raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The report as it is and, if the provider has other spellings, as the package expects it."""
    yield raw
    match provider:
        case "google":
            yield _in_camel_case(raw)
        case "aws":
            yield _of_bedrock(raw)


def _in_camel_case(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_in_camel_case(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    camel = {_AFTER_UNDERSCORE.sub(lambda found: found[1].upper(), name): each for name, each in value.items()}
    return {_LIVE.get(name, name): _in_camel_case(each) for name, each in camel.items()}


def _of_bedrock(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    apart = next((each for name in (_METRICS, "usage") if isinstance(each := raw.get(name), Mapping)), None)
    given = raw if apart is None else apart
    if given.keys().isdisjoint(_BEDROCK):
        return raw
    # A body of InvokeModel holds its usage among the answer's texts and vectors, which are no usage.
    usage = {name: each for name, each in given.items() if name not in _BEDROCK and (apart or isinstance(each, int))}
    for name, each in given.items():
        if name in _BEDROCK:
            usage.setdefault(_BEDROCK[name], _number(each))
    usage.setdefault("outputTokens", _tokens_of_results(given.get("results")))
    return {"model": raw.get("model"), "usage": usage}


def _tokens_of_results(results: object) -> int:
    """Titan reports the output of each result; an embedding has none."""
    if not isinstance(results, list):
        return 0
    counts = [each.get("tokenCount", 0) for each in results if isinstance(each, Mapping)]
    return sum(count for count in counts if isinstance(count, int))


def _number(value: object) -> object:
    """A header is a text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value
