"""What each role is shown: the system prompt from its Markdown file, and the message rendered from the task."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from string import Template

from codeteam.domain.artifacts import Draft, Feedback, Plan, Tests
from codeteam.domain.diff import split_lines
from codeteam.domain.errors import BadSettings
from codeteam.domain.evidence import RunResult
from codeteam.domain.findings import Finding
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.team import python_code
from codeteam.team.splice import before_text, is_large

ROLES = ("architect", "developer", "reviewer", "tester", "arbiter")
"""The prompt files; the arbiter is the tester asked about a failing test."""

_MOST_NEIGHBOUR_CHARACTERS = 60_000
_PART = re.compile(r"^# (system|example task|example reply)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_WINDOW = 60
"""Lines shown above and below the place in a document that is too long to be shown whole."""

_ASKED = {
    Intent.IMPLEMENT: "",
    Intent.FIX: "Repair the problems that are listed. Change nothing else.",
    Intent.REFACTOR: "Restructure the code as asked. Its behaviour and its public names stay as they are.",
    Intent.DOCUMENT: "Write the docstrings that are missing or poor. Change no code: docstrings and comments only.",
    Intent.TEST: "Write tests for the code whose interface you are shown.",
    Intent.REVIEW: "Review this code.",
}


def packaged_prompt(role: str) -> str:
    """The prompt file that ships for a role."""
    return (resources.files("codeteam.team") / "prompts" / f"{role}.md").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A role's prompt, rendered for a task."""

    system: str
    turns: tuple[tuple[str, str], ...]
    """An example, task and reply, that goes before the real message: small models copy one that stands in the system
    prompt, and keep to its form when it is an earlier turn (27 of 27 replies well-formed against 1 of 32)."""
    sha256: str
    """Of the prompt file."""


def prompt_of(task: Task, role: str) -> Prompt:
    """A role's prompt for this task: the user's file if there is one, else the packaged one.

    A file has the parts `# system`, `# example task` and `# example reply`; one without them is all system prompt.

    Raises:
        BadSettings: the user's own prompt file has an unknown placeholder.
    """
    text = dict(task.prompts).get(role) or packaged_prompt(role)
    parts = {title.lower(): body.strip() for title, body in _parts(_rendered(task, role, text))}
    example, reply = parts.get("example task", ""), parts.get("example reply", "")
    turns = (("user", example), ("assistant", reply)) if example and reply else ()
    return Prompt(parts["system"], turns, hashlib.sha256(text.encode()).hexdigest())


def _parts(text: str) -> list[tuple[str, str]]:
    found = _PART.split(text)
    if len(found) == 1:
        return [("system", text)]
    return [("system", found[0]), *zip(found[1::2], found[2::2], strict=True)]


def _rendered(task: Task, role: str, text: str) -> str:
    settings = task.settings
    facts = {
        "language": settings.language.capitalize(),
        "framework": settings.framework or "none",
        "style_guide": settings.style_guide,
        "test_framework": "pytest" if settings.language == "python" else "the language's usual test framework",
        "docs": (
            "A docstring on every public module, class, function and method."
            if settings.require_docs
            else "Docstrings only where the name does not say it."
        ),
    }
    try:
        return Template(text).substitute(facts)
    except (KeyError, ValueError) as error:
        raise BadSettings(
            f"The prompt file for the {role} has a placeholder that does not exist: {error}.",
            f"Use ${', $'.join(facts)}; write $$ for a dollar sign; see `codeteam prompts show {role}`.",
        ) from error


def architect_message(task: Task, history: Iterable[str] = ()) -> str:
    """For the architect: the requirement, the project, and what was tried when the team is stuck."""
    parts = [_requirement(task), _document(task), _neighbours(task, whole=False), _project(task)]
    tried = list(history)
    if tried:
        parts.append(
            _section(
                "What was tried",
                "The team is stuck. Find the misconception and give a different approach.\n\n"
                + "\n\n".join(tried[-4:]),
            )
        )
    return _joined(parts)


def developer_message(task: Task, plan: Plan, draft: Draft | None, feedback: Feedback | None) -> str:
    """For the developer: everything needed to write, and what was wrong with the last draft."""
    parts = [_requirement(task), _design(plan), _document(task), _neighbours(task, whole=True)]
    if task.rules:
        parts.append(_section("Rules of this project", task.rules))
    if task.dependencies or plan.dependencies:
        parts.append(_section("Packages that are installed", ", ".join((*task.dependencies, *plan.dependencies))))
    if draft and feedback:
        parts.append(_section("Your last draft", _fenced(draft.files if not is_large(task) else _shown(task, draft))))
    if feedback:
        parts.append(_section(f"It was sent back ({feedback.gate})", feedback.text))
        parts.append("Find the cause, then answer with the complete corrected file or files.")
    parts.append(_delivery(task, plan))
    return _joined(parts)


def tester_message(task: Task, plan: Plan, *, criteria: bool) -> str:
    """For the tester: requirement and interface, never the code.

    `criteria` is False where the architect's model is too weak for what it adds to the requirement to be believed.
    """
    parts = [_requirement(task), _design(plan, criteria=criteria)]
    if task.document and task.document.path.endswith(".py") and task.intent is not Intent.TEST:
        outline = SourceFile(task.document.path, python_code.signatures(task.document.text))
        if outline.text.strip():
            parts.append(_section("Signatures of the file as it is now", _fenced([outline])))
    existing = [path for path in task.listing if python_code.is_test(path)]
    if existing:
        parts.append(_section("Test files that exist (do not reuse these names)", "\n".join(existing[:30])))
    roots = python_code.import_roots([*task.listing, *(file.path for file in plan.files)])
    modules = [name for file in plan.files if (name := python_code.module_name(file.path, roots))]
    named = modules[0].rpartition(".")[2] if modules else "code"
    path = f"{task.tests_folder}/test_{named}.py" if task.tests_folder else f"test_{named}.py"
    imports = f"\n\nImport what is tested from {' and '.join(f'`{name}`' for name in modules)}." if modules else ""
    parts.append(_section("Files to write", f"`{path}`{imports}"))
    return _joined(parts)


def arbiter_message(task: Task, plan: Plan, tests: Tests, failures: str) -> str:
    """For the tester as judge of a failing test: requirement, test and what it said; never the code."""
    return _joined(
        [
            _requirement(task),
            _design(plan),
            _section("The test files", _fenced(tests.files)),
            _section("What fails", failures),
        ]
    )


def reviewer_message(
    task: Task, plan: Plan | None, files: Iterable[SourceFile], run: RunResult | None, static: Iterable[Finding]
) -> str:
    """For the reviewer: what was added, how it ran, and what the linters already say."""
    parts = [_requirement(task)]
    if plan and plan.criteria:
        parts.append(_section("Acceptance criteria", "\n".join(f"- {item}" for item in plan.criteria)))
    if task.rules:
        parts.append(_section("Rules of this project", task.rules))
    parts.append(_section("The code", "\n\n".join(_changed(task, file) for file in files)))
    if run is not None:
        parts.append(_section("How it ran", f"Exit code {run.exit_code}.\n{run.stderr[-1500:] or run.stdout[-500:]}"))
    said = [f"- {item.path}:{item.start_line} {item.rule} {item.message}" for item in static]
    if said:
        parts.append(_section("Linters say already (do not repeat)", "\n".join(said[:20])))
    return _joined(parts)


def _requirement(task: Task) -> str:
    words = [_ASKED[task.intent], task.requirement.strip()]
    if task.complaints:
        words += [
            f"- line {item.span.start_line}: {item.message}" + (f" ({item.source} {item.rule})" if item.source else "")
            for item in task.complaints
        ]
    return _section("Requirement", _joined(words))


def _document(task: Task) -> str:
    if task.document is None or not task.document.text.strip():
        return ""
    lines = split_lines(task.document.text)
    if not is_large(task):
        text = _fenced([task.document])
    else:
        place = task.enclosing or task.selection
        start = max((place.start_line if place else 1) - _WINDOW, 1)
        end = min((place.end_line if place else 1) + _WINDOW, len(lines))
        text = _fenced([SourceFile(task.document.path, "".join(lines[start - 1 : end]))])
        text += f"\n(lines {start} to {end} of {len(lines)})"
    place = task.selection or task.enclosing
    if place and not _is_prose(task.document.path):
        selected = "".join(lines[place.start_line - 1 : place.end_line]).strip("\r\n")
        text += f"\n\nIt is about lines {place.start_line} to {place.end_line}:\n\n{_fence(selected)}"
    return _section("The document", text)


def _delivery(task: Task, plan: Plan) -> str:
    if is_large(task) and task.document:
        what = "Only the definition that was asked for, with any import it needs above it."
        if not task.enclosing:
            what = "Only the new code; it is placed below the lines that were selected."
        return _section("Files to write", f"`{task.document.path}`\n\nThe file is long. {what}")
    paths = [file.path for file in plan.files if not python_code.is_test(file.path)]
    known = [path for path in paths if before_text(task, path) is not None]
    kept = f"\n\n{', '.join(known)} exists: whatever the requirement does not touch stays as it is." if known else ""
    return _section("Files to write", ", ".join(f"`{path}`" for path in paths) + kept)


def _neighbours(task: Task, *, whole: bool) -> str:
    shown: list[SourceFile] = []
    room = _MOST_NEIGHBOUR_CHARACTERS
    for file in task.neighbours:
        text = file.text if whole and len(file.text) <= room // 2 else python_code.signatures(file.text)
        if text.strip() and len(text) <= room:
            shown.append(SourceFile(file.path, text))
            room -= len(text)
    return _section("Other files of the project", _fenced(shown)) if shown else ""


def _project(task: Task) -> str:
    parts = []
    if task.listing:
        parts.append("Files: " + ", ".join(task.listing[:120]))
    if task.dependencies:
        parts.append("Declared packages: " + ", ".join(task.dependencies))
    return _section("The project", "\n\n".join(parts)) if parts else ""


def _design(plan: Plan, *, criteria: bool = True) -> str:
    words = [plan.approach.strip() if criteria else ""]
    if len(plan.files) > 1:
        words.append("\n".join(f"- {file.path}: {file.purpose}" for file in plan.files))
    if plan.criteria and criteria:
        words.append("Acceptance criteria:\n" + "\n".join(f"- {item}" for item in plan.criteria))
    interfaces = [SourceFile(file.path, file.interface) for file in plan.files if file.interface.strip()]
    design = _joined(words)
    return _joined(
        [
            _section("Design", design) if design else "",
            _section("Signatures", _fenced(interfaces)) if interfaces else "",
        ]
    )


def _shown(task: Task, draft: Draft) -> list[SourceFile]:
    """Of a long document only what the draft changed."""
    return [SourceFile(file.path, _additions(before_text(task, file.path), file.text)) for file in draft.files]


def _changed(task: Task, file: SourceFile) -> str:
    before = before_text(task, file.path)
    if task.intent is Intent.REVIEW or before is None or not before.strip():
        if task.intent is Intent.REVIEW and task.selection and task.document and file.path == task.document.path:
            lines = split_lines(file.text)
            text = "".join(lines[task.selection.start_line - 1 : task.selection.end_line])
            return _fenced([SourceFile(file.path, text)])
        return _fenced([file])
    return f"Changed in {file.path} (added lines start with +):\n\n{_fence(_difference(before, file.text), 'diff')}"


def _difference(before: str, after: str) -> str:
    return "".join(
        line if line.endswith("\n") else f"{line}\n"
        for line in list(difflib.unified_diff(before.splitlines(True), after.splitlines(True), n=8))[2:]
    )


def _additions(before: str | None, after: str) -> str:
    if before is None:
        return after
    return "".join(line[1:] for line in _difference(before, after).splitlines(True) if line[:1] in "+ ")


def _fenced(files: Iterable[SourceFile]) -> str:
    return "\n\n".join(
        _fence(file.text, f"{'python ' if file.path.endswith('.py') else ''}path={file.path}") for file in files
    )


def _fence(text: str, words: str = "") -> str:
    """A fence longer than any in the text, so that what is shown cannot end it."""
    mark = "```"
    while mark in text:
        mark += "`"
    body = text.replace("\r\n", "\n")
    return f"{mark}{words}\n{body}{'' if body.endswith(chr(10)) else chr(10)}{mark}"


def _section(title: str, text: str) -> str:
    return f"# {title}\n\n{text}"


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part.strip())


def _is_prose(path: str) -> bool:
    return path.lower().endswith((".md", ".markdown", ".txt", ".rst"))
