"""Who may have a container, and who waits."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import owner
from codeteam.sandbox.engine import Machine
from codeteam.sandbox.room import EACH_PROCESSOR, SPARE, SPARES_SHARE, Entry, Room
from tests.sandbox.test_engine import dead_owner

GIB = 1024**3
MACHINE = Machine("0123", processors=2, memory=8 * GIB)
ME = owner.this_process().label


async def entered(room: Room, stack: AsyncExitStack, memory: int, machine: Machine = MACHINE) -> bool:
    """Whether there is room at once; it is kept until the stack ends."""
    try:
        async with asyncio.timeout(0.3):
            await stack.enter_async_context(room.place(machine, memory))
    except TimeoutError:
        return False
    return True


async def test_half_of_the_machine_is_for_containers_in_use(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME)
    async with AsyncExitStack() as stack:
        assert [await entered(room, stack, GIB) for _ in range(5)] == [True] * 4 + [False]
    async with AsyncExitStack() as stack:
        assert await entered(room, stack, 4 * GIB)


async def test_processors_bound_it_too(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME, budget=1024 * GIB)
    async with AsyncExitStack() as stack:
        most = EACH_PROCESSOR * MACHINE.processors
        assert [await entered(room, stack, 1) for _ in range(most + 1)] == [True] * most + [False]


async def test_one_always_fits(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME, budget=GIB)
    async with AsyncExitStack() as stack:
        assert await entered(room, stack, 64 * GIB)
        assert not await entered(room, stack, 1)


async def test_spares_have_room_of_their_own(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME, budget=SPARE * 16)
    async with AsyncExitStack() as stack:
        tickets = [await room.squeeze(MACHINE) for _ in range(3)]
        assert [ticket is not None for ticket in tickets] == [True, True, False]
        assert await entered(room, stack, SPARE * 16)
        await room.give_back(MACHINE, tickets[0] or "")
        assert await room.squeeze(MACHINE) is not None


async def test_one_whose_job_is_over_takes_the_room_of_a_spare(tmp_path: Path) -> None:
    budget = SPARE * SPARES_SHARE
    room = Room(tmp_path, owner=ME, budget=budget)
    async with AsyncExitStack() as later:
        async with room.place(MACHINE, budget) as ticket:
            assert not await entered(room, later, budget)
            smaller = await room.shrink(MACHINE, ticket)
            assert smaller is not None
            assert await entered(room, later, budget)
        assert len(json.loads((tmp_path / "0123.json").read_bytes())) == 2
        assert await room.squeeze(MACHINE) is None
        await room.give_back(MACHINE, smaller)
        assert await room.squeeze(MACHINE) is not None
    async with room.place(MACHINE, budget) as ticket:
        assert await room.shrink(MACHINE, ticket) is None
        async with AsyncExitStack() as later:
            assert not await entered(room, later, 1), "it has the room that it had"


async def test_what_others_wait_for_counts_and_does_not_wait(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME, budget=2 * GIB)
    async with AsyncExitStack() as stack:
        assert await entered(room, stack, 2 * GIB)
        async with asyncio.timeout(5), room.count(MACHINE, GIB):
            pass
    async with AsyncExitStack() as stack, room.count(MACHINE, GIB):
        assert [await entered(room, stack, GIB) for _ in range(2)] == [True, False]
    async with AsyncExitStack() as stack:
        assert await entered(room, stack, 2 * GIB)


async def test_engines_are_apart_and_sandboxes_are_not(tmp_path: Path) -> None:
    rooms = [Room(tmp_path, owner=ME, budget=GIB) for _ in range(3)]
    async with AsyncExitStack() as stack:
        assert await entered(rooms[0], stack, GIB)
        assert not await entered(rooms[1], stack, GIB)
        assert await entered(rooms[2], stack, GIB, Machine("4567", 2, 8 * GIB))


async def test_whoever_asks_first_enters_first(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME, budget=GIB)
    order: list[int] = []

    async def visit(number: int) -> None:
        async with room.place(MACHINE, GIB // (1 + number % 3)):
            order.append(number)
            await asyncio.sleep(0.002)

    await asyncio.gather(*(visit(number) for number in range(100)))
    assert order == list(range(100))
    assert json.loads((tmp_path / "0123.json").read_bytes()) == []


async def test_whoever_gives_up_is_passed_over(tmp_path: Path) -> None:
    room = Room(tmp_path, owner=ME, budget=GIB)
    inside, leave = asyncio.Event(), asyncio.Event()
    entered: list[int] = []

    async def visit(number: int) -> None:
        async with room.place(MACHINE, GIB):
            entered.append(number)
            inside.set()
            await leave.wait()

    visits = [asyncio.create_task(visit(number)) for number in range(6)]
    await inside.wait()
    for number in (1, 3):  # the one that looks, and one behind it
        visits[number].cancel()
    leave.set()
    visits[4].cancel()  # about to enter, perhaps
    ended = await asyncio.wait_for(asyncio.gather(*visits, return_exceptions=True), 5)
    assert entered == [0, 2, 5]
    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [False, True, False, True, True, False]
    assert json.loads((tmp_path / "0123.json").read_bytes()) == []


async def test_the_dead_and_the_forgotten_take_no_room(tmp_path: Path) -> None:
    elsewhere = f"another:{ME.partition(':')[2]}"
    for label, since, there in (
        (ME, time.time(), False),
        (dead_owner(), time.time(), True),
        (elsewhere, time.time(), False),
        (elsewhere, time.time() - 2 * 86_400, True),
    ):
        entry = Entry("ticket", label, GIB, False, since)
        (tmp_path / "0123.json").write_text(json.dumps([{name: getattr(entry, name) for name in entry.__slots__}]))
        async with AsyncExitStack() as stack:
            assert await entered(Room(tmp_path, owner=ME, budget=GIB), stack, GIB) == there, (label, since)


@pytest.mark.parametrize("text", ["", "[", "{}", "null", "[1]", '[{"ticket": 1}]', "\ud800"])
async def test_a_file_that_is_not_understood_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "0123.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    async with Room(tmp_path, owner=ME).place(MACHINE, GIB):
        (entry,) = json.loads((tmp_path / "0123.json").read_bytes())
        assert (entry["owner"], entry["memory"]) == (ME, GIB)


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "room").write_text("in the way")
    with pytest.raises(SandboxUnavailable, match="cannot be noted") as caught:
        async with Room(tmp_path / "room", owner=ME).place(MACHINE, GIB):
            pass
    assert "CODETEAM_CACHE" in caught.value.hint
