"""What each role is shown: the system prompt from its Markdown file, and the message rendered from the task."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import PurePosixPath
from string import Template

from codeteam.domain.artifacts import Draft, Feedback, Plan, PlannedFile, Tests
from codeteam.domain.diff import split_lines
from codeteam.domain.errors import BadSettings
from codeteam.domain.evidence import RunResult
from codeteam.domain.findings import Finding
from codeteam.domain.languages import TONGUES, is_test, tests_beside, tongue_of
from codeteam.domain.settings import Settings
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.sandbox import rust
from codeteam.team import python_code
from codeteam.team.code import code_of
from codeteam.team.showing import balanced, clipped, contained, fence, hunks, joined, one_line, section
from codeteam.team.visible import MOST_DOCUMENT, before_text, is_large, is_long, neighbours, seen, window

ROLES = ("architect", "developer", "reviewer", "tester", "arbiter")
"""The prompt files; the arbiter is the tester asked about a failing test."""

_PART = re.compile(r"^# (system|example task|example reply)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_SPOKEN = re.compile(r"^# \((.+)\)[ \t]*$", re.MULTILINE)
_REPEATED = 200
"""Lines of a selection that are shown once more by themselves."""

_MOST_LISTED = 60
"""Packages that are named."""

# Characters of what is shown; a model's context is finite, and what comes from a workspace or a sandbox is not.
_MOST_INTERFACE = 30_000
_MOST_RULES = 32_000
_MOST_FEEDBACK = 16_000
_MOST_TRIED = 8_000
_MOST_FAILURES = 8_000

_SOURCE = re.compile(r"\s*(?:E\s+)?File \".*\", line \d+")
_RAISED = re.compile(r"(?:E\s+)?[A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Interrupt)\b")

_LOGS = "What the program does and what fails is logged, with what it takes to understand it in operation."
_ASKED = {
    Intent.IMPLEMENT: "",
    Intent.FIX: "Repair the problems that are listed. Change nothing else.",
    Intent.REFACTOR: "Restructure the code as asked. Its behaviour and its public names stay as they are.",
    Intent.DOCUMENT: "Write the docstrings that are missing or poor. Change no code: docstrings and comments only.",
    Intent.TEST: "Write tests for the code whose interface you are shown.",
    Intent.REVIEW: "Review this code.",
}


@cache
def packaged_prompt(role: str) -> str:
    """The prompt file that ships for a role."""
    return (resources.files("codeteam.team") / "prompts" / f"{role}.md").read_text("utf-8")


@cache
def spoken(language: str) -> Mapping[str, str]:
    """What the prompts say of a language, by title, and its examples: the parts of `prompts/languages/NAME.md`."""
    path = resources.files("codeteam.team") / "prompts" / "languages" / f"{language}.md"
    found = _SPOKEN.split(path.read_text("utf-8"))
    return {title: body.strip() for title, body in zip(found[1::2], found[2::2], strict=True)}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A role's prompt, rendered for a task."""

    system: str
    turns: tuple[tuple[str, str], ...]
    """An example, task and reply, that goes before the real message: small models copy one that stands in the system
    prompt, and keep to its form when it is an earlier turn (27 of 27 replies well-formed against 1 of 32)."""
    sha256: str
    """Of the prompt file, and of what is said of a language other than Python."""


def prompt_of(task: Task, role: str) -> Prompt:
    """A role's prompt for this task: the user's file if there is one, else the packaged one.

    A file has the parts `# system`, `# example task` and `# example reply`; one without them is all system prompt.

    Raises:
        BadSettings: the user's own prompt file has an unknown placeholder.
    """
    text = dict(task.prompts).get(role) or packaged_prompt(role)
    parts = {title: _rendered(task, role, body).strip() for title, body in _parts(text).items()}
    example, reply = parts.get("example task", ""), parts.get("example reply", "")
    if task.settings.language != "python" and text == packaged_prompt(role):
        words = spoken(task.settings.language)
        example, reply = words.get(f"{role} task", ""), words.get(f"{role} reply", "")
    turns = (("user", example), ("assistant", reply)) if example and reply else ()
    whole = text if task.settings.language == "python" else "\0".join((text, *spoken(task.settings.language).values()))
    return Prompt(parts["system"], turns, hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest())


def _parts(text: str) -> dict[str, str]:
    """A file's parts by title; split before anything is put in, so that no setting can begin a part."""
    found = _PART.split(text)
    parts = {"system": found[0]}
    for title, body in zip(found[1::2], found[2::2], strict=True):
        parts[title.lower()] = parts.get(title.lower(), "") + body
    return parts


def _rendered(task: Task, role: str, text: str) -> str:
    settings = task.settings
    tongue = TONGUES[settings.language]
    words = spoken(tongue.name)
    # The style guide's default is Python's own.
    foreign = tongue.name != "python" and settings.style_guide == Settings().style_guide
    facts = {
        "language": tongue.title,
        "framework": one_line(settings.framework, 60) or "none",
        "style_guide": ("" if foreign else one_line(settings.style_guide, 60)) or "the language's usual one",
        "test_framework": words["test framework"],
        "docs": words["docs"] if settings.require_docs else words["no docs"],
        "packages": words["packages"],
        "interface": words["interface"],
        "typing": words["typing"],
        "logging": " ".join([words["logging"], *([_LOGS] if settings.require_logging else [])]),
        "logs": _LOGS if settings.require_logging else "Logging only where operation needs it.",
        "program": words["program"],
        "block": f"```{tongue.fences[0]} path=NAME{tongue.endings[0]}",
        "test_block": f"```{tongue.fences[0]} path={words['test path']}",
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
    parts = [_requirement(task), _document(task), _neighbours(task, bodies=False), _project(task), _left_out(task)]
    tried = list(history)
    if tried:
        parts.append(
            section(
                "What was tried",
                "The team is stuck. Find the misconception and give a different approach.\n\n"
                + "\n\n".join(contained(clipped(item, _MOST_TRIED)) for item in tried[-4:]),
            )
        )
    return joined(parts)


def developer_message(task: Task, plan: Plan, draft: Draft | None, feedback: Feedback | None) -> str:
    """For the developer: everything needed to write, and what was wrong with the last draft."""
    parts = [_requirement(task), _design(plan), _document(task), _neighbours(task, plan)]
    parts += [_left_out(task), _rules(task)]
    for_tests = task.test_dependencies if task.document and is_test(task.document.path) else ()
    if installed := dict.fromkeys((*_direct(task), *for_tests, *plan.dependencies)):
        parts.append(section("Packages that are installed", _listed(installed)))
    if draft and feedback:
        parts.append(section("Your last draft", _fenced(_shown(task, draft))))
    if feedback:
        said = contained(clipped(feedback.text, _MOST_FEEDBACK))
        parts.append(section(f"It was sent back ({feedback.gate})", said))
        parts.append("Find the cause, then answer with all that is to be written, corrected and complete.")
    parts.append(_delivery(task, plan))
    return joined(parts)


def tester_message(task: Task, plan: Plan, *, criteria: bool) -> str:
    """For the tester: requirement and interface, never the code.

    `criteria` is False where the architect's model is too weak for what it adds to the requirement to be believed.
    """
    parts = [_requirement(task), _design(_hollow(plan), criteria=criteria)]
    if task.document and tongue_of(task.document.path) and task.intent is not Intent.TEST:
        code = code_of(task.document.path).rough_signatures(task.document.text)
        outline = SourceFile(task.document.path, clipped(code, _MOST_INTERFACE))
        if outline.text.strip():
            parts.append(section("Signatures of the file as it is now", _fenced([outline])))
    existing = [path for path in task.listing if is_test(path)]
    if existing:
        parts.append(
            section(
                "Test files that exist (do not reuse these names)", "\n".join(one_line(path) for path in existing[:30])
            )
        )
    if task.test_dependencies:
        parts.append(section("Packages that the project has for its tests", _listed(task.test_dependencies)))
    if task.test_options:
        parts.append(section("Settings of the test runner", _listed(task.test_options)))
    path, sources = _to_test(task, plan)
    imports = f"\n\n{spoken(task.settings.language)['import']} {' and '.join(f'`{name}`' for name in sources)}."
    parts.append(section("Files to write", f"`{path}`{imports if sources else ''}"))
    return joined(parts)


def _to_test(task: Task, plan: Plan) -> tuple[str, list[str]]:
    """Path of the test file, and how it names what it tests: a module, or a file seen from there."""
    tongue = TONGUES[task.settings.language]
    if tongue.name == "python":
        roots = python_code.import_roots([*task.listing, *(file.path for file in plan.files)])
        sources = [name for file in plan.files if (name := python_code.module_name(file.path, roots))]
        stem, folder = sources[0].rpartition(".")[2] if sources else "code", task.tests_folder
    else:
        code = [file.path for file in plan.files if tongue_of(file.path)]
        first = PurePosixPath(code[0] if code else "code")
        own = tests_beside(str(first), frozenset(task.listing))
        stem, folder = first.stem, task.tests_folder if own is None else own
        if tongue.name == "rust":
            texts = {file.path: file.text for file in task.neighbours}
            sources = [name for path in code if (name := rust.imported(path, texts))]
        else:
            sources = [_seen_from(folder, path) for path in code]
    name = tongue.test_file.format(stem=stem)
    return (f"{folder}/{name}" if folder not in ("", ".") else name), sources


def _seen_from(folder: str, path: str) -> str:
    seen = posixpath.relpath(path, folder or ".")
    return seen if seen.startswith(".") else f"./{seen}"


def arbiter_message(task: Task, plan: Plan, tests: Tests, failures: str) -> str:
    """For the tester as judge of a failing test: requirement, test and what it said; never the code."""
    return joined(
        [
            _requirement(task),
            _design(_hollow(plan)),
            section("The test files", _fenced(tests.files)),
            section("What fails", contained(clipped(_without_code(failures), _MOST_FAILURES))),
        ]
    )


def reviewer_message(
    task: Task, plan: Plan | None, files: Iterable[SourceFile], run: RunResult | None, static: Iterable[Finding]
) -> str:
    """For the reviewer: what was added, how it ran, and what the linters already say."""
    parts = [_requirement(task)]
    if plan and plan.criteria:
        parts.append(section("Acceptance criteria", "\n".join(f"- {one_line(item)}" for item in plan.criteria)))
    parts.append(_rules(task))
    parts.append(section("The code", "\n\n".join(_changed(task, file) for file in files)))
    if run is not None:
        output = run.stderr[-1500:] or run.stdout[-500:]
        ran = f"Exit code {run.exit_code}." + (f"\n\n{fence(output, 'text')}" if output.strip() else "")
        parts.append(section("How it ran", ran))
    said = [
        f"- {one_line(item.path)}:{item.start_line} {one_line(item.rule)} {one_line(item.message)}" for item in static
    ]
    if said:
        parts.append(section("Linters say already (do not repeat)", "\n".join(said[:20])))
    return joined(parts)


def for_one_role(task: Task, role: str) -> str:
    """What the task has for a role and not for those it talks with, where all hear the same: in a conversation."""
    if role == "developer":
        return joined([_neighbours(task), _left_out(task), _rules(task)])
    return _rules(task) if role == "reviewer" else ""


def _rules(task: Task) -> str:
    return section("Rules of this project", balanced(clipped(task.rules, _MOST_RULES))) if task.rules else ""


def _requirement(task: Task) -> str:
    words = [_ASKED[task.intent], balanced(task.requirement.strip())]
    words += [
        f"- line {item.span.start_line}: {one_line(item.message)}"
        + (f" ({one_line(item.source, 60)} {one_line(item.rule, 60)})" if item.source else "")
        for item in task.complaints[:50]
    ]
    return section("Requirement", joined(words))


def _document(task: Task) -> str:
    if task.document is None or not task.document.text.strip():
        return ""
    lines = split_lines(task.document.text)
    span = window(task)
    shown = clipped("".join(lines[span.start_line - 1 : span.end_line]), MOST_DOCUMENT)
    text = _fenced([SourceFile(task.document.path, shown)])
    if is_large(task):
        text += f"\n(lines {span.start_line} to {span.end_line} of {len(lines)})"
    place = task.selection or task.enclosing
    if place and not _is_prose(task.document.path):
        selected = lines[place.start_line - 1 : place.end_line]
        text += f"\n\nIt is about lines {place.start_line} to {place.end_line}"
        repeated = clipped("".join(selected).strip("\r\n"), MOST_DOCUMENT)
        text += f":\n\n{fence(repeated)}" if len(selected) <= _REPEATED else "."
    return section("The document", text)


def _delivery(task: Task, plan: Plan) -> str:
    if task.document and is_large(task) and (task.enclosing or task.selection):
        what = "Only the definition that was asked for, with any import it needs above it."
        if not task.enclosing:
            what = "Only the new code; it is placed below the lines that were selected."
        return section("Files to write", f"`{task.document.path}`\n\nThe file is long. {what}")
    shown = seen(task, plan)
    paths = [file.path for file in plan.files if not is_test(file.path)]
    unseen = [path for path in paths if path not in shown and before_text(task, path) is not None]
    known = [path for path in paths if path in shown]
    long = [path for path in known if path.endswith(".py") and is_long(before_text(task, path) or "")]
    said = [", ".join(f"`{path}`" for path in paths if path not in unseen)]
    if short := [path for path in known if path not in long]:
        said.append(f"{', '.join(short)} exists: whatever the requirement does not touch stays as it is.")
    if long:
        said.append(
            f"{', '.join(long)} is long: write only the definitions that change or are new, each of them whole, "
            "with any import they need. They are put into their places; the rest of the file stays as it is."
        )
    if unseen:
        said.append(f"{', '.join(unseen)} is too long to be shown, and stays as it is: do without a change of it.")
    return section("Files to write", joined(said))


def _neighbours(task: Task, plan: Plan | None = None, *, bodies: bool = True) -> str:
    shown = [near.file for near in neighbours(task, plan, bodies=bodies)]
    return section("Other files of the project", _fenced(shown)) if shown else ""


def _project(task: Task) -> str:
    parts = []
    if task.listing:
        parts.append("Files: " + ", ".join(one_line(path) for path in task.listing[:120]))
    if declared := _direct(task):
        parts.append(f"Declared packages: {_listed(declared)}")
    if task.test_dependencies:
        parts.append(f"Declared for its tests: {_listed(task.test_dependencies)}")
    return section("The project", "\n\n".join(parts)) if parts else ""


def _listed(lines: Iterable[str]) -> str:
    return ", ".join(one_line(line, 200) for line in islice(lines, _MOST_LISTED))


def _direct(task: Task) -> list[str]:
    """Packages that the project declares for its own code, which not every language tells from those that they need."""
    return [line for line in task.dependencies if not line.endswith("// indirect")]


def _left_out(task: Task) -> str:
    if not task.left_out:
        return ""
    lines = [f"- {one_line(path)}: {reason}" for path, reason in task.left_out]
    return section(
        "Files that are missing where the code is run", "\n".join([*lines, "\nDo not import or replace them."])
    )


def _design(plan: Plan, *, criteria: bool = True) -> str:
    words = [balanced(plan.approach.strip()) if criteria else ""]
    if len(plan.files) > 1:
        words.append("\n".join(f"- {one_line(file.path)}: {one_line(file.purpose)}" for file in plan.files))
    if plan.criteria and criteria:
        words.append("Acceptance criteria:\n" + "\n".join(f"- {one_line(item)}" for item in plan.criteria))
    interfaces = [SourceFile(file.path, file.interface) for file in plan.files if file.interface.strip()]
    design = joined(words)
    return joined(
        [
            section("Design", design) if design else "",
            section("Signatures", _fenced(interfaces)) if interfaces else "",
        ]
    )


def _hollow(plan: Plan) -> Plan:
    """The plan without any code that an architect may have written into it."""
    approach = "\n".join(line for line in plan.approach.split("\n") if not line.startswith(("    ", "\t")))
    files = tuple(
        PlannedFile(
            file.path,
            file.purpose,
            clipped(code_of(file.path).rough_signatures(file.interface), _MOST_INTERFACE),
        )
        for file in plan.files
    )
    return Plan(approach, files, plan.dependencies, plan.criteria)


def _without_code(failures: str) -> str:
    """Of what a test runner says the assertions and errors, without the lines of source that it shows around them."""
    kept: list[str] = []
    source = False
    for line in failures.split("\n"):
        error = re.match(r"E(?:\s+|$)", line)
        plain = line[error.end() :] if error else line
        if _SOURCE.match(line):
            source = True
        elif _RAISED.match(plain) or (not error and plain.endswith(":") and "::" in plain):
            source = False
            kept.append(plain)
        elif not source and (error or not line.startswith((">", "    ", "\t"))):
            kept.append(plain)
    return "\n".join(kept)


def _shown(task: Task, draft: Draft) -> Iterator[SourceFile]:
    """The draft's files; of a long one only what the draft changed."""
    for file in draft.files:
        before = before_text(task, file.path)
        if before is None or not is_long(before):
            yield file
        else:
            added = [line for mark, line in hunks(before, file.text) if mark in " +"]
            yield SourceFile(file.path, "".join(added))


def _changed(task: Task, file: SourceFile) -> str:
    before = before_text(task, file.path)
    if task.intent is Intent.REVIEW or before is None or not before.strip():
        if task.intent is Intent.REVIEW and task.selection and task.document and file.path == task.document.path:
            lines = split_lines(file.text)
            text = "".join(lines[task.selection.start_line - 1 : task.selection.end_line])
            return _fenced([SourceFile(file.path, text)])
        return _fenced([file])
    difference = "".join(f"{mark}{line}" for mark, line in hunks(before, file.text))
    return f"Changed in {one_line(file.path)} (added lines start with +):\n\n{fence(difference, 'diff')}"


def _fenced(files: Iterable[SourceFile]) -> str:
    return "\n\n".join(fence(file.text, f"{_word(file.path)}path={_named(file.path)}") for file in files)


def _word(path: str) -> str:
    """The language of a block, and a blank; nothing for what is no code."""
    tongue = tongue_of(path)
    return f"{tongue.fences[0]} " if tongue and not path.endswith(tongue.declarations) else ""


def _named(path: str) -> str:
    """A path as it can stand behind a fence; a file of the workspace may have any name."""
    return one_line(path).replace("`", "'")


def _is_prose(path: str) -> bool:
    return path.lower().endswith((".md", ".markdown", ".txt", ".rst"))
