"""Puts what a role wrote into the files of the task: whole files, or a definition in its place.

The rest of the file stays as it was, line endings and byte order mark included.
"""

from __future__ import annotations

import ast
import difflib
import re
import textwrap
from collections import Counter
from pathlib import PurePosixPath

from codeteam.domain.artifacts import Plan
from codeteam.domain.source import SourceFile, Span
from codeteam.domain.task import Intent, Task
from codeteam.team import python_code
from codeteam.team.replies import Fence, MalformedReply, safe_path

WHOLE_FILE_LINES = 300
"""Documents longer than this are not sent and returned whole: only the enclosing definition is."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_ELIDED = re.compile(
    r"^\s*(?:#|//)?\s*(?:\.\.\.|…)?\s*(?:rest of|the rest|existing|remaining|other|previous|unchanged)\b.{0,60}"
    r"(?:unchanged|here|code|same|as before|remains?|\.\.\.|…)",
    re.IGNORECASE | re.MULTILINE,
)


class OutOfScope(ValueError):
    """A reply that would change what the task does not allow; the message is fit for the developer."""


def split_lines(text: str) -> list[str]:
    """Lines with their ends: line feed, carriage return, or both; nothing else ends a line."""
    return _LINE.findall(text)


def is_large(task: Task) -> bool:
    """Whether the document is too long to be returned whole."""
    return task.document is not None and len(split_lines(task.document.text)) > WHOLE_FILE_LINES


def drafted_files(task: Task, plan: Plan, fences: tuple[Fence, ...]) -> tuple[SourceFile, ...]:
    """The developer's fences as whole files.

    Raises:
        MalformedReply: no code, a block without a path where several are possible, code that is cut short.
        OutOfScope: a path outside the workspace, or a file that the task did not give.
    """
    written: dict[str, str] = {}
    for fence in _with_paths(task, plan, fences):
        path = _allowed(task, plan, fence.path)
        if _ELIDED.search(fence.text):
            raise MalformedReply(f"The block for {path} leaves code out. Write the complete code, nothing elided.")
        written[path] = fence.text
    if not written:
        raise MalformedReply("There is no fenced code block with a path in your reply.")
    return tuple(SourceFile(path, _placed(task, path, text)) for path, text in written.items())


def _with_paths(task: Task, plan: Plan, fences: tuple[Fence, ...]) -> list[Fence]:
    """Only blocks of code; a single one without a path gets the only path it can mean."""
    code = [
        fence
        for fence in fences
        if fence.text.strip() and fence.language not in ("json", "bash", "sh", "console", "text", "diff")
    ]
    named = [fence for fence in code if fence.path]
    if named or not code:
        return named
    candidates = [file.path for file in plan.files if not python_code.is_test(file.path)]
    if task.document and task.document.path in candidates:
        candidates = [task.document.path]
    if len(candidates) != 1:
        raise MalformedReply(
            "Each code block needs its path after the language, as in ```python path=package/module.py"
        )
    longest = max(code, key=lambda fence: len(fence.text))
    return [Fence(longest.language, candidates[0], longest.text)]


def _allowed(task: Task, plan: Plan, name: str) -> str:
    try:
        path = safe_path(name)
    except MalformedReply as error:
        raise OutOfScope(str(error)) from error
    planned = {file.path for file in plan.files}
    given = {file.path for file in task.neighbours} | ({task.document.path} if task.document else set())
    if task.intent is Intent.DOCUMENT and task.document and path != task.document.path:
        raise OutOfScope(f"Only {task.document.path} may change; you wrote {path}.")
    if path in given or path not in task.listing:
        if python_code.is_test(path) and path not in planned and path not in given:
            raise OutOfScope(f"{path} is a test file; the tester writes those. Write only the code.")
        return path
    raise OutOfScope(f"{path} exists in the workspace and was not shown to you, so it may not be replaced.")


def _placed(task: Task, path: str, text: str) -> str:
    before = before_text(task, path)
    if before is None:
        return text
    whole = text
    if task.document and path == task.document.path and not _is_whole(task, before, text):
        whole = _spliced(task, before, text)
    lost = python_code.definitions(before) - python_code.definitions(whole)
    if lost and python_code.parse(whole) is not None and task.intent is not Intent.REFACTOR:
        raise OutOfScope(
            f"Your {path} no longer has {', '.join(sorted(lost)[:8])}. Return the whole file with the rest unchanged."
        )
    return keep_layout(before, whole)


def before_text(task: Task, path: str) -> str | None:
    """A file's text before the job; None for a new file."""
    if task.document and task.document.path == path:
        return task.document.text
    return next((file.text for file in task.neighbours if file.path == path), None)


def _is_whole(task: Task, document: str, text: str) -> bool:
    """Whether a block for the document is the whole file: it is, unless only what was asked for is in it."""
    if not is_large(task) and task.enclosing is None:
        return True
    before = python_code.definitions(document)
    now = python_code.definitions(textwrap.dedent(text))
    if is_large(task):
        return len(before) > 1 and before <= now
    inside = enclosing_names(task)
    return not inside or bool((before - inside) & now) or before <= now


def enclosing_names(task: Task) -> frozenset[str]:
    """Names that the enclosing definition defines, methods without their class."""
    if not task.document or not task.enclosing:
        return frozenset()
    lines = split_lines(task.document.text)[task.enclosing.start_line - 1 : task.enclosing.end_line]
    return python_code.definitions(textwrap.dedent("".join(lines)))


def _spliced(task: Task, before: str, text: str) -> str:
    """The document with the block in the place of the enclosing definition, or below the cursor."""
    lines = split_lines(before)
    imports, code = _without_imports(textwrap.dedent(text))
    if task.enclosing:
        place, below = task.enclosing, False
    else:
        end = task.selection.end_line if task.selection else len(lines)
        place, below = Span(end + 1, end), True
    indent = _indent(lines, place, below)
    block = [f"{indent}{line}" if line.strip() else line for line in split_lines(code.strip("\n") + "\n")]
    head, tail = lines[: place.start_line - 1], lines[place.end_line :]
    if head and not head[-1].endswith(("\n", "\r")):
        head[-1] += "\n"
    missing = [line for line in imports if line.strip() not in {old.strip() for old in lines}]
    at = _import_place("".join(head))
    return "".join([*head[:at], *missing, *head[at:], *block, *tail])


def _without_imports(code: str) -> tuple[list[str], str]:
    """Leading import statements of a block, and what follows."""
    tree = python_code.parse(code)
    end = 0
    for node in tree.body if tree else ():
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        end = node.end_lineno or end
    lines = split_lines(code)
    if end >= len(lines):
        return [], code
    return [line for line in lines[:end] if line.strip()], "".join(lines[end:])


def _import_place(head: str) -> int:
    """Index of the line before which imports go: after the last import at the top, else after the docstring."""
    tree = python_code.parse(head)
    place = 0
    for number, node in enumerate(tree.body if tree else ()):
        is_docstring = number == 0 and isinstance(node, ast.Expr)
        if is_docstring or isinstance(node, ast.Import | ast.ImportFrom):
            place = node.end_lineno or place
        else:
            break
    return place


def _indent(lines: list[str], place: Span, below: bool) -> str:
    first = lines[(place.end_line if below else place.start_line) - 1] if lines else ""
    found = re.match(r"[ \t]*", first)
    return found.group() if found else ""


def keep_layout(before: str, after: str) -> str:
    """`after` with the line endings, byte order mark and final newline that `before` has.

    Unchanged lines keep their own ends, new ones take the file's usual.
    """
    old = split_lines(before)
    ends = Counter(_end(line) for line in old if _end(line))
    usual = ends.most_common(1)[0][0] if ends else "\n"
    new = [line.rstrip("\r\n") for line in split_lines(after)]
    stripped = [line.rstrip("\r\n") for line in old]
    bom = "\ufeff" if before.startswith("\ufeff") else ""
    if bom and stripped:
        stripped[0] = stripped[0].removeprefix(bom)
    if bom and new:
        new[0] = new[0].removeprefix(bom)
    result = [line + usual for line in new]
    if len(ends) > 1:
        for tag, low, high, start, _ in difflib.SequenceMatcher(None, stripped, new, autojunk=False).get_opcodes():
            if tag == "equal":
                for offset in range(high - low):
                    result[start + offset] = new[start + offset] + (_end(old[low + offset]) or usual)
    if result and old and not _end(old[-1]):
        result[-1] = result[-1].rstrip("\r\n")
    return bom + "".join(result)


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def tester_files(task: Task, fences: tuple[Fence, ...]) -> tuple[SourceFile, ...]:
    """The tester's fences as new test files where the project keeps its tests.

    Raises:
        MalformedReply: no test in it, or a file that does not parse.
        OutOfScope: a path outside the workspace.
    """
    written: dict[str, str] = {}
    for number, fence in enumerate(fence for fence in fences if fence.language not in ("json", "bash", "sh", "text")):
        if not fence.text.strip():
            continue
        path = _test_path(task, fence.path or f"test_generated{number or ''}.py")
        if problem := python_code.syntax_error(fence.text):
            raise MalformedReply(f"{path} does not parse: {problem}. Write the whole file again.")
        if not python_code.is_test(path) or python_code.names_of_tests(fence.text) or path.endswith("conftest.py"):
            written[path] = fence.text
    if not any(python_code.names_of_tests(text) for text in written.values()):
        raise MalformedReply(
            "There is no test function in your reply. Write a pytest file in a fenced block with its path."
        )
    return tuple(SourceFile(path, text) for path, text in written.items())


def _test_path(task: Task, name: str) -> str:
    try:
        path = PurePosixPath(safe_path(name))
    except MalformedReply as error:
        raise OutOfScope(str(error)) from error
    stem = path.stem if python_code.is_test(path.name) else f"test_{path.stem}"
    # One test folder, one name a file: a reply cannot put tests into the package, nor replace a test that exists.
    folder = PurePosixPath(task.tests_folder or (PurePosixPath(task.document.path).parent if task.document else "."))
    if path.is_relative_to(folder):
        folder = path.parent
    candidate, number = folder / f"{stem}.py", 2
    while str(candidate) in task.listing:
        candidate, number = folder / f"{stem}_{number}.py", number + 1
    return str(candidate)
