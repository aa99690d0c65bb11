"""`codeteam/jobs` and `codeteam/jobReport` through the wire: jobs of this server, of earlier ones, and of none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from codeteam.domain.artifacts import Draft, Feedback, FileChange, Plan, PlannedFile, Proposal, Review, Status, Tests
from codeteam.domain.events import (
    Cancelled,
    Drafted,
    Event,
    Executed,
    Failed,
    Planned,
    Proposed,
    Reviewed,
    SentBack,
    Stalled,
    Started,
    StepFinished,
    StepStarted,
    Tested,
    TestsWritten,
)
from codeteam.domain.evidence import Evidence, Gate, RunResult, TestCase, TestReport, Usage
from codeteam.domain.settings import Quality
from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.jobs.history import History
from tests.lsp.client import CAPABILITIES, Client, ServerError, at, without
from tests.lsp.playing import GATE, HOLD, STEPS, finding, let_go, playing, proposed
from tests.lsp.test_job_news import SENT_BACK, replied

CODE = 'def größe(text: str) -> str:\n    """😀 Wörter \u202e?"""\n    ...\n'
DONE = CODE.replace("...", "return text.lower()  # 漢字")
LIST_KEYS = {
    "jobId", "created", "intent", "title", "workspace", "uri", "state", "quality", "seconds", "tokens", "canApply",
    "canRerun",
}  # fmt: skip


def workspace(tmp_path: Path) -> tuple[Path, str]:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "größe.py").write_text(CODE, encoding="utf-8")
    return root, (root / "größe.py").as_uri()


async def started(client: Client, uri: str) -> str:
    argument = {"uri": uri, "version": client.buffers[unquote(uri)].version, "range": at(1, 4)}
    job: str = (await client.execute("codeteam.implement", argument))["jobId"]
    return job


async def listed(client: Client, **params: Any) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = (await client.request("codeteam/jobs", params))["jobs"]
    assert all(set(job) == LIST_KEYS for job in jobs)
    return jobs


async def report(client: Client, job: str) -> dict[str, Any]:
    answer: dict[str, Any] = await client.request("codeteam/jobReport", {"jobId": job})
    return answer


async def refusal(client: Client, method: str, params: Any) -> str:
    with pytest.raises(ServerError) as refused:
        await client.request(method, params)
    assert refused.value.code == -32602
    return str(refused.value)


def remember(home: Path, job: str, *events: Event, created: float = 1000.0, where: str = "", **task: Any) -> None:
    """A job of an earlier day: a second passes with each event. Whoever ran it is this test, which is alive."""
    clock = iter(range(int(created), int(created) + 1000))
    history = History(home, clock=lambda: float(next(clock)))
    requirement = task.pop("requirement", f"Do {job}")
    history.add(Task(job, task.pop("intent", Intent.IMPLEMENT), requirement, **task), workspace=where)
    for event in events:
        history.append(job, [event])
    history.close()


async def test_jobs_of_this_server_are_listed_as_they_stand(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    async with playing(home, GATE, *SENT_BACK, proposed({"größe.py": DONE})) as client:
        client.accept = lambda _: {"applied": False}
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        [entry] = await listed(client)
        assert (entry["jobId"], entry["state"], entry["canApply"], entry["canRerun"]) == (job, "queued", False, False)
        let_go(home)
        await client.job_state(job, "kept")
        [entry] = await listed(client)
        assert (entry["state"], entry["canApply"], entry["canRerun"]) == ("kept", True, True)
        assert (entry["title"], entry["uri"], entry["workspace"]) == ("implement größe", uri, str(root))
        assert (entry["intent"], entry["quality"]) == ("implement", "tested")
        client.accept = lambda _: True
        await client.execute("codeteam.apply", {"jobId": job})
        await client.job_state(job, "applied")
        [entry] = await listed(client)
        assert (entry["state"], entry["canApply"], entry["canRerun"]) == ("applied", False, True)
        client.close(uri)
        [entry] = await listed(client)
        assert entry["canRerun"] is True  # on the file as it is on the disk
        (root / "größe.py").unlink()
        [entry] = await listed(client)
        assert entry["canRerun"] is False  # there is no document to run it on


async def test_an_earlier_job_is_told_as_it_was(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    async with playing(home, *STEPS, proposed({"größe.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        await client.job_state(await started(client, uri), "applied")
        [now] = await listed(client)
    async with playing(home, *STEPS) as client:
        await client.initialize(root)
        [then] = await listed(client)
    assert now["title"] == "implement größe"
    for fact in ("jobId", "title", "state", "quality"):
        assert then[fact] == now[fact]


async def test_earlier_jobs_are_listed_newest_first_and_by_workspace(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    document = SourceFile("größe.py", CODE)
    remember(home, "aaa000000001", *SENT_BACK, Failed("model_down", "No."), created=1000, where=str(root))
    kept = proposed({"größe.py": DONE}, status=Status.BELOW)
    remember(home, "aaa000000002", Started(), kept, created=2000, where=str(root), document=document)
    remember(home, "aaa000000003", Started(), Cancelled(), created=3000, where="/elsewhere", intent=Intent.FIX)
    remember(home, "aaa000000004", Started(), created=4000, document=SourceFile("/w/a b.py", ""))
    async with playing(home, *STEPS, proposed({"größe.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.job_state(job, "applied")
        jobs = await listed(client)
        assert [(entry["jobId"], entry["state"]) for entry in jobs] == [
            (job, "applied"),
            ("aaa000000004", "running"),  # in a process that lives: this one
            ("aaa000000003", "cancelled"),
            ("aaa000000002", "below"),
            ("aaa000000001", "failed"),
        ]
        assert [entry["uri"] for entry in jobs[1:]] == ["file:///w/a%20b.py", "", uri, ""]
        assert [entry["tokens"] for entry in jobs[1:]] == [0, 0, 0, 630]
        assert jobs[4]["seconds"] == len(SENT_BACK) + 1
        assert jobs[3]["quality"] == "tested"
        can = [(entry["canApply"], entry["canRerun"]) for entry in jobs[1:]]
        assert can == [(False, False), (False, False), (True, True), (False, False)]
        here = await listed(client, workspaces=[f"{root}/"])
        assert [entry["jobId"] for entry in here] == [job, "aaa000000002", "aaa000000001"]
        assert await listed(client, workspaces=[]) == []
        assert [entry["jobId"] for entry in await listed(client, limit=2)] == [job, "aaa000000004"]
        assert (await client.request("codeteam/jobs"))["jobs"] == jobs


async def test_a_job_whose_server_was_killed_was_interrupted(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    async with playing(home, *SENT_BACK, StepStarted("executor", 2, "running the tests"), HOLD) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.notified("codeteam/step", lambda step: step["message"] == "running the tests")
        running = await report(client, job)
        client.process.kill()
        await client.ended()
    assert (running["job"]["state"], running["status"], running["error"]) == ("running", None, None)
    assert running["steps"][-1]["state"] == "running"
    async with playing(home, HOLD) as client:
        await client.initialize(root)
        [entry] = await listed(client)
        assert (entry["jobId"], entry["state"], entry["tokens"]) == (job, "interrupted", 630)
        after = await report(client, job)
    assert (after["status"], after["error"]["kind"]) == (None, "interrupted")
    assert after["steps"][-1]["state"] == "failed"
    assert after["steps"][:-1] == running["steps"][:-1]
    assert after["iterations"] == running["iterations"]
    assert after["usage"] == running["usage"]


def whole_job() -> tuple[Event, ...]:
    """A job with one of everything; what its programs and models say is not to be trusted."""
    hostile = "</script>\u202e\x00\x1b[31m 😀"
    cases = (TestCase("t.py::test_ü", "passed"), TestCase("t.py::test_b", "failed", hostile))
    tests = TestReport(cases, RunResult(("pytest",), 1), coverage=87.5)
    plan = Plan(hostile, (PlannedFile("größe.py", "grow", "def größe(): ..."),), ("fastapi>=1",), ("it grows",))
    proposal = Proposal(
        Status.BELOW,
        Quality.REVIEWED,
        (FileChange("größe.py", DONE, False), FileChange("tests/test_größe.py", "def test(): ...\n", True)),
        (finding("größe.py", 3, "    ...", trigger="größe('')", suggestion="Mend it.", confidence=0.5),),
        Evidence(
            iterations=2,
            usage=Usage(3, 500, 130, None),
            seconds=12.5,
            image="an image",
            tests=tests,
            gates=(Gate("run", True, "it runs"), Gate("tests", False, "1 failed")),
            notes=("mind this",),
        ),
        "tests: 1 failed",
        hostile,
    )
    return (
        Planned(plan, 1),
        *SENT_BACK[:13],
        Drafted(Draft(1, (SourceFile("größe.py", "x = 1\n"),), "a try")),
        *SENT_BACK[14:],
        Stalled(1, "the same failure came twice in a row"),
        Drafted(Draft(2, (SourceFile("größe.py", DONE),), hostile)),
        TestsWritten(Tests((SourceFile("tests/test_größe.py", "def test(): ...\n"),))),
        StepStarted("executor", 2, "running the tests"),
        Executed(2, "tests", RunResult(("pytest", "-q"), -9, hostile, "err", 3.25, timed_out=True, truncated=True)),
        Executed(2, "turned", RunResult(("pytest", "-q"), 1)),
        Tested(2, "tests", tests),
        StepFinished("executor", 2, "1 passed, 1 failed", 3.3),
        SentBack(2, Feedback("tests", "test_b failed", "tests:1")),
        Reviewed(2, Review(True)),
        Proposed(proposal),
    )


async def test_a_report_tells_everything_and_is_the_same_in_a_later_server(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    async with playing(home, *whole_job()) as client:
        client.accept = lambda _: False
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.job_state(job, "kept")
        here = await report(client, job)
        assert await client.leave() == 0
    async with playing(home, HOLD) as client:
        await client.initialize(root)
        later = await report(client, job)
    assert set(here["job"]) == LIST_KEYS
    assert (here["job"]["state"], later["job"]["state"]) == ("kept", "below")
    for told in (here, later):
        del told["job"], told["seconds"]
        for step in told["steps"]:
            del step["seconds"]
    assert here == later
    assert here["requirement"] == "😀 Wörter \u202e?"
    assert here["models"] == ["some/model"]
    assert here["plan"]["files"] == [{"path": "größe.py", "purpose": "grow", "interface": "def größe(): ..."}]
    assert (here["plan"]["attempt"], here["plan"]["dependencies"]) == (1, ["fastapi>=1"])
    first, second = here["iterations"]
    assert first["sentBack"] == {"gate": "run", "text": "The code does not run."}
    assert first["stalled"] == "the same failure came twice in a row"
    assert first["files"] == [{"path": "größe.py", "text": "x = 1\n"}]
    assert second["sentBack"]["gate"] == "tests"
    assert [step["number"] for step in here["steps"] if step["state"] == "failed"] == [4, 6]
    assert [(run["iteration"], run["purpose"], run["exitCode"]) for run in here["runs"]] == [
        (1, "tidy", 0),
        (1, "run", 1),
        (2, "tests", -9),
        (2, "turned", 1),
    ]
    assert [step["purpose"] for step in here["steps"] if step["role"] == "executor"] == ["", "run", "tests"]
    last = here["runs"][-2]
    assert (last["argv"], last["timedOut"], last["outOfMemory"]) == (["pytest", "-q"], True, False)
    assert last["output"] == "</script>\u202e\x00\x1b[31m 😀err\n… more was written and is lost …\n"
    assert (here["tests"]["passed"], here["tests"]["failed"], here["tests"]["coverage"]) == (1, 1, 87.5)
    assert here["tests"]["cases"][0] == {"name": "t.py::test_ü", "outcome": "passed", "message": ""}
    assert here["testFiles"] == [{"path": "tests/test_größe.py", "text": "def test(): ...\n"}]
    assert [(file["path"], file["before"], file["isNew"]) for file in here["files"]] == [
        ("größe.py", CODE, False),
        ("tests/test_größe.py", None, True),
    ]
    [found] = here["findings"]
    assert (found["startLine"], found["endLine"], found["severity"]) == (3, 3, "warning")
    assert found["confidence"] == 0.5
    assert here["gates"][1] == {"name": "tests", "passed": False, "detail": "1 failed"}
    assert (here["quality"], here["status"], here["stoppedBy"]) == ("reviewed", "below", "tests: 1 failed")
    assert here["usage"] == {"calls": 3, "promptTokens": 500, "completionTokens": 130, "cost": None}
    assert (here["image"], here["notes"], here["error"]) == ("an image", ["mind this"], None)


async def test_a_report_is_bounded_and_says_what_is_missing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    loud = "ä" * 2_000_000
    output = "ä" * 70_000  # a little more than the team tells of a run
    runs = [Executed(1, "run", RunResult((f"python{n}",), 0, f"first{output}{n}", "last")) for n in range(1200)]
    drafts = [Drafted(Draft(n, (SourceFile("big.py", f"{loud}{n}"),))) for n in range(1, 8)]
    home.mkdir()
    history = History(home)
    history.add(Task("abc000000001", Intent.IMPLEMENT, "Do it."))
    history.append("abc000000001", [*runs[:30], *runs[30:], *drafts, proposed(new={"big.py": loud})])
    history.close()
    async with playing(home, HOLD) as client:
        await client.initialize()
        told = await report(client, "abc000000001")
    size = len(json.dumps(told, ensure_ascii=False))
    assert size < 6_000_000
    assert 1_000_000 <= len(told["files"][0]["after"]) < 1_000_100  # the proposal first
    assert "1000000 characters are left out" in told["files"][0]["after"]
    assert len(told["runs"]) == 1000
    assert "left out" in told["runs"][0]["output"]
    [note] = told["notes"]
    assert "long texts are shortened" in note
    assert "entries of long lists are left out (200)" in note
    assert "codeteam jobs abc000000001" in note


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ([], "object"),
        ("text", "object"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": "3"}, "limit"),
        ({"workspaces": "/w"}, "workspaces"),
        ({"workspaces": [3]}, "workspaces"),
        ({"workspaces": ["/w"] * 101}, "workspaces"),
    ],
)
async def test_wrong_parameters_of_a_list_are_refused(tmp_path: Path, params: Any, words: str) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        assert words in await refusal(client, "codeteam/jobs", params)
        assert await listed(client) == []


async def test_an_unknown_job_and_the_beginning_of_one_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    remember(home, "aaa000000001", Started())
    remember(home, "aaa000000002", Started())
    async with playing(home, HOLD) as client:
        await client.initialize()
        nameless: list[Any] = [None, [], {}, {"jobId": ""}, {"jobId": 7}]
        for params in nameless:
            await refusal(client, "codeteam/jobReport", params)
        for name in ("nothing", "aaa", "aaa00000000", "aaa0000000011", "%", "a" * 100_000, "\0"):
            assert "there is no job" in await refusal(client, "codeteam/jobReport", {"jobId": name})
        assert (await report(client, "aaa000000001"))["job"]["jobId"] == "aaa000000001"


async def test_a_workspace_without_trust_can_be_read_and_not_run(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    async with playing(home, *STEPS, proposed({"größe.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.job_state(job, "applied")
        client.notify("codeteam/trust", {"trusted": False})
        [entry] = await listed(client)
        assert (entry["jobId"], entry["canRerun"]) == (job, False)
        assert (await report(client, job))["job"]["canRerun"] is False


async def test_an_unreadable_history_is_said_and_this_servers_jobs_are_still_reported(tmp_path: Path) -> None:
    root, uri = workspace(tmp_path)
    home = tmp_path / "home"
    async with playing(home, *STEPS, proposed({"größe.py": DONE})) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = await started(client, uri)
        await client.job_state(job, "applied")
        history = home / "history" / "history.sqlite3"
        for path in history.parent.iterdir():
            path.unlink()
        history.write_bytes(b"no database at all " * 1000)
        assert (await report(client, job))["status"] == "accepted"
        assert await client.leave() == 0
    async with playing(home, HOLD, capabilities=without(CAPABILITIES, "experimental")) as client:
        await client.initialize(root)
        with pytest.raises(ServerError, match="damaged") as refused:
            await listed(client)
        assert refused.value.code == -32803


async def test_replies_are_counted_for_jobs_without_a_proposal(tmp_path: Path) -> None:
    home = tmp_path / "home"
    remember(home, "aaa000000001", Started(), replied("developer", 1, 70, None), replied("tester", 1, 7), Cancelled())
    async with playing(home, HOLD) as client:
        await client.initialize()
        told = await report(client, "aaa000000001")
        [entry] = await listed(client)
    assert entry["tokens"] == 77
    assert told["usage"] == {"calls": 2, "promptTokens": 75, "completionTokens": 2, "cost": None}
    assert (told["status"], told["seconds"]) == ("cancelled", 3.0)
