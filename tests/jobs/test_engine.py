"""What editors and the command line rely on: order, queue, cancellation, and what happens when a worker dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from codeteam.domain.errors import BadInput
from codeteam.domain.events import Cancelled, Event, Failed, Noted, Proposed, Queued, Started
from codeteam.domain.settings import Settings
from tests.jobs.engines import ODD, all_events, engine_at, gone, is_alive, notes, odd_task, true_soon, until


async def test_events_come_in_order_and_end_with_the_proposal(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("note one; note two"))
        events = await all_events(engine)
    assert events[:3] == [Started(), Noted("one"), Noted("two")]
    assert isinstance(events[3], Proposed)
    assert len(events) == 4


async def test_who_comes_late_gets_everything_from_the_first(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("note one; sleep 0.2; note two"))
        await until(engine, Noted)
        late, early = await asyncio.gather(all_events(engine), all_events(engine))
        afterwards = await all_events(engine)
    assert early == late == afterwards
    assert notes(late) == ["one", "two"]


async def test_a_warm_worker_takes_the_first_job_and_the_next(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.warm()
        await engine.warm()
        pids = set()
        for number in range(3):
            await engine.submit(odd_task("pid", f"job00000000{number}"))
            pids.update(notes(await all_events(engine, f"job00000000{number}")))
    assert len(pids) == 1


async def test_a_worker_that_is_asked_for_twice_at_once_is_kept(tmp_path: Path) -> None:
    here = psutil.Process()
    others = set(here.children())
    async with engine_at(tmp_path) as engine:
        await asyncio.gather(engine.warm(), engine.warm())
        [worker] = set(here.children()) - others
        await engine.submit(odd_task("pid", "job000000001"))
        assert notes(await all_events(engine, "job000000001")) == [str(worker.pid)]
        await engine.rest()
        await gone(worker.pid)


async def test_an_engine_at_rest_keeps_no_worker_until_it_is_warmed_again(tmp_path: Path) -> None:
    here = psutil.Process()
    others = set(here.children())
    async with engine_at(tmp_path) as engine:
        await engine.warm()
        await engine.submit(odd_task("pid; sleep 0.3", "job000000001"))
        await until(engine, Noted, "job000000001")
        await engine.rest()
        [pid] = notes(await all_events(engine, "job000000001"))
        await gone(int(pid))
        for _ in range(600):  # one that has ended stays a child until it is waited for
            if set(here.children()) <= others:
                break
            await asyncio.sleep(0.05)
        assert set(here.children()) <= others
        await engine.warm()
        assert len(set(here.children()) - others) == 1
        await engine.submit(odd_task("pid", "job000000002"))
        [other] = notes(await all_events(engine, "job000000002"))
        assert other != pid
        assert is_alive(int(other))


async def test_more_jobs_than_slots_wait_in_order_and_see_the_queue_move(tmp_path: Path) -> None:
    async with engine_at(tmp_path, jobs=1) as engine:
        ended: list[str] = []

        async def watch(job: str) -> list[Event]:
            events = await all_events(engine, job)
            ended.append(job)
            return events

        for job in "abcd":
            await engine.submit(odd_task("sleep 0.1", job))
        events = await asyncio.gather(*(watch(job) for job in "abcd"))
    assert ended == ["a", "b", "c", "d"]
    assert [[event.ahead for event in job if isinstance(event, Queued)] for job in events] == [
        [],
        [1],
        [2, 1],
        [3, 2, 1],
    ]


async def test_two_slots_run_two_jobs_at_once(tmp_path: Path) -> None:
    async with engine_at(tmp_path, jobs=2) as engine:
        await engine.submit(odd_task("note on; sleep 600", "a"))
        await engine.submit(odd_task("note on; sleep 600", "b"))
        await until(engine, Noted, "a")
        await until(engine, Noted, "b")


async def test_a_waiting_job_can_be_cancelled_and_the_others_move_up(tmp_path: Path) -> None:
    async with engine_at(tmp_path, jobs=1) as engine:
        for job in "abc":
            await engine.submit(odd_task("sleep 600" if job == "a" else "note on", job))
        assert await engine.cancel("b")
        assert await all_events(engine, "b") == [Queued(1), Cancelled()]
        await engine.cancel("a")
        assert [event for event in await all_events(engine, "c") if isinstance(event, Queued)] == [Queued(2), Queued(1)]


async def test_cancel_ends_a_running_job_and_keeps_its_worker(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("pid; sleep 600", "a"))
        before = await until(engine, Noted, "a")
        assert await engine.cancel("a")
        assert (await all_events(engine, "a"))[-1] == Cancelled()
        assert not await engine.cancel("a")
        await engine.submit(odd_task("pid", "b"))
        assert notes(await all_events(engine, "b")) == [before.message]  # type: ignore[union-attr]


@pytest.mark.parametrize("order", ["deaf 600", "spin 600"])
async def test_a_worker_that_will_not_stop_is_killed_with_what_it_started(tmp_path: Path, order: str) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task(f"child; {order}"))
        child = int((await until(engine, Noted)).message)  # type: ignore[union-attr]
        start = time.monotonic()
        assert await engine.cancel("job000000001")
        assert time.monotonic() - start < 10  # 1.5 s and the kill; generous for a busy machine
        assert (await all_events(engine))[-1] == Cancelled()
        await gone(child)
        await engine.submit(odd_task("note again", "b"))
        assert notes(await all_events(engine, "b")) == ["again"]


@pytest.mark.parametrize("order", ["deaf 600", "spin 600"])
async def test_a_worker_that_is_stuck_beyond_the_limit_of_time_is_ended(tmp_path: Path, order: str) -> None:
    async with engine_at(tmp_path, grace=0.5) as engine:
        await engine.submit(odd_task(f"note on; {order}", settings=Settings(max_seconds=1)))
        last = (await all_events(engine))[-1]
        assert isinstance(last, Failed)
        assert last.kind == "max_seconds"
        await engine.submit(odd_task("note again", "b"))
        assert notes(await all_events(engine, "b")) == ["again"]


async def test_cancel_while_the_worker_still_loads(tmp_path: Path) -> None:
    slow = (*ODD, "spin", "1")
    async with engine_at(tmp_path, argv=slow) as engine:
        await engine.submit(odd_task("note never"))
        assert await engine.cancel("job000000001")
        assert await all_events(engine) == [Cancelled()]


async def test_cancel_of_an_unknown_job(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        assert not await engine.cancel("nothing")
        with pytest.raises(BadInput, match="no job"):
            await all_events(engine, "nothing")


async def test_one_id_is_one_job(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("done"))
        with pytest.raises(BadInput, match="already"):
            await engine.submit(odd_task("done"))


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ("note on; shot", "signal 9"),
        ("note on; say last words; die 7", "exit code 7"),
        ("note on; die 0", "exit code 0"),
        ("note on; garbage", "not a message"),
        ("note on; stranger", "out of turn"),
    ],
)
async def test_a_worker_that_dies_in_mid_job_is_told_and_replaced(tmp_path: Path, orders: str, said: str) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task(orders))
        events = await all_events(engine)
        assert events[:2] == [Started(), Noted("on")]
        failed = events[-1]
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.exit_code) == ("worker_died", 3)
        assert said in failed.message
        if "last words" in orders:
            assert "last words" in failed.hint
        await engine.submit(odd_task("note again", "b"))
        assert notes(await all_events(engine, "b")) == ["again"]


async def test_a_worker_killed_from_outside_takes_its_children_with_it(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("child; pid; sleep 600"))
        await true_soon(lambda: len(engine._feeds["job000000001"]._shown) >= 3)
        child, worker = (int(number) for number in notes(engine._feeds["job000000001"]._shown))
        os.kill(worker, signal.SIGKILL)
        assert isinstance((await all_events(engine))[-1], Failed)
        await gone(child)


async def test_an_idle_worker_that_died_costs_no_job(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("pid", "a"))
        pid = int(notes(await all_events(engine, "a"))[0])
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        await engine.submit(odd_task("note fine", "b"))
        assert notes(await all_events(engine, "b")) == ["fine"]


async def test_a_worker_that_cannot_load_is_told_with_its_last_words(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "import sys; sys.exit('no module named heart')")
    async with engine_at(tmp_path, argv=argv) as engine:
        await engine.submit(odd_task("note never"))
        [failed] = await all_events(engine)
    assert isinstance(failed, Failed)
    assert failed.kind == "worker_died"
    assert "no module named heart" in failed.hint


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    async with engine_at(tmp_path, argv=(str(tmp_path / "nothing"),)) as engine:
        await engine.warm()
        await engine.submit(odd_task("note never"))
        [failed] = await all_events(engine)
    assert isinstance(failed, Failed)
    assert "could not be started" in failed.message


async def test_errors_made_for_the_user_arrive_whole_and_others_without_details(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("fail model_auth", "a"))
        assert (await all_events(engine, "a"))[-1] == Failed(
            "model_auth", "The model does not answer.", "Look for it.", 3
        )
        await engine.submit(odd_task("bug", "b"))
        failed = (await all_events(engine, "b"))[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "internal"
    assert "secret detail" not in failed.message + failed.hint
    assert "secret detail" in "".join(log.read_text() for log in (tmp_path / "logs").glob("*.log"))


async def test_what_a_library_prints_does_not_reach_the_protocol(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task('note a; print {"type":"Surprise"}; read; note b'))
        assert notes(await all_events(engine)) == ["a", "''", "b"]


async def test_a_line_of_many_megabytes_passes(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("note " + "ü" * 5_000_000))
        assert [len(note) for note in notes(await all_events(engine))] == [5_000_000]


async def test_the_model_comes_from_the_settings_before_the_environment(tmp_path: Path) -> None:
    environ = {**os.environ, "CODETEAM_MODEL": "openai/environment"}
    async with engine_at(tmp_path, environ=environ) as engine:
        await engine.submit(odd_task("model", "a"))
        await engine.submit(odd_task("model; environ CODETEAM_HOME", "b", Settings(model="openai/settings")))
        assert notes(await all_events(engine, "a")) == ["openai/environment"]
        assert notes(await all_events(engine, "b")) == ["openai/settings", str(tmp_path)]


async def test_a_worker_is_told_whose_clients_its_job_needs(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.warm(Settings(model="openai/one", reviewer_model="script/two"))
        await engine.submit(odd_task("environ CODETEAM_PROVIDERS", "a", Settings()))
        assert notes(await all_events(engine, "a")) == ["openai script"]


@pytest.mark.parametrize(
    ("providers", "loaded", "left"),
    [("script", "", "openai anthropic"), ("local", "openai", "anthropic"), ("anthropic", "anthropic", "")],
)
async def test_a_worker_is_ready_when_those_clients_are_loaded(providers: str, loaded: str, left: str) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-v", "-m", "codeteam.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CODETEAM_PROVIDERS": providers, "CODETEAM_HOME": os.devnull},
    )
    said, imported = await worker.communicate(b"")  # it ends with its input, after it was ready
    assert json.loads(said)["type"] == "Ready"
    names = set(re.findall(r"^import '([\w]+)'", imported.decode(), re.MULTILINE))
    assert {"autogen_agentchat", "docker", *loaded.split()} <= names
    assert not names & set(left.split())


async def test_keys_are_not_in_logs_or_messages(tmp_path: Path) -> None:
    key = "sk-0123456789abcdef"
    environ = {**os.environ, "SOME_API_KEY": key}
    async with engine_at(tmp_path, environ=environ) as engine:
        await engine.submit(odd_task(f"say header {key}; note header {key}; die 1"))
        events = await all_events(engine)
    text = "".join(path.read_text() for path in (tmp_path / "logs").glob("*")) + repr(events)
    assert "header [secret]" in text
    assert key not in text


async def test_logs_are_bounded(tmp_path: Path) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("; ".join(["say " + "x" * 60_000] * 60)))
        await all_events(engine)
    files = list((tmp_path / "logs").glob("*"))
    assert len(files) == 2
    assert sum(path.stat().st_size for path in files) <= 2 * 1024 * 1024
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


async def test_modules_in_the_current_folder_are_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "asyncio", "cattrs", "codeteam"):
        (tmp_path / f"{name}.py").write_text("import sys; sys.exit('hijacked')")
    monkeypatch.chdir(tmp_path)
    async with engine_at(tmp_path / "home") as engine:
        await engine.submit(odd_task("note fine"))
        assert notes(await all_events(engine)) == ["fine"]


async def test_closing_ends_jobs_and_processes(tmp_path: Path) -> None:
    async with engine_at(tmp_path, jobs=1) as engine:
        await engine.submit(odd_task("child; deaf 600", "a"))
        await engine.submit(odd_task("note never", "b"))
        child = int((await until(engine, Noted, "a")).message)  # type: ignore[union-attr]
        await engine.aclose()
        assert (await all_events(engine, "a"))[-1] == Cancelled()
        assert (await all_events(engine, "b"))[-1] == Cancelled()
        await gone(child)
        with pytest.raises(BadInput):
            await engine.submit(odd_task("note late", "c"))


PARENT = """
import asyncio, os, sys
from pathlib import Path
from tests.jobs.engines import engine_at, odd_task, all_events

async def main():
    async with engine_at(Path(sys.argv[1])) as engine:
        await engine.submit(odd_task(sys.argv[2]))
        async for event in engine.events("job000000001"):
            if hasattr(event, "message"):
                print(event.message, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("last", ["sleep 600", "deaf 600", "spin 600"])
async def test_workers_die_with_their_parent(tmp_path: Path, last: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), f"pid; child; {last}", stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    worker = int(await parent.stdout.readline())
    child = int(await parent.stdout.readline())
    assert is_alive(worker)
    parent.kill()
    await parent.wait()
    await gone(worker, 20)
    if last != "sleep 600":  # it could not clean up, so its whole group was ended
        await gone(child, 20)
    else:
        os.kill(child, signal.SIGKILL)
