"""Reads what models answer: fenced blocks with paths, and JSON for metadata. Replies are untrusted input.

Code travels in fences and never inside JSON, which measurably lowers pass rates. Everything tolerant in here
(missing paths, CRLF, tildes, bare JSON) is a form that real models were seen to use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_MODEL = TypeVar("_MODEL", bound=BaseModel)
_OPEN = re.compile(r"^ {0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<words>[^`\r\n]*)$")
_KEYED_PATH = re.compile(r"""(?:path|file|filename|title)\s*[=:]\s*["']?(?P<path>[^"'\s]+)""", re.IGNORECASE)
_PATH = re.compile(r"[\w][\w.\-/]*\.[A-Za-z][A-Za-z0-9]{0,7}")
_LEAD_IN = re.compile(
    r"^[#*\s>\-]*(?:(?:file|path)\s*:?\s*)?[`*\"]*(?P<path>[\w./\-]+\.[A-Za-z][A-Za-z0-9]{0,7})[`*\"]*:?\**\s*$",
    re.IGNORECASE,
)
_PATH_COMMENT = re.compile(
    r"^\s*(?:#|//|--|<!--)\s*(?:(?:file|path)\s*:\s*)?(?P<path>[\w./\-]+\.[A-Za-z][A-Za-z0-9]{0,7})\s*(?:-->)?\s*$",
    re.IGNORECASE,
)
LONGEST_REPLY = 400_000
"""Characters of a reply that are looked at; beyond that no honest reply goes."""


class MalformedReply(ValueError):
    """A reply that does not keep to its format; the message is fit to be shown to the model."""


@dataclass(frozen=True, slots=True)
class Fence:
    """One fenced block."""

    language: str
    """First word after the fence, lower case; may be empty."""
    path: str
    """As the reply names it, unchecked; empty where it names none."""
    text: str
    """The inside, `\\n` line ends, ending with one when not empty."""


def fences(reply: str) -> tuple[Fence, ...]:
    """Every fenced block of a reply, in order.

    Raises:
        MalformedReply: a fence is not closed, as in a reply that was cut off.
    """
    found: list[Fence] = []
    lines = reply[:LONGEST_REPLY].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lead = ""
    number = 0
    while number < len(lines):
        match = _OPEN.match(lines[number])
        if not match:
            lead = lines[number].strip() or lead
            number += 1
            continue
        mark, words = match["mark"], match["words"].strip()
        body, number = _inside(lines, number + 1, mark)
        found.append(_fence(words, lead, body))
        lead = ""
    return tuple(found)


def _inside(lines: Sequence[str], start: int, mark: str) -> tuple[list[str], int]:
    close = re.compile(rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
    for number in range(start, len(lines)):
        if close.match(lines[number]):
            return list(lines[start:number]), number + 1
    raise MalformedReply("A fenced block is not closed. Answer again, complete, and close every fence.")


def _fence(words: str, lead: str, body: list[str]) -> Fence:
    language = re.split(r"[\s:,{=]", words, maxsplit=1)[0].lower() if words else ""
    path = ""
    if keyed := _KEYED_PATH.search(words):
        path = keyed["path"]
    elif named := _PATH.search(words):
        path = named.group()
        language = "" if named.start() == 0 else language
    elif (above := _LEAD_IN.match(lead)) and len(lead) < 200:
        path = above["path"]
    elif body and (comment := _PATH_COMMENT.match(body[0])):
        path = comment["path"]
        body = body[1:]
    text = "\n".join(body)
    return Fence(language, path, text + "\n" if text else "")


def _blank(value: object) -> object:
    return "" if value is None else value


_Words = Annotated[str, BeforeValidator(_blank)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class PlannedFileReply(_Reply):
    path: str = Field(min_length=1, max_length=200)
    purpose: _Words = ""


class PlanReply(_Reply):
    """The metadata of an architect's reply."""

    files: list[PlannedFileReply] = Field(min_length=1, max_length=20)
    dependencies: list[str] = Field(default_factory=list, max_length=40)
    criteria: list[str] = Field(default_factory=list, max_length=60)


class FindingReply(_Reply):
    """One finding as a reviewer states it; the place comes from the quote."""

    rule: _Words = "review"
    severity: Literal["error", "warning", "information", "hint"] = "warning"
    path: _Words = ""
    quote: str
    message: str = Field(min_length=1)
    trigger: _Words = ""
    suggestion: _Words = ""
    confidence: float = Field(default=0.7, ge=0, le=1)


class ReviewReply(_Reply):
    """A reviewer's verdict."""

    approved: bool
    findings: list[FindingReply] = Field(default_factory=list, max_length=50)
    comment: _Words = ""


class FaultReply(_Reply):
    """Whether a failing test or the code is wrong."""

    fault: Literal["test", "code"]
    reason: _Words = ""


def metadata(reply: str, schema: type[_MODEL]) -> _MODEL:
    """The first JSON object of the reply that fits the schema, fenced or bare.

    Raises:
        MalformedReply: none does; says what is wrong with the one that came nearest.
    """
    complaint = "there is no JSON object in it"
    for candidate in _objects(reply[:LONGEST_REPLY]):
        try:
            return schema.model_validate(candidate)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the object"
            complaint = f"{place}: {first['msg']}"
    keys = ", ".join(f'"{name}"' for name in schema.model_fields)
    raise MalformedReply(f"Your reply could not be read: {complaint}. It needs one JSON object with the keys {keys}.")


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder()
    start = text.find("{")
    tries = 0
    while start != -1 and tries < 200:
        tries += 1
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if isinstance(value, dict):
                yield value
        start = text.find("{", end)


def prose(reply: str) -> str:
    """The reply without its fenced blocks."""
    kept: list[str] = []
    mark = ""
    for line in reply[:LONGEST_REPLY].splitlines():
        match = _OPEN.match(line)
        if not mark and match:
            mark = match["mark"]
        elif mark and re.match(rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$", line):
            mark = ""
        elif not mark:
            kept.append(line)
    return "\n".join(kept).strip()


_DRIVE = re.compile(r"^[A-Za-z]:")
_ODD = re.compile(r"[\x00-\x1f\x7f\\<>|?*\"']")


def safe_path(path: str) -> str:
    """A path of a reply as one inside the workspace.

    Hidden files and folders are refused too: `.git/hooks`, `.vscode` and their like run code on the user's machine.

    Raises:
        MalformedReply: the path is absolute, climbs out, is hidden or odd.
    """
    name = path.strip().removeprefix("./")
    parts = PurePosixPath(name).parts
    bad = (
        not parts
        or len(name) > 200
        or name.startswith(("/", "~"))
        or _DRIVE.match(name)
        or _ODD.search(name)
        or any(part == ".." or part.startswith(".") or part.endswith((" ", ".")) for part in parts)
    )
    if bad:
        raise MalformedReply(
            f"The path {path[:200]!r} is not allowed. Use a relative path inside the workspace, "
            "without '..', and no hidden file or folder."
        )
    return "/".join(parts)
