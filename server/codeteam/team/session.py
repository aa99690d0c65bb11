"""The job's session in the sandbox: its packages, what is run in it, and what is kept of every run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType

from codeteam.domain.errors import BadInput, SandboxUnavailable
from codeteam.domain.events import Executed, Noted
from codeteam.domain.evidence import RunResult
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Task
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.indexes import package_name
from codeteam.sandbox.interface import Command, DependencyProblem, DependencySet, Limits, Outcome, Sandbox, Session
from codeteam.sandbox.languages import LANGUAGES
from codeteam.team import python_code
from codeteam.team.crew import Record
from codeteam.team.newcomers import admitted

_TOLD = 32_768
"""Characters of each end of an output that events carry."""


class JobSession:
    """Runs commands on the files of one task; an async context manager."""

    def __init__(self, task: Task, sandbox: Sandbox, record: Record, consents: Consents | None = None) -> None:
        self.task = task
        self.record = record
        self.language = LANGUAGES[task.settings.language]
        self.timeout = task.settings.execution_timeout
        """Seconds that a run may take."""
        self.is_python = self.language.name == "python"
        self.runs: list[RunResult] = []
        """Every run of the job, in order."""
        self.image = ""
        self.for_tests: frozenset[str] = frozenset()
        """Packages that are there for the project's tests alone, by their names."""
        self.doubts: tuple[DependencyProblem, ...] = ()
        """Packages of the session that are easily mistaken for others, and that no user was asked about."""
        self._sandbox = sandbox
        self._consents = consents or Consents()
        self._stack = AsyncExitStack()
        self._session: Session | None = None
        self._opened_for: str | None = None
        self._declared = task.dependencies
        self._dispensable = task.test_dependencies
        self._packages: tuple[str, ...] = ()
        self._questioned: set[str] = set()
        self._told: set[str] = set()

    async def __aenter__(self) -> JobSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def prepare(self, requirements: Sequence[str]) -> tuple[DependencyProblem, ...]:
        """Make packages ready and open a session with them.

        Packages that the workspace declares and that cannot be had are left out with a note; what the plan names
        and cannot be had comes back as problems, and then no session is open. So does, the first time, what is easily
        mistaken for another package where there is no user to ask: asked for once more, it is taken.
        """
        planned = {self.package_name(line): line for line in requirements}
        name = self.language.name
        looked_at = await admitted(
            planned,
            declared=frozenset(map(self.package_name, (*self.task.dependencies, *self.task.test_dependencies))),
            policy=self.task.settings.new_packages,
            consents=self._consents,
            sandbox=self._sandbox,
            language=name,
            index=self.language.packages,
            preferred=self.task.locked,
        )
        if looked_at.refused:
            return looked_at.refused
        doubts = tuple(item for item in looked_at.doubts if self.package_name(item.requirement) not in self._questioned)
        if doubts:
            self._questioned |= {self.package_name(item.requirement) for item in doubts}
            return doubts
        self.doubts = looked_at.doubts
        while isinstance(prepared := await self._opened(requirements, looked_at.trusted), tuple):
            bad = {self.package_name(problem.requirement) for problem in prepared}
            if self._left_out(bad, planned.keys()):
                continue
            # What the workspace declares goes first: the job may well do without it, and the plan asked for the rest.
            missing = tuple(line for line in self._declared if self.package_name(line) in bad - planned.keys())
            if not missing and (bad & planned.keys() or not self._declared):
                return prepared
            missing = missing or self._declared
            if self.language.all_or_none:
                if told := tuple(item for item in prepared if self.package_name(item.requirement) in planned):
                    return told
                raise _not_without(missing, prepared)
            self.record(Noted(f"Declared by the workspace but not installed: {', '.join(missing)}."))
            self._declared = tuple(line for line in self._declared if line not in missing)
        code = {self.package_name(line) for line in self._declared} | planned.keys()
        self.for_tests = frozenset(map(self.package_name, self._dispensable)) - code
        self._tell_of_new(planned.keys(), prepared.locked)
        return ()

    async def _opened(
        self, requirements: Sequence[str], trusted: frozenset[str]
    ) -> DependencySet | tuple[DependencyProblem, ...]:
        """Open a session with these packages and the declared ones, unless they are open; or what is wrong."""
        name = self.language.name
        lines = dict.fromkeys((*self._declared, *self._dispensable, *requirements))
        try:
            prepared = await self._sandbox.prepare(tuple(lines), name, trusted, self.task.locked)
            if isinstance(prepared, tuple) or self._opened_for == prepared.key:
                return prepared
            await self._stack.aclose()
            self._opened_for = None
            limits = Limits(memory=self.task.settings.sandbox_memory * 1024 * 1024)
            self._session = await self._stack.enter_async_context(
                self._sandbox.open(prepared, limits, job=self.task.job, language=name)
            )
        except SandboxUnavailable as error:
            # An index that is out of reach, or packages that take too much room: not for the sake of tests alone.
            if not self._dispensable or error.kind != SandboxUnavailable.kind:
                raise
            dispensable, self._dispensable = self._dispensable, ()
            self._tell_of_missing(dispensable, error.message)
            return await self._opened(requirements, trusted)
        self._opened_for = prepared.key
        self._packages = prepared.requirements
        self.image = self._session.image
        return prepared

    def _left_out(self, bad: Set[str], planned: Set[str]) -> bool:
        """Leave out what the workspace declares for its tests alone and what cannot be had of it; whether anything is.

        All of it where nothing tells which: what else is asked for must not fail for its sake.
        """
        named = tuple(line for line in self._dispensable if self.package_name(line) in bad - planned)
        known = {self.package_name(line) for line in self._declared} | planned
        missing = named or (() if bad and bad <= known else self._dispensable)
        if missing:
            self._tell_of_missing(missing)
            self._dispensable = tuple(line for line in self._dispensable if line not in missing)
        return bool(missing)

    def _tell_of_missing(self, lines: Sequence[str], why: str = "") -> None:
        reason = f" {why}" if why else ""
        self.record(Noted(f"Declared by the workspace for its tests but not installed: {', '.join(lines)}.{reason}"))

    def _tell_of_new(self, planned: Set[str], locked: Sequence[str]) -> None:
        """How the project comes to require what it does not yet: its manifest is the user's own."""
        declared = {self.package_name(line) for line in self.task.dependencies}
        new = [line for line in locked if self.package_name(line) in planned - declared - self._told]
        self._told |= {self.package_name(line) for line in new}
        if new and self.language.requires:
            command = self.language.requires.replace("{packages}", " ".join(new))
            self.record(Noted(f"The project does not require {', '.join(new)} yet: `{command}` adds that."))

    def package_name(self, requirement: str) -> str:
        """The package that a requirement line asks for, by the index of the job's language."""
        return package_name(requirement, self.language.packages)

    async def execute(self, iteration: int, purpose: str, command: Command) -> Outcome:
        """Run a command; the run is recorded and kept, with both ends of its output."""
        if self._session is None:
            raise SandboxUnavailable("The sandbox is not open.", "This is a fault of Codeteam; please report it.")
        outcome = await self._session.run(command)
        told = replace(outcome.run, stdout=_ends(outcome.run.stdout), stderr=_ends(outcome.run.stderr))
        self.runs.append(told)
        self.record(Executed(iteration, purpose, told))
        return outcome

    def before(self) -> dict[str, str]:
        """Text by path of the files that were there before the job."""
        document = [self.task.document] if self.task.document else []
        return {file.path: file.text for file in (*self.task.neighbours, *document)}

    def written(self, files: Iterable[SourceFile]) -> dict[str, bytes]:
        """What stands in the work folder: the files before the job, and these over them."""
        texts = self.before() | {file.path: file.text for file in files}
        written = {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}
        return {**self.language.scaffold(written, self._packages), **written}

    def takes(self, path: str) -> bool:
        """Whether the commands of the job's language take a file of this name."""
        return self.language.takes(path)

    def roots(self, files: Iterable[SourceFile]) -> tuple[str, ...]:
        """Folders from which modules are imported."""
        return python_code.import_roots([*self.before(), *(file.path for file in files)])


def _not_without(missing: Sequence[str], problems: Sequence[DependencyProblem]) -> BadInput:
    """For packages that the workspace declares, and that its code cannot be compiled without."""
    said = "; ".join(dict.fromkeys(f"{problem.requirement}: {problem.message}" for problem in problems))
    return BadInput(
        f"The workspace declares packages that cannot be had ({', '.join(missing)}). {said}",
        "Correct what its manifest declares, or choose a file of another part of it.",
    )


def _ends(text: str) -> str:
    """Both ends of an output, which history keeps and the worker remembers: of a flood the middle tells nothing."""
    left = len(text) - 2 * _TOLD
    return text if left <= 0 else f"{text[:_TOLD]}\n[… {left} characters …]\n{text[-_TOLD:]}"
