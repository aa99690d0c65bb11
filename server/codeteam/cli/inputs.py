"""What the user gave on the command line, checked before anything starts, made into a task."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codeteam.cli.options import settings_from
from codeteam.domain.errors import BadInput
from codeteam.domain.settings import Settings
from codeteam.domain.source import Span
from codeteam.domain.task import Intent, Task
from codeteam.workspace.configuration import config_folder
from codeteam.workspace.gather import gather_task, new_job_id
from codeteam.workspace.reading import lines_of

LIMIT = 1024 * 1024
"""Bytes of a requirement or of a document; no model reads more."""
_RANGE = re.compile(r"(?P<path>.+):(?P<range>[^:/\\]*)")
_LINES = re.compile(r"(?P<start>\d{1,9})(?:-(?P<end>\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the workspace, and the lines meant."""

    path: str
    """Relative to the workspace, POSIX."""
    text: str
    selection: Span | None


@dataclass(frozen=True, slots=True)
class Request:
    """All that a task is made from but the document."""

    root: Path
    settings: Settings
    config: Path
    trusted: bool

    def task(self, intent: Intent, document: Document | None, instruction: str) -> Task:
        """A task with a new id.

        Raises:
            BadInput: nothing is asked.
        """
        if intent is Intent.FIX and not instruction.strip():
            raise BadInput(
                "Nothing says what is wrong with the code.",
                'Say it in words: codeteam run "…" --intent fix --file PATH.',
            )
        task = gather_task(
            job=new_job_id(),
            intent=intent,
            root=self.root,
            path=document.path if document else "",
            text=document.text if document else "",
            selection=document.selection if document else None,
            cursor_line=None,
            instruction=instruction,
            settings=self.settings,
            trusted=self.trusted,
            home=self.config,
        )
        if intent is Intent.IMPLEMENT and not task.requirement.strip():
            raise BadInput(
                "Nothing in there says what to implement.",
                'Say it in words: codeteam run "…" --file PATH; or select a stub or a comment with PATH:START-END.',
            )
        return task


def request_from(args: argparse.Namespace, environ: Mapping[str, str]) -> Request:
    """The workspace and its settings; raises BadInput for what is wrong with them."""
    root = Path(args.workspace).expanduser()
    if not root.is_dir():
        raise BadInput(f"The workspace {args.workspace} is not a folder.", "Give one with --workspace DIR.")
    root = root.resolve()
    return Request(root, settings_from(args, root, environ), config_folder(environ), args.trust_workspace)


def add_workspace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workspace", metavar="DIR", default=".", help="The project's folder (default: this one).")
    parser.add_argument(
        "--trust-workspace", action="store_true", help="Let the workspace's own prompts (.codeteam/prompts) count."
    )


def read_requirement(name: str) -> str:
    """A file of requirements, "-" for standard input."""
    if name == "-":
        content = sys.stdin.buffer.read(LIMIT + 1)
        text = _decoded(content, "Standard input")
    else:
        text = _text_of(Path(name).expanduser())
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise BadInput(f"{_called(name)} is empty.", "Write down what you want, in words.")
    return text


def read_document(given: str, root: Path) -> Document:
    """`PATH` or `PATH:START-END` (or `PATH:LINE`), lines from 1; a byte order mark stays, for the patch needs it.

    Raises:
        BadInput: no such file, not text, too large, outside of the workspace, lines that are not there.
    """
    lines = ""
    path = Path(given).expanduser()
    if not path.exists() and (match := _RANGE.fullmatch(given)):
        path, lines = Path(match["path"]).expanduser(), match["range"]
        if path.is_file() and not lines:
            raise _bad_range(given)
    text = _text_of(path)
    try:
        relative = path.resolve().relative_to(root).as_posix()
    except ValueError:
        raise BadInput(
            f"{path} is outside of the workspace {root}.", "Give the folder that holds it with --workspace DIR."
        ) from None
    return Document(relative, text, _selection(given, lines, text))


def check_patch(name: str) -> Path:
    """A place where a patch can be written; said before the job, for afterwards it would be too late."""
    path = Path(name).expanduser()
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise BadInput(f"The patch cannot be written to {name}.", "Give a file in a folder that exists.")
    _check_writable(path.absolute().parent, f"the patch {name}")
    return path


def check_workspace_writable(root: Path) -> None:
    """Raises BadInput when nothing could be applied there."""
    _check_writable(root, f"the workspace {root}", "Make it writable, or leave out --apply and use --patch FILE.")


def _check_writable(folder: Path, what: str, hint: str = "Choose another place.") -> None:
    try:  # trying is the only honest answer: permissions, mounts, quotas and access lists all have a say
        with tempfile.TemporaryFile(dir=folder, prefix=".codeteam-"):
            return
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(f"Cannot write {what}: {reason}.", hint, kind="workspace_not_writable") from None


def _text_of(path: Path) -> str:
    if not path.exists():
        raise BadInput(f"There is no file {path}.", "Check the path; it is relative to the current folder.")
    if not path.is_file():
        raise BadInput(f"{path} is not a file.", "Give a text file.")
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
    return _decoded(content, str(path))


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LIMIT:
        raise BadInput(
            f"{name} is larger than {LIMIT // 1024} KiB, which no model reads.",
            "Split it, or select the part that matters with --file PATH:START-END of a smaller file.",
        )
    if b"\0" in content:
        raise BadInput(f"{name} is a binary file.", "Give a text file in UTF-8.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name} is not UTF-8 text (line {line}).", "Convert it to UTF-8.") from None


def _selection(given: str, lines: str, text: str) -> Span | None:
    if not lines:
        return None
    match = _LINES.fullmatch(lines)
    if match is None:
        raise _bad_range(given)
    count = len(lines_of(text)) - (1 if text.endswith(("\n", "\r")) else 0)
    start, end = int(match["start"]), int(match["end"] or match["start"])
    if not 1 <= start <= end <= count:
        raise BadInput(
            f"Lines {lines} are not in the file, which has {count}.", "Lines count from 1, the smaller number first."
        )
    return Span(start, end)


def _bad_range(given: str) -> BadInput:
    return BadInput(f"{given} does not end in lines.", "Write PATH:START-END, for example app.py:10-20, or PATH:10.")


def _called(name: str) -> str:
    return "Standard input" if name == "-" else os.fspath(name)
