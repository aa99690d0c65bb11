"""Keys that the environment does not have: asked for once a job, kept for as long as it runs, and forgotten."""

from __future__ import annotations

import asyncio

from codeteam.domain.errors import ModelUnavailable
from codeteam.domain.questions import Ask, Declined, Given, Key, Secret
from codeteam.models.endpoints import MissingKey


class AskedKeys:
    """What the user gave, for one job's clients."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._answers: dict[tuple[Key, str], Given | Declined] = {}
        self._turn = asyncio.Lock()

    def given(self, address: str = "") -> dict[str, str]:
        """By environment variable, what was given for providers and for one's own server at this address."""
        return {
            key: answer.value
            for (key, where), answer in self._answers.items()
            if where in ("", address) and isinstance(answer, Given) and answer.value
        }

    async def ask(self, missing: MissingKey) -> None:
        """Ask for a key that cannot be done without; raises `ModelUnavailable` when there is none to be had."""
        if not await self.ask_if_needed(missing.key):
            hint = missing.hint
            if isinstance(self._answers[missing.key, ""], Given):
                hint = f"{hint.removesuffix('.')}, or give the key when the editor asks for it."
            raise ModelUnavailable(missing.message, hint, missing.kind) from None

    async def ask_if_needed(self, key: Key, address: str = "") -> bool:
        """Ask, unless that was done already; True when there is a key. `address` as in `Secret`."""
        async with self._turn:
            if (key, address) not in self._answers:
                answer = await self._ask(Secret(key, address), _nothing)
                self._answers[key, address] = answer if isinstance(answer, Given | Declined) else Given(None)
        return key in self.given(address)

    def forget(self) -> None:
        self._answers.clear()


def _nothing(_: str) -> None:
    """A key does not come in pieces."""
