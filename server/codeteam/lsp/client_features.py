"""What the editor can do, read from its capabilities; what it does not say, it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeteam.lsp.document import Encoding


@dataclass(frozen=True, slots=True)
class ClientFeatures:
    """The capabilities that Codeteam's way of working depends on."""

    encoding: Encoding = Encoding.UTF16
    progress: bool = False
    """The server may start a work-done progress."""
    apply_edit: bool = False
    document_changes: bool = False
    """Edits may carry the version they were made for."""
    create_files: bool = False
    annotations: bool = False
    """Edits may be marked as needing the user's confirmation."""
    action_literals: bool = False
    disabled_actions: bool = False
    action_data: bool = False
    related_information: bool = False
    """Diagnostics may point at other places."""
    code_descriptions: bool = False
    """Diagnostics may link to a page about their rule."""
    configuration: bool = False
    """Settings may be asked for."""
    watch_configuration: bool = False
    """The client announces changed settings once the server registers for them."""
    watch_files: bool = False
    """The client watches files that the server names while it runs."""
    show_document: bool = False
    job_notifications: bool = False
    """The client asks for `codeteam/job`."""
    chat: bool = False
    """The client lends its own models: it answers `codeteam/chat`."""
    secrets: bool = False
    """The client asks its user for keys: it answers `codeteam/secret`."""
    speaks_trust: bool = False
    """The client tells whether the workspace is trusted; nothing runs before it has said so."""

    @property
    def confirms(self) -> bool:
        """The editor itself asks the user before it applies an edit that says so."""
        return self.document_changes and self.annotations


def client_features(capabilities: object) -> ClientFeatures:
    """Read `InitializeParams.capabilities`, whatever it holds."""
    edit = ("workspace", "workspaceEdit")
    action = ("textDocument", "codeAction")
    diagnostics = ("textDocument", "publishDiagnostics")
    operations = _at(capabilities, *edit, "resourceOperations")
    creates = isinstance(operations, Sequence) and "create" in operations
    return ClientFeatures(
        encoding=_encoding(_at(capabilities, "general", "positionEncodings")),
        progress=_at(capabilities, "window", "workDoneProgress") is True,
        apply_edit=_at(capabilities, "workspace", "applyEdit") is True,
        # operations on files exist in document changes alone; Neovim names only the former
        document_changes=creates or _at(capabilities, *edit, "documentChanges") is True,
        create_files=creates,
        annotations=isinstance(_at(capabilities, *edit, "changeAnnotationSupport"), Mapping),
        action_literals=isinstance(_at(capabilities, *action, "codeActionLiteralSupport"), Mapping),
        disabled_actions=_at(capabilities, *action, "disabledSupport") is True,
        action_data=_at(capabilities, *action, "dataSupport") is True,
        related_information=_at(capabilities, *diagnostics, "relatedInformation") is True,
        code_descriptions=_at(capabilities, *diagnostics, "codeDescriptionSupport") is True,
        configuration=_at(capabilities, "workspace", "configuration") is True,
        watch_configuration=_at(capabilities, "workspace", "didChangeConfiguration", "dynamicRegistration") is True,
        watch_files=_at(capabilities, "workspace", "didChangeWatchedFiles", "dynamicRegistration") is True,
        show_document=_at(capabilities, "window", "showDocument", "support") is True,
        job_notifications=_at(capabilities, "experimental", "codeteam", "jobs") is True,
        chat=_at(capabilities, "experimental", "codeteam", "chat") is True,
        secrets=_at(capabilities, "experimental", "codeteam", "secrets") is True,
        speaks_trust=_at(capabilities, "experimental", "codeteam", "trust") is True,
    )


def _encoding(offered: object) -> Encoding:
    """The first encoding of the client's list that exists; UTF-16 when it offers none, as the protocol says."""
    known = {str(encoding): encoding for encoding in Encoding}
    if isinstance(offered, Sequence):
        for name in offered:
            if isinstance(name, str) and name in known:
                return known[name]
    return Encoding.UTF16


def _at(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
