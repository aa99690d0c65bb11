"""Files that the editor is asked to watch for the server, where it can: those of which findings are shown."""

from __future__ import annotations

import asyncio
import logging
import re

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codeteam.lsp.document import key, path_of
from codeteam.lsp.editor import Editor

log = logging.getLogger(__name__)

_SPECIAL = re.compile(r"[\[\]{}*?\\,!]")
"""What means something in a pattern, and has no escape that all editors know."""


class Watching:
    """One registration a file; editors answer each by itself, so they go out in order, without waiting."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._watched: dict[str, str] = {}
        """Registrations by `key` of the file's URI."""
        self._count = 0
        self._telling: set[asyncio.Task[None]] = set()

    def watch(self, uri: str, wanted: bool) -> None:
        """Have a file watched, or no longer; asks for nothing that is so already."""
        path, name = path_of(uri), key(uri)
        if path is None or not self._editor.features.watch_files or wanted == (name in self._watched):
            return
        if wanted:
            self._count += 1
            self._watched[name] = f"codeteam-file-{self._count}"
            pattern = types.FileSystemWatcher(glob_pattern="**/" + _SPECIAL.sub("?", path.name))
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers=[pattern])
            registration = types.Registration(
                id=self._watched[name],
                method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                register_options=options,
            )
            params = types.RegistrationParams(registrations=[registration])
            self._tell(types.CLIENT_REGISTER_CAPABILITY, params)
        else:
            gone = types.Unregistration(id=self._watched.pop(name), method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
            self._tell(types.CLIENT_UNREGISTER_CAPABILITY, types.UnregistrationParams(unregisterations=[gone]))

    def _tell(self, method: str, params: object) -> None:
        task = asyncio.create_task(self._ask(method, params), name=method)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _ask(self, method: str, params: object) -> None:
        try:
            await self._editor.protocol.ask(method, params)
        except JsonRpcException as error:
            log.info("%s: the client refused: %s", method, error.message)
