"""What is remembered of jobs: an append-only list of events in SQLite, shared by every server and command line.

The engine writes each event here before it shows it. Nothing is ever changed in place, so a reader may believe
what it finds; a job without an end whose owner is gone was interrupted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeteam.domain.errors import BadInput, HistoryUnreadable
from codeteam.domain.events import Cancelled, Event, Failed, Noted, Proposed
from codeteam.domain.task import Task
from codeteam.jobs.job_line import LINES, JobLine, line_of
from codeteam.jobs.owner import Owner, process_start
from codeteam.wire import VERSION, Codec

_USER_INFO = re.compile(r"//[^/@]*@")
BUSY_SECONDS = 5.0
"""How long a writer waits for another process's transaction, which take milliseconds."""

_FIRST = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    intent TEXT NOT NULL,
    workspace TEXT NOT NULL,
    title TEXT NOT NULL,
    owner_pid INTEGER NOT NULL,
    owner_started TEXT NOT NULL,
    wire INTEGER NOT NULL,
    task TEXT NOT NULL
);
CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    ended TEXT NOT NULL,
    wire INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (job, number)
);
CREATE INDEX jobs_by_time ON jobs (created);
CREATE TRIGGER events_only_grow BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER jobs_only_grow BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'jobs are append-only'); END;
CREATE TRIGGER nothing_after_the_end BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE job = NEW.job AND ended <> '')
    BEGIN SELECT RAISE(ABORT, 'the job has ended'); END;
"""
_SECOND = """
CREATE TABLE applied (
    job TEXT PRIMARY KEY REFERENCES jobs (id),
    at REAL NOT NULL
);
"""
MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND)
"""The script that brings a database from schema N to N+1, in order; a new schema is one more entry."""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job with everything that happened."""

    line: JobLine
    task: Task
    events: tuple[Event, ...]
    times: tuple[float, ...]
    """When each event was written, seconds since the epoch."""


class History:
    """One database under the state directory; safe to share between threads, and between processes by one object each.

    Every method raises `HistoryUnreadable` when the file is damaged, newer than this program, cannot be
    written, or the disk is full; the hint names the file and what mends it.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = home / "history" / "history.sqlite3"
        self._clock = clock
        self._codec = Codec()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner: Owner | None = None

    def add(self, task: Task, *, workspace: str = "") -> None:
        """Remember a job before anything happens to it; this process owns it."""
        owner = self._owner = self._owner or Owner(os.getpid(), process_start(os.getpid()))
        task = _without_password(task)
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    task.job,
                    self._clock(),
                    task.intent.value,
                    _storable(workspace),
                    _storable(title_of(task)),
                    owner.pid,
                    owner.started,
                    VERSION,
                    _storable(self._codec.encode_task(task)),
                ),
            )

    def append(self, job: str, events: Sequence[Event]) -> None:
        """Remember events of a job that was added, all or none."""
        at = self._clock()
        rows = [(job, job, at, _ended(event), VERSION, _storable(self._codec.encode_event(event))) for event in events]
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO events VALUES (?, (SELECT COUNT(*) FROM events WHERE job = ?), ?, ?, ?, ?)", rows
            )

    def applied(self, job: str) -> None:
        """Remember that a job's proposal is in the user's files; the first time counts."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO applied SELECT id, ? FROM jobs WHERE id = ?", (self._clock(), job)
            )

    def jobs(self, limit: int = 50, workspaces: Sequence[str] | None = None) -> tuple[JobLine, ...]:
        """The newest jobs, newest first; of these workspaces alone where some are given."""
        wanted = "" if workspaces is None else f"WHERE workspace IN ({', '.join('?' * len(workspaces))})"
        with self._transaction(write=False) as connection:
            rows = connection.execute(
                f"{LINES} {wanted} ORDER BY created DESC, id LIMIT ?",
                (*map(_storable, workspaces or ()), limit),
            ).fetchall()
        return tuple(line_of(row) for row in rows)

    def job(self, name: str) -> StoredJob:
        """One job by its id or the beginning of it; raises BadInput when there is none, or more than one."""
        name = _storable(name)
        with self._transaction(write=False) as connection:
            rows = connection.execute(f"{LINES} WHERE substr(id, 1, ?) = ? LIMIT 2", (len(name), name)).fetchall()
            if not rows or not name:
                raise BadInput(f"There is no job {name!r} in the history.", "`codeteam jobs` lists them.")
            if len(rows) > 1:
                raise BadInput(f"More than one job begins with {name!r}.", "Give more of its id.")
            (asked,) = connection.execute("SELECT task FROM jobs WHERE id = ?", (rows[0][0],)).fetchone()
            happened = connection.execute(
                "SELECT at, event FROM events WHERE job = ? ORDER BY number", (rows[0][0],)
            ).fetchall()
        try:
            task = self._codec.decode_task(asked)
        except ValueError as error:
            raise HistoryUnreadable(
                f"Job {rows[0][0]} was written by another version of Codeteam.",
                "Read it with that version.",
            ) from error
        events = tuple(self._event(text) for _, text in happened)
        return StoredJob(line_of(rows[0]), task, events, tuple(at for at, _ in happened))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _event(self, text: str) -> Event:
        try:
            return self._codec.decode_event(text)
        except ValueError:
            return Noted("(an event that this version of Codeteam cannot read)")

    @contextlib.contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                connection = self._connection
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise self._unreadable(error) from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite gives its side files the permissions of the file itself, so this is the one place to set them.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")  # two processes that start at once: the second finds it done
        try:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise HistoryUnreadable(
                    f"The history {self.path} was written by a newer Codeteam.",
                    f"Update Codeteam, or put the file aside: {_move(self.path.parent)}",
                )
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _unreadable(self, error: sqlite3.Error | OSError) -> HistoryUnreadable:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
            return HistoryUnreadable(f"The disk is full: {self.path} cannot grow.", "Free some space.", "disk_full")
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return HistoryUnreadable(
                f"The history {self.path} was locked for {BUSY_SECONDS:.0f} seconds.", "Is a backup reading it?"
            )
        if isinstance(error, OSError) or code in {
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_IOERR,
        }:
            return HistoryUnreadable(
                f"The history {self.path} cannot be opened and written ({error}).",
                "Make the folder writable, or set CODETEAM_HOME to one that is.",
            )
        return HistoryUnreadable(
            f"The history {self.path} is damaged ({error}).",
            f"Put it aside, a new one is made: {_move(self.path.parent)}",
        )


def title_of(task: Task) -> str:
    """What its user sees it called; else the requirement's first line that says something, or the document's path."""
    lines = (line.strip().lstrip("#").strip() for line in task.requirement.splitlines())
    first = task.title or next((line for line in lines if line), task.document.path if task.document else "")
    return first if len(first) <= 120 else first[:119] + "…"


def _ended(event: Event) -> str:
    """How the job ended with this event; empty when it did not."""
    match event:
        case Proposed(proposal):
            return proposal.status.value
        case Cancelled():
            return "cancelled"
        case Failed():
            return "failed"
        case _:
            return ""


def _statements(script: str) -> Iterator[str]:
    """Single statements: `executescript` would commit the transaction that makes a migration all or nothing."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _without_password(task: Task) -> Task:
    """A base URL may carry a name and a password, which are no one's business later."""
    url = _USER_INFO.sub("//[secret]@", task.settings.base_url)
    return dataclasses.replace(task, settings=dataclasses.replace(task.settings, base_url=url))


def _storable(text: str) -> str:
    """SQLite stores UTF-8 alone; a lone surrogate, as in JSON or in a path that is no UTF-8, would be refused."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _move(folder: Path) -> str:
    """The folder and not the file: SQLite's side files must not outlive the file they belong to."""
    command = "move" if os.name == "nt" else "mv"
    return f'{command} "{folder}" "{folder}.damaged"'
