"""Static checks of a draft: its language's linters, run in the sandbox, and what they cannot know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codeteam.domain.events import Noted
from codeteam.domain.evidence import RunResult
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.source import SourceFile
from codeteam.sandbox.interface import Command
from codeteam.team import linters, suppressions
from codeteam.team.packages_for_tests import leaning
from codeteam.team.session import JobSession

_MOST_FINDINGS = 100
"""Findings of static checks that are kept of a draft."""


class StaticChecks:
    """The linters of one job."""

    def __init__(self, session: JobSession) -> None:
        self._session = session
        self.names = " and ".join(name for name, _ in session.language.lint_argvs(()))
        """Of the checkers, for people."""
        self.unchecked = ""
        """Why a checker could not do its work on the last draft; empty when all did."""
        self._known: dict[str, tuple[Finding, ...]] = {}

    async def run(
        self, iteration: int, files: Sequence[SourceFile], *, everything: bool = False
    ) -> tuple[Finding, ...]:
        """What the linters say of the draft and, unless `everything`, did not already say of the files before it.

        With what it adds to keep them from saying more, and what it leans on that only tests have; at most a hundred
        findings, the errors first.
        """
        before = self._session.before()
        leans = leaning(before, files, self._session.for_tests, folder=self._session.task.tests_folder)
        own = (*suppressions.hidden(before, files), *leans)
        found = sorted((*own, *await self._linted(iteration, files, before, everything)), key=_rank)
        if len(found) > _MOST_FINDINGS:
            self._session.record(Noted(f"Of {len(found)} findings of static checks {_MOST_FINDINGS} are kept."))
        return tuple(found[:_MOST_FINDINGS])

    async def _linted(
        self, iteration: int, files: Sequence[SourceFile], before: Mapping[str, str], everything: bool
    ) -> tuple[Finding, ...]:
        paths = tuple(file.path for file in files if self._session.takes(file.path))
        if not paths:
            return ()
        touched = tuple(path for path in paths if path in before and not everything)
        if touched and any(path not in self._known for path in touched):
            found = await self._lint(iteration, (), touched, before)
            for path in touched:
                self._known[path] = tuple(item for item in found if item.path == path)
        known = {item.fingerprint for path in touched for item in self._known[path]}
        texts = {**before, **{file.path: file.text for file in files}}
        return tuple(item for item in await self._lint(iteration, files, paths, texts) if item.fingerprint not in known)

    async def _lint(
        self, iteration: int, files: Sequence[SourceFile], paths: tuple[str, ...], texts: Mapping[str, str]
    ) -> tuple[Finding, ...]:
        own = {path: texts[path] for path in paths}
        roots = self._session.roots(files)
        found: list[Finding] = []
        self.unchecked = ""
        for number, (name, argv) in enumerate(self._session.language.lint_argvs(paths)):
            # The files are written for the first checker and stand there for the next.
            first = number == 0
            command = Command(
                argv=argv,
                files=self._session.written(files) if first else {},
                remove=(".",) if first else (),
                env={"MYPYPATH": ":".join(roots)} if self._session.language.path_variable else {},
                timeout=self._session.timeout,
            )
            outcome = await self._session.execute(iteration, "static", command)
            found += linters.READERS[name](outcome.stdout.decode("utf-8", "replace"), own)
            if outcome.run.exit_code not in (0, 1) or outcome.run.timed_out or outcome.run.out_of_memory:
                # No output of a checker that broke down must never look like a clean bill.
                self.unchecked = f"{name} could not check the code: {_breakdown(outcome.run)}"
        return tuple(found)


def _rank(finding: Finding) -> bool:
    return finding.severity is not Severity.ERROR


def _breakdown(run: RunResult) -> str:
    if run.timed_out:
        return "it did not end in time"
    if run.out_of_memory:
        return "it needs more memory than the sandbox gives"
    said = (run.stderr or run.stdout).strip().splitlines()
    return said[-1][:200] if said else f"exit code {run.exit_code}"
