"""Room on the engine's machine, shared by all of a user's sandboxes: who does not find any waits.

Containers in use count with all the memory that they may take, so that programs at work together never need more than
the machine gives; spare containers, and those whose job is over, in which nothing runs, count with what they hold.
Which there are stands in a file that every Codeteam process on the machine reads and writes; what a dead process wrote
there does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import owner
from codeteam.sandbox.engine import Machine
from codeteam.sandbox.locks import locked

SPARE = 24 * 1024 * 1024
"""Bytes that an idle container holds: 8 MiB of its own, the rest in the engine's process that watches it."""
SHARE = 2
"""Containers in use may have the machine's memory by this, unless the settings say otherwise."""
SPARES_SHARE = 8
"""Spare ones may hold, beside that, what those in use may have by this."""
EACH_PROCESSOR = 8
"""Containers in use for each processor at most: jobs wait for models most of their time."""
UNKNOWN_FOR = 86_400.0
"""Seconds after which an entry no longer counts of whose process nothing can be known."""
BLOCK = 4096
"""Bytes that the file grows by."""
POLL = 0.1
"""Seconds between two looks for room that another process may have given back."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One container, or one that is about to be started."""

    ticket: str
    owner: str
    memory: int
    """Bytes."""
    spare: bool
    since: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Room that somebody waits for."""

    memory: int
    """Bytes."""
    ticket: asyncio.Future[str]


class Room:
    """Hands out room to this process's sandbox, in the order in which it is asked for."""

    def __init__(self, folder: Path, *, owner: str, budget: int = 0) -> None:
        """`budget` is bytes of memory for containers in use; 0 for a share of the machine's."""
        self._folder = folder
        self._owner = owner
        self._budget = budget
        self._tickets: set[str] = set()
        """Those that were not given back."""
        self._dropped: set[str] = set()
        """Those that go with the next change."""
        self._known: tuple[bytes, tuple[Entry, ...]] = b"", ()
        """The file as this process saw it last, and what it says: most often nobody else has written since."""
        self._waiting: deque[_Wanted] = deque()
        """Those without room as yet, the first first; whatever is changed, who fits then enters with the same write."""
        self._turn = asyncio.Lock()
        """Of the first of them, who looks now and then what other processes gave back."""

    @asynccontextmanager
    async def place(self, machine: Machine, memory: int) -> AsyncIterator[str]:
        """Room for a container in use; waits for it. One container always has room, however much it may take.

        Yields its ticket.

        Raises:
            SandboxUnavailable: the file of entries cannot be written.
        """
        ticket = await self._wait(machine, memory)
        try:
            yield ticket
        finally:
            await asyncio.shield(self.give_back(machine, ticket))

    @asynccontextmanager
    async def count(self, machine: Machine, memory: int) -> AsyncIterator[None]:
        """Room for a container that whoever has room already may be waiting for: it counts, and does not wait itself.

        Raises:
            SandboxUnavailable: as `place`.
        """
        ticket = await self._enter(machine, memory, spare=False, anyway=True)
        try:
            yield
        finally:
            await asyncio.shield(self.give_back(machine, ticket or ""))

    async def squeeze(self, machine: Machine) -> str | None:
        """A ticket for one more spare container; None when there is no room for it now."""
        return await self._enter(machine, SPARE, spare=True)

    async def shrink(self, machine: Machine, ticket: str) -> str | None:
        """The ticket of a spare container for one in use, which is given back by that; None when there is no room."""
        try:
            return await self._enter(machine, SPARE, spare=True, instead=ticket)
        except SandboxUnavailable:
            return None

    async def give_back(self, machine: Machine, ticket: str) -> None:
        """One that was given back counts no more anyway."""
        if ticket not in self._tickets:
            return
        self._tickets.discard(ticket)
        with contextlib.suppress(SandboxUnavailable):  # then it counts until this process ends
            async with self._entries(machine) as entries:
                entries[:] = [entry for entry in entries if entry.ticket != ticket]

    def drop(self, ticket: str) -> None:
        """Give back what a spare container had, with the next change: whoever took it gives back in turn."""
        if ticket in self._tickets:
            self._tickets.discard(ticket)
            self._dropped.add(ticket)

    async def _wait(self, machine: Machine, memory: int) -> str:
        wanted = _Wanted(memory, asyncio.get_running_loop().create_future())
        first = not self._waiting
        self._waiting.append(wanted)
        try:
            await asyncio.sleep(0)  # those that come together enter together
            if first:
                await self._look(machine)
            async with self._turn:
                while not wanted.ticket.done():
                    await asyncio.wait([wanted.ticket], timeout=POLL)
                    if not wanted.ticket.done():
                        await self._look(machine)
        except BaseException:
            if wanted.ticket.done():
                await asyncio.shield(self.give_back(machine, wanted.ticket.result()))
            else:
                self._waiting.remove(wanted)
            raise
        return wanted.ticket.result()

    async def _look(self, machine: Machine) -> None:
        """Change nothing, so that whoever fits enters."""
        async with self._entries(machine):
            pass

    async def _enter(
        self, machine: Machine, memory: int, *, spare: bool, instead: str = "", anyway: bool = False
    ) -> str | None:
        async with self._entries(machine) as entries:
            if not anyway and not self._fits(machine, entries, memory, spare=spare):
                return None
            entry = self._entry(memory, spare=spare)
            entries[:] = [*(other for other in entries if other.ticket != instead), entry]
        self._tickets.add(entry.ticket)
        self._tickets.discard(instead)
        return entry.ticket

    def _entry(self, memory: int, *, spare: bool) -> Entry:
        return Entry(secrets.token_hex(8), self._owner, memory, spare, time.time())

    def _admit(self, machine: Machine, entries: list[Entry]) -> list[str]:
        """Enter those who wait, in their order, as far as they fit; their tickets, in that order."""
        tickets: list[str] = []
        for wanted in self._waiting:
            if not self._fits(machine, entries, wanted.memory, spare=False):
                break
            entries.append(self._entry(wanted.memory, spare=False))
            tickets.append(entries[-1].ticket)
        return tickets

    def _fits(self, machine: Machine, entries: list[Entry], memory: int, *, spare: bool) -> bool:
        alike = [entry for entry in entries if entry.spare == spare]
        budget = self._budget or machine.memory // SHARE
        wanted = sum(entry.memory for entry in alike) + memory
        if spare:
            return wanted <= budget // SPARES_SHARE
        return not alike or (wanted <= budget and len(alike) < EACH_PROCESSOR * machine.processors)

    @asynccontextmanager
    async def _entries(self, machine: Machine) -> AsyncIterator[list[Entry]]:
        """All that count, to be changed, and then whoever fits enters; the file is as it was, or as it is to be."""
        path = self._folder / f"{machine.name}.json"
        try:
            async with locked(path.with_suffix(".lock")):
                before = self._read(path)
                entries = [entry for entry in self._alive(before) if entry.ticket not in self._dropped]
                yield entries
                admitted = self._admit(machine, entries)
                if entries != before:
                    self._known = _written(path, entries), tuple(entries)
                self._dropped -= {entry.ticket for entry in before}
                for ticket in admitted:
                    self._tickets.add(ticket)
                    self._waiting.popleft().ticket.set_result(ticket)
        except OSError as error:
            raise SandboxUnavailable(
                f"Room for a sandbox cannot be noted in {self._folder}: {error.strerror}.",
                "Free some space there, or set CODETEAM_CACHE to a folder that can be written.",
                "disk_full",
            ) from error

    def _read(self, path: Path) -> list[Entry]:
        try:
            raw = path.read_bytes()
            if raw != self._known[0]:
                self._known = raw, tuple(Entry(**facts) for facts in json.loads(raw))
            return list(self._known[1])
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):  # of another release, or broken by hand
            return []

    def _alive(self, entries: list[Entry]) -> list[Entry]:
        """Those that count; each owner is looked at once, this process not at all."""
        alive = {label: owner.is_alive(label) for label in {entry.owner for entry in entries} - {self._owner}}
        alive[self._owner] = True
        young = time.time() - UNKNOWN_FOR
        return [
            entry for entry in entries if alive[entry.owner] or (alive[entry.owner] is None and entry.since > young)
        ]


def _written(path: Path, entries: list[Entry]) -> bytes:
    """Write them, and what the file holds now.

    Over what was there, by one call, while its size will do: another file in its place takes ten times as long.
    """
    text = f"[{', '.join(map(_encoded, entries))}]".encode()
    with contextlib.suppress(FileNotFoundError):
        if (size := path.stat().st_size) >= len(text):
            text = text.ljust(size)
            with path.open("rb+", buffering=0) as file:
                file.write(text)
            return text
    draft = path.with_suffix(".new")
    text = text.ljust(-(-len(text) // BLOCK) * BLOCK)
    draft.write_bytes(text)
    draft.replace(path)
    return text


@lru_cache(maxsize=1024)
def _encoded(entry: Entry) -> str:
    return json.dumps({name: getattr(entry, name) for name in Entry.__slots__})
