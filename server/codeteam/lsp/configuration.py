"""The settings an editor gives, in the three ways editors have, and whether it trusts the workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from codeteam.domain.settings import Settings
from codeteam.workspace.configuration import foreign_settings, parse_settings

SECTION = "codeteam"
_PATIENCE = 2.0
"""Seconds that a job waits for the editor to say its settings."""
_WORKSPACE = "workspace"
"""Name in our section under which a client gives what the workspace's own editor settings say."""
_NOT_SETTINGS = frozenset({"trusted", "trace"})
"""Names in our section that are not the team's: how far the workspace is trusted, and the client's own tracing."""


class Configuration:
    """What holds now: the user's own settings, then the start options, then what the editor's settings say.

    What the workspace says in the editor's settings comes last, and may only tighten, as its files may.
    """

    def __init__(self, user: Settings, folder: Path | None = None) -> None:
        """`folder` holds the user's own `prompts/`."""
        self.folder = folder
        self._user = user
        self._options: Mapping[str, object] = {}
        self._section: Mapping[str, object] = {}
        self.settings = user
        self.trusted = False
        """Whether jobs may run: generated code is executed, and the workspace's own files steer it."""
        self._settled = asyncio.Event()
        self._settled.set()
        self._asking = 0
        self._has_workspaces = False
        """Whether the client has settings of workspaces: editors that speak of trust have."""

    def start(self, options: object, *, speaks_trust: bool) -> tuple[str, ...]:
        """Take `initializationOptions`; returns a message for each thing that is wrong.

        A client that says it speaks of trust is not trusted until it says so. Any other was set up by its user in
        a file of their own, and is trusted unless its options say `trusted: false`.
        """
        self._options = _section_of(options)
        trusted = self._options.get("trusted", not speaks_trust)
        self.trusted = trusted is True
        self._has_workspaces = speaks_trust
        problems = self._rebuild()
        if not isinstance(options, Mapping) and options is not None:
            problems += ("initializationOptions: must be an object of settings; it was ignored.",)
        if not isinstance(trusted, bool):
            problems += (
                "initializationOptions: trusted must be true or false; the workspace is taken as not trusted.",
            )
        return problems

    def change(self, section: object) -> tuple[str, ...]:
        """Take the editor's `codeteam` settings; returns a message for each thing that is wrong."""
        self._section = _section_of(section)
        return self._rebuild()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While the editor is being asked for its settings."""
        self._asking += 1
        self._settled.clear()
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._settled.set()

    async def settled(self) -> Settings:
        """The settings, once the editor has answered; those that hold now when it takes too long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), _PATIENCE)
        return self.settings

    def _rebuild(self) -> tuple[str, ...]:
        sources = (("initializationOptions", self._options), ("editor settings", self._section))
        settings, problems = self._user, list[str]()
        for where, values in sources:
            settings, wrong = parse_settings(self._users(values), where=where, base=settings)
            problems += wrong
        for where, values in sources:
            said = f"{where} of the workspace"
            settings, wrong = foreign_settings(self._workspaces(values), where=said, base=settings)
            problems += wrong
        self.settings = settings
        return tuple(problems)

    def _users(self, values: Mapping[str, object]) -> Mapping[str, object]:
        return {} if self._mixed(values) else _own(values)

    def _workspaces(self, values: Mapping[str, object]) -> Mapping[str, object]:
        if self._mixed(values):
            return _own(values)
        said = values.get(_WORKSPACE)
        return said if isinstance(said, Mapping) else {}

    def _mixed(self, values: Mapping[str, object]) -> bool:
        """Whether the workspace's settings may be among the others, not told apart: then they count as its own."""
        return self._has_workspaces and not isinstance(values.get(_WORKSPACE), Mapping)


def _section_of(value: object) -> Mapping[str, object]:
    """The settings in a value that is either our section or an object that holds it."""
    if not isinstance(value, Mapping):
        return {}
    inner = value.get(SECTION)
    return inner if isinstance(inner, Mapping) else value


def _own(values: Mapping[str, object]) -> Mapping[str, object]:
    apart = _WORKSPACE if isinstance(values.get(_WORKSPACE), Mapping) else ""
    return {name: value for name, value in values.items() if name not in _NOT_SETTINGS and name != apart}
