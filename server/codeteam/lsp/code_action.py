"""textDocument/codeAction: the menu. No model, no disk, no parsing; choosing an entry runs a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeteam.domain.languages import Tongue, tongue_named, tongue_of
from codeteam.domain.task import Intent
from codeteam.lsp.client_features import ClientFeatures
from codeteam.lsp.document import Document
from codeteam.lsp.editor_job import EditorJob
from codeteam.lsp.findings_board import FindingsBoard
from codeteam.lsp.from_lsp import MenuRequest
from codeteam.lsp.job_title import apply_title
from codeteam.lsp.surroundings import PROSE, Surroundings, look

REWRITE = "refactor.rewrite.codeteam"
QUICK_FIX = "quickfix.codeteam"
SOURCE = "source.codeteam"
KINDS = (
    *(f"{REWRITE}.{intent}" for intent in ("implement", "refactor", "document", "test", "review")),
    *(f"{QUICK_FIX}.{name}" for name in ("suggestion", "fix", "dismiss")),
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
    diagnostics: Sequence[Mapping[str, Any]] = ()
    runs: bool = True
    """It starts a job, and is shown disabled where none can run."""
    missing: str = ""
    """Why it can never run here."""
    preferred: bool = False
    """The obvious remedy, which editors may bind to a key."""


def code_action(
    request: MenuRequest,
    *,
    document: Document,
    jobs: Sequence[EditorJob],
    features: ClientFeatures,
    unavailable: str,
    board: FindingsBoard,
) -> list[dict[str, Any]]:
    """The actions for a place, as plain JSON; `jobs` are the document's, the newest first.

    `unavailable` says why no job can run now, empty when one can.
    """
    entries = [*_about_jobs(jobs), *_for_diagnostics(request, document, board), *_for_place(request, document)]
    actions = [
        _action(entry, features, unavailable if entry.runs else "")
        for entry in entries
        if request.only is None or any(_covers(wanted, entry.kind) for wanted in request.only)
    ]
    return [action for action in actions if "disabled" not in action] if request.automatic else actions


def _about_jobs(jobs: Sequence[EditorJob]) -> Iterator[Entry]:
    for job in jobs:
        if job.active and not job.stopping:
            title = f"Cancel Codeteam job: {job.request.title}"
            yield Entry(title, f"{SOURCE}.cancel", "codeteam.cancel", {"jobId": job.id}, runs=False)
    kept = next((job for job in jobs if job.can_apply), None)
    if kept is not None:
        yield Entry(
            apply_title(kept.request.title), f"{SOURCE}.apply", "codeteam.apply", {"jobId": kept.id}, runs=False
        )
        title = f"Codeteam: rerun ({kept.request.title})"
        yield Entry(title, f"{SOURCE}.rerun", "codeteam.rerun", {"jobId": kept.id})


def _for_diagnostics(request: MenuRequest, document: Document, board: FindingsBoard) -> Iterator[Entry]:
    found = request.diagnostics
    if not found or _tongue(document) is None:
        return
    ours = {mark: item for item in found if (mark := board.fingerprint(document.uri, item))}
    for mark, item in ours.items():
        if board.fixable(mark):
            yield _about(mark, item, "apply suggestion", "suggestion", "applySuggestion", preferred=len(found) == 1)
    words = "fix with the team" if len(ours) == len(found) else "fix"
    title = f"{words}: {_short(found[0])}" if len(found) == 1 else f"{words}: {len(found)} problems"
    argument = _argument(document, request) | {"diagnostics": [_plain(item) for item in found]}
    yield Entry(f"Codeteam: {title}", f"{QUICK_FIX}.fix", "codeteam.fix", argument, diagnostics=found)
    for mark, item in ours.items():
        yield _about(mark, item, "dismiss", "dismiss", "dismiss")


def _about(
    mark: str, item: Mapping[str, Any], words: str, kind: str, command: str, *, preferred: bool = False
) -> Entry:
    return Entry(
        f"Codeteam: {words}: {_short(item)}",
        f"{QUICK_FIX}.{kind}",
        f"codeteam.{command}",
        {"findingId": mark},
        diagnostics=[item],
        runs=False,
        preferred=preferred,
    )


def _tongue(document: Document) -> Tongue | None:
    """The language, of those that the team writes, by what the editor or else its name says."""
    return tongue_named(document.language) or tongue_of(document.uri)


def _for_place(request: MenuRequest, document: Document) -> Iterator[Entry]:
    prose, tongue = document.language in PROSE, _tongue(document)
    if not prose and tongue is None:
        return
    place = look(
        document.lines,
        language=document.language if prose or tongue is None else tongue.name,
        declares=tongue is not None and document.uri.lower().endswith(tongue.declarations),
        selected=request.selection,
        cursor=min(request.start.line + 1, len(document.lines)),
    )
    if request.automatic and not place.deserves_a_hint:
        return
    argument = _argument(document, request)
    if place.requirement or place.blank:
        missing = "There is nothing to implement yet: write what you want, then ask again." if place.blank else ""
        yield _start(Intent.IMPLEMENT, _implement_title(place), argument, missing=missing)
    if place.code:
        yield from _for_code(place, argument, request.automatic)
    whole = place.selected is None or _wants_source(request.only)
    if whole and not request.automatic and not place.blank and not prose:
        everything = {**argument, "range": _whole(document)}
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


def _implement_title(place: Surroundings) -> str:
    if place.todo:
        return "implement this TODO"
    if place.name:
        return f"implement {place.name}"
    if place.selected:
        return "implement the selected requirement"
    return "implement this comment" if place.comment else "implement what this text asks for"


def _start(intent: Intent, words: str, argument: dict[str, Any], *, kind: str = REWRITE, missing: str = "") -> Entry:
    return Entry(f"Codeteam: {words}", f"{kind}.{intent}", f"codeteam.{intent}", argument, missing=missing)


def _argument(document: Document, request: MenuRequest) -> dict[str, Any]:
    place = {
        "start": {"line": request.start.line, "character": request.start.character},
        "end": {"line": request.end.line, "character": request.end.character},
    }
    return {"uri": document.uri, "version": document.version, "range": place}


def _action(entry: Entry, features: ClientFeatures, unavailable: str) -> dict[str, Any]:
    """A CodeAction, or the bare Command that it holds for clients that know no literals."""
    command = {"title": entry.title, "command": entry.command, "arguments": [entry.argument]}
    if not features.action_literals:
        return command
    action: dict[str, Any] = {"title": entry.title, "kind": entry.kind, "command": command}
    if entry.diagnostics:
        action["diagnostics"] = list(entry.diagnostics)
    if entry.preferred:
        action["isPreferred"] = True
    if features.disabled_actions and (reason := entry.missing or unavailable):
        action["disabled"] = {"reason": reason}
    if features.action_data:
        action["data"] = {"command": entry.command}
    return action


def _wants_source(only: Sequence[str] | None) -> bool:
    return only is not None and any(_covers(wanted, SOURCE) or wanted.startswith(f"{SOURCE}.") for wanted in only)


def _covers(wanted: str, kind: str) -> bool:
    """Kinds are trees: asking for `refactor` asks for all below it, asking for nothing in particular for everything."""
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")


def _whole(document: Document) -> dict[str, Any]:
    last = len(document.lines) - 1
    end = {"line": last, "character": document.encoding.width(document.lines[last])}
    return {"start": {"line": 0, "character": 0}, "end": end}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """A diagnostic as the command takes it back."""
    return {name: item.get(name) for name in ("range", "message", "source", "code")}


def _short(item: Mapping[str, Any]) -> str:
    line = str(item["message"]).strip().split("\n", 1)[0]
    return line if len(line) <= 60 else line[:59] + "…"
