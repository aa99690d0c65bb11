"""The history: what it keeps, who may use it at once, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from codeteam.domain.artifacts import Proposal, Status
from codeteam.domain.errors import BadInput, HistoryUnreadable
from codeteam.domain.events import Cancelled, Event, Failed, Noted, Proposed, Started
from codeteam.domain.evidence import Evidence
from codeteam.domain.settings import Quality, Settings
from codeteam.domain.task import Intent, Task
from codeteam.jobs import history as module
from codeteam.jobs.history import History
from tests.jobs.engines import all_events, engine_at, notes, odd_task


def task(job: str = "abc000000001", requirement: str = "# A thing\n\nin detail", base_url: str = "") -> Task:
    return Task(job, Intent.IMPLEMENT, requirement, Settings(base_url=base_url))


def proposed(status: Status) -> Proposed:
    return Proposed(Proposal(status, Quality.TESTED, (), (), Evidence()))


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    times = iter([100.0, 101.5, 103.0])
    history = History(tmp_path, clock=lambda: next(times))
    history.add(task(), workspace="somewhere")
    history.append("abc000000001", [Started(), Noted("lone \ud83d surrogate, ü, \0, 漢")])
    history.append("abc000000001", [proposed(Status.ACCEPTED)])
    history.close()
    job = History(tmp_path).job("abc")
    assert job.task == task()
    assert job.events == (Started(), Noted("lone ? surrogate, ü, \0, 漢"), proposed(Status.ACCEPTED))
    assert job.times == (101.5, 101.5, 103.0)
    assert (job.line.title, job.line.workspace, job.line.state) == ("A thing", "somewhere", "accepted")


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (proposed(Status.ACCEPTED), "accepted"),
        (proposed(Status.BELOW), "below"),
        (Failed("model_auth", "wrong key"), "failed"),
        (Cancelled(), "cancelled"),
        (Noted("not an end"), "running"),
    ],
)
def test_the_state_is_the_end(tmp_path: Path, end: Event, state: str) -> None:
    history = History(tmp_path)
    history.add(task())
    history.append("abc000000001", [Started(), end])
    assert [line.state for line in history.jobs()] == [state]


def test_that_a_proposal_was_applied_is_remembered(tmp_path: Path) -> None:
    history = History(tmp_path)
    for job in ("abc000000001", "abc000000002"):
        history.add(task(job))
        history.append(job, [proposed(Status.ACCEPTED)])
    for _ in range(2):
        history.applied("abc000000001")
    history.applied("of another history")
    history.close()
    told = {line.id: (line.state, line.applied) for line in History(tmp_path).jobs()}
    assert told == {"abc000000001": ("accepted", True), "abc000000002": ("accepted", False)}


def test_jobs_are_listed_newest_first_and_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    clock = iter(range(10))
    history = History(tmp_path, clock=lambda: float(next(clock)))
    for job in ("abc1", "abc2", "xyz3"):
        history.add(task(job))
    assert [line.id for line in history.jobs()] == ["xyz3", "abc2", "abc1"]
    assert [line.id for line in history.jobs(limit=1)] == ["xyz3"]
    assert history.job("x").line.id == "xyz3"
    for name, said in (("abc", "More than one"), ("q", "no job"), ("", "no job"), ("%", "no job")):
        with pytest.raises(BadInput, match=said):
            history.job(name)


def test_nothing_is_changed_or_added_after_the_end(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(task())
    history.append("abc000000001", [Cancelled()])
    with pytest.raises(HistoryUnreadable):
        history.append("abc000000001", [Noted("late")])
    history.close()
    with (
        sqlite3.connect(tmp_path / "history" / "history.sqlite3") as connection,
        pytest.raises(sqlite3.DatabaseError, match="append-only"),
    ):
        connection.execute("UPDATE events SET event = '{}'")
    assert History(tmp_path).job("abc").events == (Cancelled(),)


def test_only_the_user_may_read_it_and_passwords_are_left_out(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(task(base_url="https://me:hunter2@example.org/v1"))
    for file in (tmp_path / "history").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        assert b"hunter2" not in file.read_bytes()
    assert history.job("abc").task.settings.base_url == "https://[secret]@example.org/v1"


WRITER = """
import sys
from pathlib import Path
from codeteam.domain.events import Noted, Started
from codeteam.jobs.history import History
from tests.jobs.test_history import task

name = sys.argv[2]
history = History(Path(sys.argv[1]))
for number in range(20):
    job = f"{name}{number:05d}"
    history.add(task(job))
    for count in range(5):
        history.append(job, [Noted(f"{count}"), Noted("x" * 10000)])
    assert len(history.job(job).events) == 10
print("done", flush=True)
sys.stdin.read()
"""


def test_many_processes_write_at_once_and_killed_ones_leave_interrupted_jobs(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"p{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "done\n"
    history = History(tmp_path)
    assert {line.state for line in history.jobs(1000)} == {"running"}
    assert len(history.jobs(1000)) == 80
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert {line.state for line in history.jobs(1000)} == {"interrupted"}
    assert all(history.job(f"p{n}00019").events[0] == Noted("0") for n in range(4))
    history.close()
    with sqlite3.connect(tmp_path / "history" / "history.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def damage(tmp_path: Path) -> Path:
    history = History(tmp_path)
    history.add(task())
    history.close()
    path = tmp_path / "history" / "history.sqlite3"
    path.write_bytes(b"this is no database, " * 1000)
    return path


def test_a_damaged_file_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = damage(tmp_path)
    with pytest.raises(HistoryUnreadable, match="damaged") as caught:
        History(tmp_path).jobs()
    assert str(path) in caught.value.message
    command = caught.value.hint.partition(": ")[2]
    assert command.startswith("mv ")
    subprocess.run(command, shell=True, check=True)
    assert History(tmp_path).jobs() == ()


async def test_jobs_run_all_the_same_when_the_history_is_damaged(tmp_path: Path) -> None:
    damage(tmp_path)
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("note one; note two"))
        events = await all_events(engine)
    first, *rest = notes(events)
    assert "not being kept" in first
    assert "mv " in first
    assert rest == ["one", "two"]
    assert isinstance(events[-1], Proposed)


async def test_jobs_run_all_the_same_when_there_is_no_place_for_a_history(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "history").write_text("a file where a folder should be")
    async with engine_at(tmp_path / "home") as engine:
        await engine.submit(odd_task("note one"))
        events = await all_events(engine)
    assert "CODETEAM_HOME" in notes(events)[0]
    assert isinstance(events[-1], Proposed)


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(task())
    history.close()
    path = tmp_path / "history" / "history.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(module.MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(HistoryUnreadable, match="newer"):
        History(tmp_path).add(task("other"))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (1,)


def test_a_full_disk_is_said_and_room_made_later_is_used(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(task())
    assert history._connection is not None
    history._connection.execute("PRAGMA max_page_count = 20")  # SQLite's own way to meet the end of the disk
    with pytest.raises(HistoryUnreadable, match="disk is full") as caught:
        history.append("abc000000001", [Noted("x" * 200_000)])
    assert caught.value.kind == "disk_full"
    history._connection.execute("PRAGMA max_page_count = 100000")
    history.append("abc000000001", [Noted("room again")])
    assert history.job("abc").events == (Noted("room again"),)


def test_a_writer_waits_for_another(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(task())
    path = tmp_path / "history" / "history.sqlite3"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sqlite3, time; c = sqlite3.connect({str(path)!r}); c.execute('BEGIN IMMEDIATE');"
            "print('held', flush=True); time.sleep(0.5); c.execute('COMMIT')",
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    history.append("abc000000001", [Noted("through")])
    holder.wait()
    assert history.job("abc").events == (Noted("through"),)


async def test_every_event_is_written_before_it_is_shown(tmp_path: Path) -> None:
    reader = History(tmp_path)
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("note one; note two; note three"), "the workspace")
        seen = 0
        async with asyncio.timeout(60):
            async for event in engine.events("job000000001"):
                seen += 1
                assert (await asyncio.to_thread(reader.job, "job000000001")).events[seen - 1] == event
    assert reader.jobs()[0].workspace == "the workspace"


async def test_a_killed_server_leaves_an_interrupted_job_with_all_it_had_seen(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from tests.jobs.engines import engine_at, odd_task
async def main():
    async with engine_at(Path(sys.argv[1])) as engine:
        await engine.submit(odd_task("note one; note two; sleep 600"))
        async for event in engine.events("job000000001"):
            print(event, flush=True)
asyncio.run(main())
"""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    for _ in range(3):
        await server.stdout.readline()
    assert History(tmp_path).jobs()[0].state == "running"
    os.kill(server.pid, signal.SIGKILL)
    await server.wait()
    job = History(tmp_path).job("job000000001")
    assert job.line.state == "interrupted"
    assert job.events == (Started(), Noted("one"), Noted("two"))


def test_migrations_run_once_and_keep_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path)
    history.add(task())
    history.close()
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, "ALTER TABLE jobs ADD COLUMN note TEXT;"))
    for _ in range(2):
        assert [line.id for line in History(tmp_path).jobs()] == ["abc000000001"]
