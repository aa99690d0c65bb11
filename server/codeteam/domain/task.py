"""What is asked: everything a job needs, so that it can run where the workspace is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from codeteam.domain.settings import Settings
from codeteam.domain.source import SourceFile, Span


class Intent(StrEnum):
    """What the user wants done."""

    IMPLEMENT = "implement"
    FIX = "fix"
    REFACTOR = "refactor"
    DOCUMENT = "document"
    TEST = "test"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A diagnostic of the editor or of another tool that a `fix` job is to cure."""

    message: str
    span: Span
    source: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One request with all it takes to answer it."""

    job: str
    """Identifier of the job: 12 lower-case letters and digits."""
    intent: Intent
    requirement: str
    """What is wanted, in words: the instruction, the selected requirement, or the comment's text."""
    settings: Settings = Settings()
    document: SourceFile | None = None
    """The file the request is about, as it was in the buffer."""
    selection: Span | None = None
    """Selected lines of the document; None when nothing is selected."""
    enclosing: Span | None = None
    """The definition around the selection or cursor, decorators included."""
    neighbours: tuple[SourceFile, ...] = ()
    """Files of the workspace that the document leans on, nearest first."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Paths of files that the code imports and the task does not carry, each with the reason."""
    listing: tuple[str, ...] = ()
    """Paths that exist in the workspace (bounded): nothing new may collide with them."""
    tests_folder: str = "tests"
    """Where the project keeps its tests, relative; empty for beside the code."""
    rules: str = ""
    """The workspace's `AGENTS.md`."""
    dependencies: tuple[str, ...] = ()
    """Requirement lines that the workspace declares."""
    test_dependencies: tuple[str, ...] = ()
    """Requirement lines that it declares for its tests and its development, which a job can do without."""
    locked: tuple[str, ...] = ()
    """Versions, `name==version` or `name@version`, that the workspace has locked; taken where they fit."""
    test_options: tuple[str, ...] = ()
    """`name=value` of what it sets for its test runner and the tests do not run without."""
    complaints: tuple[Complaint, ...] = ()
    prompts: tuple[tuple[str, str], ...] = ()
    """Prompt texts that replace the packaged ones, by role: the user's, or a trusted workspace's."""
    notes: tuple[str, ...] = ()
    """What the user should know of how the task was gathered: files of theirs that could not be used."""
    cursor_line: int | None = None
    """From 1; None when unknown."""
    instructed: bool = True
    """The requirement is the user's own words; else it stood in the document, and another run reads it there anew."""

    title: str = ""
    """What its user sees the job called; empty for the requirement's first line."""

    @property
    def texts(self) -> dict[str, str]:
        """By path, what every file that the job knows said when it was asked: a proposal is made from these."""
        files = (*self.neighbours, *((self.document,) if self.document else ()))
        return {file.path: file.text for file in files}
