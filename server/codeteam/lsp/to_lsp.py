"""From Codeteam's words to the protocol's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from codeteam.domain.diff import changes, split_lines
from codeteam.domain.findings import Finding, Related, Severity
from codeteam.lsp.client_features import ClientFeatures
from codeteam.lsp.document import Encoding
from codeteam.lsp.planning import FileEdit

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFORMATION: types.DiagnosticSeverity.Information,
    Severity.HINT: types.DiagnosticSeverity.Hint,
}
_LONGEST = 4000
"""Characters of a diagnostic's message: a model wrote it."""


def workspace_edit(
    edits: Sequence[FileEdit], features: ClientFeatures, *, job: str, label: str, description: str
) -> types.WorkspaceEdit:
    """The edits in the strongest form that the client takes: versioned and to be confirmed, where it can.

    The annotation that asks for the confirmation is named for the job.
    """
    annotation = job if features.annotations else None
    if not features.document_changes:
        return types.WorkspaceEdit(
            changes={
                edit.uri: [types.TextEdit(range=place, new_text=text) for place, text in _replacements(edit, features)]
                for edit in edits
            }
        )
    operations: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile] = []
    for edit in edits:
        if edit.before is None and features.create_files:
            operations.append(
                types.CreateFile(
                    uri=edit.uri,
                    options=types.CreateFileOptions(overwrite=False, ignore_if_exists=False),
                    annotation_id=annotation,
                )
            )
        operations.append(
            types.TextDocumentEdit(
                text_document=types.OptionalVersionedTextDocumentIdentifier(uri=edit.uri, version=edit.version),
                edits=[_text_edit(place, text, annotation) for place, text in _replacements(edit, features)],
            )
        )
    note = types.ChangeAnnotation(label=label, needs_confirmation=True, description=description)
    return types.WorkspaceEdit(
        document_changes=operations, change_annotations={annotation: note} if annotation else None
    )


def diagnostic(
    finding: Finding,
    *,
    lines: Sequence[str],
    start: int,
    end: int,
    features: ClientFeatures,
    job: str,
    related: Sequence[tuple[str, Related]] = (),
) -> types.Diagnostic:
    """A finding at lines `start` to `end` (from 0, the end included) of the document's lines.

    `related` are the places it points at, each with its URI; a client that cannot show them reads of them.
    """
    first, last = lines[start].rstrip("\r\n"), lines[end].rstrip("\r\n")
    indent = len(first) - len(first.lstrip())
    return types.Diagnostic(
        range=types.Range(
            start=types.Position(line=start, character=features.encoding.width(first[:indent])),
            end=types.Position(line=end, character=features.encoding.width(last.rstrip())),
        ),
        severity=_SEVERITY[finding.severity],
        code=finding.rule,
        code_description=types.CodeDescription(href=finding.url)
        if finding.url and features.code_descriptions
        else None,
        source="codeteam",
        message=_message(finding, () if features.related_information else related),
        related_information=[_pointer(uri, place) for uri, place in related]
        if related and features.related_information
        else None,
        data={"findingId": finding.fingerprint, "jobId": job},
    )


def _message(finding: Finding, related: Sequence[tuple[str, Related]]) -> str:
    text = finding.message
    if finding.trigger:
        text += f"\nGoes wrong with: {finding.trigger}"
    if finding.suggestion:
        text += f"\nSuggestion: {finding.suggestion}"
    for _, place in related:
        text += f"\nSee {place.path}, line {place.line}: {place.message}"
    return text[:_LONGEST]


def _pointer(uri: str, place: Related) -> types.DiagnosticRelatedInformation:
    at = types.Position(line=place.line - 1, character=0)
    location = types.Location(uri=uri, range=types.Range(start=at, end=at))
    return types.DiagnosticRelatedInformation(location=location, message=place.message)


def uri_of(path: Path) -> str:
    """The URI of an absolute path."""
    uri: str | None = from_fs_path(str(path))
    if uri is None:
        raise ValueError(f"no URI for {path}")
    return uri


def _replacements(edit: FileEdit, features: ClientFeatures) -> Iterator[tuple[types.Range, str]]:
    old = split_lines(edit.before or "")
    for change in changes(old, split_lines(edit.after)):
        start, end = (_border(line, old, features.encoding) for line in (change.start, change.end))
        yield types.Range(start=start, end=end), "".join(change.lines)


def _text_edit(place: types.Range, text: str, annotation: str | None) -> types.TextEdit | types.AnnotatedTextEdit:
    if annotation:
        return types.AnnotatedTextEdit(annotation_id=annotation, range=place, new_text=text)
    return types.TextEdit(range=place, new_text=text)


def _border(line: int, lines: Sequence[str], encoding: Encoding) -> types.Position:
    """The position before a line; for the line after the last, the end of the text."""
    if line < len(lines) or not lines or lines[-1].endswith(("\n", "\r")):
        return types.Position(line=line, character=0)
    return types.Position(line=len(lines) - 1, character=encoding.width(lines[-1]))
