"""Suggestions that are code are tried in the sandbox, so that an editor can offer them with nothing left to do.

One holds when the file with it still parses, imports and ends cleanly, gives the static checks no new error, and
passes the examples and tests that the draft passed.
"""

from __future__ import annotations

import ast
import asyncio
import keyword
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from codeteam.domain.diff import split_lines
from codeteam.domain.errors import SandboxUnavailable
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent
from codeteam.team import python_code
from codeteam.team.bench import Bench, Verdict
from codeteam.team.replies import MalformedReply, fences

_LIMIT = 60.0
"""Seconds for all suggestions of a job together; what was not tried by then is not offered."""


async def with_tried_suggestions(bench: Bench, seconds_left: float | None) -> None:
    """Put into the findings of the best draft the suggestions that hold; never fails, the rest is offered as words.

    `seconds_left` is what the job may still take; None when it has no limit.
    """
    best = bench.best
    if best is None or not _can_be_judged(bench, best):
        return
    files = _judged(bench, best)
    candidates = {number: code for number, found in enumerate(best.findings) if (code := _code(found, files))}
    if not candidates:
        return
    findings = list(best.findings)
    with bench.step("executor", best.draft.iteration, "trying the suggestions of the review") as said:
        try:
            async with asyncio.timeout(_LIMIT if seconds_left is None else min(_LIMIT, seconds_left)):
                for number, code in candidates.items():
                    if await _holds(bench, best, _with(files, findings[number], code)):
                        findings[number] = replace(findings[number], fix=code)
        except (TimeoutError, SandboxUnavailable):
            said.append("not all could be tried")  # those are told as words; the job's own result stands
        said.append(f"{sum(bool(found.fix) for found in findings)} of {len(candidates)} hold")
    bench.best = replace(best, findings=tuple(findings))


def _can_be_judged(bench: Bench, best: Verdict) -> bool:
    """Whether it can be told what a suggestion breaks: the code is as it was, or ran with no error of the checkers."""
    passed = {gate.name for gate in best.gates if gate.passed}
    return bench.task.intent is Intent.REVIEW or {"run", "static"} <= passed


def _judged(bench: Bench, best: Verdict) -> tuple[SourceFile, ...]:
    """The files that the findings speak of."""
    if bench.task.intent is Intent.REVIEW:
        return (bench.task.document,) if bench.task.document else ()
    return best.draft.files


def _code(finding: Finding, files: Sequence[SourceFile]) -> str:
    """The suggestion as lines for the place of the quote, unindented; empty when it is words."""
    file = next((file for file in files if file.path == finding.path and file.path.endswith(".py")), None)
    if file is None or not finding.suggestion or not finding.quote:
        return ""
    quoted = split_lines(file.text)[finding.start_line - 1 : finding.end_line]
    for code in _readings(finding.suggestion, quoted):
        fits = _begins_alike(textwrap.dedent("".join(quoted)), code)
        if fits and python_code.parse(_replaced(file.text, finding, code)) is not None:
            return "" if code.split() == "".join(quoted).split() else code
    return ""


def _readings(suggestion: str, quoted: Sequence[str]) -> Iterator[str]:
    """What may be meant: the text, or the code in it, as it is, or with the file's indentation after the first line."""
    try:
        blocks = [block.text for block in fences(suggestion)]
    except MalformedReply:
        blocks = []
    text = textwrap.dedent(blocks[0] if len(blocks) == 1 else suggestion).strip().strip("`").strip()
    if not text:
        return
    yield f"{text}\n"
    first, *rest = text.split("\n")
    indent = quoted[0][: len(quoted[0]) - len(quoted[0].lstrip())] if quoted else ""
    if indent and rest and all(line.startswith(indent) or not line.strip() for line in rest):
        yield "\n".join((first, *(line.removeprefix(indent) for line in rest))) + "\n"


def _begins_alike(old: str, new: str) -> bool:
    """Whether one of the new lines that are not indented is a statement of the kind that stood there.

    A reviewer that quotes `return a[i]` may suggest `a[i + 1]`: that is code, and not meant to stand alone.
    """
    kind = _kind(old)
    heads = [line for line in new.split("\n") if line and not line[0].isspace()]
    return bool(kind) and any(_kind(line) == kind for line in heads)


def _kind(text: str) -> str:
    """The keyword that the first statement begins with, else the name of what it is; empty when it is no code."""
    line = text.strip().split("\n", 1)[0]
    word = line.split(maxsplit=1)[0].rstrip(":(") if line else ""
    if word in keyword.kwlist or line.startswith("@"):
        return word if word in keyword.kwlist else "@"
    for source in (text, line):
        tree = python_code.parse(textwrap.dedent(source))
        if tree is not None and tree.body:
            return "assignment" if isinstance(tree.body[0], ast.Assign | ast.AnnAssign) else type(tree.body[0]).__name__
    return ""


def _replaced(text: str, finding: Finding, code: str) -> str:
    lines = split_lines(text)
    first = lines[finding.start_line - 1]
    indent = first[: len(first) - len(first.lstrip())]
    new = textwrap.indent(code, indent)
    return "".join((*lines[: finding.start_line - 1], new, *lines[finding.end_line :]))


def _with(files: Sequence[SourceFile], finding: Finding, code: str) -> tuple[SourceFile, ...]:
    return tuple(
        SourceFile(file.path, _replaced(file.text, finding, code)) if file.path == finding.path else file
        for file in files
    )


async def _holds(bench: Bench, best: Verdict, files: Sequence[SourceFile]) -> bool:
    iteration = best.draft.iteration
    if not (await bench.executor.run(iteration, files)).ok:
        return False
    new = await bench.executor.checks.run(iteration, files)
    if bench.executor.checks.unchecked or any(found.severity is Severity.ERROR for found in new):
        return False
    if bench.examples.run and any(gate.name == "examples" and gate.passed for gate in best.gates):
        report = await bench.executor.tests.examples(iteration, files, bench.examples.run)
        if not report.ok:
            return False
    tests = (*(best.tests.files if best.tests else ()), *bench.existing_tests)
    if best.report is None or not best.report.ok or not tests:
        return True
    return (await bench.executor.tests.run(iteration, files, tests, "tests")).ok
