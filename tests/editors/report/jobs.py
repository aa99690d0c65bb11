"""What `codeteam/jobReport` answers of real jobs, recorded replies and real sandboxes, and of hostile ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from codeteam.domain.artifacts import Draft, Feedback, FileChange, Plan, PlannedFile, Proposal, Status
from codeteam.domain.events import (
    Drafted,
    Event,
    Executed,
    Planned,
    Proposed,
    Replied,
    SentBack,
    Started,
    StepFinished,
    StepStarted,
    Tested,
)
from codeteam.domain.evidence import Evidence, Gate, RunResult, TestCase, TestReport, Usage
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.jobs.history import History
from tests.cli.command import Place
from tests.e2e.service import Service
from tests.lsp.client import running
from tests.scenarios.scenario import read_scenario

ROOT = Path(__file__).parents[3]
SCENARIOS = {
    "stalled": "stalled_for_good",
    "failed": "unreadable_reply_twice",
    "refactored": "refactor_keeps_behaviour",
    "examples": "first_try_right",
    "findings": "review_only",
}
"""By the name of its report, the scenario that is played."""
NOTHING_FOUND = """\
## reply reviewer

~~~~reply
{"approved": true, "findings": [], "comment": "It is fine."}
~~~~
"""
EVIL = (
    "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> "
    "& 'x' \u202egnp.exe\u2066"
)


async def answers(folder: Path, service: Service) -> dict[str, dict[str, Any]]:
    """The reports by name; every job goes to one history, and a server that began none of them tells of it.

    `service` is the example that ships: sent back by the run, the review and the tests before it is right.
    """
    home = folder / "home"
    shutil.copytree(service.place.home, home)
    jobs = {"service": str(service.result["job"]), "clean": _review(folder, home)}
    jobs |= {name: _scenario(folder, home, scenario) for name, scenario in SCENARIOS.items()}
    jobs |= _invented(home)
    environ = {"CODETEAM_HOME": str(home), "CODETEAM_CONFIG": str(folder / "config")}
    async with running(["-P", "-m", "codeteam", "serve"], environ=environ, cwd=folder) as client:
        await client.initialize(folder)
        return {name: await client.request("codeteam/jobReport", {"jobId": job}) for name, job in jobs.items()}


def _review(folder: Path, home: Path) -> str:
    place = _place(folder, home, "clean")
    place.write("ages.py", '"""Ages."""\n\nLIMIT = 18\n')
    replies = place.folder / "replies.md"
    replies.write_text(NOTHING_FOUND, "utf-8")
    return _job(place, "review", "ages.py", "--format", "json", replies=replies)


def _scenario(folder: Path, home: Path, name: str) -> str:
    scenario = read_scenario(ROOT / "tests" / "scenarios" / f"{name}.md")
    place = _place(folder, home, name).with_environ(**scenario.task.get("env", {}))
    for path, content in scenario.files.items():
        place.write(path, content.decode())
    argv = [str(word) for word in scenario.task["argv"]]
    argv += ["--format", "json"] if argv[0] == "review" else ["--json"]
    return _job(place, *argv, replies=scenario.path)


def _place(folder: Path, home: Path, name: str) -> Place:
    (folder / name).mkdir()
    return Place(folder / name).with_environ(CODETEAM_HOME=str(home))


def _job(place: Place, *argv: str, replies: Path) -> str:
    done = place.run(*argv, "--model", f"script/{replies}", timeout=1500)
    assert done.out, done.err
    result = json.loads(done.out)
    [result] = result.get("jobs", [result])
    return str(result["job"])


def _invented(home: Path) -> dict[str, str]:
    """Jobs that no recording gives: one that tries to break the page, and one under way in this very process."""
    history = History(home)
    try:
        for job, requirement, events in (
            ("evil00000001", EVIL, _hostile()),
            ("busy00000001", "Write fizz_buzz(n) in fizz.py.", _under_way()),
        ):
            document = SourceFile(f"{EVIL}.py", "x = 1\r\n" * 3)
            history.add(Task(job, Intent.IMPLEMENT, requirement, document=document), workspace=f"/w/{EVIL}")
            history.append(job, events)
    finally:
        history.close()
    return {"hostile": "evil00000001", "running": "busy00000001"}


def _under_way() -> list[Event]:
    return [
        Started(),
        StepStarted("architect", 0, "planning"),
        Replied("architect", 0, "openai/gpt-4.1", "…", Usage(1, 900, 250, None), 3.0, "hash"),
        StepFinished("architect", 0, "fizz.py", 3.1),
        Planned(Plan("One function.", (PlannedFile("fizz.py", "the game"),)), 1),
        StepStarted("executor", 0, "making the sandbox ready"),
        StepFinished("executor", 0, "codeteam-sandbox", 0.6),
        StepStarted("developer", 1, "writing the draft"),
        Replied("developer", 1, "openai/gpt-4.1", "…", Usage(1, 1400, 300, None), 4.0, "hash"),
        Drafted(Draft(1, (SourceFile("fizz.py", "def fizz_buzz(n: int) -> str:\n    return str(n)\n"),), "A start.")),
        StepFinished("developer", 1, "fizz.py", 4.2),
        StepStarted("executor", 1, "running the draft in the sandbox"),
    ]


def _hostile() -> list[Event]:
    """Everything that a model, a workspace or a program may write, at its worst and at its longest."""
    words = f"{EVIL}\x1b[31m\x00 😀\ud83d 漢\n"
    loud = words * 6_000  # a million characters
    run = RunResult(("python", EVIL, "it's"), 1, words, words, 1.0)
    cases = [TestCase(f"{EVIL}::test_{number}", "failed", words) for number in range(400)]
    cases.append(TestCase("loud", "failed", loud))
    plan = Plan(EVIL, tuple(PlannedFile(EVIL, EVIL, EVIL) for _ in range(3)), (EVIL,), (EVIL,))
    found = [
        Finding(EVIL, severity, f"{EVIL}.py", 1, 3, EVIL, EVIL, EVIL, EVIL, 0.5, f"f{severity}")
        for severity in Severity
    ]
    evidence = Evidence(
        1, Usage(1, 10, 10, None), 5.0, EVIL, (), TestReport(tuple(cases), run), (Gate(EVIL, False, EVIL),), (), (EVIL,)
    )
    files = (FileChange(f"{EVIL}.py", loud, False), FileChange("long.py", "x" * 900_000, True))
    return [
        Started(),
        Planned(plan, 1),
        StepStarted(EVIL, 1, EVIL),
        Replied("developer", 1, EVIL, EVIL, Usage(1, 10, 10, None), 1.0, "hash"),
        Drafted(Draft(1, (SourceFile(f"{EVIL}.py", loud),), EVIL)),
        StepFinished(EVIL, 1, EVIL, 1.0),
        StepStarted("executor", 1, EVIL),
        *(Executed(1, "run", run) for _ in range(400)),
        Executed(1, "run", RunResult(("python",), 1, loud, loud, 1.0, truncated=True)),
        Tested(1, "tests", TestReport(tuple(cases), run)),
        StepFinished("executor", 1, EVIL, 1.0),
        SentBack(1, Feedback(EVIL, EVIL, EVIL)),
        Proposed(Proposal(Status.BELOW, Quality.DRAFT, files, tuple(found), evidence, EVIL, EVIL)),
    ]
