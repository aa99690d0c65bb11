"""The answer to `codeteam/jobReport`: a job's story as JSON, bounded, for a program wrote much of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from codeteam.domain.artifacts import FileChange, Status
from codeteam.domain.events import Cancelled, Executed, Failed
from codeteam.domain.evidence import TestReport
from codeteam.domain.findings import Finding
from codeteam.domain.story import Iteration, Story
from codeteam.domain.task import Task
from codeteam.lsp.job_news import error_of, step_as_json

ROOM = 4_000_000
"""Characters of all texts together: what an editor shows without a pause."""
_FILE = 1_000_000
_OUTPUT = 20_000
"""Of one run's output, as of a failing test's message."""
_WORDS = 20_000
"""Of what a model says: a finding, an explanation."""
_MOST = 1000
"""Entries of one list."""

_T = TypeVar("_T")


def report_as_json(entry: Mapping[str, Any], task: Task, story: Story) -> dict[str, Any]:
    """The report; `entry` is the job's own in `codeteam/jobs`.

    What matters most takes its room first: the proposal, then the findings, tests, drafts and runs.
    """
    room = _Room()
    proposal, evidence, end = story.proposal, story.evidence, story.end
    usage = evidence.usage
    report = {
        "job": dict(entry),
        "requirement": room.text(task.requirement, _WORDS),
        "models": list(story.models),
        "plan": _plan(room, story),
        "files": [_file(room, change, task) for change in (proposal.files if proposal else ())],
        "findings": [_finding(room, finding) for finding in room.some(story.findings)],
        "gates": [
            {"name": gate.name, "passed": gate.passed, "detail": room.text(gate.detail, _WORDS)}
            for gate in room.some(evidence.gates)
        ],
        "steps": [step_as_json(step) for step in room.some(story.steps)],
        "tests": _tests(room, evidence.tests) if evidence.tests else None,
        "testFiles": [
            {"path": file.path, "text": room.text(file.text, _FILE)}
            for file in (story.tests.files if story.tests else ())
        ],
        "iterations": [_iteration(room, iteration) for iteration in room.some(story.iterations)],
        "runs": [_run(room, run) for run in room.some(story.runs)],
        "quality": proposal.quality.label if proposal and proposal.quality else None,
        "status": _status(story),
        "stoppedBy": room.text(proposal.stopped_by, _WORDS) if proposal else "",
        "summary": room.text(proposal.summary, _WORDS) if proposal else "",
        "image": evidence.image,
        "usage": {
            "calls": usage.calls,
            "promptTokens": usage.prompt_tokens,
            "completionTokens": usage.completion_tokens,
            "cost": usage.cost,
        },
        "seconds": round(evidence.seconds, 3),
        "error": error_of(end),
    }
    notes = [room.text(note, _WORDS) for note in room.some(evidence.notes)]
    return {**report, "notes": [*notes, *room.said(str(entry["jobId"]))]}


class _Room:
    """What of the report's room is left, and what did not fit."""

    def __init__(self) -> None:
        self._left = ROOM
        self._shortened = 0
        self._dropped = 0

    def text(self, text: str, most: int) -> str:
        """The text, its middle left out where it is longer than `most` characters or than what is left."""
        most = min(most, self._left)
        if len(text) > most:
            self._shortened += 1
            head = most // 2
            text = f"{text[:head]}\n… {len(text) - most} characters are left out …\n{text[len(text) - most + head :]}"
        self._left = max(self._left - len(text), 0)
        return text

    def some(self, entries: Sequence[_T]) -> Sequence[_T]:
        """The last entries, as many as there may be."""
        self._dropped += max(len(entries) - _MOST, 0)
        return entries[-_MOST:]

    def said(self, job: str) -> list[str]:
        """What is to be said of what is missing."""
        parts = [f"long texts are shortened ({self._shortened})"] if self._shortened else []
        parts += [f"entries of long lists are left out ({self._dropped})"] if self._dropped else []
        return [f"In this report {' and '.join(parts)}; `codeteam jobs {job}` has everything."] if parts else []


def _status(story: Story) -> str | None:
    match story.end:
        case None:
            return None
        case Failed(kind="interrupted"):
            return None
        case Failed():
            return Status.FAILED.value
        case Cancelled():
            return Status.CANCELLED.value
        case _:
            return story.end.proposal.status.value


def _plan(room: _Room, story: Story) -> dict[str, Any] | None:
    if story.planned is None:
        return None
    plan = story.planned.plan
    return {
        "attempt": story.planned.attempt,
        "approach": room.text(plan.approach, _WORDS),
        "files": [
            {
                "path": file.path,
                "purpose": room.text(file.purpose, _WORDS),
                "interface": room.text(file.interface, _WORDS),
            }
            for file in room.some(plan.files)
        ],
        "dependencies": [room.text(line, _WORDS) for line in room.some(plan.dependencies)],
        "criteria": [room.text(line, _WORDS) for line in room.some(plan.criteria)],
    }


def _file(room: _Room, change: FileChange, task: Task) -> dict[str, Any]:
    before = None if change.is_new else room.text(task.texts.get(change.path, ""), _FILE)
    return {
        "path": change.path,
        "before": before,
        "after": room.text(change.text, _FILE),
        "isNew": change.is_new,
    }


def _finding(room: _Room, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "path": finding.path,
        "startLine": finding.start_line,
        "endLine": finding.end_line,
        "quote": room.text(finding.quote, _WORDS),
        "message": room.text(finding.message, _WORDS),
        "trigger": room.text(finding.trigger, _WORDS),
        "suggestion": room.text(finding.suggestion, _WORDS),
        "confidence": finding.confidence,
        "fingerprint": finding.fingerprint,
    }


def _tests(room: _Room, tests: TestReport) -> dict[str, Any]:
    return {
        "passed": tests.count("passed"),
        "failed": tests.count("failed"),
        "errors": tests.count("error"),
        "skipped": tests.count("skipped"),
        "coverage": tests.coverage,
        "problem": room.text(tests.problem, _WORDS),
        "cases": [
            {"name": room.text(case.name, _WORDS), "outcome": case.outcome, "message": room.text(case.message, _OUTPUT)}
            for case in room.some(tests.cases)
        ],
    }


def _iteration(room: _Room, iteration: Iteration) -> dict[str, Any]:
    draft, back = iteration.draft, iteration.sent_back
    return {
        "number": iteration.number,
        "explanation": room.text(draft.explanation, _WORDS) if draft else "",
        "files": [{"path": file.path, "text": room.text(file.text, _FILE)} for file in (draft.files if draft else ())],
        "sentBack": None if back is None else {"gate": back.gate, "text": room.text(back.text, _WORDS)},
        "stalled": room.text(iteration.stalled, _WORDS),
    }


def _run(room: _Room, executed: Executed) -> dict[str, Any]:
    run = executed.run
    output = run.stdout + run.stderr
    return {
        "iteration": executed.iteration,
        "purpose": executed.purpose,
        "argv": [room.text(word, _OUTPUT) for word in room.some(run.argv)],
        "exitCode": run.exit_code,
        "timedOut": run.timed_out,
        "outOfMemory": run.out_of_memory,
        "seconds": round(run.seconds, 3),
        "output": room.text(output, _OUTPUT) + ("\n… more was written and is lost …\n" if run.truncated else ""),
    }
