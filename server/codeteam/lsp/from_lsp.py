"""From the protocol's words to Codeteam's; what a client sends is checked here and trusted further in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from codeteam.domain.source import Span
from codeteam.domain.task import Complaint
from codeteam.lsp.protocol import Refused

_MOST_DIAGNOSTICS = 50
_LONGEST_INSTRUCTION = 100_000
_TRIGGERS = tuple(kind.value for kind in types.CodeActionTriggerKind)


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


@dataclass(frozen=True, slots=True)
class MenuRequest:
    """What `textDocument/codeAction` asks for.

    Read by hand, for it is asked at every move of the cursor, and the general reader takes as long as all the rest.
    """

    uri: str
    start: types.Position
    end: types.Position
    diagnostics: tuple[Mapping[str, Any], ...]
    """As the client sent them, so that they go back whole; each has a range and a message."""
    only: tuple[str, ...] | None
    """Kinds that are wanted, with all below them; None for all."""
    automatic: bool
    """Nobody asked: the cursor stands there."""

    @property
    def selection(self) -> Span | None:
        return _span(self.start, self.end)


def menu_request(value: object) -> MenuRequest:
    """Check `CodeActionParams`; raises Refused for what is wrong."""
    document, context = (_object(value, name) for name in ("textDocument", "context"))
    place = _object(value, "range")
    only = context.get("only")
    if only is not None and not (isinstance(only, list) and all(isinstance(kind, str) for kind in only)):
        raise wrong("only must be a list of kinds")
    if context.get("triggerKind", 1) not in _TRIGGERS:
        raise wrong("triggerKind is neither 1 nor 2")
    diagnostics = context.get("diagnostics")
    if not isinstance(diagnostics, list):
        raise wrong("diagnostics must be a list")
    for item in diagnostics:
        _diagnostic(item)
    return MenuRequest(
        uri=text_of(document, "uri"),
        start=_position(place.get("start")),
        end=_position(place.get("end")),
        diagnostics=tuple(diagnostics),
        only=None if only is None else tuple(only),
        automatic=context.get("triggerKind") == types.CodeActionTriggerKind.Automatic.value,
    )


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
    return _span(place.start, place.end)


def _span(first: types.Position, second: types.Position) -> Span | None:
    start, end = sorted(((first.line, first.character), (second.line, second.character)))
    if start == end:
        return None
    last = end[0] - 1 if end[1] == 0 and end[0] > start[0] else end[0]
    return Span(start[0] + 1, last + 1)


def finding_of(diagnostic: Mapping[str, Any]) -> str:
    """The fingerprint of a finding that we have shown; empty for another server's diagnostic."""
    inner = diagnostic.get("data") if diagnostic.get("source") == "codeteam" else None
    mark = inner.get("findingId") if isinstance(inner, Mapping) else None
    return mark if isinstance(mark, str) else ""


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


def _object(value: object, name: str) -> Mapping[str, Any]:
    inner = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(inner, Mapping):
        raise wrong(f"{name} is missing, or not an object")
    return inner


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
