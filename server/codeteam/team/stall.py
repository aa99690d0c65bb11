"""Notices that a job is getting nowhere: the same failure again, or drafts going in circles."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from codeteam.domain.artifacts import Draft, Feedback

_LONGEST = 100_000
"""Characters of a failure that are compared."""
_TEMPORARY = re.compile(
    r"(?:/private)?(?:/var/folders|/var/tmp|/tmp|/dev/shm)/[^\s:'\"<>|)]*|[A-Za-z]:\\[^\s:'\"<>|]*\\Temp\\[^\s:'\"<>|]*",
    re.IGNORECASE,
)
_CLOCK = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
_ACCIDENTS = (
    # Where a value might be meant (in quotes, in a comparison), a number stays: another value is another failure.
    (re.compile(rf"{_CLOCK}[.,]\d+(?:Z|[+-]\d\d:?\d\d)?|^\[?{_CLOCK}\]?", re.MULTILINE), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "UUID"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "ADDRESS"),
    (re.compile(r"\bpytest-\d+\b"), "pytest-N"),
    (re.compile(r"\btmp[a-z0-9_]{8}\b"), "TEMPORARY"),
    (re.compile(r"\b(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?):\d+"), "HOST:PORT"),
    (re.compile(r"\b(line|port) \d+"), r"\1 N"),
    (re.compile(r"(\.[A-Za-z]\w{0,4}\"?|<\w+>):\d+(?::\d+)?"), r"\1:N"),
    (re.compile(r"\b((?:pid|thread|process|task|worker)[ =:#(-]{1,2})\d+", re.IGNORECASE), r"\1N"),
    (re.compile(r"\bid[=:] ?\d{9,}"), "id=N"),
    (re.compile(r"(?<![\w'\".])\d+\.\d+ ?(?:s|ms|us|µs|seconds?|secs?)\b(?!['\"])"), "DURATION"),
    (re.compile(r"\b(in|after|took) \d+ ?(?:s|ms|seconds?)\b"), r"\1 DURATION"),
)
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_UNORDERED = re.compile(r"\{([^{}]{1,2000})\}")
_LOCAL = re.compile(r"[A-Za-z_@]\w* {1,20}= ")


def signature(gate: str, text: str) -> str:
    """A failure without its accidents (addresses, places, times, order): equal means the same failure again."""
    text = "\n".join(_telling(_COLOUR.sub("", text[:_LONGEST]).splitlines()))
    text = _TEMPORARY.sub(_lasting, text)
    for pattern, word in _ACCIDENTS:
        text = pattern.sub(word, text)
    for _ in range(4):
        # Innermost first; what is sorted is marked, so that the next round finds what it stands in.
        text = _UNORDERED.sub(lambda found: f"\x02{', '.join(sorted(re.split(r', *', found[1])))}\x03", text)
    text = re.sub(r"\s+", " ", text).strip()
    return f"{gate}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _telling(lines: list[str]) -> list[str]:
    """The lines that say what failed: of a traceback or a test's block not the source, nor the values around it."""
    asserted = any(line.startswith("E ") for line in lines)
    if not asserted and not any(line.startswith("Traceback (most recent call last)") for line in lines):
        return lines
    kept = [line for line in lines if not line.startswith((">", "    ", "\t"))]
    return [line for line in kept if not (asserted and _LOCAL.match(line))]


def _lasting(found: re.Match[str]) -> str:
    """Of a temporary path the name of the module, if it ends in one."""
    name = re.split(r"[/\\]", found.group())[-1]
    return f"PATH/{name}" if name.endswith(".py") else "PATH"


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
