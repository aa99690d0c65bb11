"""What the editor lends to jobs: its own models, and its user's keys.

Answers are the editor's, which may be any extension: they are read with care, and never logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import count

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codeteam.domain.questions import Answer, Chat, Consent, Declined, Given, Install, Key, Question, Said, Secret, Why
from codeteam.domain.settings import Settings
from codeteam.lsp.commands import UNTRUSTED
from codeteam.lsp.configuration import Configuration
from codeteam.lsp.editor import Editor

log = logging.getLogger(__name__)

_LONGEST_REPLY = 4_000_000
"""Characters; the longest that any model says is an eighth of it."""
_LONGEST_ADDRESS = 300
_LONGEST_KEY = 4_000
_MOST_TOKENS = 10**9
_FETCH = "Fetch it"
_LEAVE = "Leave it out"
_ROLES = ("architect", "developer", "reviewer", "tester")


class Lending:
    """Passes questions of jobs on to the client."""

    def __init__(self, editor: Editor, configuration: Configuration, title_of: Callable[[str], str]) -> None:
        """`title_of` says what a job is to do, for its user."""
        self._editor = editor
        self._configuration = configuration
        self._title_of = title_of
        self._numbers = count(1)
        self._listening: dict[str, Callable[[str], None]] = {}

    def missing(self, settings: Settings) -> str:
        """Why jobs with these settings cannot run here; empty when nothing of it is known."""
        wanted = {settings.model_of(role).partition("/")[0] for role in _ROLES}
        if "editor" not in wanted or self._editor.features.chat:
            return ""
        return "This editor lends no models of its own: choose another one with the setting codeteam.model."

    async def answer(self, job: str, question: Question, on_part: Callable[[str], None]) -> Answer:
        """See `codeteam.jobs.engine.AnswerJob`."""
        if isinstance(question, Install):  # asked of the user, whatever the workspace is
            return await self._install(question)
        if not self._configuration.trusted:
            return Declined(Why.CONSENT, UNTRUSTED)
        match question:
            case Chat() if self._editor.features.chat:
                return await self._chat(job, question, on_part)
            case Secret() if self._editor.features.secrets:
                return await self._secret(job, question)
            case _:
                return Declined(Why.NO_EDITOR)

    def part(self, params: object) -> None:
        """`codeteam/chatPart`; what no one listens to any more is dropped."""
        name, text = (params.get("chatId"), params.get("text")) if isinstance(params, Mapping) else (None, None)
        if isinstance(name, str) and isinstance(text, str) and (listen := self._listening.get(name)):
            listen(text)

    async def _chat(self, job: str, chat: Chat, on_part: Callable[[str], None]) -> Answer:
        name = f"{job}-{next(self._numbers)}"
        params = {
            "chatId": name,
            "jobId": job,
            "model": chat.model,
            "messages": [{"role": speaker, "text": text} for speaker, text in chat.messages],
            "temperature": chat.temperature,
            "label": f"{chat.label} asks, to {self._title_of(job)}",
        }
        self._listening[name] = _bounded(on_part)
        try:
            return _read_chat(await self._editor.protocol.ask("codeteam/chat", params))
        except JsonRpcException as error:
            return _read_refusal(error)
        finally:
            del self._listening[name]

    async def _install(self, install: Install) -> Answer:
        """A user who closes the question has not said yes; an editor that shows none has no user to ask."""
        kind = types.MessageType.Warning if install.why else types.MessageType.Info
        chosen = await self._editor.choose(kind, install.text, _FETCH, _LEAVE)
        return Declined(Why.NO_EDITOR) if chosen is None else Consent(chosen == _FETCH)

    async def _secret(self, job: str, secret: Secret) -> Answer:
        if len(secret.address) > _LONGEST_ADDRESS or bool(secret.address) != (secret.key is Key.OWN):
            log.warning("the worker asks for a key of %s for an address that it cannot be for", secret.key.label)
            return Given(None)
        params = {"jobId": job, "name": secret.key.value, "label": secret.key.label, "address": secret.address}
        try:
            answer = await self._editor.protocol.ask("codeteam/secret", params)
        except JsonRpcException:
            return Given(None)
        value = answer.get("value") if isinstance(answer, Mapping) else answer
        if value is None:
            return Given(None)
        if not isinstance(value, str) or len(value) > _LONGEST_KEY:
            log.warning("the client's answer to codeteam/secret is no key")
            return Given(None)
        return Given(value.strip())


def _bounded(on_part: Callable[[str], None]) -> Callable[[str], None]:
    """Passes on no more than a reply may have."""
    left = _LONGEST_REPLY

    def listen(text: str) -> None:
        nonlocal left
        left -= len(text)
        if left >= 0:
            on_part(text)

    return listen


def _read_chat(answer: object) -> Answer:
    fields = answer if isinstance(answer, Mapping) else {}
    text, model = fields.get("text"), fields.get("model")
    if not isinstance(text, str) or len(text) > _LONGEST_REPLY:
        what = "too long" if isinstance(text, str) else "not what was asked for"
        return Declined(Why.FAILED, f"The editor's answer is {what}.")
    return Said(
        text,
        model if isinstance(model, str) else "",
        _tokens(fields.get("promptTokens")),
        _tokens(fields.get("completionTokens")),
    )


def _tokens(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_TOKENS:
        return None
    return int(value)


def _read_refusal(error: JsonRpcException) -> Declined:
    """Why the client said no; `no_editor` is for us alone to say."""
    fields = error.data if isinstance(error.data, Mapping) else {}
    kind, message = fields.get("kind"), fields.get("message")
    said = message if isinstance(message, str) else error.message
    known = {str(why): why for why in Why if why is not Why.NO_EDITOR}
    other = Why.CANCELLED if error.code == types.LSPErrorCodes.RequestCancelled else Why.FAILED
    return Declined(known.get(kind, other) if isinstance(kind, str) else other, said[:1000])
