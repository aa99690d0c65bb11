"""`codeteam/job` and `codeteam/step`: what a client that asked for it is told while a job runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codeteam.domain.artifacts import Draft, Feedback, Proposal, Status, Tests
from codeteam.domain.events import (
    Drafted,
    Event,
    Executed,
    Failed,
    Proposed,
    Replied,
    SentBack,
    Started,
    StepFinished,
    StepStarted,
    TestsWritten,
)
from codeteam.domain.evidence import Evidence, RunResult, Usage
from codeteam.domain.settings import Quality
from tests.lsp.client import CAPABILITIES, Client, at, without
from tests.lsp.playing import HOLD, STEPS, playing, proposed

CODE = 'def slug(text: str) -> str:\n    """Make a slug."""\n    ...\n'
DONE = CODE.replace("...", "return text.lower()")


def replied(role: str, iteration: int, tokens: int, cost: float | None = 0.01) -> Replied:
    return Replied(role, iteration, "some/model", "text", Usage(1, tokens - 1, 1, cost), 0.5, "hash")


SENT_BACK: tuple[Event, ...] = (
    Started(),
    StepStarted("architect", 0, "planning"),
    replied("architect", 0, 100),
    StepFinished("architect", 0, "slug.py", 1.5),
    StepStarted("executor", 0, "making the sandbox ready"),
    StepFinished("executor", 0, "an image", 0.1),
    StepStarted("tester", 1, "writing tests from the requirement"),
    StepStarted("developer", 1, "writing the draft"),
    replied("tester", 0, 30),
    TestsWritten(Tests(())),
    StepFinished("tester", 1, "test_slug.py", 0.9),
    replied("developer", 1, 200),
    Executed(1, "tidy", RunResult(("ruff",), 0)),
    Drafted(Draft(1, ())),
    StepFinished("developer", 1, "slug.py", 2.0),
    StepStarted("executor", 1, "running the draft in the sandbox"),
    Executed(1, "run", RunResult(("python",), 1)),
    StepFinished("executor", 1, "NameError", 0.2),
    SentBack(1, Feedback("run", "The code does not run.", "run:1")),
    StepStarted("developer", 2, "correcting the draft (run)"),
    replied("developer", 2, 300),
    StepFinished("developer", 2, "slug.py", 2.0),
)


async def played(tmp_path: Path, *events: Any, capabilities: Any = CAPABILITIES, state: str) -> Client:
    """A client that has seen a job to its end."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "slug.py").write_text(CODE, encoding="utf-8")
    uri = (root / "slug.py").as_uri()
    async with playing(tmp_path / "home", *events, capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = (await client.execute("codeteam.implement", {"uri": uri, "version": 1, "range": at(1, 4)}))["jobId"]
        if state == "cancelled":
            await client.until(lambda: told(client, "codeteam/step"), "a step")
            await client.execute("codeteam.cancel", {"jobId": job})
        await client.job_state(job, state)
        return client


def told(client: Client, method: str) -> list[dict[str, Any]]:
    return [entry["params"] for entry in client.notifications if entry["method"] == method]


async def test_each_turn_is_told_when_it_begins_and_ends(tmp_path: Path) -> None:
    client = await played(tmp_path, *SENT_BACK, proposed({"slug.py": DONE}), state="applied")
    steps = told(client, "codeteam/step")
    assert [(step["number"], step["role"], step["iteration"], step["state"]) for step in steps] == [
        (0, "architect", 0, "running"),
        (0, "architect", 0, "done"),
        (1, "executor", 0, "running"),
        (1, "executor", 0, "done"),
        (2, "tester", 1, "running"),
        (3, "developer", 1, "running"),
        (2, "tester", 1, "done"),
        (3, "developer", 1, "done"),
        (4, "executor", 1, "running"),
        (4, "executor", 1, "done"),
        (4, "executor", 1, "failed"),
        (5, "developer", 2, "running"),
        (5, "developer", 2, "done"),
    ]
    assert all((step["seconds"], step["tokens"]) == (0, 0) for step in steps if step["state"] == "running")
    last = {step["number"]: step for step in steps}
    assert [last[number]["tokens"] for number in range(6)] == [100, 0, 30, 200, 0, 300]
    assert last[2]["seconds"] == 0.9
    assert last[4]["purpose"] == "run"
    assert last[4]["message"] == "running the draft in the sandbox: NameError"
    assert last[0]["seconds"] == 1.5


async def test_a_turn_that_ends_beside_another_leaves_that_one_to_be_shown(tmp_path: Path) -> None:
    client = await played(tmp_path, *SENT_BACK, proposed({"slug.py": DONE}), state="applied")
    [*_, beside] = [params for params in told(client, "codeteam/job") if params["tokens"] == 130]  # the tester replied
    assert (beside["step"], beside["message"].rpartition(" · ")[2]) == ("developer", "developer: writing the draft")
    progress = [value.get("message", "") for value in client.progress(told(client, "codeteam/job")[0]["jobId"])]
    said = [message.rpartition(" · ")[2] for message in progress]
    first = said.index("tester: test_slug.py")
    assert said[first + 1] == "developer: writing the draft"


async def test_the_job_says_what_it_used_and_whether_it_can_be_applied(tmp_path: Path) -> None:
    end = Proposed(
        Proposal(Status.BELOW, Quality.DRAFT, (), (), Evidence(usage=Usage(9, 900, 99, None)), "tests: 1 failed")
    )
    client = await played(tmp_path, *SENT_BACK, end, state="done")
    jobs = told(client, "codeteam/job")
    assert [params["tokens"] for params in jobs] == sorted(params["tokens"] for params in jobs)
    assert {100, 130, 330, 630} <= {params["tokens"] for params in jobs}
    before = next(params for params in jobs if params["tokens"] == 630)
    assert before["cost"] == 0.04
    assert (before["stoppedBy"], before["error"], before["canApply"]) == ("", None, False)
    last = jobs[-1]
    assert (last["tokens"], last["cost"], last["stoppedBy"], last["quality"]) == (999, None, "tests: 1 failed", "draft")
    assert last["seconds"] >= before["seconds"] >= 0


async def test_a_proposal_that_is_kept_can_be_applied(tmp_path: Path) -> None:
    capabilities = without(CAPABILITIES, "workspace", "applyEdit")
    client = await played(tmp_path, *SENT_BACK, proposed({"slug.py": DONE}), capabilities=capabilities, state="kept")
    assert told(client, "codeteam/job")[-1]["canApply"] is True


async def test_the_step_that_ended_the_job_has_failed_and_the_error_is_told(tmp_path: Path) -> None:
    end = Failed("model_quota", "The quota is used up.", "Wait, or choose another model.")
    client = await played(tmp_path, *STEPS, StepStarted("reviewer", 1, "reviewing the draft"), end, state="failed")
    last = told(client, "codeteam/step")[-1]
    assert (last["role"], last["state"], last["message"]) == ("reviewer", "failed", "reviewing the draft")
    assert told(client, "codeteam/job")[-1]["error"] == {
        "kind": "model_quota",
        "message": "The quota is used up.",
        "hint": "Wait, or choose another model.",
    }


async def test_the_step_of_a_job_that_is_cancelled_is_cancelled(tmp_path: Path) -> None:
    client = await played(tmp_path, Started(), StepStarted("architect", 0, "planning"), HOLD, state="cancelled")
    assert [step["state"] for step in told(client, "codeteam/step")] == ["running", "cancelled"]
    states = [(params["state"], params["message"]) for params in told(client, "codeteam/job")]
    assert ("running", "stopping") in states
    assert states[-1] == ("cancelled", "cancelled")


async def test_a_client_that_did_not_ask_is_told_nothing(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    uri = (root / "slug.py").as_uri()
    capabilities = without(CAPABILITIES, "experimental")
    async with playing(tmp_path / "home", *SENT_BACK, proposed({"slug.py": DONE}), capabilities=capabilities) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        job = (await client.execute("codeteam.implement", {"uri": uri, "version": 1, "range": at(1, 4)}))["jobId"]
        await client.until(lambda: client.buffers[uri].text == DONE, "the edit")
        assert client.progress(job)
        assert not told(client, "codeteam/job")
        assert not told(client, "codeteam/step")
