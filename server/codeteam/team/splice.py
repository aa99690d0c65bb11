"""Puts what a role wrote into the files of the task: whole files, or a definition in its place.

The rest of the file stays as it was, line endings and byte order mark included.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from codeteam.domain.artifacts import Plan
from codeteam.domain.diff import split_lines
from codeteam.domain.languages import TONGUES, is_test, tests_beside, tongue_of
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.team.by_name import put_by_name
from codeteam.team.code import code_of
from codeteam.team.elision import elided
from codeteam.team.layout import fitted, keep_layout, unit_of
from codeteam.team.placing import put_below, put_over
from codeteam.team.replies import Fence, MalformedReply, safe_path
from codeteam.team.visible import before_text, is_large, is_long, seen, unseen_change

_PROSE = (".md", ".markdown", ".txt", ".rst")
_SHELL = ("bash", "sh", "shell", "console", "zsh", "text", "txt", "output", "json", "toml", "yaml", "ini")
"""Languages of blocks that show how a program is called, or what it prints, unless their path says otherwise."""
_PATH_COMMENT = re.compile(
    r"\s*(?:#|//)\s*(?:file|path)?:?\s*[\w./-]+\.(?:py|[cm]?[jt]s|go|rs|sh|bash|bats)\s*", re.IGNORECASE
)
_GONE = re.compile(
    r"\b(?:remov|delet|drop|renam|replac|inlin|merg|unus|duplicat|redefin|redeclar|obsolete|dead|convert|turn|mov(?:e|ing)"
    r"|extract|split|get rid|not accessed|never used|rewrit)",
    re.IGNORECASE,
)


class OutOfScope(ValueError):
    """A reply that would change what the task does not allow; the message is fit for the developer."""


def drafted_files(
    task: Task, plan: Plan, fences: tuple[Fence, ...], *, shown: frozenset[str] | None = None
) -> tuple[SourceFile, ...]:
    """The developer's fences as whole files.

    Args:
        shown: paths whose whole text the developer was shown, where that is not what the plan makes of it.

    Raises:
        MalformedReply: no code, a block without a path where several are possible, code that is cut short.
        OutOfScope: a path outside the workspace, or over code that was not shown.
    """
    written: dict[str, list[str]] = {}
    shown = seen(task, plan) if shown is None else shown
    for fence in _with_paths(task, plan, fences):
        path = _allowed(task, plan, fence.path, shown)
        left = elided(fence.text, before=before_text(task, path) or "") if not path.endswith(_PROSE) else ""
        if left:
            raise MalformedReply(
                f"The block for {path} leaves code out ({left!r}). Write the complete code, nothing elided."
            )
        written.setdefault(path, []).append(fence.text)
    if not written:
        raise MalformedReply("There is no fenced code block with a path in your reply.")
    return tuple(SourceFile(path, _placed(task, path, _one_of(path, texts))) for path, texts in written.items())


def _with_paths(task: Task, plan: Plan, fences: tuple[Fence, ...]) -> list[Fence]:
    """Only blocks of code; a single one without a path gets the only path it can mean."""
    named = [fence for fence in fences if fence.path and _is_file(fence)]
    if any(fence.language in ("diff", "patch") for fence in named):
        raise MalformedReply("A patch cannot be used. Write each file whole, in a block with its path.")
    code = [fence for fence in fences if not fence.path and fence.text.strip() and not _only_shows(task, fence)]
    if named or not code:
        return named
    candidates = [file.path for file in plan.files if not is_test(file.path)]
    if task.document and task.document.path in candidates:
        candidates = [task.document.path]
    if len(candidates) != 1:
        example = "python path=package/module.py"
        if (tongue := TONGUES[task.settings.language]).name != "python":
            example = f"{tongue.fences[0]} path=folder/name{tongue.endings[0]}"
        raise MalformedReply(f"Each code block needs its path after the language, as in ```{example}")
    longest = max(code, key=lambda fence: len(fence.text))
    return [Fence(longest.language, candidates[0], longest.text)]


def _is_file(fence: Fence) -> bool:
    """Whether a block with a path holds that file, rather than a command that is about it."""
    name = PurePosixPath(fence.path).name
    if not fence.text.strip():
        return name in ("__init__.py", "py.typed", ".gitkeep")
    tongue = tongue_of(name)
    return not (fence.language in _SHELL and tongue is not None and fence.language not in tongue.fences)


def _only_shows(task: Task, fence: Fence) -> bool:
    """Whether a block shows a call or an output, rather than code in the language of the job."""
    return fence.language in _SHELL and fence.language not in TONGUES[task.settings.language].fences


def _one_of(path: str, texts: list[str]) -> str:
    """Of several blocks for one file the one that has what all of them have, the last of equals."""
    if len(set(texts)) == 1:
        return texts[-1]
    names = [code_of(path).definitions(text) for text in texts]
    every = frozenset[str]().union(*names)
    whole = [text for text, found in zip(texts, names, strict=True) if found == every]
    if not whole or tongue_of(path) is None:
        raise MalformedReply(f"There are several different blocks for {path}. Write each file once, whole.")
    return whole[-1]


def _allowed(task: Task, plan: Plan, name: str, shown: frozenset[str]) -> str:
    try:
        path = safe_path(name)
    except MalformedReply as error:
        raise OutOfScope(str(error)) from error
    planned = {file.path for file in plan.files}
    if task.intent is Intent.DOCUMENT and task.document and path != task.document.path:
        raise OutOfScope(f"Only {task.document.path} may change; you wrote {path}.")
    if task.document and path == task.document.path and path.lower().endswith(_PROSE) and path not in planned:
        raise OutOfScope(f"{path} is the requirement, which stays as it is. Write only the code.")
    if is_test(path) and path not in planned and not (task.document and path == task.document.path):
        raise OutOfScope(f"{path} is a test file; the tester writes those. Write only the code.")
    if path in shown:
        return path
    if (other := _in_the_way(path, (*task.listing, *task.texts))) and other == path:
        raise OutOfScope(f"{path} exists in the workspace and was not shown to you, so it may not be replaced.")
    if other:
        raise OutOfScope(f"{path} cannot be written: {other} is in its way. Choose another path.")
    return path


def _in_the_way(path: str, existing: Iterable[str]) -> str:
    """A file that this path would replace, on a disk that ignores case too, or that is a folder of it, or below it."""
    wanted = path.casefold()
    for other in existing:
        there = other.casefold()
        if there == wanted or wanted.startswith(f"{there}/") or there.startswith(f"{wanted}/"):
            return other
    return ""


def _placed(task: Task, path: str, text: str) -> str:
    before = before_text(task, path)
    if before is None:
        return text.removeprefix("\ufeff")
    text = _with_first_line(before, text)
    whole = text
    if task.document and path == task.document.path and not _is_whole(task, before, text):
        whole = _spliced(task, before, text)
    elif is_long(before) and path.endswith(".py") and not _has_all(task, path, before, text):
        whole = put_by_name(before, text) or text
    elif before.strip() and unit_of(before) != unit_of(text):
        whole = fitted(text, "", unit_of(before))
    if lost := _lost(task, path, before, whole):
        raise OutOfScope(
            f"Your {path} no longer has {', '.join(lost[:8])}. Return the whole file with the rest unchanged."
        )
    if task.document and path == task.document.path and (line := unseen_change(task, whole)):
        raise OutOfScope(
            f"Your {path} changes line {line}, which was not shown to you. "
            "Return only the definition that was asked for; the rest stays as it is."
        )
    return keep_layout(before, whole, blanks=not _mentions(task, "whitespace", "W291", "W293"))


def _has_all(task: Task, path: str, before: str, text: str) -> bool:
    """Whether a block for a long file is the whole of it: nothing is missing but what was to go."""
    missing = code_of(path).definitions(before) - code_of(path).definitions(text)
    imports, others = _significant(split_lines(before))
    has_imports, has = _significant(split_lines(text))
    kept = ((imports + others) & (has_imports + has)).total() * 2 >= (imports + others).total()
    return not missing or (kept and not _lost(task, path, before, text))


def _with_first_line(before: str, text: str) -> str:
    """A first line that names the file was read as the block's path; where it is the file's own, it stays."""
    first = before.removeprefix("\ufeff").partition("\n")[0].rstrip("\r")
    if len(first) < 300 and _PATH_COMMENT.fullmatch(first) and text.partition("\n")[0].strip() != first.strip():
        return f"{first}\n{text}"
    return text


def _lost(task: Task, path: str, before: str, whole: str) -> list[str]:
    """Names that the file had and has no longer, though nobody asked for that."""
    code = code_of(path)
    if task.intent is Intent.REFACTOR or not code.parses(whole):
        return []
    had = code.definitions(before) | code.top_level_names(before)
    lost = had - code.definitions(whole) - code.top_level_names(whole)
    asked = "\n".join([task.requirement, *(item.message for item in task.complaints)])
    if lost and _GONE.search(asked):
        words = set(re.findall(r"\w+", asked))
        lost = frozenset(name for name in lost if not words & set(name.split(".")))
    return sorted(lost)


def _mentions(task: Task, *words: str) -> bool:
    said = " ".join([task.requirement, *(f"{item.rule} {item.message}" for item in task.complaints)]).lower()
    return any(word.lower() in said for word in words)


def _is_whole(task: Task, document: str, text: str) -> bool:
    """Whether a block for the document is the whole file, rather than only what was asked for."""
    lines = split_lines(document)
    place = task.enclosing
    around = [*lines[: place.start_line - 1], *lines[place.end_line :]] if place else lines
    if not place and not is_large(task) and task.intent is not Intent.IMPLEMENT:
        return True
    imports, others = _significant(around)
    has_imports, has = _significant(split_lines(text))
    if not others:
        return not imports - has_imports
    kept = (others & has).total() / others.total()
    outside = _outside(document, task)
    named = outside & code_of(task.document.path if task.document else "").definitions(textwrap.dedent(text))
    most = len(named) * 2 >= len(outside)
    if is_large(task):
        return most and kept >= 0.5
    if not place:
        return bool(named) or kept >= 0.5 or (not outside and kept > 0)
    return most if outside else kept >= 0.5


def _significant(lines: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Imports and other lines, blanks aside."""
    solid = [stripped for line in lines if (stripped := line.strip().lstrip("\ufeff"))]
    imports = Counter(line for line in solid if line.startswith(("import ", "from ")))
    return imports, Counter(solid) - imports


def _outside(document: str, task: Task) -> frozenset[str]:
    """Names of the definitions that the enclosing one neither is, nor is in, nor holds."""
    place = task.enclosing
    return frozenset(
        name
        for name, first, last in code_of(task.document.path if task.document else "").spans(document)
        if not place or first > place.end_line or last < place.start_line
    )


def enclosing_names(task: Task) -> frozenset[str]:
    """Names that the enclosing definition defines, methods without their class."""
    if not task.document or not task.enclosing:
        return frozenset()
    lines = split_lines(task.document.text)[task.enclosing.start_line - 1 : task.enclosing.end_line]
    return code_of(task.document.path).definitions(textwrap.dedent("".join(lines)))


def _spliced(task: Task, before: str, text: str) -> str:
    """The document with the block in the place of the enclosing definition, or below what is selected."""
    if task.enclosing:
        tree_marks = _decorators(before, task)
        return put_over(before, task.enclosing, text, decorators=not _mentions(task, *tree_marks))
    is_python = task.document is not None and task.document.path.endswith(".py")
    if is_python and not task.selection and is_large(task) and (merged := put_by_name(before, text)):
        return merged
    return put_below(before, task.selection.end_line if task.selection else 0, text)


def _decorators(document: str, task: Task) -> list[str]:
    place = task.enclosing
    lines = split_lines(document)[place.start_line - 1 : place.end_line] if place else []
    return [line.strip()[1:].partition("(")[0] for line in lines if line.strip().startswith("@")]


def tester_files(task: Task, plan: Plan, fences: tuple[Fence, ...]) -> tuple[SourceFile, ...]:
    """The tester's fences as new test files where the project, or the language, keeps its tests.

    Raises:
        MalformedReply: no test in it, or a file that does not parse.
        OutOfScope: a path outside the workspace.
    """
    written: dict[str, list[str]] = {}
    tongue = TONGUES[task.settings.language]
    code = [fence for fence in fences if fence.text.strip() and not _only_shows(task, fence)]
    for number, fence in enumerate(code):
        path = _test_path(task, plan, fence.path or tongue.test_file.format(stem=f"generated{number or ''}"))
        if not is_test(path):
            continue
        if problem := code_of(path).syntax_error(fence.text):
            raise MalformedReply(f"{path} does not parse: {problem}. Write the whole file again.")
        if code_of(path).names_of_tests(fence.text) or PurePosixPath(path).name == "conftest.py":
            written.setdefault(path, []).append(fence.text)
    files = [file for path, texts in written.items() for file in _test_files(task, path, texts)]
    if not any(code_of(file.path).names_of_tests(file.text) for file in files):
        kind = "pytest" if tongue.name == "python" else tongue.title
        raise MalformedReply(
            f"There is no test function in your reply. Write a {kind} file in a fenced block with its path."
        )
    return tuple(files)


def _test_files(task: Task, path: str, texts: list[str]) -> list[SourceFile]:
    """Blocks for one test file: a corrected one in the place of the first, others as files of their own."""
    kept: list[str] = []
    for text in texts:
        kept = [earlier for earlier in kept if not _repeats(path, earlier, text)] + [text]
    taken: list[SourceFile] = []
    for text in kept:
        free = path if not taken else _free(path, (*task.listing, *(file.path for file in taken)))
        taken.append(SourceFile(free, text))
    return taken


def _repeats(path: str, earlier: str, later: str) -> bool:
    names = code_of(path).names_of_tests
    return earlier == later or bool(names(earlier) & names(later))


def _test_path(task: Task, plan: Plan, name: str) -> str:
    try:
        path = PurePosixPath(safe_path(name))
    except MalformedReply as error:
        raise OutOfScope(str(error)) from error
    # One test folder, one name a file: a reply cannot put tests into the package, nor replace a test that exists.
    folder = PurePosixPath(task.tests_folder or (PurePosixPath(task.document.path).parent if task.document else "."))
    if path.is_relative_to(folder):
        folder = path.parent
    tongue = TONGUES[task.settings.language]
    if path.suffix not in (*tongue.endings, ""):
        return str(path)
    if path.name == "conftest.py":
        if str(folder / path.name) in task.listing:
            raise MalformedReply(f"{folder / path.name} exists. Put the fixtures into the test file.")
        return str(folder / path.name)
    there = frozenset(task.listing)
    homes = (tests_beside(file.path, there) for file in plan.files if tongue_of(file.path) is tongue)
    if planned := [PurePosixPath(home) for home in homes if home is not None]:
        folder = path.parent if path.parent in planned else planned[0]
    elif tongue.beside:
        folder = path.parent
    named = path.name if path.suffix else f"{path.name}{tongue.endings[0]}"
    if not is_test(str(folder / named)):
        named = tongue.test_file.format(stem=path.stem)
    return _free(str(folder / named), task.listing)


def _free(path: str, existing: Iterable[str]) -> str:
    """The path, numbered where its name is taken, be it in another folder: pytest takes both for one module."""
    there = {PurePosixPath(name).name.casefold() for name in existing}
    pure, number = PurePosixPath(path), 2
    while pure.name.casefold() in there:
        pure = pure.with_name(_numbered(PurePosixPath(path), number))
        number += 1
    return str(pure)


def _numbered(path: PurePosixPath, number: int) -> str:
    """Another name that is a test file still: the number stands before what makes it one."""
    ending = re.search(r"(?:[._-]test|\.spec)?\.\w+$", path.name)
    if path.suffix == ".py" or ending is None:
        return f"{path.stem}_{number}{path.suffix}"
    return f"{path.name[: ending.start()]}_{number}{ending.group()}"
