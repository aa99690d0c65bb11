"""Recorded replies as a model: `script/FILE`, for tests, demonstrations and replays.

YAML is `{role: [entry, …]}`, an entry a string or a mapping with `text`, `delay`, `tokens`, `error`, `retry_after`.
Markdown is headings `## reply ROLE`, each followed by a fence of four or more tildes or backticks whose first line may
carry the mapping's other keys: `~~~~reply delay=2 error=auth`.
Replies of a role are used in order. An error that stands last stays: every later call of the role has it too.
`traits` (a key in YAML, a heading with a fence of YAML in Markdown) changes what the model is taken for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from autogen_core import CancellationToken
from autogen_core.models import (
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
)

from codeteam.domain.errors import BadInput, ModelUnavailable
from codeteam.models.text_client import TextClient
from codeteam.models.trouble import CallFailed, Symptoms

ERRORS: Mapping[str, Symptoms] = {
    "unreachable": Symptoms(nature="unreachable", message="Connection refused"),
    "auth": Symptoms(status=401, code="invalid_api_key", message="Incorrect API key provided"),
    "quota": Symptoms(status=429, code="insufficient_quota", message="You exceeded your current quota"),
    "rate_limit": Symptoms(status=429, code="rate_limit_exceeded"),
    "server_error": Symptoms(status=503),
    "timeout": Symptoms(nature="timeout"),
    "broken_stream": Symptoms(nature="broken_stream"),
    "context_too_long": Symptoms(status=400, code="context_length_exceeded"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded answer."""

    text: str = ""
    delay: float = 0.0
    """Seconds before the answer."""
    tokens: tuple[int, int] | None = None
    """Prompt and completion; None for an estimate."""
    error: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    replies: Mapping[str, tuple[Entry, ...]]
    traits: Mapping[str, Any] = field(default_factory=dict)


def read_script(path: Path) -> Script:
    """Parse a script; `BadInput` names the line of what is wrong."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The script {path} cannot be read: {error}.", "Check the path after script/.") from None
    if path.suffix.lower() in {".md", ".markdown"}:
        return _from_markdown(path, text)
    return _from_yaml(path, text)


class ScriptClient(TextClient):
    """Plays one role of a script; `for_role` gives the others, which go on from where they stand."""

    def __init__(self, path: Path, script: Script, model_info: ModelInfo) -> None:
        super().__init__(model_info)
        self._path = path
        self._script = script
        self._next: dict[str, int] = {}
        self._role = ""

    def for_role(self, role: str) -> ScriptClient:
        other = ScriptClient(self._path, self._script, self._info)
        other._next, other._role = self._next, role
        return other

    def rewind(self) -> None:
        """Start every role from its first reply again."""
        self._next.clear()

    def _take(self) -> Entry:
        entries = self._script.replies.get(self._role, ())
        index = self._next.get(self._role, 0)
        if index >= len(entries):
            if entries and entries[-1].error:
                return entries[-1]
            message = f"The script {self._path.name} has no more replies for the {self._role or 'unnamed role'}."
            raise ModelUnavailable(message, "Record another reply for this role.", "model_error")
        self._next[self._role] = index + 1
        return entries[index]

    async def answer(
        self, messages: Sequence[LLMMessage], cancellation: CancellationToken | None
    ) -> AsyncGenerator[str | CreateResult, None]:
        entry = self._take()
        if entry.delay:
            pause = asyncio.ensure_future(asyncio.sleep(entry.delay))
            if cancellation is not None:
                cancellation.link_future(pause)
            await pause
        if entry.text:
            yield entry.text
        if entry.error:
            known = ERRORS[entry.error]
            raise CallFailed(Symptoms(known.status, known.code, known.message, entry.retry_after, known.nature))
        prompt = sum(len(m.content) for m in messages if isinstance(m.content, str))
        tokens = entry.tokens or (-(-prompt // 4), -(-len(entry.text) // 4))
        usage = RequestUsage(prompt_tokens=tokens[0], completion_tokens=tokens[1])
        yield CreateResult(finish_reason="stop", content=entry.text, usage=usage, cached=False)


def _from_yaml(path: Path, text: str) -> Script:
    document = _load_yaml(path, text, 0)
    if not isinstance(document, dict):
        raise _bad(path, 1, "a script is a mapping of roles to lists of replies")
    lines = _lines_of_entries(text)
    traits = document.pop("traits", {})
    replies: dict[str, tuple[Entry, ...]] = {}
    for role, entries in document.items():
        where = lines.get((str(role), -1), 1)
        if not isinstance(entries, list):
            raise _bad(path, where, f"the replies of {role} are not a list")
        replies[str(role)] = tuple(
            _entry(path, lines.get((str(role), n), where), {"text": e} if isinstance(e, str) else e)
            for n, e in enumerate(entries)
        )
    return Script(replies, _traits(path, 1, traits))


def _lines_of_entries(text: str) -> dict[tuple[str, int], int]:
    """Line of each role (-1) and of each of its entries."""
    root = yaml.compose(text, yaml.SafeLoader)
    lines: dict[tuple[str, int], int] = {}
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            lines[str(key.value), -1] = key.start_mark.line + 1
            if isinstance(value, yaml.SequenceNode):
                for n, entry in enumerate(value.value):
                    lines[str(key.value), n] = entry.start_mark.line + 1
    return lines


_HEADING = re.compile(r"## +(?:reply +(?P<role>\w+)|(?P<traits>traits))\s*$")
_FENCE = re.compile(r"(?P<fence>~{4,}|`{4,})(?P<word>\w*)(?P<rest>.*)$")


def _from_markdown(path: Path, text: str) -> Script:
    replies: dict[str, list[Entry]] = {}
    traits: Mapping[str, Any] = {}
    lines = text.splitlines(keepends=True)
    number = 0
    while number < len(lines):
        heading = _HEADING.match(lines[number])
        number += 1
        if heading is None:
            continue
        opening, first, number = _fence_after(path, lines, number)
        inside = "".join(lines[first : number - 1])
        if heading["traits"]:
            traits = _traits(path, first, _load_yaml(path, inside, first))
            continue
        keys = _keys(path, first, opening["rest"])
        if isinstance(keys.get("tokens"), str):
            keys["tokens"] = str(keys["tokens"]).split(",")
        entry = _entry(path, first, {**keys, "text": inside.removesuffix("\n")})
        replies.setdefault(heading["role"], []).append(entry)
    if not replies:
        raise _bad(path, 1, "there is no heading `## reply ROLE`")
    return Script({role: tuple(entries) for role, entries in replies.items()}, traits)


def _fence_after(path: Path, lines: list[str], number: int) -> tuple[re.Match[str], int, int]:
    """The opening fence, the index of the first line inside, and the index after the closing fence."""
    heading = number
    while number < len(lines) and not lines[number].strip():
        number += 1
    opening = _FENCE.match(lines[number].rstrip()) if number < len(lines) else None
    if opening is None:
        raise _bad(path, heading, "no fence of four or more ~ or ` follows the heading")
    first = number = number + 1
    while number < len(lines):
        line = lines[number].rstrip()
        number += 1
        if line.startswith(opening["fence"]) and set(line) == {opening["fence"][0]}:
            return opening, first, number
    raise _bad(path, first, "the fence is not closed")


def _keys(path: Path, line: int, text: str) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals:
            raise _bad(path, line, f"`{word}` is not of the form key=value")
        keys[key] = value
    return keys


def _entry(path: Path, line: int, raw: object) -> Entry:
    if not isinstance(raw, dict):
        raise _bad(path, line, "a reply is a text or a mapping")
    unknown = set(raw) - {"text", "delay", "tokens", "error", "retry_after"}
    if unknown:
        raise _bad(path, line, f"unknown key {min(map(str, unknown))}")
    error = str(raw.get("error") or "")
    if error and error not in ERRORS:
        raise _bad(path, line, f"unknown error {error}; there are {', '.join(ERRORS)}")
    if not error and not isinstance(raw.get("text"), str):
        raise _bad(path, line, "a reply needs a text")
    try:
        tokens = tuple(int(n) for n in raw["tokens"]) if raw.get("tokens") is not None else None
        if tokens is not None and len(tokens) != 2:
            raise ValueError
        wait = raw.get("retry_after")
        return Entry(
            str(raw.get("text") or ""),
            float(raw.get("delay") or 0),
            tokens,
            error,
            None if wait is None else float(wait),
        )
    except (TypeError, ValueError):
        raise _bad(path, line, "delay and retry_after are seconds, tokens are [prompt, completion]") from None


def _traits(path: Path, line: int, raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _bad(path, line, "traits are a mapping")
    return {str(key): value for key, value in raw.items()}


def _load_yaml(path: Path, text: str, before: int) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise _bad(path, before + (mark.line + 1 if mark else 1), str(problem)) from None


def _bad(path: Path, line: int, problem: str) -> BadInput:
    return BadInput(f"{path.name}, line {line}: {problem}.", "Mend the script.")
