"""The executor: the role without a model. Everything that is written is run here, in the sandbox, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType

from codeteam.domain.errors import SandboxUnavailable
from codeteam.domain.events import Executed, Noted
from codeteam.domain.evidence import RunResult, TestReport
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.languages import is_test, tongue_of
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Task
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.interface import Command, DependencyProblem, Limits, Outcome, Sandbox, Session
from codeteam.sandbox.languages import LANGUAGES, REPORT
from codeteam.sandbox.program import Program
from codeteam.team import linters, node_examples, python_code, reports, suppressions
from codeteam.team.blind import GOT, Blind, blinded, blinded_examples, judged
from codeteam.team.code import code_of
from codeteam.team.crew import Record
from codeteam.team.examples import TEST_PATH, Example, Examples, acceptance_test, read_examples
from codeteam.team.newcomers import admitted, package_name
from codeteam.team.turned import deception, too_large, turned, turned_examples

_TOLD = 32_768
"""Characters of each end of an output that events carry."""
_MOST_FINDINGS = 100
"""Findings of static checks that are kept of a draft."""
_RUNNER = "codeteam_run.py"
_RAN = ".codeteam/ran"
_REPORTS_GO_HERE = ".codeteam/.reports"
"""An empty file: not every test runner makes the folder of its report."""

_IMPORT_ALL = '''"""Imports every module of a draft; the marker at the end tells a clean end from an early exit."""
import importlib
import os
import runpy
import sys

for entry in reversed({roots!r}):
    sys.path.insert(0, os.path.abspath(entry))
for name, path in {modules!r}:
    if name:
        importlib.import_module(name)
    else:
        runpy.run_path(path, run_name="codeteam_check")
os.makedirs(".codeteam", exist_ok=True)
with open({marker!r}, "w") as file:
    file.write({token!r})
'''


class Executor:
    """Runs drafts and tests of one task; an async context manager that holds the job's sandbox session."""

    def __init__(
        self, task: Task, sandbox: Sandbox, record: Record, token: str, consents: Consents | None = None
    ) -> None:
        self._task = task
        self._sandbox = sandbox
        self._record = record
        self._token = token
        self._consents = consents or Consents()
        self._stack = AsyncExitStack()
        self._language = LANGUAGES[task.settings.language]
        self.checkers = " and ".join(name for name, _ in self._language.lint_argvs(()))
        """Names of the static checks, for people."""
        self.is_python = self._language.name == "python"
        self.documentation = "a docstring" if self.is_python else "a doc comment"
        self.how_it_runs = self._language.ran
        self.unmeasured = self._language.unmeasured
        """What this language's drafts are not judged by, in sentences."""
        self._session: Session | None = None
        self._opened_for: str | None = None
        self._declared = task.dependencies
        self._known: dict[str, tuple[Finding, ...]] = {}
        self.runs: list[RunResult] = []
        """Every run of the job, in order."""
        self.image = ""
        self.unchecked = ""
        """Why a static checker could not do its work on the last draft; empty when all did."""
        self.doubts: tuple[DependencyProblem, ...] = ()
        """Packages of the session that are easily mistaken for others, and that no user was asked about."""
        self._questioned: set[str] = set()

    async def __aenter__(self) -> Executor:
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
        planned = {package_name(line): line for line in requirements}
        name = self._language.name
        looked_at = await admitted(
            planned,
            declared=frozenset(package_name(line) for line in self._task.dependencies),
            policy=self._task.settings.new_packages,
            consents=self._consents,
            sandbox=self._sandbox,
            language=name,
            index=self._language.packages,
        )
        if looked_at.refused:
            return looked_at.refused
        doubts = tuple(item for item in looked_at.doubts if package_name(item.requirement) not in self._questioned)
        if doubts:
            self._questioned |= {package_name(item.requirement) for item in doubts}
            return doubts
        self.doubts = looked_at.doubts
        while isinstance(
            prepared := await self._sandbox.prepare(
                tuple(dict.fromkeys((*self._declared, *requirements))), name, looked_at.trusted
            ),
            tuple,
        ):
            bad = {package_name(problem.requirement) for problem in prepared}
            # What the workspace declares goes first: the job may well do without it, and the plan asked for the rest.
            missing = tuple(line for line in self._declared if package_name(line) in bad - planned.keys())
            if not missing and (bad & planned.keys() or not self._declared):
                return prepared
            missing = missing or self._declared
            self._record(Noted(f"Declared by the workspace but not installed: {', '.join(missing)}."))
            self._declared = tuple(line for line in self._declared if line not in missing)
        if self._opened_for != prepared.key:
            await self._stack.aclose()
            limits = Limits(memory=self._task.settings.sandbox_memory * 1024 * 1024)
            self._session = await self._stack.enter_async_context(
                self._sandbox.open(prepared, limits, job=self._task.job, language=name)
            )
            self._opened_for = prepared.key
            self.image = self._session.image
        return ()

    async def tidy(self, iteration: int, files: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
        """The files as an editor would save them: new ones formatted, without unused imports; others as they are."""
        new = {file.path: file for file in files if self._takes(file.path) and file.path not in self._before()}
        if not new:
            return tuple(files)
        written = await self._without_idle_stars(iteration, new)
        for number, argv in enumerate(self._language.tidy_argvs(tuple(new), self._task.settings.style_guide)):
            outcome = await self._execute(
                iteration,
                "tidy",
                Command(
                    argv=argv,
                    files=written if number == 0 else {},
                    remove=(".",) if number == 0 else (),
                    timeout=self._task.settings.execution_timeout,
                    collect=tuple(new),
                ),
            )
        tidied = {path: text for path, raw in outcome.files.items() if path in new and (text := _text(raw)).strip()}
        return tuple(SourceFile(file.path, tidied.get(file.path, file.text)) for file in files)

    async def _without_idle_stars(self, iteration: int, new: Mapping[str, SourceFile]) -> dict[str, bytes]:
        """The files without star imports that nothing uses: ruff does not remove those, and small models write them."""
        texts = {path: file.text for path, file in new.items()}
        if self._language.undefined_argv is None:
            return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}
        bare = {path: plain for path, text in texts.items() if (plain := python_code.without_stars(text)) != text}
        if bare:
            command = Command(
                argv=self._language.undefined_argv(tuple(bare)),
                files={path: text.encode("utf-8", "surrogateescape") for path, text in bare.items()},
                remove=(".",),
                timeout=self._task.settings.execution_timeout,
            )
            outcome = await self._execute(iteration, "tidy", command)
            if outcome.run.ok:
                texts |= bare
        return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}

    def has_code(self, files: Sequence[SourceFile]) -> bool:
        """Whether any of the files is in the job's language, or in one that its commands take too."""
        tongues = [tongue_of(file.path) for file in files]
        return any(tongue is not None and tongue.name in self._language.family for tongue in tongues)

    async def run(self, iteration: int, files: Sequence[SourceFile]) -> RunResult:
        """Load every file that was written; `ok` only when all of it ran to the end."""
        paths = [file.path for file in files if self._takes(file.path) and not is_test(file.path)]
        program = self._language.load(paths, _RAN, self._token) if self._language.load else self._imports(paths, files)
        outcome = await self._execute(
            iteration,
            "run",
            Command(
                argv=program.argv,
                files={**self._written(files), **program.files},
                remove=(".",),
                timeout=self._task.settings.execution_timeout,
                collect=(_RAN,),
            ),
        )
        run = outcome.run
        if run.ok and outcome.files.get(_RAN) != self._token.encode():
            # An early exit (os._exit(0), sys.exit(0)) looks like success; it is not.
            said = f"{run.stderr}\nThe program ended itself while its modules were imported."
            run = RunResult(run.argv, 1, run.stdout, said, run.seconds)
        return run

    def _imports(self, paths: Sequence[str], files: Sequence[SourceFile]) -> Program:
        roots = self._roots(files)
        modules = [(python_code.module_name(path, roots), path) for path in paths]
        script = _IMPORT_ALL.format(roots=roots, modules=modules, marker=_RAN, token=self._token)
        return Program(self._language.run_argv(_RUNNER), {_RUNNER: script.encode()})

    async def static(
        self, iteration: int, files: Sequence[SourceFile], *, everything: bool = False
    ) -> tuple[Finding, ...]:
        """What the linters say of the draft and, unless `everything`, did not already say of the files before it.

        With what it adds to keep them from saying more; at most a hundred findings, the errors first.
        """
        before = self._before()
        own = suppressions.hidden(before, files)
        found = sorted((*own, *await self._linted(iteration, files, before, everything)), key=_rank)
        if len(found) > _MOST_FINDINGS:
            self._record(Noted(f"Of {len(found)} findings of static checks {_MOST_FINDINGS} are kept."))
        return tuple(found[:_MOST_FINDINGS])

    async def _linted(
        self, iteration: int, files: Sequence[SourceFile], before: Mapping[str, str], everything: bool
    ) -> tuple[Finding, ...]:
        paths = tuple(file.path for file in files if self._takes(file.path))
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
        roots = self._roots(files)
        found: list[Finding] = []
        self.unchecked = ""
        for number, (name, argv) in enumerate(self._language.lint_argvs(paths)):
            # The files are written for the first checker and stand there for the next.
            first = number == 0
            command = Command(
                argv=argv,
                files=self._written(files) if first else {},
                remove=(".",) if first else (),
                env={"MYPYPATH": ":".join(roots)} if self._language.path_variable else {},
                timeout=self._task.settings.execution_timeout,
            )
            outcome = await self._execute(iteration, "static", command)
            found += linters.READERS[name](outcome.stdout.decode("utf-8", "replace"), own)
            if outcome.run.exit_code not in (0, 1) or outcome.run.timed_out or outcome.run.out_of_memory:
                # No output of a checker that broke down must never look like a clean bill.
                self.unchecked = f"{name} could not check the code: {_breakdown(outcome.run)}"
        return tuple(found)

    async def examples(self, iteration: int, files: Sequence[SourceFile], examples: tuple[Example, ...]) -> TestReport:
        """The requirement's own examples as acceptance tests."""
        code = [file for file in files if not is_test(file.path)]
        known = [*code, *([self._task.document] if self._task.document else []), *self._task.neighbours]
        unique = tuple({file.path: file for file in known if not is_test(file.path)}.values())
        if not self.is_python:
            own = tuple(file for file in unique if self._takes(file.path))
            test = SourceFile(node_examples.TEST_PATH, node_examples.node_acceptance_test(examples, own))
            return await self.tests(iteration, files, (test,), "examples")
        roots = self._roots(files)

        def text_of(some: tuple[Example, ...]) -> SourceFile:
            return SourceFile(TEST_PATH, acceptance_test(some, unique, roots))

        report = await self.tests(iteration, files, (text_of(examples),), "examples")
        if not report.ok:
            return report
        blind = blinded_examples(examples, text_of)
        return await self._undeceived(iteration, files, report, blind, (text_of(turned_examples(examples)),))

    async def tests(
        self, iteration: int, files: Sequence[SourceFile], tests: Sequence[SourceFile], purpose: str
    ) -> TestReport:
        """Run test files against a draft; `purpose` is "examples", "tests", "stub" or "turned"."""
        named = {file.path: code_of(file.path).names_of_tests(file.text) for file in tests}
        paths = tuple(path for path, names in named.items() if names)
        if not paths:
            return TestReport((), RunResult((), 5), problem="No test is left.")
        outcome = await self._ran_tests(iteration, files, tests, paths, purpose)
        expected = frozenset(name for names in named.values() for name in names)
        coverage = outcome.files.get(self._language.coverage)
        return reports.read_report(
            outcome.run, outcome.files.get(REPORT), coverage, expected, paths, self._language.report
        )

    async def _ran_tests(  # noqa: PLR0917 - what is run, and what for
        self,
        iteration: int,
        files: Sequence[SourceFile],
        tests: Sequence[SourceFile],
        paths: Sequence[str],
        purpose: str,
        collect: tuple[str, ...] = (),
    ) -> Outcome:
        roots = self._roots([*files, *tests])
        sources = [file.path for file in files if not is_test(file.path)]
        if self._language.path_variable:
            sources = [name for path in sources if (name := python_code.module_name(path, roots))]
        return await self._execute(
            iteration,
            purpose,
            Command(
                argv=self._language.test_argv(paths, REPORT, sources),
                files=self._written([*files, *tests]) | {_REPORTS_GO_HERE: b""},
                remove=(".",),
                env={self._language.path_variable: ":".join(roots)} if self._language.path_variable else {},
                timeout=self._task.settings.execution_timeout,
                collect=(REPORT, *filter(None, [self._language.coverage]), *collect),
            ),
        )

    async def undeceived(
        self, iteration: int, files: Sequence[SourceFile], tests: Sequence[SourceFile], report: TestReport
    ) -> TestReport:
        """A report of tests that passed, once it is sure that it is they who say so.

        Only of Python's; tests of other languages are believed as they are reported.
        """
        if not self.is_python or not report.ok:
            return report
        if problem := too_large(tests):
            return replace(report, problem=problem)
        if not any(python_code.names_of_tests(file.text) for file in tests):
            return report
        return await self._undeceived(iteration, files, report, blinded(tests), turned(tests))

    async def _undeceived(
        self,
        iteration: int,
        files: Sequence[SourceFile],
        report: TestReport,
        blind: Blind,
        wrong: Sequence[SourceFile],
    ) -> TestReport:
        """What tests expect is first kept from them; what that does not prove, they are turned round for."""
        own = frozenset(name for file in wrong for name in python_code.names_of_tests(file.text))
        doubtful = own
        if blind.wanted:
            paths = [file.path for file in blind.files if python_code.names_of_tests(file.text)]
            for _ in range(2):  # a busy machine, perhaps; what it is twice, it is
                outcome = await self._ran_tests(iteration, files, blind.files, paths, "blind", (GOT,))
                if not (outcome.run.timed_out or outcome.run.out_of_memory):
                    break
            open_, problem = judged(blind, report, outcome.files.get(GOT))
            if problem:
                return replace(report, problem=problem)
            doubtful = open_ | own - set(blind.owners.values())
        if not doubtful:
            return report
        said = await self.tests(iteration, files, wrong, "turned")
        if said.run.timed_out or said.run.out_of_memory:
            said = await self.tests(iteration, files, wrong, "turned")
        return replace(report, problem=deception(said))

    async def cannot_fail(
        self, iteration: int, files: Sequence[SourceFile], tests: Sequence[SourceFile]
    ) -> tuple[str, ...]:
        """Test files of which every test passes against a stub of the same interface: they prove nothing."""
        stubs = [SourceFile(file.path, code_of(file.path).stub(file.text)) for file in files if self._takes(file.path)]
        believed: list[str] = []
        for file in tests:
            if code_of(file.path).names_of_tests(file.text):
                others = [other for other in tests if other.path.endswith("conftest.py")]
                report = await self.tests(iteration, stubs, [*others, file], "stub")
                if report.ok:
                    believed.append(file.path)
        return tuple(believed)

    async def _execute(self, iteration: int, purpose: str, command: Command) -> Outcome:
        if self._session is None:
            raise SandboxUnavailable("The sandbox is not open.", "This is a fault of Codeteam; please report it.")
        outcome = await self._session.run(command)
        told = replace(outcome.run, stdout=_ends(outcome.run.stdout), stderr=_ends(outcome.run.stderr))
        self.runs.append(told)
        self._record(Executed(iteration, purpose, told))
        return outcome

    def _before(self) -> dict[str, str]:
        document = [self._task.document] if self._task.document else []
        return {file.path: file.text for file in (*self._task.neighbours, *document)}

    def _written(self, files: Iterable[SourceFile]) -> dict[str, bytes]:
        texts = self._before() | {file.path: file.text for file in files}
        written = {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}
        return {**self._language.scaffold(written), **written}

    def _takes(self, path: str) -> bool:
        return self._language.takes(path)

    def _roots(self, files: Iterable[SourceFile]) -> tuple[str, ...]:
        return python_code.import_roots([*self._before(), *(file.path for file in files)])


def _rank(finding: Finding) -> bool:
    return finding.severity is not Severity.ERROR


def _ends(text: str) -> str:
    """Both ends of an output, which history keeps and the worker remembers: of a flood the middle tells nothing."""
    left = len(text) - 2 * _TOLD
    return text if left <= 0 else f"{text[:_TOLD]}\n[… {left} characters …]\n{text[-_TOLD:]}"


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def examples_of(task: Task) -> Examples:
    """The examples of a requirement that can be run in the language of the job; the others are listed."""
    if task.settings.language == "python":
        return read_examples(task.requirement)
    if "javascript" in LANGUAGES[task.settings.language].family:
        return node_examples.read_node_examples(task.requirement)
    found = read_examples(task.requirement)
    return Examples((), (*found.left_out, *(example.text for example in found.run)))


def _breakdown(run: RunResult) -> str:
    if run.timed_out:
        return "it did not end in time"
    if run.out_of_memory:
        return "it needs more memory than the sandbox gives"
    said = (run.stderr or run.stdout).strip().splitlines()
    return said[-1][:200] if said else f"exit code {run.exit_code}"
