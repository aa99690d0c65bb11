"""What was done to believe a proposal: runs, tests, calls, gates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunResult:
    """One program's run in the sandbox; a failing program is a value, not an exception."""

    argv: tuple[str, ...]
    exit_code: int
    """The program's own; negative for the signal that ended it, as in `subprocess`."""
    stdout: str = ""
    """Decoded as UTF-8, undecodable bytes replaced; capped."""
    stderr: str = ""
    seconds: float = 0.0
    timed_out: bool = False
    out_of_memory: bool = False
    truncated: bool = False
    """Output went on beyond the cap and was dropped."""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.timed_out and not self.out_of_memory


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test's outcome, from the runner's report file."""

    __test__ = False
    name: str
    """As the runner names it, for pytest its node id."""
    outcome: str
    """"passed", "failed", "error" or "skipped"."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a test runner's report file said; a missing report means nothing passed."""

    __test__ = False
    cases: tuple[TestCase, ...]
    run: RunResult
    coverage: float | None = None
    """Percent of the draft's statements that ran, where it was measured."""
    problem: str = ""
    """Why there is no usable report, empty when there is one."""
    unlisted: tuple[tuple[str, int], ...] = ()
    """By outcome, how many cases of the report are not in `cases`, for it is too long; what failed is listed first."""

    def count(self, outcome: str) -> int:
        return sum(case.outcome == outcome for case in self.cases) + dict(self.unlisted).get(outcome, 0)

    @property
    def ok(self) -> bool:
        return not self.problem and self.count("passed") > 0 and not self.count("failed") and not self.count("error")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of model calls."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0
    """US dollars; None as soon as one call's price is unknown."""
    estimated: bool = False
    """Some of the tokens were reckoned from the length of a text, for nobody had counted them."""

    def __add__(self, other: Usage) -> Usage:
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            cost,
            self.estimated or other.estimated,
        )

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition on the way to a quality, and how it went."""

    name: str
    """In this order, as far as a draft comes: "scope", "run", "examples", "static", "review", "docs", "tests"; and what
    ended a job: "iterations", "progress", "budget", "model", "sandbox"."""
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a user may want to see before trusting a proposal."""

    iterations: int = 0
    usage: Usage = Usage()
    seconds: float = 0.0
    image: str = ""
    """Image of the sandbox, or "local (not isolated)"."""
    runs: tuple[RunResult, ...] = ()
    tests: TestReport | None = None
    gates: tuple[Gate, ...] = ()
    prompts: tuple[tuple[str, str], ...] = ()
    """SHA-256 of each prompt file by role."""
    notes: tuple[str, ...] = ()
    """What a reader should know: examples left out, findings dropped, limits reached."""
