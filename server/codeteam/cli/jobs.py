"""`codeteam jobs`: what is remembered; the list, or one job with every step, reply, run and figure."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from codeteam.cli.result import as_json, result_of
from codeteam.cli.terminal import put, put_json
from codeteam.cli.words import event_in_words, finding_in_words, summary
from codeteam.domain.events import Event, Executed, Replied, SentBack, Tested
from codeteam.domain.evidence import TestReport
from codeteam.jobs.history import History, StoredJob
from codeteam.jobs.job_line import JobLine
from codeteam.jobs.places import state_dir
from codeteam.wire import Codec


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "jobs",
        help="list past jobs, or show one",
        description="The history: the newest jobs, or one with every step, reply, run and figure.",
        allow_abbrev=False,
    )
    parser.add_argument("job", nargs="?", metavar="JOB", help="A job's id, or its beginning.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="Newest jobs to list (default: 50).")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    history = History(state_dir(args.environ))
    try:
        if args.job is None:
            lines = history.jobs(max(0, args.limit))
            put_json({"jobs": [_line_as_json(line) for line in lines]}) if args.json else put(_listed(lines))
        else:
            job = history.job(args.job)
            put_json(_job_as_json(job)) if args.json else put(_told(job))
    finally:
        history.close()
    return 0


def _listed(lines: tuple[JobLine, ...]) -> str:
    if not lines:
        return "no jobs yet\n"
    return "".join(
        f"{line.id}  {_time(line.created)}  {_state(line):<11}  {line.intent:<9}  {line.title}\n" for line in lines
    )


def _state(line: JobLine) -> str:
    return "applied" if line.applied else line.state


def _line_as_json(line: JobLine) -> dict[str, Any]:
    return {
        "job": line.id,
        "created": line.created,
        "state": line.state,
        "applied": line.applied,
        "intent": line.intent,
        "workspace": line.workspace,
        "title": line.title,
        "document": line.document,
        "quality": line.quality or None,
        "seconds": round(line.seconds, 3),
        "tokens": line.tokens,
    }


def _job_as_json(job: StoredJob) -> dict[str, Any]:
    """The result's shape with what history adds: state, task, and every event as it was recorded."""
    codec = Codec()
    events = [
        {"at": at, "event": type(event).__name__, **codec.plain(event)}
        for at, event in zip(job.times, job.events, strict=True)
    ]
    return as_json(
        result_of(job.task, job.events, _seconds(job)),
        state=job.line.state,
        applied=job.line.applied,
        created=job.line.created,
        workspace=job.line.workspace,
        title=job.line.title,
        task=codec.plain(job.task),
        events=events,
    )


def _told(job: StoredJob) -> str:
    line = job.line
    parts = [
        f"job {line.id}: {line.state}{', applied' * line.applied}",
        f"  {line.intent}: {line.title}",
        f"  {_time(line.created)}" + (f"  in {line.workspace}" if line.workspace else ""),
        "",
    ]
    for at, event in zip(job.times, job.events, strict=True):
        parts.append(f"[{at - line.created:7.1f}s] {event_in_words(event)}")
        parts += [f"           │ {text}" for text in _detail(event).splitlines()]
    result = result_of(job.task, job.events, _seconds(job))
    if line.state not in {"running", "interrupted"}:
        parts += ["", summary(result)]
    parts += [f"  {finding_in_words(finding)}" for finding in result.findings]
    return "\n".join(parts) + "\n" + (f"\n{result.patch}" if result.patch else "")


def _detail(event: Event) -> str:
    """What an event holds beyond its one line."""
    match event:
        case Replied(text=text):
            return text
        case Executed() if event.must_fail and not (event.run.timed_out or event.run.out_of_memory):
            return ""  # what such tests say is of no draft; the JSON has it
        case Executed(run=run) | Tested(report=TestReport(run=run)) if not run.ok:
            return f"$ {' '.join(run.argv)}\n{run.stdout}{run.stderr}"
        case SentBack(feedback=feedback):
            return feedback.text
        case _:
            return ""


def _seconds(job: StoredJob) -> float:
    return job.times[-1] - job.line.created if job.times else 0.0


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
