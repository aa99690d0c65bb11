"""Why a job could not run now, where that is known already: the menu says so instead of letting it fail."""

from __future__ import annotations

from collections.abc import Callable

_MEMORY = 30.0
"""Seconds a failure is believed: the user may have mended it, and only another job can tell."""
_ENVIRONMENT = (
    "docker_",
    "sandbox_",
    "image_",
    "disk_full",
    "model_unreachable",
    "model_auth",
    "model_unknown",
    "worker_environment",
)


class Availability:
    """What the last job found missing on this machine."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds and never goes back."""
        self._clock = clock
        self._reason = ""
        self._until = 0.0

    def failed(self, kind: str, message: str) -> None:
        """A job failed; `kind` as in `codeteam.domain.errors`."""
        if kind.startswith(_ENVIRONMENT):
            self._reason, self._until = message, self._clock() + _MEMORY

    def worked(self) -> None:
        self._reason = ""

    def reason(self) -> str:
        """Why a job would not run; empty when nothing is known against it."""
        return self._reason if self._clock() < self._until else ""
