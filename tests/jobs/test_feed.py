"""A job's events on their way, where they cannot be written down as they are, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeteam.domain.events import END
from codeteam.jobs.feed import NOT_KEPT
from codeteam.jobs.history import History
from tests.jobs.engines import all_events, engine_at, notes, odd_task


@pytest.mark.parametrize(("orders", "workspace"), [("note one", "/home/w\udcff"), ("note \udcff", "")])
async def test_what_is_no_utf8_is_kept(tmp_path: Path, orders: str, workspace: str) -> None:
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task(orders), workspace)
        events = await all_events(engine)
        assert not [note for note in notes(events) if note.startswith(NOT_KEPT)]
    history = History(tmp_path)
    assert [line.id for line in history.jobs(workspaces=[workspace])] == ["job000000001"]
    assert len(history.job("job000000001").events) == len(events)


async def test_a_job_that_cannot_be_kept_is_seen_to_its_end(tmp_path: Path) -> None:
    name = "job\udcff00001"  # not in a form that can be stored, and not refused by the history either
    async with engine_at(tmp_path) as engine:
        await engine.submit(odd_task("note one", name))
        events = await all_events(engine, name)
    assert notes(events)[0].startswith(NOT_KEPT)
    assert "one" in notes(events)
    assert isinstance(events[-1], END)
    assert History(tmp_path).jobs() == ()
