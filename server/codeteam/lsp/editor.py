"""The editor at the other end, as jobs speak to it: documents, questions, messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codeteam.domain.languages import TONGUES
from codeteam.lsp.client_features import ClientFeatures
from codeteam.lsp.document import Documents, Snapshot, path_of
from codeteam.lsp.editor_job import Place
from codeteam.lsp.planning import FileEdit
from codeteam.lsp.protocol import Protocol
from codeteam.lsp.to_lsp import uri_of, workspace_edit

_LONGEST = 2000
"""Characters of a message that is put before the user: it may quote what a model or a file said."""
_SUFFIXES = {
    **{name: tongue.endings[0] for tongue in TONGUES.values() for name in (tongue.editor, *tongue.editors)},
    "markdown": ".md",
    "plaintext": ".txt",
}


class Editor:
    """One client: what it can, what it has open, and how to reach its user."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.features = ClientFeatures()
        self.documents = Documents()
        self.folders: tuple[Path, ...] = ()
        """Of the workspace, in the client's order."""
        self._changing: set[asyncio.Task[None]] = set()

    def say(self, kind: types.MessageType, message: str) -> None:
        """Show a message; the user need not answer."""
        params = types.ShowMessageParams(type=kind, message=message[:_LONGEST])
        self.protocol.tell(types.WINDOW_SHOW_MESSAGE, params)

    def log(self, message: str) -> None:
        """Write to the client's log, where the user finds it when looking."""
        params = types.LogMessageParams(type=types.MessageType.Info, message=message)
        self.protocol.tell(types.WINDOW_LOG_MESSAGE, params)

    async def choose(self, kind: types.MessageType, message: str, *choices: str) -> str | None:
        """Ask the user; the chosen title, empty when none was chosen, None where the client shows no questions."""
        params = types.ShowMessageRequestParams(
            type=kind, message=message[:_LONGEST], actions=[types.MessageActionItem(title=choice) for choice in choices]
        )
        try:
            answer = await self.protocol.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
        except JsonRpcException as error:
            return "" if error.code == types.LSPErrorCodes.RequestCancelled else None
        return answer.title if answer is not None and answer.title in choices else ""

    async def show(self, path: Path) -> bool:
        """Open a file in the editor; False when the client cannot."""
        if not self.features.show_document:
            return False
        params = types.ShowDocumentParams(uri=uri_of(path), take_focus=True)
        try:
            return bool((await self.protocol.ask(types.WINDOW_SHOW_DOCUMENT, params)).success)
        except JsonRpcException:
            return False

    def change(self, edit: FileEdit, label: str) -> None:
        """Send an edit that the user has chosen by its name, and say so where the editor does not take it."""
        task = asyncio.create_task(self._change(edit, label), name=label)
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def _change(self, edit: FileEdit, label: str) -> None:
        plain = replace(self.features, annotations=False)
        params = types.ApplyWorkspaceEditParams(
            edit=workspace_edit([edit], plain, job="", label=label, description=""), label=label
        )
        try:
            result = await self.protocol.ask(types.WORKSPACE_APPLY_EDIT, params)
            reason = "" if result.applied else result.failure_reason or "the text has moved on"
        except JsonRpcException as error:
            reason = error.message
        if reason:
            self.say(types.MessageType.Warning, f"{label}: the editor did not take the edit ({reason}).")

    def place(self, document: Snapshot) -> Place:
        """Where a document stands: in the innermost workspace folder that holds it."""
        path = path_of(document.uri)
        if path is None:
            root = self.folders[0] if self.folders else None
            return Place(root, root, f"untitled{_SUFFIXES.get(document.language, '.txt')}")
        holding = [folder for folder in self.folders if path.is_relative_to(folder)]
        if not holding:
            return Place(None, path.parent, path.name)
        root = max(holding, key=lambda folder: len(folder.parts))
        return Place(root, root, path.relative_to(root).as_posix())

    def buffers(self, root: Path | None) -> dict[str, str]:
        """The texts of open documents below a folder, by relative path."""
        found: dict[str, str] = {}
        for document in self.documents.all():
            path = path_of(document.uri)
            if root is not None and path is not None and path.is_relative_to(root):
                found[path.relative_to(root).as_posix()] = document.text
        return found
