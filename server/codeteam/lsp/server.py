"""The language server: one client on standard input and output, from initialize to exit."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from codeteam import __version__
from codeteam.domain.errors import BadInput
from codeteam.domain.settings import Settings
from codeteam.jobs.engine import Engine
from codeteam.lsp.availability import Availability
from codeteam.lsp.client_features import client_features
from codeteam.lsp.code_action import KINDS, code_action
from codeteam.lsp.commands import COMMANDS, UNTRUSTED, Answer, Commands
from codeteam.lsp.configuration import SECTION, Configuration
from codeteam.lsp.delivery import Delivery
from codeteam.lsp.dismissals import Dismissals
from codeteam.lsp.document import path_of
from codeteam.lsp.editor import Editor
from codeteam.lsp.editor_job import EditorJob
from codeteam.lsp.editor_jobs import EditorJobs
from codeteam.lsp.findings_board import FindingsBoard
from codeteam.lsp.from_lsp import menu_request
from codeteam.lsp.lending import Lending
from codeteam.lsp.parent import is_alive
from codeteam.lsp.progress import job_of
from codeteam.lsp.protocol import Protocol, Refused, Stage

if TYPE_CHECKING:
    from codeteam.jobs.history import History
    from codeteam.lsp.known_jobs import KnownJobs
    from codeteam.lsp.past_jobs import PastJobs

log = logging.getLogger(__name__)

_CLOSING = 0.8
"""Seconds that shutdown waits for jobs to end; what is left is killed, and an editor quits without noticing."""
_PARENT_CHECK = 2.0
"""Seconds between looks at whether the editor's process still lives."""


@dataclass(frozen=True, slots=True)
class Composition:
    """What the server is given from outside."""

    load: Callable[[], object]
    """Imports what the engine needs, called in a thread: meanwhile commands are answered."""
    make_engine: Callable[[Settings], Engine]
    """Called once, inside the running loop, after the client has initialized."""
    new_id: Callable[[], str]
    """An identifier for a job: 12 lower-case letters and digits, not to be guessed."""
    history: Callable[[], History]
    """The history, the same at each call; not called before someone asks for it."""
    home: Path
    """The state directory."""
    settings: Settings = Settings()
    """The user's own, which the editor's settings change."""
    config: Path | None = None
    """Folder with the user's own prompts."""
    problems: tuple[str, ...] = ()
    """What is wrong with the user's own settings."""


class Server(LanguageServer):
    """The handlers, and the parts they use."""

    protocol: Protocol

    def __init__(self, composition: Composition) -> None:
        super().__init__("codeteam", __version__, protocol_cls=Protocol, converter_factory=default_converter)
        self.stopped = asyncio.Event()
        self._composition = composition
        self._configuration = Configuration(composition.settings, composition.config)
        self._availability = Availability(time.monotonic)
        self._editor = Editor(self.protocol)
        self._dismissals = Dismissals(composition.home / "dismissed")
        self._board = FindingsBoard(self._editor, self._dismissals)
        self._lending = Lending(self._editor, self._configuration, self._title_of)
        self._engine: Engine | None = None
        self._making = asyncio.Lock()
        self._closed = False
        self._parts: tuple[EditorJobs, Commands] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._problems: list[str] = []
        self._tried = composition.settings
        """The settings that the last failure, if there was one, is believed for."""
        for method, handler in self._handlers().items():
            self.protocol.on(method, handler)

    def _handlers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            types.INITIALIZE: self._initialize,
            types.INITIALIZED: self._initialized,
            types.SHUTDOWN: self._shutdown,
            types.EXIT: lambda _: self.stopped.set(),
            types.SET_TRACE: lambda _: None,
            types.TEXT_DOCUMENT_DID_OPEN: self._did_open,
            types.TEXT_DOCUMENT_DID_CHANGE: self._did_change,
            types.TEXT_DOCUMENT_DID_CLOSE: self._did_close,
            types.TEXT_DOCUMENT_CODE_ACTION: self._code_action,
            types.WORKSPACE_EXECUTE_COMMAND: self._execute_command,
            types.WORKSPACE_DID_CHANGE_CONFIGURATION: self._did_change_configuration,
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES: self._did_change_watched_files,
            types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: self._did_change_folders,
            types.WINDOW_WORK_DONE_PROGRESS_CANCEL: self._progress_cancel,
            "codeteam/trust": self._trust,
            "codeteam/jobs": lambda params: self._known_jobs().listed(params),
            "codeteam/jobReport": lambda params: self._known_jobs().report(params),
            "codeteam/chatPart": self._lending.part,
        }

    async def close(self) -> None:
        """End every job and process, quickly; may be called again."""
        self._closed = True
        for task in tuple(self._background):
            task.cancel()
        if self._parts is not None:
            await self._parts[0].close()
        await self._dismissals.written(_CLOSING)
        if self._engine is not None:
            engine, self._engine = self._engine, None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(engine.aclose(), _CLOSING)
            engine.kill_now()

    def _initialize(self, params: dict[str, Any] | None) -> types.InitializeResult:
        if not isinstance(params, dict):
            raise Refused(types.ErrorCodes.InvalidParams, "initialize needs parameters.")
        features = client_features(params.get("capabilities"))
        self._editor.features = features
        self._editor.documents.encoding = features.encoding
        self._editor.folders = _folders(params)
        problems = self._configuration.start(params.get("initializationOptions"), speaks_trust=features.speaks_trust)
        self._problems = [*self._composition.problems, *problems]
        self.protocol.stage = Stage.RUNNING
        parent = params.get("processId")
        if isinstance(parent, int) and not isinstance(parent, bool):
            self._start(self._watch(parent), "parent")
        return types.InitializeResult(
            capabilities=_capabilities(features.encoding, self._composition.settings),
            server_info=types.ServerInfo(name=self.name, version=self.version),
        )

    def _assemble(self) -> tuple[EditorJobs, Commands]:
        delivery = Delivery(
            editor=self._editor,
            board=self._board,
            proposals=self._composition.home / "proposals",
            rerun=lambda job: self._start(self._run_again(job), "rerun"),
        )
        jobs = EditorJobs(
            editor=self._editor,
            engine=self._made_engine,
            configuration=self._configuration,
            availability=self._availability,
            deliver=delivery.deliver,
            remember=lambda job: self._composition.history().applied(job),
            new_id=self._composition.new_id,
            clock=time.time,
        )
        commands = Commands(
            editor=self._editor,
            jobs=jobs,
            board=self._board,
            configuration=self._configuration,
            past=self._past_jobs,
        )
        return jobs, commands

    async def _made_engine(self) -> Engine:
        """The engine, once it is loaded; raises BadInput when there will be none."""
        async with self._making:
            if self._engine is None and not self._closed:
                await asyncio.to_thread(self._composition.load)
            if self._closed:
                raise BadInput("Codeteam is shutting down; no job is taken.")
            if self._engine is None:
                self._engine = self._composition.make_engine(self._configuration.settings)
                self._engine.answer = self._lending.answer
        return self._engine

    def _initialized(self, _: object) -> None:
        if self._editor.features.watch_configuration:
            self._start(self._watch_configuration(), "register")
        self._start(self._ask_configuration(), "configuration")
        self._start(self._warm(), "warm")

    async def _warm(self) -> None:
        """Load what the first job needs by the editor's settings; they are not waited for long."""
        await self._configuration.settled()
        if not self._configuration.trusted:
            return  # no job can run; `_trust` comes back here
        jobs, _ = self._ready()
        with contextlib.suppress(BadInput):  # the editor goes already
            await jobs.warm()
        if not self._configuration.trusted:
            await self._rest()
        # What is loaded by now stays; a look through it all for garbage would stop the editor for 50 ms now and then.
        gc.freeze()

    async def _shutdown(self, _: object) -> None:
        self.protocol.stage = Stage.SHUT_DOWN
        await self.close()

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._board.refresh(self._editor.documents.open(params.text_document))

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        document = self._editor.documents.get(params.text_document.uri)
        if document is None:
            log.warning("%s was changed but is not open", params.text_document.uri)
            return
        replacements = [document.change(change) for change in params.content_changes]
        document.version = params.text_document.version
        self._board.changed(document, replacements)

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._editor.documents.close(params.text_document.uri)
        self._board.on_disk(params.text_document.uri)

    def _did_change_watched_files(self, params: types.DidChangeWatchedFilesParams) -> None:
        for change in params.changes:
            self._board.on_disk(change.uri)

    def _code_action(self, params: object) -> list[dict[str, Any]]:
        request = menu_request(params)
        document = self._editor.documents.get(request.uri)
        if document is None:
            return []
        jobs, _ = self._ready()
        return code_action(
            request,
            document=document,
            jobs=jobs.of(document.uri),
            features=self._editor.features,
            board=self._board,
            unavailable=self._unavailable(),
        )

    def _unavailable(self) -> str:
        """Why no job can run now; empty when one can."""
        if not self._configuration.trusted:
            return UNTRUSTED
        return self._availability.reason() or self._lending.missing(self._configuration.settings)

    def _execute_command(self, params: types.ExecuteCommandParams) -> Answer:
        return self._ready()[1].execute(params)

    def _did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        if self._editor.features.configuration:
            self._start(self._ask_configuration(), "configuration")
        else:
            self._say_problems(self._configuration.change(params.settings))

    def _did_change_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        gone = {path_of(folder.uri) for folder in params.event.removed}
        added = (path_of(folder.uri) for folder in params.event.added)
        kept = [folder for folder in self._editor.folders if folder not in gone]
        self._editor.folders = (*kept, *(folder for folder in added if folder is not None and folder not in kept))

    def _progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        jobs, _ = self._ready()
        job = jobs.get(job_of(params.token) or "")
        if job is not None:
            jobs.cancel(job)

    def _trust(self, params: object) -> None:
        """`codeteam/trust {trusted}`: the user has changed their mind about the workspace."""
        trusted = params.get("trusted") if isinstance(params, dict) else None
        self._configuration.trusted = trusted is True
        if self._configuration.trusted:
            self._start(self._warm(), "warm")
            return
        jobs, _ = self._ready()
        jobs.cancel_all()
        self._start(self._rest(), "rest")

    async def _rest(self) -> None:
        """End the worker that waits for a job: none can run here."""
        if self._engine is not None:
            await self._engine.rest()

    def _title_of(self, name: str) -> str:
        job = self._ready()[0].get(name)
        return job.request.title if job is not None else "go on"

    async def _run_again(self, job: EditorJob) -> None:
        try:
            await self._ready()[1].rerun(job)
        except JsonRpcException as error:
            self._editor.say(types.MessageType.Warning, error.message)

    def _ready(self) -> tuple[EditorJobs, Commands]:
        """The parts that know what the editor can do; made when they are first needed."""
        if self._parts is None:
            self._parts = self._assemble()
        return self._parts

    def _known_jobs(self) -> KnownJobs:
        from codeteam.lsp.known_jobs import KnownJobs  # noqa: PLC0415 - with the history, when someone asks for it

        return KnownJobs(
            editor=self._editor,
            jobs=self._ready()[0],
            configuration=self._configuration,
            history=self._composition.history(),
            past=self._past_jobs(),
            clock=time.time,
        )

    def _past_jobs(self) -> PastJobs:
        from codeteam.lsp.past_jobs import PastJobs  # noqa: PLC0415 - likewise

        return PastJobs(self._composition.history(), self._editor.folders)

    def _start(self, work: Any, name: str) -> asyncio.Future[None]:
        task = asyncio.ensure_future(_quietly(work, name))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _watch_configuration(self) -> None:
        registration = types.Registration(id="codeteam-settings", method=types.WORKSPACE_DID_CHANGE_CONFIGURATION)
        registration.register_options = {"section": SECTION}
        params = types.RegistrationParams(registrations=[registration])
        await self.protocol.ask(types.CLIENT_REGISTER_CAPABILITY, params)

    async def _ask_configuration(self) -> None:
        """Take the editor's settings where it can be asked for them, and say what is wrong with all that came."""
        if self._editor.features.configuration:
            params = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
            with self._configuration.asking():
                answer = await self.protocol.ask(types.WORKSPACE_CONFIGURATION, params)
                self._problems += self._configuration.change(answer[0] if answer else None)
        problems, self._problems = self._problems, []
        self._say_problems(problems)

    def _say_problems(self, problems: Any) -> None:
        settings = self._configuration.settings
        if settings != self._tried:  # what failed before, a missing model perhaps, may have been mended by that
            self._tried = settings
            self._availability.worked()
        if self._engine is not None:
            self._engine.slots = settings.jobs
        if problems:
            self._editor.say(types.MessageType.Warning, "Codeteam's settings: " + " ".join(dict.fromkeys(problems)))

    async def _watch(self, parent: int) -> None:
        """End when the editor has died without saying goodbye."""
        while is_alive(parent):  # noqa: ASYNC110 - another process ends without an event
            await asyncio.sleep(_PARENT_CHECK)
        log.warning("the editor's process %d is gone", parent)
        self.stopped.set()


async def _quietly(work: Any, name: str) -> None:
    try:
        await work
    except JsonRpcException as error:
        log.info("%s: the client refused: %s", name, error.message)
    except Exception:
        log.exception("%s failed", name)


def _folders(params: dict[str, Any]) -> tuple[Path, ...]:
    given = params.get("workspaceFolders") or []
    uris = [folder.get("uri") for folder in given if isinstance(folder, dict)] if isinstance(given, list) else []
    if not uris and isinstance(params.get("rootUri"), str):
        uris = [params["rootUri"]]
    paths = [path_of(uri) for uri in uris if isinstance(uri, str)]
    if not uris and isinstance(params.get("rootPath"), str):
        paths = [Path(params["rootPath"])]
    return tuple(path for path in paths if path is not None and path.is_absolute())


def _capabilities(encoding: str, users: Settings) -> types.ServerCapabilities:
    own = next(filter(None, users.models), "")
    return types.ServerCapabilities(
        position_encoding=types.PositionEncodingKind(encoding),
        text_document_sync=types.TextDocumentSyncOptions(
            open_close=True, change=types.TextDocumentSyncKind.Incremental
        ),
        code_action_provider=types.CodeActionOptions(code_action_kinds=list(KINDS)),
        execute_command_provider=types.ExecuteCommandOptions(commands=list(COMMANDS)),
        workspace=types.WorkspaceOptions(
            workspace_folders=types.WorkspaceFoldersServerCapabilities(supported=True, change_notifications=True)
        ),
        experimental={"codeteam": {"jobs": True, "trust": True, "chat": True, "secrets": True, "model": own}},
    )
