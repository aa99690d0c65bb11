"""Making a task: everything a job needs from the workspace, so that it can run where the workspace is not."""

from __future__ import annotations

import os
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from codeteam.domain.errors import BadInput
from codeteam.domain.languages import TONGUES, language_for
from codeteam.domain.settings import Settings
from codeteam.domain.source import SourceFile, Span
from codeteam.domain.task import Complaint, Intent, Task
from codeteam.workspace.definitions import enclosing, is_prose, words
from codeteam.workspace.folder import Folder
from codeteam.workspace.go_packages import package_files
from codeteam.workspace.imports import Import, Resolver, needed_files
from codeteam.workspace.manifests import declared, manifests
from codeteam.workspace.project import source_roots, test_options, tests_folder, tests_of
from codeteam.workspace.projects import python_projects
from codeteam.workspace.prompts import read_prompts
from codeteam.workspace.reading import is_plain, is_utf8, lines_of
from codeteam.workspace.rust_crates import crate_files
from codeteam.workspace.withheld import left_out, told

_RULES_READ = 1024 * 1024
_RULES_LIMIT = 32 * 1024
_LISTED = 2000
_READ_FOR_MENTIONS = 50_000
_MENTIONED = 10
_MENTION = re.compile(r"[\w./-]{3,200}")


def gather_task(
    *,
    job: str,
    intent: Intent,
    root: Path | None,
    path: str,
    text: str,
    selection: Span | None,
    cursor_line: int | None,
    instruction: str,
    settings: Settings,
    complaints: tuple[Complaint, ...] = (),
    trusted: bool = True,
    home: Path | None = None,
    config: Path | None = None,
    open_buffers: Mapping[str, str] | None = None,
    language: str = "",
) -> Task:
    """The task for a request; takes a few seconds at worst, whatever the workspace is like.

    Args:
        root: the workspace; None when there is none.
        path: of the document, absolute or relative to `root`; "" when the request is about no file. For a document
            outside of any workspace its own folder is taken as root, without what is below it: see `place`.
        text: the document as it is in the buffer.
        selection: selected lines; None when nothing is selected.
        cursor_line: from 1; None when unknown.
        instruction: the user's own words; they win over what the document says.
        trusted: whether prompts of the workspace count.
        config: folder with the user's `prompts/`, see `configuration.config_folder`; None to leave them out.
        home: looked into for `prompts/` when `config` is not given.
        open_buffers: unsaved texts by path relative to `root`; they win over the disk.
        language: what the editor says that the document is in; it counts where neither its name nor its text tells.

    Raises:
        BadInput: the document's name is no UTF-8, so that neither a model nor a sandbox could be given it.
    """
    where, relative = place(root, path)
    if not is_utf8(relative):
        shown = relative.encode("utf-8", "backslashreplace").decode("utf-8")
        raise BadInput(f"The name of the file {shown} is not UTF-8.", "Rename it, or its folder.")
    alone = where is not None and (root is None or not _same(where, root))
    buffers = {name: buffer for name, buffer in (open_buffers or {}).items() if is_plain(name)} if not alone else {}
    document = SourceFile(relative, text) if relative else None
    selection, cursor_line = _within(text, selection, cursor_line)
    spot = selection or (Span(cursor_line, cursor_line) if cursor_line is not None else None)
    requirement = instruction.strip() or (words(relative, text, selection, cursor_line) if document else "")
    prompts, unusable = read_prompts(where, config or home, trusted=trusted and not alone)
    task = Task(
        job=job,
        intent=intent,
        requirement=requirement,
        settings=replace(settings, language=language_for(relative, requirement, settings.language, text, language)),
        document=document,
        selection=selection,
        enclosing=enclosing(relative, text, spot) if document and spot else None,
        complaints=complaints,
        prompts=prompts,
        notes=unusable,
        cursor_line=cursor_line,
        instructed=bool(instruction.strip()),
    )
    return task if where is None else _with_workspace(task, Folder(where, buffers, deepest=0 if alone else 24))


def place(root: Path | None, path: str) -> tuple[Path | None, str]:
    """The folder that a task's paths are relative to, resolved, and the document's path in it.

    That is the workspace, or, for a document outside of it, the folder that the document is in.
    """
    root = None if root is None else root.absolute()
    real = None if root is None else _real(root)
    if not path:
        return real, ""
    given = Path(os.path.normpath(path if root is None else root / path))
    for base, target in ((root, given), (real, given), (real, _real(given))):
        if base is not None and target.is_relative_to(base):
            relative = target.relative_to(base).as_posix()
            if is_plain(relative):
                return real, relative
    if not given.is_absolute():  # not on the disk: a buffer that was never saved
        return real, given.name
    return _real(given.parent), given.name


def new_job_id() -> str:
    """12 lower-case letters and digits, not to be guessed."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def _with_workspace(task: Task, folder: Folder) -> Task:
    document = task.document
    path = document.path if document else ""
    tongue = TONGUES[task.settings.language]
    listing = folder.listing(_LISTED)
    projects = python_projects(folder, path, listing)
    tests = tests_folder(folder, projects[0], path, listing)
    roots = source_roots(projects, folder, listing)
    resolver = Resolver(folder, roots)
    near = _mentioned(task, resolver, listing)
    if document is None or is_prose(path):
        near += _packages(listing, tests)
    if tongue.name == "go":
        near += package_files(folder, path, task.requirement, listing)
    if tongue.name == "rust":
        near += crate_files(folder, path, task.requirement, listing)
    kept = [*tests_of(path, tests, listing), *manifests(tongue.name, path, listing)]
    needed = needed_files(folder, resolver, document, near, kept)
    carried = [*((document,) if document else ()), *needed.files]
    without = left_out(folder, roots, carried, needed.unread)
    packages = declared(tongue.name, path, folder, listing, carried, near=near)
    return replace(
        task,
        neighbours=needed.files,
        left_out=without,
        listing=listing,
        tests_folder=tests,
        rules=_rules(folder),
        dependencies=packages.code,
        test_dependencies=packages.tests,
        locked=packages.locked,
        test_options=test_options(folder, projects),
        notes=(*task.notes, *folder.unreadable(), *(told(name, reason) for name, reason in without)),
    )


def _mentioned(task: Task, resolver: Resolver, listing: tuple[str, ...]) -> list[str]:
    """Files of the workspace that the requirement names, as a path or as a module."""
    there = set(listing)
    found: list[str] = []
    for match in _MENTION.finditer(task.requirement[:_READ_FOR_MENTIONS]):
        word = match[0].strip("./-")
        if word in there:
            found.append(word)
        elif "." in word and "/" not in word and not word.endswith(".py"):
            found += resolver.files_of("", Import(0, word))
        if len(found) >= _MENTIONED:
            break
    return list(dict.fromkeys(found))[:_MENTIONED]


def _packages(listing: tuple[str, ...], tests: str) -> list[str]:
    """`__init__` files of the project's own packages: new code planned there must import."""
    found = []
    for path in listing:
        pure = PurePosixPath(path)
        outer = pure.parts[0]
        top = len(pure.parts) == 2 or (len(pure.parts) == 3 and outer in ("src", "lib"))
        if pure.name == "__init__.py" and top and outer not in (tests, "tests", "test", "docs", "examples"):
            found.append(path)
    return found[:5]


def _rules(folder: Folder) -> str:
    """`AGENTS.md`, its beginning when it is long; "" when it may not be shown."""
    text = folder.text("AGENTS.md", _RULES_READ) or ""
    return text.encode("utf-8", "ignore")[:_RULES_LIMIT].decode("utf-8", "ignore").removeprefix("\ufeff")


def _within(text: str, selection: Span | None, cursor_line: int | None) -> tuple[Span | None, int | None]:
    """Both as they fit the text: a client may count wrongly."""
    last = len(lines_of(text))
    if selection is not None:
        ends = sorted(min(max(line, 1), last) for line in (selection.start_line, selection.end_line))
        selection = Span(*ends)
    return selection, None if cursor_line is None else min(max(cursor_line, 1), last)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def _same(one: Path, other: Path) -> bool:
    return one == _real(other)
