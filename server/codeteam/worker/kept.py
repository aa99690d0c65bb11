"""The sandbox that a worker keeps from one job to the next, with a container in stock; each job gets a fresh one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from codeteam.domain.task import Task
from codeteam.sandbox.choose import open_sandbox
from codeteam.sandbox.interface import Sandbox

SPARES = 1
"""Containers that a worker starts ahead: it runs one job at a time, and a job has one at a time."""
_OF_A_SANDBOX = ("sandbox", "sandbox_image", "sandbox_runtime", "sandbox_memory", "sandbox_budget", "package_age")
"""Settings that a sandbox is made with."""


class KeptSandbox:
    """A sandbox for the settings of the job that was last."""

    def __init__(self, *, environ: Mapping[str, str], home: Path, today: Callable[[], date] = date.today) -> None:
        """`today` is the day that the age of packages is counted from."""
        self._environ = environ
        self._home = home
        self._today = today
        self._made_for: object = None
        self._sandbox: Sandbox | None = None

    async def of(self, task: Task) -> Sandbox:
        """The sandbox for a task, which begins at once to make a container ready: a plan is made meanwhile.

        No container is started ahead of the first job, for which none may ever be needed. One for packages that
        the task declares is there when the job before had the same.
        """
        wanted = (*(getattr(task.settings, name) for name in _OF_A_SANDBOX), self._today())
        if self._sandbox is None or self._made_for != wanted:
            await self.aclose()
            self._made_for = wanted
            self._sandbox = open_sandbox(
                task.settings, home=self._home, environ=self._environ, spares=SPARES, today=self._today
            )
        if not task.dependencies and not task.test_dependencies:
            self._sandbox.warm(task.settings.language)
        return self._sandbox

    async def aclose(self) -> None:
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.aclose()
