"""The editor's own models: `editor` for the one its user has chosen, `editor/NAME` for another.

The worker has no connection to them: it asks the server, and the server asks the editor. Editors know neither system
messages nor schemas, and they often do not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from autogen_core import CancellationToken
from autogen_core.models import (
    AssistantMessage,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
)

from codeteam.domain.errors import ModelUnavailable
from codeteam.domain.questions import Answer, Ask, Chat, Declined, Said, Why
from codeteam.models.text_client import TextClient
from codeteam.models.trouble import CallFailed, Symptoms, clean


class EditorClient(TextClient):
    """Asks one model of the editor; raises `ModelUnavailable` where asking again would not help."""

    def __init__(self, ask: Ask, model: str, temperature: float, info: ModelInfo, role: str = "") -> None:
        """`model` is the editor's name for it, empty for the one that the user has chosen."""
        super().__init__(info)
        self._ask = ask
        self._model = model
        self._temperature = temperature
        self._role = role

    def for_role(self, role: str) -> EditorClient:
        return EditorClient(self._ask, self._model, self._temperature, self._info, role)

    async def answer(
        self, messages: Sequence[LLMMessage], cancellation: CancellationToken | None
    ) -> AsyncGenerator[str | CreateResult, None]:
        label = f"the {self._role}" if self._role else "the team"
        chat = Chat(self._model, folded(messages), self._temperature, label)
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        asking = asyncio.ensure_future(self._ask(chat, pieces.put_nowait))
        asking.add_done_callback(lambda _: pieces.put_nowait(None))
        if cancellation is not None:
            cancellation.link_future(asking)
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            answer = await asking
        finally:
            asking.cancel()  # which withdraws a question that is still open; before anything else is said of the job
            await asyncio.wait({asking})
        yield self._result(answer)

    def _result(self, answer: Answer) -> CreateResult:
        if isinstance(answer, Declined):
            raise self._error(answer)
        if not isinstance(answer, Said):
            raise CallFailed(Symptoms(nature="broken_stream"))
        # No count is a count of nothing, which whoever adds up replaces by an estimate.
        usage = RequestUsage(answer.prompt_tokens or 0, answer.completion_tokens or 0)
        return CreateResult(finish_reason="stop", content=answer.text, usage=usage, cached=False)

    def _error(self, answer: Declined) -> Exception:
        """What ends the job, in the editor's words where it has some; or what may pass."""
        if answer.why is Why.FAILED:
            return CallFailed(Symptoms(code="server_error", message=answer.message))
        kind, words, hint = _REFUSALS[answer.why]
        named = f"model {self._model}" if self._model else "model"
        said = clean(answer.message, ()) or words.format(named)
        return ModelUnavailable(said, hint, kind)


def folded(messages: Sequence[LLMMessage]) -> tuple[tuple[str, str], ...]:
    """The messages for an editor: system text stands at the head of the first user message, and speakers take turns.

    Example turns stay turns: a model follows what it seems to have done before better than what it is told.
    """
    system = [message.content for message in messages if message.type == "SystemMessage"]
    turns: list[tuple[str, list[str]]] = [("user", system)] if system else []
    for message in messages:
        if message.type == "SystemMessage" or not isinstance(message.content, str):
            continue
        speaker = "assistant" if isinstance(message, AssistantMessage) else "user"
        if turns and turns[-1][0] == speaker:
            turns[-1][1].append(message.content)
        else:
            turns.append((speaker, [message.content]))
    return tuple((speaker, "\n\n".join(texts)) for speaker, texts in turns)


_OTHER = "choose another model with codeteam.model."
_REFUSALS = {
    Why.CONSENT: (
        "model_consent",
        "The editor does not let Codeteam use its {}.",
        f"Allow it when the editor asks, or {_OTHER}",
    ),
    Why.QUOTA: ("model_quota", "The editor's {} has no requests left for now.", f"Try again later, or {_OTHER}"),
    Why.NOT_FOUND: ("model_unknown", "The editor has no {} to lend.", f"Look at the editor's models, or {_OTHER}"),
    Why.BLOCKED: ("model_error", "The editor's {} refused the request.", f"Reword the requirement, or {_OTHER}"),
    Why.CANCELLED: ("model_error", "The call of the editor's {} was stopped there.", "Run the job again."),
    Why.NO_EDITOR: (
        "model_unknown",
        "`editor` means a model that an editor lends, and whoever started this job lends none.",
        "Choose another model with --model, CODETEAM_MODEL or codeteam.model.",
    ),
}
"""Kind, message with a place for the model's name, hint. None of them is tried again: someone has said no."""
