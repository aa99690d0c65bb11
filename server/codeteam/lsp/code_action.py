"""textDocument/codeAction: the menu. No model, no disk, no parsing; choosing an entry runs a command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from codeteam.domain.task import Intent
from codeteam.lsp.client_features import ClientFeatures
from codeteam.lsp.document import Document
from codeteam.lsp.editor_job import EditorJob
from codeteam.lsp.from_lsp import selected
from codeteam.lsp.surroundings import PROSE, Surroundings, look

REWRITE = "refactor.rewrite.codeteam"
QUICK_FIX = "quickfix.codeteam"
SOURCE = "source.codeteam"
KINDS = (
    *(f"{REWRITE}.{intent}" for intent in ("implement", "refactor", "document", "test", "review")),
    *(f"{QUICK_FIX}.{name}" for name in ("fix", "dismiss")),
    *(f"{SOURCE}.{name}" for name in ("test", "review", "cancel", "apply", "rerun")),
)
"""Every kind that is offered, as the server announces them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu."""

    title: str
    kind: str
    command: str
    argument: dict[str, Any]
    diagnostics: Sequence[types.Diagnostic] = ()
    runs: bool = True
    """It starts a job, and is shown disabled where none can run."""
    missing: str = ""
    """Why it can never run here."""


def code_action(
    params: types.CodeActionParams,
    *,
    document: Document,
    jobs: Sequence[EditorJob],
    features: ClientFeatures,
    unavailable: str,
) -> list[types.CodeAction | types.Command]:
    """The actions for a place; `jobs` are the document's, the newest first.

    `unavailable` says why no job can run now, empty when one can.
    """
    context = params.context
    automatic = context.trigger_kind is types.CodeActionTriggerKind.Automatic
    entries = [*_about_jobs(jobs), *_for_diagnostics(params, document), *_for_place(params, document, automatic)]
    chosen = (entry for entry in entries if _asked_for(entry.kind, context.only))
    actions = (_action(entry, features, unavailable if entry.runs else "") for entry in chosen)
    return [action for action in actions if not (automatic and _is_disabled(action))]


def _about_jobs(jobs: Sequence[EditorJob]) -> Iterator[Entry]:
    for job in jobs:
        if job.active and not job.stopping:
            title = f"Cancel Codeteam job: {job.request.title}"
            yield Entry(title, f"{SOURCE}.cancel", "codeteam.cancel", {"jobId": job.id}, runs=False)
    kept = next((job for job in jobs if job.can_apply), None)
    if kept is not None:
        title = f"Codeteam: apply the kept proposal ({kept.request.title})"
        yield Entry(title, f"{SOURCE}.apply", "codeteam.apply", {"jobId": kept.id}, runs=False)
        title = f"Codeteam: run again ({kept.request.title})"
        yield Entry(title, f"{SOURCE}.rerun", "codeteam.rerun", {"jobId": kept.id})


def _for_diagnostics(params: types.CodeActionParams, document: Document) -> Iterator[Entry]:
    found = params.context.diagnostics
    if not found:
        return
    title = (
        f"Codeteam: fix: {_short(str(found[0].message))}" if len(found) == 1 else f"Codeteam: fix {len(found)} problems"
    )
    argument = _argument(document, params.range) | {"diagnostics": [_plain(item) for item in found]}
    yield Entry(title, f"{QUICK_FIX}.fix", "codeteam.fix", argument, diagnostics=found)
    for item in found:
        if item.source == "codeteam" and isinstance(item.data, dict) and isinstance(item.data.get("findingId"), str):
            yield Entry(
                f"Codeteam: dismiss: {_short(str(item.message))}",
                f"{QUICK_FIX}.dismiss",
                "codeteam.dismiss",
                {"findingId": item.data["findingId"]},
                diagnostics=[item],
                runs=False,
            )


def _for_place(params: types.CodeActionParams, document: Document, automatic: bool) -> Iterator[Entry]:
    place = look(
        document.lines,
        language=document.language,
        selected=selected(params.range),
        cursor=min(params.range.start.line + 1, len(document.lines)),
    )
    if automatic and not place.deserves_a_hint:
        return
    argument = _argument(document, params.range)
    if place.requirement or (not automatic and not place.code) or (not automatic and _nowhere(place)):
        missing = "There is nothing to implement yet: write what you want, then ask again." if place.blank else ""
        yield _start(Intent.IMPLEMENT, _implement_title(place), argument, missing=missing)
    if place.code:
        yield from _for_code(place, argument, automatic)
    whole = place.selected is None or (params.context.only is not None and _wants_source(params.context.only))
    if whole and not automatic and not place.blank and document.language not in PROSE:
        everything = {**argument, "range": _plain_range(_whole(document))}
        yield _start(Intent.TEST, "write tests for this file", everything, kind=SOURCE)
        yield _start(Intent.REVIEW, "review this file", everything, kind=SOURCE)


def _for_code(place: Surroundings, argument: dict[str, Any], automatic: bool) -> Iterator[Entry]:
    """The four actions on code that is there; without a selection they mean the definition around the cursor."""
    if place.selected is None and (automatic or place.definition is None):
        return
    target = place.name or "the selection"
    yield _start(Intent.REFACTOR, f"refactor {target}", argument)
    yield _start(Intent.DOCUMENT, f"document {target}", argument)
    yield _start(Intent.TEST, f"write tests for {target}", argument)
    yield _start(Intent.REVIEW, f"review {target}", argument)


def _nowhere(place: Surroundings) -> bool:
    """Neither a selection nor a definition: offered because it was asked for."""
    return place.selected is None and place.definition is None


def _implement_title(place: Surroundings) -> str:
    if place.todo:
        return "implement this TODO"
    if place.name:
        return f"implement {place.name}"
    return "implement the selected requirement" if place.selected else "implement what this file asks for"


def _start(intent: Intent, words: str, argument: dict[str, Any], *, kind: str = REWRITE, missing: str = "") -> Entry:
    return Entry(f"Codeteam: {words}", f"{kind}.{intent}", f"codeteam.{intent}", argument, missing=missing)


def _argument(document: Document, place: types.Range) -> dict[str, Any]:
    return {"uri": document.uri, "version": document.version, "range": _plain_range(place)}


def _action(entry: Entry, features: ClientFeatures, unavailable: str) -> types.CodeAction | types.Command:
    command = types.Command(title=entry.title, command=entry.command, arguments=[entry.argument])
    if not features.action_literals:
        return command
    reason = (entry.missing or unavailable) if features.disabled_actions else ""
    return types.CodeAction(
        title=entry.title,
        kind=entry.kind,
        diagnostics=list(entry.diagnostics) or None,
        disabled=types.CodeActionDisabled(reason=reason) if reason else None,
        command=command,
        data={"command": entry.command} if features.action_data else None,
    )


def _is_disabled(action: types.CodeAction | types.Command) -> bool:
    return isinstance(action, types.CodeAction) and action.disabled is not None


def _asked_for(kind: str, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Kinds are trees: asking for `refactor` asks for all below it, asking for nothing in particular for everything."""
    return only is None or any(_covers(_name(wanted), kind) for wanted in only)


def _wants_source(only: Sequence[types.CodeActionKind | str]) -> bool:
    return any(_covers(_name(wanted), SOURCE) or _name(wanted).startswith(f"{SOURCE}.") for wanted in only)


def _covers(wanted: str, kind: str) -> bool:
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")


def _name(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def _whole(document: Document) -> types.Range:
    last = len(document.lines) - 1
    end = types.Position(line=last, character=document.encoding.width(document.lines[last]))
    return types.Range(start=types.Position(line=0, character=0), end=end)


def _plain(item: types.Diagnostic) -> dict[str, Any]:
    """A diagnostic as the command takes it back."""
    return {"range": _plain_range(item.range), "message": str(item.message), "source": item.source, "code": item.code}


def _plain_range(place: types.Range) -> dict[str, Any]:
    return {
        "start": {"line": place.start.line, "character": place.start.character},
        "end": {"line": place.end.line, "character": place.end.character},
    }


def _short(message: str) -> str:
    line = message.strip().split("\n", 1)[0]
    return line if len(line) <= 60 else line[:59] + "…"
