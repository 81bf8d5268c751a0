"""What the columns of known files mean. A preset is chosen by columns that only such a file has."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from millicent.replay.cells import BadCell, count, is_nothing
from millicent.replay.columns import Counted, Layout, Quantities, common_layout
from millicent.replay.errors import BadUsage
from millicent.replay.tables import Row

_INPUT: Final = ("input_tokens",)
_OUTPUT: Final = ("output_tokens",)
_CACHE_READ: Final = ("cache_read_tokens",)
_READ_BESIDE: Final = ("input_tokens", "cache_read_tokens")
_WRITTEN_BESIDE: Final = ("input_tokens", "cache_write_tokens")
_REASONING: Final = ("output_reasoning_tokens",)
MORE_THAN_ONE: Final = 2
"""The least number of requests in a sum whose number is not told."""


def _columns(*names: str) -> frozenset[str]:
    return frozenset(names)


def _one(column: str, *quantities: str) -> Counted:
    return Counted((column,), quantities)


def _number(row: Row, name: str) -> int:
    value = row.get(name)
    return 0 if value is None else count(value)


# OpenAI: the export of the usage page, and the pages of its usage API.

_OPENAI_PARTS: Final = (
    ("input_tokens", "input_text_tokens", {"input_audio_tokens": "input_audio_tokens",
                                           "input_image_tokens": "input_image_tokens"}),
    ("output_tokens", "output_text_tokens", {"output_audio_tokens": "output_audio_tokens",
                                             "output_image_tokens": "output_image_tokens"}),
    ("input_cached_tokens", "input_cached_text_tokens", {"input_cached_audio_tokens": "cache_audio_read_tokens",
                                                         "input_cached_image_tokens": "cache_image_read_tokens"}),
)  # fmt: skip


def _openai_wholes(row: Row, quantities: Quantities) -> Quantities:
    """OpenAI's input tokens are those of text, and other parts come beside; with a column of text, the sum decides."""
    amended = dict(quantities)
    for whole, text, others in _OPENAI_PARTS:
        parts = {quantity: _number(row, column) for column, quantity in others.items()}
        if not any(parts.values()):
            continue
        told, of_text = _number(row, whole), row.get(text)
        beside = sum(parts.values())
        if of_text is None or told == count(of_text):
            told += beside
        elif told != count(of_text) + beside:
            raise BadCell(f"{text}, or {text} with {' and '.join(others)}: it is neither")
        amended["cache_read_tokens" if whole == "input_cached_tokens" else whole] = told
        amended.update({quantity: number for quantity, number in parts.items() if number})
    return amended


OPENAI_EXPORT: Final = Layout(
    name="OpenAI usage export",
    signatures=(_columns("num_model_requests", "start_time"), _columns("num_model_requests", "start_time_iso")),
    actor=("user_id",),
    model=("model",),
    time=("start_time_iso", "start_time"),
    tier=("service_tier", "batch"),
    bucket=("project_id", "user_id", "api_key_id", "model", "batch", "service_tier"),
    counted=(
        _one("input_tokens", *_INPUT),
        _one("output_tokens", *_OUTPUT),
        _one("input_cached_tokens", *_CACHE_READ),
        _one("num_model_requests", "requests"),
    ),
    used=tuple(name for whole, text, others in _OPENAI_PARTS for name in (whole, text, *others)),
    ignored=("input_uncached_tokens", "end_time", "end_time_iso", "object"),
    amended=_openai_wholes,
)


# Anthropic: the export of the console, and the pages of its usage API.


def _anthropic_requests(row: Row, quantities: Quantities) -> Quantities:
    """The number of requests is not told. Those above 200k are all in the dearer tier, the others all below it."""
    above = str(row.get("context_window") or "").replace(" ", "").startswith((">", "200k-1"))
    return quantities if above else {**quantities, "requests": MORE_THAN_ONE}


_ORDINARY_SPEED: Final = frozenset({"standard", "normal", "not_available"})
_ORDINARY_PLACE: Final = frozenset({"global", "not_available"})

ANTHROPIC_CONSOLE: Final = Layout(
    name="Anthropic console export",
    signatures=(
        _columns("usage_date_utc", "usage_input_tokens_no_cache"),
        _columns("starting_at", "uncached_input_tokens"),
    ),
    model=("model_version", "model"),
    time=("usage_date_utc", "starting_at"),
    tier=("usage_type", "service_tier"),
    bucket=(
        "api_key", "workspace", "usage_type", "context_window", "model_version", "inference_geo", "speed",
        "api_key_id", "workspace_id", "service_tier", "model", "account_id", "service_account_id",
    ),
    counted=(
        Counted(("usage_input_tokens_no_cache", "uncached_input_tokens"), _INPUT),
        Counted(("usage_input_tokens_cache_read", "cache_read_input_tokens"), _READ_BESIDE),
        Counted(("usage_input_tokens_cache_write",), _WRITTEN_BESIDE),
        Counted(("usage_input_tokens_cache_write_5m", "cache_creation.ephemeral_5m_input_tokens"),
                (*_WRITTEN_BESIDE, "cache_write_5m_tokens")),
        Counted(("usage_input_tokens_cache_write_1h", "cache_creation.ephemeral_1h_input_tokens"),
                (*_WRITTEN_BESIDE, "cache_write_1h_tokens")),
        Counted(("usage_output_tokens", "output_tokens"), _OUTPUT),
        Counted(("web_search_count", "server_tool_use.web_search_requests"), ("web_searches",)),
    ),
    listed={"inference_geo": _ORDINARY_PLACE, "speed": _ORDINARY_SPEED},
    ignored=("ending_at",),
    amended=_anthropic_requests,
)  # fmt: skip


# Gateways and observers: one row a request.


def _with_variant(row: Row, model: str) -> str:
    variant = row.get("variant")
    is_plain = variant is None or str(variant).casefold() in {"standard", "default"}
    return model if is_plain or model.endswith(f":{variant}") else f"{model}:{variant}"


OPENROUTER: Final = Layout(
    name="OpenRouter activity",
    signatures=(_columns("generation_id", "tokens_prompt"), _columns("generation_id", "model_permaslug")),
    actor=("user",),
    model=("model_permaslug",),
    time=("created_at",),
    identity=("generation_id",),
    counted=(
        _one("tokens_prompt", *_INPUT),
        _one("tokens_completion", *_OUTPUT),
        _one("tokens_cached", *_CACHE_READ),
        _one("tokens_reasoning", *_REASONING),
    ),
    used=("variant",),
    ignored=("cost_total", "cost_cache", "byok_usage_inference"),
    named=_with_variant,
)

LITELLM: Final = Layout(
    name="LiteLLM spend logs",
    signatures=(_columns("spend", "startTime", "prompt_tokens"),),
    actor=("end_user", "user"),
    model=("model",),
    time=("startTime",),
    identity=("request_id",),
    free=("cache_hit",),
    counted=(
        _one("prompt_tokens", *_INPUT),
        _one("completion_tokens", *_OUTPUT),
        Counted(
            (
                "metadata.additional_usage_values.cache_read_input_tokens",
                "metadata.usage_object.cache_read_input_tokens",
                "metadata.usage_object.prompt_tokens_details.cached_tokens",
            ),
            _CACHE_READ,
        ),
        Counted(
            (
                "metadata.additional_usage_values.cache_creation_input_tokens",
                "metadata.usage_object.cache_creation_input_tokens",
            ),
            ("cache_write_tokens",),
        ),
        _one("metadata.usage_object.prompt_tokens_details.audio_tokens", "input_audio_tokens"),
        _one("metadata.usage_object.completion_tokens_details.audio_tokens", "output_audio_tokens"),
        _one("metadata.usage_object.completion_tokens_details.reasoning_tokens", *_REASONING),
    ),
    total=("total_tokens",),
    opened=("metadata",),
    ignored=("spend", "metadata.", "metadata", "messages.", "response.", "proxy_server_request.", "request_tags"),
)

_OBSERVED: Final = frozenset({"GENERATION", "EMBEDDING"})
_LANGFUSE_SIDES: Final = {"input": "input_tokens", "output": "output_tokens"}
_LANGFUSE_PARTS: Final = {
    "cache_read_input_tokens": ("input", "cache_read_tokens"),
    "input_cached_tokens": ("input", "cache_read_tokens"),
    "input_cache_read": ("input", "cache_read_tokens"),
    "cache_creation_input_tokens": ("input", "cache_write_tokens"),
    "input_cache_creation": ("input", "cache_write_tokens"),
    "input_audio_tokens": ("input", "input_audio_tokens"),
    "input_audio": ("input", "input_audio_tokens"),
    "output_audio_tokens": ("output", "output_audio_tokens"),
    "output_audio": ("output", "output_audio_tokens"),
    "output_reasoning_tokens": ("output", "output_reasoning_tokens"),
    "output_reasoning": ("output", "output_reasoning_tokens"),
}


def _is_observed_generation(row: Row) -> bool:
    kind = row.get("type")
    return kind is None or str(kind).upper() in _OBSERVED


def _langfuse_details(row: Row, quantities: Quantities) -> Quantities:
    """Langfuse counts each token under one name, and `total` is the sum of all, unless they were sent otherwise."""
    details = row.document("usageDetails")
    if details is None:
        return quantities
    told = {name: count(number) for name, number in details.items() if not is_nothing(number)}
    total = told.pop("total", None)
    unknown = sorted(name for name in told if name not in _LANGFUSE_SIDES and name not in _LANGFUSE_PARTS)
    if unknown:
        raise BadCell(f"of the known parts: {unknown[0]!r} is none of them")
    amended = {quantity: told.get(side, 0) for side, quantity in _LANGFUSE_SIDES.items()}
    parts = {name: number for name, number in told.items() if name in _LANGFUSE_PARTS}
    are_within = bool(parts) and total == sum(amended.values())
    if total is not None and not are_within and total != sum(told.values()):
        raise BadCell(f"a total of {sum(told.values())} or of {sum(amended.values())}: it is {total}")
    for name, number in parts.items():
        side, quantity = _LANGFUSE_PARTS[name]
        amended[quantity] = amended.get(quantity, 0) + number
        if not are_within:
            amended[_LANGFUSE_SIDES[side]] += number
    return amended


LANGFUSE: Final = Layout(
    name="Langfuse observations",
    signatures=(
        _columns("traceId", "startTime", "usageDetails"),
        _columns("traceId", "startTime", "promptTokens"),
        _columns("traceId", "startTime", "usageDetails.input"),
    ),
    actor=("userId",),
    model=("model", "providedModelName", "internalModel"),
    time=("startTime",),
    identity=("id",),
    counted=(
        Counted(("promptTokens", "inputUsage"), _INPUT),
        Counted(("completionTokens", "outputUsage"), _OUTPUT),
    ),
    used=("usageDetails", "usageDetails.", "type"),
    ignored=(
        "totalTokens", "totalUsage", "inputCost", "outputCost", "totalCost", "costDetails", "costDetails.", "usage.",
        "usage", "calculatedInputCost", "calculatedOutputCost", "calculatedTotalCost", "inputPrice", "outputPrice",
        "totalPrice", "input.", "output.", "metadata.", "modelParameters.", "unit", "providedUsageDetails.",
        "providedUsageDetails", "providedCostDetails.", "providedCostDetails", "usagePricingTierName",
    ),
    is_usage=_is_observed_generation,
    amended=_langfuse_details,
)  # fmt: skip

HELICONE: Final = Layout(
    name="Helicone requests",
    signatures=(
        _columns("request_created_at", "request_model"),
        _columns("request_created_at", "request_user_id"),
    ),
    actor=("request_user_id",),
    model=("request_model", "response_model", "model"),
    time=("request_created_at",),
    identity=("request_id",),
    # Helicone counts each token under one name.
    counted=(
        _one("prompt_tokens", *_INPUT),
        _one("completion_tokens", *_OUTPUT),
        _one("prompt_cache_read_tokens", *_READ_BESIDE),
        _one("prompt_cache_write_tokens", *_WRITTEN_BESIDE),
        _one("prompt_audio_tokens", "input_tokens", "input_audio_tokens"),
        _one("completion_audio_tokens", "output_tokens", "output_audio_tokens"),
        _one("reasoning_tokens", *_REASONING),
    ),
    free=("cache_hit",),
    ignored=(
        "cost", "costUSD", "cost_usd", "total_tokens", "request_body.", "response_body.", "request_properties.",
        "properties.",
    ),
)  # fmt: skip


def _last_part(_: Row, model: str) -> str:
    """The model of `arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-…`."""
    return model.rpartition("/")[2] if model.startswith("arn:") else model


BEDROCK: Final = Layout(
    name="Bedrock invocation log",
    signatures=(_columns("modelId", "input.inputTokenCount"), _columns("modelId", "output.outputTokenCount")),
    actor=("identity.arn",),
    model=("modelId",),
    time=("timestamp",),
    identity=("requestId",),
    counted=(
        _one("input.inputTokenCount", *_INPUT),
        _one("input.cacheReadInputTokenCount", *_READ_BESIDE),
        _one("input.cacheWriteInputTokenCount", *_WRITTEN_BESIDE),
        _one("output.outputTokenCount", *_OUTPUT),
    ),
    listed={"serviceTier": frozenset({"default", "standard"})},
    ignored=("input.", "output.", "requestMetadata."),
    named=_last_part,
)

FOCUS: Final = Layout(
    name="FOCUS cost and usage",
    signatures=(_columns("BilledCost", "ChargePeriodStart"),),
    actor=("SubAccountId",),
    time=("ChargePeriodStart",),
    cost=("BilledCost",),
    currency=("BillingCurrency",),
    about=("ServiceName", "SkuId", "ResourceId", "ChargeDescription", "ChargeCategory"),
)


# Agents and traces.


def _is_answered(row: Row) -> bool:
    return bool(row.get("type") == "assistant" and row.get("message.model") != "<synthetic>")


CLAUDE_CODE: Final = Layout(
    name="Claude Code",
    signatures=(_columns("sessionId", "message.id", "message.usage.input_tokens"),),
    model=("message.model",),
    time=("timestamp",),
    identity=("message.id", "requestId"),
    documents=("message.usage",),
    ignored=("message.", "toolUseResult.", "toolUseResult", "costUSD", "compactMetadata.", "data.", "snapshot."),
    # While an answer arrives, each of its lines has the usage until then.
    last_wins=True,
    is_usage=_is_answered,
)

_COUNTED_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings", "generateContent"})


def _is_model_call(row: Row) -> bool:
    """Not the spans around it: an agent's span has the sum of its calls."""
    operation = row.get("gen_ai.operation.name")
    has_usage = any(name.startswith("gen_ai.usage.") for name in row.cells)
    return has_usage and (operation is None or str(operation) in _COUNTED_OPERATIONS)


OTLP: Final = Layout(
    name="OpenTelemetry traces",
    signatures=(
        _columns("spanId", "gen_ai.usage.input_tokens"),
        _columns("spanId", "gen_ai.usage.prompt_tokens"),
        _columns("spanId", "gen_ai.usage.output_tokens"),
    ),
    actor=("enduser.id", "user.id"),
    model=("gen_ai.response.model", "gen_ai.request.model"),
    time=("startTimeUnixNano",),
    app=("resource.service.name",),
    identity=("traceId", "spanId"),
    counted=(
        Counted(("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"), _INPUT),
        Counted(("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"), _OUTPUT),
        Counted(("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"), _CACHE_READ),
        Counted(
            ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
            ("cache_write_tokens",),
        ),
        Counted(("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"), _REASONING),
    ),
    tier=("gen_ai.openai.response.service_tier", "openai.response.service_tier"),
    used=("gen_ai.operation.name",),
    ignored=("gen_ai.openai.request.service_tier", "openai.request.service_tier"),
    is_usage=_is_model_call,
)


# Answers of providers, as they were received.


_ANSWER_IDS: Final = ("msg_", "chatcmpl-", "cmpl-", "resp_", "gen-")
"""How providers begin the id of an answer: another id may be that of a conversation."""

_ANSWER_TIMES: Final = (
    "timestamp", "time", "created_at", "createdAt", "created", "createTime", "start_time", "startTime", "started_at",
    "startedAt", "occurred_at", "occurredAt", "date",
)  # fmt: skip


def _answers(name: str, document: str, **told: Any) -> Layout:  # noqa: ANN401 - members of a layout
    """Lines whose `document` is the usage object of an answer."""
    body = document.rpartition(".")[0]
    within = f"{body}." if body else ""
    places = tuple(dict.fromkeys(("", within)))
    roles: dict[str, Any] = {
        "actor": tuple(f"{at}{name}" for at in places for name in ("user", "user_id", "actor", "customer")),
        "model": (f"{within}model",),
        "time": tuple(f"{at}{name}" for at in places for name in _ANSWER_TIMES),
        "identity": (f"{within}id",),
        "identity_begins": _ANSWER_IDS,
        "documents": (document,),
        "tier": (f"{within}service_tier",),
        "ignored": (within,) if within else ("content", "choices", "output", "candidates", "reasoning.", "text."),
    }
    return Layout(name=name, **{**roles, **told})


ANSWERS: Final = (
    _answers("Anthropic batch results", "result.message.usage", always_tier="batch"),
    _answers("OpenAI batch results", "response.body.usage", always_tier="batch"),
    _answers("answers of a provider", "response.usage"),
    _answers("answers of a provider", "message.usage"),
    _answers("answers of a provider", "body.usage"),
    _answers(
        "answers of Gemini",
        "usageMetadata",
        model=("modelVersion", "model"),
        identity=("responseId",),
        identity_begins=(),
    ),
    _answers("answers of a provider", "usage"),
)

PRESETS: Final = (
    CLAUDE_CODE, OPENAI_EXPORT, ANTHROPIC_CONSOLE, OPENROUTER, LITELLM, LANGFUSE, HELICONE, BEDROCK, FOCUS, OTLP,
)  # fmt: skip


def layout_for(names: Collection[str], wanted: str | None) -> Layout:
    """The wanted preset, or the first that fits, or common names. Raises BadUsage for a preset that does not exist."""
    present = set(names)
    if wanted is not None:
        return _wanted(wanted, present)
    fitting = next((preset for preset in PRESETS if preset.fits(present)), None)
    return fitting or _answers_in(present) or common_layout(names)


def _wanted(wanted: str, present: Collection[str]) -> Layout:
    choices: Mapping[str, Callable[[], Layout]] = {
        **{preset.name: lambda preset=preset: preset for preset in PRESETS},  # type: ignore[misc]  # bound early
        "common names": lambda: common_layout(present),
    }
    found = next((choices[name] for name in choices if name.casefold() == wanted.casefold()), None)
    if found is None:
        raise BadUsage(f"there is no preset {wanted!r}; the presets are {', '.join(map(repr, choices))}")
    return found()


def _answers_in(names: Collection[str]) -> Layout | None:
    for layout in ANSWERS:
        document = layout.documents[0]
        if any(name.startswith(f"{document}.") for name in names) or (document == "usage" and document in names):
            return layout
    return None
