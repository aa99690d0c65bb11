"""What jobs ask, put to the user of a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from codeteam.cli.terminal import harmless
from codeteam.cli.view import View
from codeteam.domain.questions import Answer, Consent, Declined, Install, Question, Why


class TerminalAnswers:
    """One question after the other, each answered by a line: `y` is yes, all else is no."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._turn = asyncio.Lock()

    async def answer(self, _job: str, question: Question, _on_part: Callable[[str], None]) -> Answer:
        """See `codeteam.jobs.engine.AnswerJob`; keys and models are not a terminal's to lend."""
        if not isinstance(question, Install):
            return Declined(Why.NO_EDITOR)
        async with self._turn:
            with self._view.aside():
                sys.stderr.write(f"{harmless(question.text)} Fetch it? [y/N] ")
                sys.stderr.flush()
                said = await asyncio.to_thread(sys.stdin.readline)
        return Consent(said.strip().lower() in ("y", "yes"))
