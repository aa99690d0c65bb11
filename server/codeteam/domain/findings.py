"""What is wrong with a piece of code, said so that it can be checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that a finding has to do with: the test that fails because of it."""

    path: str
    line: int
    """From 1."""
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, located by the text it quotes."""

    rule: str
    severity: Severity
    path: str
    start_line: int
    """From 1; found from the quote, never taken from a model."""
    end_line: int
    """From 1, included."""
    quote: str
    message: str
    trigger: str = ""
    """The input or state that makes it go wrong."""
    suggestion: str = ""
    confidence: float = 1.0
    """From 0 to 1; static checks have 1."""
    fingerprint: str = ""
    fix: str = ""
    """Code for the place of the quoted lines, without the white space before them, that was tried in the sandbox in
    their place and held; empty where the suggestion is words, or did not hold."""
    related: tuple[Related, ...] = ()
    url: str = ""
    """Page that explains the rule; empty where there is none."""


def fingerprint(rule: str, path: str, quote: str) -> str:
    """Sixteen hex digits that stay when the finding moves or the white space around it changes."""
    normal = "\n".join(" ".join(line.split()) for line in quote.splitlines() if line.strip())
    return hashlib.sha256(f"{rule}\0{path}\0{normal}".encode()).hexdigest()[:16]
