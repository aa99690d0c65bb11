"""What is known of models by their names: limits, prices, and whether a schema is kept to.

Prices are US dollars per million tokens as the providers published them, noted in December 2025.
A model that is not listed has no price here (its cost is "unknown"), never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row of the table says; `Traits` is made from it."""

    context: int
    """Tokens that prompt and reply may have together."""
    structured_output: bool = True
    json_output: bool = True
    verdict_counts: bool = True
    input_price: float | None = None
    output_price: float | None = None
    reply_limit: int = 0
    """Tokens of one reply at most, where the provider must be told or the model runs on; 0 for the server's own."""
    fixed_temperature: bool = False
    """The provider refuses any temperature but its own."""


def facts(provider: str, name: str) -> Facts:
    """The first row whose pattern fits the model's name (what stands before a slash is left out), or the default."""
    default, rows = _TABLE[provider]
    bare = name.rpartition("/")[2].lower()
    for pattern, row in rows:
        if re.match(pattern, bare):
            return row
    return default


def _openai(context: int, price_in: float, price_out: float, *, reasoning: bool = False) -> Facts:
    return Facts(context, input_price=price_in, output_price=price_out, fixed_temperature=reasoning)


def _claude(price_in: float, price_out: float, reply_limit: int) -> Facts:
    # AutoGen's client for Anthropic knows no schemas: the prompt asks for JSON, the reply is parsed.
    return Facts(
        200_000,
        structured_output=False,
        json_output=False,
        input_price=price_in,
        output_price=price_out,
        reply_limit=reply_limit,
    )


def _gemini(price_in: float, price_out: float) -> Facts:
    return Facts(1_048_576, input_price=price_in, output_price=price_out)


_OPENAI: tuple[tuple[str, Facts], ...] = (
    (r"gpt-4\.1-nano", _openai(1_047_576, 0.10, 0.40)),
    (r"gpt-4\.1-mini", _openai(1_047_576, 0.40, 1.60)),
    (r"gpt-4\.1(-\d|$)", _openai(1_047_576, 2.00, 8.00)),
    (r"gpt-4o-mini", _openai(128_000, 0.15, 0.60)),
    (r"gpt-4o(-2024-(08|11)|$)", _openai(128_000, 2.50, 10.00)),
    (r"gpt-5-nano", _openai(400_000, 0.05, 0.40, reasoning=True)),
    (r"gpt-5-mini", _openai(400_000, 0.25, 2.00, reasoning=True)),
    (r"gpt-5(-2025|$)", _openai(400_000, 1.25, 10.00, reasoning=True)),
    (r"o4-mini", _openai(200_000, 1.10, 4.40, reasoning=True)),
    (r"o3-mini", _openai(200_000, 1.10, 4.40, reasoning=True)),
    (r"o3(-2025|$)", _openai(200_000, 2.00, 8.00, reasoning=True)),
    (r"o\d|gpt-5", Facts(200_000, fixed_temperature=True)),
    (r"gpt-3\.5", Facts(16_385, structured_output=False)),
    (r"gpt-4(-\d|$)", Facts(8_192, structured_output=False)),
    (r"gpt-4-turbo", Facts(128_000, structured_output=False)),
)
_ANTHROPIC: tuple[tuple[str, Facts], ...] = (
    (r"claude-opus-4-5", _claude(5.00, 25.00, 32_000)),
    (r"claude-opus-4-(0|1|2025)", _claude(15.00, 75.00, 32_000)),
    (r"claude-sonnet-4-(0|5|2025)", _claude(3.00, 15.00, 32_000)),
    (r"claude-haiku-4-5", _claude(1.00, 5.00, 32_000)),
    (r"claude-3-7-sonnet", _claude(3.00, 15.00, 32_000)),
    (r"claude-3-5-sonnet", _claude(3.00, 15.00, 8192)),
    (r"claude-3-5-haiku", _claude(0.80, 4.00, 8192)),
    (r"claude-3-haiku", _claude(0.25, 1.25, 4096)),
    (r"claude-3-", Facts(200_000, structured_output=False, json_output=False, reply_limit=4096)),
)
_GEMINI: tuple[tuple[str, Facts], ...] = (
    # Prompts up to 200,000 tokens; longer ones cost more, and Codeteam's prompts are shorter.
    (r"gemini-2\.5-pro", _gemini(1.25, 10.00)),
    (r"gemini-2\.5-flash-lite", _gemini(0.10, 0.40)),
    (r"gemini-2\.5-flash", _gemini(0.30, 2.50)),
    (r"gemini-2\.0-flash-lite", _gemini(0.075, 0.30)),
    (r"gemini-2\.0-flash", _gemini(0.10, 0.40)),
)
_FREE = Facts(1_000_000, input_price=0.0, output_price=0.0)
_SMALL = replace(_FREE, context=8192, verdict_counts=False)
"""Measured: given wrong programs to judge, the embedded models approve as often as not."""
_UNKNOWN_SERVER = Facts(32_768)
_TABLE: dict[str, tuple[Facts, tuple[tuple[str, Facts], ...]]] = {
    "openai": (Facts(128_000), _OPENAI),
    "azure": (Facts(128_000), _OPENAI),
    "anthropic": (Facts(200_000, structured_output=False, json_output=False, reply_limit=16_000), _ANTHROPIC),
    "gemini": (Facts(1_048_576), _GEMINI),
    "ollama": (replace(_FREE, context=32_768), ((r".*[:-](0\.5|1|1\.5|1\.7|2|3)b", replace(_SMALL, context=32_768)),)),
    "compatible": (_UNKNOWN_SERVER, ()),
    # What editors lend differs; the smallest of their windows that is usual.
    "editor": (Facts(64_000, structured_output=False, json_output=False), ()),
    "local": (replace(_SMALL, reply_limit=3072), ()),
    "script": (_FREE, ()),
}
