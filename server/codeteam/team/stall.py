"""Notices that a job is getting nowhere: the same failure again, or drafts going in circles."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from codeteam.domain.artifacts import Draft, Feedback

_ACCIDENTS = (
    (re.compile(r"0x[0-9a-fA-F]+"), "ADDRESS"),
    (re.compile(r"\x1b\[[0-9;]*[A-Za-z]"), ""),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ][\d:.,+Z]*"), "TIME"),
    (re.compile(r"/tmp/[^\s:'\"]+"), "PATH"),  # noqa: S108 - a pattern, not a file that is made
    (re.compile(r"\bline \d+"), "line N"),
    (re.compile(r":\d+(?::\d+)?\b"), ":N"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:ms|s)\b"), "DURATION"),
    (re.compile(r"\s+"), " "),
)


def signature(gate: str, text: str) -> str:
    """A failure without its accidents (addresses, places, times): equal means the same failure again."""
    for pattern, word in _ACCIDENTS:
        text = pattern.sub(word, text)
    return f"{gate}:{hashlib.sha256(text.strip().encode('utf-8', 'replace')).hexdigest()[:16]}"


def draft_hash(draft: Draft) -> str:
    """Equal for drafts that write the same files, trailing blanks aside."""
    content = hashlib.sha256()
    for file in sorted(draft.files, key=lambda file: file.path):
        lines = "\n".join(line.rstrip() for line in file.text.splitlines()).strip()
        content.update(f"{file.path}\0{lines}\0".encode("utf-8", "replace"))
    return content.hexdigest()


@dataclass(slots=True)
class Progress:
    """What a job has been through, as far as it tells whether it moves."""

    stalls: int = 0
    """How often the job was found stuck; the third time it ends."""
    _last: str = ""
    _repeats: int = 0
    _drafts: list[str] = field(default_factory=list)

    def stuck(self, draft: Draft | None, feedback: Feedback) -> str:
        """Take note of a draft that was sent back; the reason in words when the job is stuck, else empty."""
        self._repeats = self._repeats + 1 if feedback.signature == self._last else 1
        self._last = feedback.signature
        reason = ""
        if draft is not None:
            mark = draft_hash(draft)
            if self._drafts and mark == self._drafts[-1]:
                reason = "the developer returned the same draft again"
            elif mark in self._drafts:
                reason = "the drafts go in circles"
            self._drafts.append(mark)
        if self._repeats >= 2:
            reason = f"the same failure came {_times(self._repeats)} in a row"
        if reason:
            self.stalls = 3 if self._repeats >= 3 else self.stalls + 1
        return reason


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"
