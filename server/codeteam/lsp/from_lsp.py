"""From the protocol's words to Codeteam's; what a client sends is checked here and trusted further in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lsprotocol import types

from codeteam.domain.source import Span
from codeteam.domain.task import Complaint
from codeteam.lsp.protocol import Refused

_MOST_DIAGNOSTICS = 50
_LONGEST_INSTRUCTION = 100_000


@dataclass(frozen=True, slots=True)
class JobArguments:
    """The argument of the commands that start a job."""

    uri: str
    version: int | None
    """The document's version that the range is of; None for the present one."""
    selection: Span | None
    cursor_line: int
    """From 1."""
    instruction: str
    complaints: tuple[Complaint, ...]


def job_arguments(value: Mapping[str, object]) -> JobArguments:
    """Check `{uri, version, range, instruction?, diagnostics?}`; raises Refused for what is wrong."""
    version = value.get("version")
    if version is not None and not _is_whole(version):
        raise wrong("version must be the document's version, or null")
    instruction = value.get("instruction") or ""
    if not isinstance(instruction, str):
        raise wrong("instruction must be text")
    if len(instruction) > _LONGEST_INSTRUCTION:
        raise wrong(f"instruction is longer than {_LONGEST_INSTRUCTION} characters")
    place = _range(value.get("range"))
    return JobArguments(
        uri=text_of(value, "uri"),
        version=version if isinstance(version, int) else None,
        selection=selected(place),
        cursor_line=place.start.line + 1,
        instruction=instruction,
        complaints=_complaints(value.get("diagnostics")),
    )


def text_of(value: Mapping[str, object], name: str) -> str:
    """A field that must be text and not empty."""
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise wrong(f"{name} is missing, or not text")
    return text


def selected(place: types.Range) -> Span | None:
    """The lines of a range; None when it is empty. A range that ends before a line's first column leaves it out."""
    start, end = sorted(((place.start.line, place.start.character), (place.end.line, place.end.character)))
    if start == end:
        return None
    last = end[0] - 1 if end[1] == 0 and end[0] > start[0] else end[0]
    return Span(start[0] + 1, last + 1)


def complaint(diagnostic: types.Diagnostic) -> Complaint:
    return Complaint(
        message=str(diagnostic.message),
        span=selected(diagnostic.range) or Span(diagnostic.range.start.line + 1, diagnostic.range.start.line + 1),
        source=diagnostic.source or "",
        rule="" if diagnostic.code is None else str(diagnostic.code),
    )


def wrong(message: str) -> Refused:
    """The answer to arguments that cannot be understood."""
    return Refused(types.ErrorCodes.InvalidParams, f"Wrong arguments: {message}.")


def _complaints(value: object) -> tuple[Complaint, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise wrong("diagnostics must be a list")
    return tuple(complaint(_diagnostic(item)) for item in value[:_MOST_DIAGNOSTICS])


def _diagnostic(value: object) -> types.Diagnostic:
    """Only what a job needs of a diagnostic, so that nothing else in it can be wrong."""
    if not isinstance(value, Mapping) or not isinstance(value.get("message"), str):
        raise wrong("each of diagnostics needs a range and a message")
    source, code = value.get("source"), value.get("code")
    return types.Diagnostic(
        range=_range(value.get("range")),
        message=value["message"],
        source=source if isinstance(source, str) else None,
        code=code if isinstance(code, (str, int)) else None,
    )


def _range(value: object) -> types.Range:
    if not isinstance(value, Mapping):
        raise wrong("range is missing, or not a range")
    return types.Range(start=_position(value.get("start")), end=_position(value.get("end")))


def _position(value: object) -> types.Position:
    if isinstance(value, Mapping):
        line, character = value.get("line"), value.get("character")
        if isinstance(line, int) and isinstance(character, int) and _is_whole(line) and _is_whole(character):
            return types.Position(line=line, character=character)
    raise wrong("range needs a start and an end with line and character, whole numbers from 0")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
