"""What the user said to packages that jobs asked for: yes is remembered, no holds for the job."""

from __future__ import annotations

import json
from pathlib import Path

from codeteam.domain.questions import Ask, Consent, Install, ask_no_one
from codeteam.sandbox.locks import locked


class Consents:
    """One job's way to its user, and what that user allowed before."""

    def __init__(self, path: Path | None = None, ask: Ask = ask_no_one) -> None:
        """`path` is the file that remembers; None for no memory."""
        self._path = path
        self._ask = ask
        self._refused: set[tuple[str, str]] = set()

    def granted(self, index: str) -> frozenset[str]:
        """Names of an index that the user allowed, in this job or before."""
        return frozenset(self._remembered().get(index, ()))

    async def ask(self, package: str, index: str, why: str) -> bool | None:
        """Whether the user wants the package; None where no one can be asked."""
        if (index, package) in self._refused:
            return False
        answer = await self._ask(Install(package, index, why), lambda _: None)
        if not isinstance(answer, Consent):
            return None
        if answer.granted:
            await self._remember(package, index)
        else:
            self._refused.add((index, package))
        return answer.granted

    def _remembered(self) -> dict[str, list[str]]:
        try:
            found = json.loads(self._path.read_text("utf-8")) if self._path is not None else {}
        except (OSError, ValueError, RecursionError):
            return {}
        lists = found.items() if isinstance(found, dict) else ()
        return {
            index: [name for name in names if isinstance(name, str)]
            for index, names in lists
            if isinstance(names, list)
        }

    async def _remember(self, package: str, index: str) -> None:
        if self._path is None:
            return
        async with locked(self._path.with_suffix(".lock")):
            known = self._remembered()
            known[index] = sorted({*known.get(index, ()), package})
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(known, indent=2), "utf-8")
            fresh.replace(self._path)
