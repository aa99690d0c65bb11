"""The executor: the role without a model. Everything that is written is run here, in the sandbox, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codeteam.domain.evidence import RunResult
from codeteam.domain.languages import is_test, tongue_of
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Task
from codeteam.sandbox.interface import Command
from codeteam.sandbox.languages import LANGUAGES
from codeteam.sandbox.program import Program
from codeteam.team import node_examples, python_code
from codeteam.team.examples import Examples, read_examples
from codeteam.team.runner import TestRunner
from codeteam.team.session import JobSession
from codeteam.team.static_checks import StaticChecks

_RUNNER = "codeteam_run.py"
_RAN = ".codeteam/ran"

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
    """Runs the drafts and tests of one task in its session; `token` proves that a run came to its end."""

    def __init__(self, session: JobSession, token: str) -> None:
        self.session = session
        self.checks = StaticChecks(session)
        self.tests = TestRunner(session)
        self._token = token
        self.documentation = "a docstring" if session.is_python else "a doc comment"
        self.how_it_runs = session.language.ran
        self.unmeasured = session.language.unmeasured
        """What this language's drafts are not judged by, in sentences."""

    async def tidy(self, iteration: int, files: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
        """The files as an editor would save them: new ones formatted, without unused imports; others as they are."""
        before = self.session.before()
        new = {file.path: file for file in files if self.session.takes(file.path) and file.path not in before}
        if not new:
            return tuple(files)
        written = await self._without_idle_stars(iteration, new)
        style = self.session.task.settings.style_guide
        for number, argv in enumerate(self.session.language.tidy_argvs(tuple(new), style)):
            outcome = await self.session.execute(
                iteration,
                "tidy",
                Command(
                    argv=argv,
                    files=written if number == 0 else {},
                    remove=(".",) if number == 0 else (),
                    timeout=self.session.timeout,
                    collect=tuple(new),
                ),
            )
        tidied = {path: text for path, raw in outcome.files.items() if path in new and (text := _text(raw)).strip()}
        return tuple(SourceFile(file.path, tidied.get(file.path, file.text)) for file in files)

    async def _without_idle_stars(self, iteration: int, new: Mapping[str, SourceFile]) -> dict[str, bytes]:
        """The files without star imports that nothing uses: ruff does not remove those, and small models write them."""
        texts = {path: file.text for path, file in new.items()}
        if self.session.language.undefined_argv is None:
            return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}
        bare = {path: plain for path, text in texts.items() if (plain := python_code.without_stars(text)) != text}
        if bare:
            command = Command(
                argv=self.session.language.undefined_argv(tuple(bare)),
                files={path: text.encode("utf-8", "surrogateescape") for path, text in bare.items()},
                remove=(".",),
                timeout=self.session.timeout,
            )
            outcome = await self.session.execute(iteration, "tidy", command)
            if outcome.run.ok:
                texts |= bare
        return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}

    def has_code(self, files: Sequence[SourceFile]) -> bool:
        """Whether any of the files is in the job's language, or in one that its commands take too."""
        tongues = [tongue_of(file.path) for file in files]
        return any(tongue is not None and tongue.name in self.session.language.family for tongue in tongues)

    async def run(self, iteration: int, files: Sequence[SourceFile]) -> RunResult:
        """Load every file that was written; `ok` only when all of it ran to the end."""
        paths = [file.path for file in files if self.session.takes(file.path) and not is_test(file.path)]
        load = self.session.language.load
        program = load(paths, _RAN, self._token) if load else self._imports(paths, files)
        outcome = await self.session.execute(
            iteration,
            "run",
            Command(
                argv=program.argv,
                files={**self.session.written(files), **program.files},
                remove=(".",),
                timeout=self.session.timeout,
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
        roots = self.session.roots(files)
        modules = [(python_code.module_name(path, roots), path) for path in paths]
        script = _IMPORT_ALL.format(roots=roots, modules=modules, marker=_RAN, token=self._token)
        return Program(self.session.language.run_argv(_RUNNER), {_RUNNER: script.encode()})


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
