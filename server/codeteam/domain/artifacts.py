"""What the roles hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from codeteam.domain.evidence import Evidence
from codeteam.domain.findings import Finding
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file the architect wants written, with the signatures others may rely on."""

    path: str
    purpose: str = ""
    interface: str = ""
    """Signatures and docstrings in the language, without bodies."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The architect's design."""

    approach: str
    files: tuple[PlannedFile, ...]
    dependencies: tuple[str, ...] = ()
    """Requirement lines, for example "fastapi>=0.115"."""
    criteria: tuple[str, ...] = ()
    """Acceptance criteria and edge cases, one sentence each."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The developer's work of one iteration: whole files, spliced and checked."""

    iteration: int
    files: tuple[SourceFile, ...]
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """The verdict on one draft: static checks and the reviewer's reading."""

    approved: bool
    findings: tuple[Finding, ...] = ()
    comment: str = ""
    verdict_counts: bool = True
    """False where the model is too weak for its word to count; the static checks then decide."""
    objected: bool = False
    """The reviewer said no, but nothing that could be acted on: the draft is not sent back for it."""


@dataclass(frozen=True, slots=True)
class Tests:
    """The tester's files."""

    __test__ = False
    files: tuple[SourceFile, ...]
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Why a draft goes back to the developer."""

    gate: str
    """The gate that failed, one of `Gate.name`."""
    text: str
    """What the developer is shown."""
    signature: str
    """The failure with its accidents (addresses, numbers, times) taken out: equal means the same failure again."""


class Status(StrEnum):
    ACCEPTED = "accepted"
    BELOW = "below"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file as it should become."""

    path: str
    text: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a job returns to the user."""

    status: Status
    """`ACCEPTED` or `BELOW`."""
    quality: Quality | None
    """None when not even a run succeeded."""
    files: tuple[FileChange, ...]
    findings: tuple[Finding, ...]
    evidence: Evidence
    stopped_by: str = ""
    """The gate or limit that kept the proposal below the quality asked for, in words; empty when accepted."""
    summary: str = ""
    """A sentence or two for the user."""
