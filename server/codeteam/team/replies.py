"""Reads what models answer: fenced blocks with paths, and JSON for metadata. Replies are untrusted input.

Code travels in fences and never inside JSON, which measurably lowers pass rates. Everything tolerant in here
(missing paths, CRLF, tildes, fences in lists, fences in docstrings, bare JSON) is a form that real models were seen
to use. What cannot be read with certainty is malformed, and the model is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from codeteam.team import python_code
from codeteam.team.reply_json import objects

_MODEL = TypeVar("_MODEL", bound=BaseModel)
_OPEN = re.compile(
    r"(?P<indent>[ \t]{0,12}(?:(?:[-*+]|\d{1,3}[.)])[ \t]{1,4})?)(?P<mark>`{3,}|~{3,})(?P<words>[^\r\n]*)"
)
_THOUGHT = re.compile(r"\s*<(think|thinking)>.*?</\1>", re.DOTALL)
_MARKDOWN = ("markdown", "md", "mdx")
_PYTHON = ("python", "py", "python3", "")
_CLOSERS = 20
"""Lines that could close a block and are taken for a part of it at most."""

_ENDING = (
    r"\.(?:pyi?|pyx|ipynb|md|mdx|rst|txt|toml|cfg|ini|json|ya?ml|xml|csv|html?|css|scss|sql|sh|bash|bats?|ps1|jinja2?|j2"
    r"|jsx?|[cm]js|tsx?|[cm]ts|vue|svelte|java|kt|go|rs|c|h|cc|cpp|hpp|cs|rb|php|swift|scala|proto|lock|typed)"
)
_KEYED_PATH = re.compile(
    r"""\b(?:path|file|filename|filepath|file_path|title)\s{0,3}[=:]\s{0,3}(?:"([^"]+)"|'([^']+)'|`([^`]+)`|([^\s"'`]+))""",
    re.IGNORECASE,
)
_PATH = re.compile(rf"(?:[A-Za-z]:)?[^\s`\"'<>|*?=:{{}}]+{_ENDING}", re.IGNORECASE)
_MARKS = " \t#*>+-\"'`:"
_LEAD_IN = re.compile(
    r"(?:\d{1,3}[.)] {0,3})?(?:(?:(?:new|updated|full) )?(?:file(?:name)?|path|module) {0,3}:? {0,3})?[`*_\"']{0,3}"
    rf"(?P<path>[\w./\\~\-]{{1,200}}?{_ENDING})",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\((?:new|updated|changed|modified|full)[^()]{0,30}\)$", re.IGNORECASE)
_PATH_COMMENT = re.compile(
    rf"\s*(?:#|//|--|<!--)\s*(?:(?:file(?:name)?|path)\s*:\s*)?`?(?P<path>[\w./\\~\-]+{_ENDING})`?\s*(?:-->)?\s*",
    re.IGNORECASE,
)
LONGEST_REPLY = 400_000
"""Characters of a reply that are looked at; beyond that no honest reply goes."""
_MOST_BLOCKS = 200
_LONGEST_NAMING = 300
"""Characters of a line that may name a path."""


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


@lru_cache(maxsize=4)  # a reply is asked for its files more than once
def fences(reply: str) -> tuple[Fence, ...]:
    """Every fenced block of a reply, in order.

    Raises:
        MalformedReply: a fence is not closed, as in a reply that was cut off.
    """
    found: list[Fence] = []
    for part in _parts(reply):
        if isinstance(part, Fence):
            found.append(part)
        elif part is None:
            raise MalformedReply("A fenced block is not closed. Answer again, complete, and close every fence.")
        if len(found) > _MOST_BLOCKS:
            raise MalformedReply("There are far too many fenced blocks. Answer with one for each file.")
    return tuple(found)


def prose(reply: str) -> str:
    """The reply without its fenced blocks."""
    return "\n".join(part for part in _parts(reply) if isinstance(part, str)).strip()


def _parts(reply: str) -> Iterator[str | Fence | None]:
    """Lines of prose and fenced blocks in order; None for a block without an end, which is the last."""
    text = reply[:LONGEST_REPLY].replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    thought = _THOUGHT.match(text)
    lines = (text[thought.end() :] if thought else text).split("\n")
    lead = ""
    number = 0
    while number < len(lines):
        match = _opening(lines[number])
        if not match:
            lead = lines[number].strip() or lead
            yield lines[number]
            number += 1
            continue
        words = match["words"][:_LONGEST_NAMING].strip()
        language, path = _named(words)
        end = _end(lines, number + 1, match, language, path)
        if end is None:
            if any(line.strip() for line in lines[number + 1 :]):
                yield None
            return
        yield _fence(language, path or _lead_path(lead), _outdented(lines[number + 1 : end], match["indent"]))
        lead = ""
        number = end + 1


def _opening(line: str) -> re.Match[str] | None:
    match = _OPEN.fullmatch(line)
    # A second run of marks on the line: code in a sentence, not a fence.
    return match if match and match["mark"][0] * 3 not in match["words"] else None


def _end(lines: Sequence[str], start: int, opening: re.Match[str], language: str, path: str) -> int | None:
    """Index of the line that closes a block; None when none does.

    A fence inside of a Markdown file is skipped with its own end, one inside of a docstring with the docstring.
    """
    mark = opening["mark"]
    closing = re.compile(rf"[ \t]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*")
    deepest = len(opening["indent"].expandtabs(4)) + 3
    nests = language in _MARKDOWN or path.lower().endswith((".md", ".mdx"))
    found: list[int] = []
    depth = 0
    for number in range(start, len(lines)):
        line = lines[number]
        if closing.fullmatch(line) and len(line.rstrip().expandtabs(4)) - len(line.strip()) <= deepest:
            if not depth and not (language in _PYTHON and _in_docstring(lines[start:number])):
                return number
            found.append(number)
            depth = max(0, depth - 1)
        elif nests and (inner := _opening(line)) and inner["mark"].startswith(mark) and inner["words"].strip():
            depth += 1
        if len(found) > _CLOSERS:
            break
    return found[0] if found else None


def _in_docstring(body: Sequence[str]) -> bool:
    """Whether code ends inside of a string in three quotes, as far as its look and the parser tell."""
    text = "\n".join(body)
    if not any(text.count(quote) % 2 for quote in ('"""', "'''")):
        return False
    return python_code.parse(text) is None


def _outdented(body: Sequence[str], indent: str) -> list[str]:
    """The lines of a block without the indentation of its fence, which stands in a list."""
    width = len(indent)
    solid = [line for line in body if line.strip()]
    if not width or any(line[:width].strip() for line in solid[:1]):
        return list(body)
    return [line[min(width, len(line) - len(line.lstrip(" \t"))) :] for line in body]


def _named(words: str) -> tuple[str, str]:
    """Language and path of the words after a fence, empty where there is none."""
    if words.startswith("{"):
        words = words.strip("{} \t").removeprefix(".")
    language = re.split(r"[\s:,{=]", words, maxsplit=1)[0].lower() if words else ""
    if keyed := _KEYED_PATH.search(words):
        path = next(group for group in keyed.groups() if group)
        bare = path.rstrip(",;}") if keyed[4] else path
        return ("" if keyed.start() == 0 else language), bare
    for token in words.split():
        clean = token.strip("`\"'(),;")
        prefix, _, rest = clean.partition(":")
        if len(prefix) > 1 and _PATH.fullmatch(rest):
            return language, rest
        if _PATH.fullmatch(clean):
            return ("" if clean.lower().startswith(language) else language), clean
    return language, ""


def _lead_path(lead: str) -> str:
    if len(lead) > _LONGEST_NAMING:
        return ""
    # The marks are stripped first: in the pattern, runs of them would make it try every way to divide them.
    plain = _REMARK.sub("", lead.strip(_MARKS)).strip(_MARKS)
    match = _LEAD_IN.fullmatch(plain) or _LEAD_IN.fullmatch(plain.strip(f"{_MARKS}_"))
    return match["path"] if match else ""


def _fence(language: str, path: str, body: list[str]) -> Fence:
    if not path and (first := next((index for index, line in enumerate(body) if line.strip()), None)) is not None:
        line = body[first]
        if len(line) <= _LONGEST_NAMING and (comment := _PATH_COMMENT.fullmatch(line)):
            path = comment["path"]
            body = body[first + 1 :]
    return Fence(language, path, "".join(f"{line}\n" for line in body))


def _blank(value: object) -> object:
    return "" if value is None else value


_Words = Annotated[str, BeforeValidator(_blank)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


def _listed(value: object) -> object:
    return [] if value is None else value


def _file(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


_NO_PACKAGE = frozenset({"", "-", "none", "n/a", "python", "stdlib", "standard library"})


def _packages(value: object) -> object:
    """Requirement lines without words for "none"."""
    if value is None or isinstance(value, str):
        value = [value or ""]
    if not isinstance(value, list):
        return value
    lines = [item.strip() if isinstance(item, str) else item for item in value]
    return [line for line in lines if not isinstance(line, str) or line.lower() not in _NO_PACKAGE]


class PlannedFileReply(_Reply):
    path: str = Field(min_length=1, max_length=200)
    purpose: _Words = ""


class PlanReply(_Reply):
    """The metadata of an architect's reply."""

    files: list[Annotated[PlannedFileReply, BeforeValidator(_file)]] = Field(min_length=1, max_length=20)
    dependencies: Annotated[list[str], BeforeValidator(_packages)] = Field(default_factory=list, max_length=40)
    criteria: Annotated[list[str], BeforeValidator(_listed)] = Field(default_factory=list, max_length=60)


_SEVERITIES = {
    "critical": "error", "blocker": "error", "high": "error", "major": "error", "medium": "warning", "warn": "warning",
    "minor": "information", "low": "information", "info": "information", "note": "information",
}  # fmt: skip


def _severity(value: object) -> object:
    word = value.strip().lower() if isinstance(value, str) else value
    return "warning" if value is None else _SEVERITIES.get(word, word) if isinstance(word, str) else value


def _confidence(value: object) -> object:
    if value is None:
        return 0.7
    # Some answer in percent, whatever they are asked for.
    return value / 100 if isinstance(value, int | float) and 1 < value <= 100 else value


class FindingReply(_Reply):
    """One finding as a reviewer states it; the place comes from the quote."""

    rule: _Words = "review"
    severity: Annotated[Literal["error", "warning", "information", "hint"], BeforeValidator(_severity)] = "warning"
    path: _Words = ""
    quote: _Words = ""
    """A finding without one is dropped like one whose quote is nowhere; the others of the reply count."""
    message: str = Field(min_length=1)
    trigger: _Words = ""
    suggestion: _Words = ""
    confidence: Annotated[float, BeforeValidator(_confidence)] = Field(default=0.7, ge=0, le=1)


class ReviewReply(_Reply):
    """A reviewer's verdict."""

    approved: bool
    findings: Annotated[list[FindingReply], BeforeValidator(_listed)] = Field(default_factory=list, max_length=50)
    comment: _Words = ""


def _at_fault(value: object) -> object:
    word = value.strip().lower() if isinstance(value, str) else value
    return {"tests": "test", "implementation": "code"}.get(word, word) if isinstance(word, str) else value


class FaultReply(_Reply):
    """Whether a failing test or the code is wrong."""

    fault: Annotated[Literal["test", "code"], BeforeValidator(_at_fault)]
    reason: _Words = ""


def metadata(reply: str, schema: type[_MODEL]) -> _MODEL:
    """The first JSON object of the reply that fits the schema, fenced or bare.

    Raises:
        MalformedReply: none does; says what is wrong with the one that came nearest.
    """
    text = reply[:LONGEST_REPLY]
    if thought := _THOUGHT.match(text):
        text = text[thought.end() :]
    complaint, nearest = "there is no JSON object in it", -1
    for candidate in objects(text):
        if isinstance(candidate, str):
            complaint, nearest = candidate, 0
            continue
        try:
            return schema.model_validate(candidate)
        except ValidationError as error:
            near = len(candidate.keys() & schema.model_fields.keys())
            if near > nearest:
                first = error.errors(include_url=False, include_input=False)[0]
                place = ".".join(str(part) for part in first["loc"]) or "the object"
                complaint, nearest = f"{place}: {first['msg']}", near
    keys = ", ".join(f'"{name}"' for name in schema.model_fields)
    raise MalformedReply(f"Your reply could not be read: {complaint}. It needs one JSON object with the keys {keys}.")


_ODD = re.compile(r"[\x00-\x1f\x7f<>:|?*\"'`~]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(?:\..*)?", re.IGNORECASE)
_INVISIBLE = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Unicode categories that no honest path has: controls, zero-width and bidirectional marks, surrogates."""


def safe_path(path: str) -> str:
    """A path of a reply as one inside the workspace, with `/` between its parts.

    Hidden files and folders are refused too: `.git/hooks`, `.vscode` and their like run code on the user's machine.
    So is what another system would read as something else: device names and short names of Windows, characters that
    are not seen or that fold into dots and slashes, and what a program would take for an option.

    Raises:
        MalformedReply: the path is absolute, climbs out, is hidden or odd.
    """
    name = path.strip(" \t\r\n").replace("\\", "/").removeprefix("./")
    if len(name) > 200 or _is_odd(name) or _is_odd(unicodedata.normalize("NFKC", name)):
        raise MalformedReply(
            f"The path {path[:200]!r} is not allowed. Use a relative path inside the workspace, "
            "without '..', and no hidden file or folder."
        )
    return "/".join(PurePosixPath(name).parts)


def _is_odd(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        not parts
        or name.startswith("/")
        or name.endswith("/")
        or bool(_ODD.search(name))
        or any(unicodedata.category(letter) in _INVISIBLE for letter in name)
        or any(unicodedata.category(letter) == "Zs" and letter != " " for letter in name)
        or any(_is_odd_part(part) for part in parts)
    )


def _is_odd_part(part: str) -> bool:
    return (
        len(part.encode()) > 200
        or part.startswith((".", "-", " "))
        or part.endswith((" ", "."))
        or bool(_RESERVED.fullmatch(part))
    )
