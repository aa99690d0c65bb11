"""The program inside the sandbox that runs other programs; in a container it is PID 1.

It is handed to the interpreter as text, so it needs nothing but the standard library and is not imported by the rest
of Codeteam. It reads framed requests on stdin and answers with frames on stdout; the other end is `protocol.py`, which
describes what is said, and `frames.py`, which describes how. Each program runs in its own session without any of the
supervisor's descriptors; when it ends, or its time is over, everything it left behind is killed. End of file on stdin
ends the supervisor, and with it, in a container, everything else.

Arguments: the work folder; "container" when it is PID 1 of one, "init" of a PID namespace alone, else "local"; files
whose text is reported in the greeting.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
import re
import resource
import selectors
import signal
import stat
import struct
import subprocess
import sys
import time
from typing import IO, Any, NoReturn

try:
    from _blake2 import blake2b  # what hashlib has from there, without all that hashlib would load beside it
except ImportError:
    from hashlib import blake2b

HEADER = struct.Struct(">cI")
NUMBER = struct.Struct(">Q")
PROOF_SIZE = 16
CHUNK = 65536
GATHERED = 0.01
"""Seconds that output waits at most for more of it, or for the end of a short run, to be sent together."""
NEVER = float("inf")
INODE = 1024
"""Bytes of memory, about, of a file without any."""
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
MAX_VISITED = 50_000
MAX_DEPTH = 40
MAX_DROPPED = 100
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 - of the container
OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def main() -> None:
    work, mode, *markers = sys.argv[1:]
    init = mode in ("init", "container") and os.getpid() == 1
    supervisor = Supervisor(work, init=init, scratch=SCRATCH if mode == "container" else ())
    supervisor.greet(markers)
    while True:
        supervisor.serve_one()


class Supervisor:
    """Serves one request after the other until stdin ends."""

    def __init__(self, work: str, *, init: bool, scratch: tuple[str, ...]) -> None:
        self._init = init
        self._scratch = scratch
        self._line = _Line()
        _close_to_others(init=init)
        self._work = work
        self._folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._pace = _pace()
        self._wake_read, wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # As PID 1, signals with their default action that come from inside are not delivered at all.
            signal.signal(number, signal.SIG_DFL)

    def greet(self, markers: list[str]) -> None:
        texts = {}
        for path in markers:
            try:
                with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up time
                    texts[path] = file.read(4096)
            except OSError:
                texts[path] = ""
        libc, version = platform.libc_ver()
        hello = {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "machine": platform.machine(),
            "system": sys.platform,
            "libc": libc,
            "libc_version": version,
            "uid": os.getuid(),
            "markers": texts,
        }
        self._line.send(b"H", json.dumps(hello).encode())

    def serve_one(self) -> None:
        """One request: the files first, then the run, then what is brought back."""
        kind, payload = _receive()
        if kind == b"K":
            self._line.prove_with(payload)
            kind, payload = _receive()
        if kind == b"W":
            self._tell(self._attempt(self._clean, ["."]))
            return
        if kind != b"R":
            raise ValueError("a request must come first")
        request = json.loads(payload)
        stdin = bytearray()
        problem = self._attempt(self._clean, request["remove"])
        target: IO[bytes] | None = None
        while (frame := _receive())[0] != b"G":
            kind, payload = frame
            if kind == b"I":
                stdin += payload
            elif problem is not None:
                continue
            elif kind == b"F":
                if target is not None:
                    problem = self._attempt(target.close)
                target = None
                path = payload.decode()
                opened = self._attempt(self._create, path, 0o755 if path in request["executable"] else 0o644)
                target, problem = (None, opened) if isinstance(opened, str) else (opened, problem)
            elif kind == b"D" and target is not None:
                problem = self._attempt(target.write, payload)
        if target is not None:
            problem = self._attempt(target.close) or problem
        if isinstance(problem, str):
            self._tell(problem)
            return
        out = _Outbox(self._line)
        self._run(request, bytes(stdin), out)
        self._collect(request, out)
        out.add(b"Z", b"")
        out.flush()

    def _tell(self, problem: str | None) -> None:
        """The end of a request that runs nothing, and what stood in its way."""
        out = _Outbox(self._line)
        if problem is not None:
            out.add(b"P", problem.encode())
        out.add(b"Z", b"")
        out.flush()

    @staticmethod
    def _attempt(action: Any, *arguments: Any) -> Any:
        """The action's file object or None; a sentence when the work folder will not have it."""
        try:
            result = action(*arguments)
        except OSError as error:
            return f"{errno.errorcode.get(error.errno or 0, '?')}: {error.strerror}"
        return result if hasattr(result, "write") else None

    # -- the work folder ------------------------------------------------------------------------------------------

    def _clean(self, paths: list[str]) -> None:
        self._unlock()
        for path in paths:
            if path == ".":
                self._start_afresh()
                continue
            *folders, name = path.split("/")
            try:
                parent = _descend(self._folder, folders, make=False)
            except OSError:
                continue
            try:
                _remove(parent, name)
            finally:
                os.close(parent)

    def _unlock(self) -> None:
        """Open the work folder to this process, whatever mode and attributes a program gave it."""
        with contextlib.suppress(PermissionError):  # where an engine leaves it root's, no program could have closed it
            _without_attributes(self._folder)
            os.fchmod(self._folder, 0o700)

    def _start_afresh(self) -> None:
        """Empty the work folder and, in a container, every other place where a run can leave something for the next."""
        folders = [os.dup(self._folder)]
        try:
            folders += [os.open(path, OPEN_FOLDER) for path in self._scratch if os.path.isdir(path)]  # noqa: PTH112
            for folder in folders:
                for name in os.listdir(folder):  # noqa: PTH208 - by descriptor
                    _remove(folder, name)
        finally:
            for folder in folders:
                os.close(folder)

    def _create(self, path: str, mode: int) -> IO[bytes]:
        *folders, name = path.split("/")
        parent = _descend(self._folder, folders, make=True)
        try:
            _remove(parent, name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.fdopen(os.open(name, flags, mode, dir_fd=parent), "wb")
            os.fchmod(file.fileno(), mode)  # the folder may have a list of who gets what, which goes before the mode
            return file
        finally:
            os.close(parent)

    def _used(self) -> int:
        """Bytes in the work folder, which are memory in a container."""
        return _bytes(os.fstatvfs(self._folder)) if self._init else 0

    def _kept(self) -> int | None:
        """Bytes of memory that files take in a container, also those without content; None where nobody counts them."""
        if not self._scratch:
            return None
        systems = [os.fstatvfs(self._folder), *map(os.statvfs, filter(os.path.isdir, self._scratch))]
        if not all(system.f_files for system in systems):
            return None
        return sum(_bytes(system) + (system.f_files - system.f_ffree) * INODE for system in systems)

    # -- the run --------------------------------------------------------------------------------------------------

    def _run(self, request: dict[str, Any], stdin: bytes, out: _Outbox) -> None:
        kills = _oom_kills()
        began = time.monotonic()
        result: dict[str, Any] = {"timed_out": False, "truncated": False, "full": False, "slowed": False}
        process = self._start(request, with_input=bool(stdin))
        if isinstance(process, OSError):
            code = 127 if isinstance(process, FileNotFoundError) else 126
            said = f"cannot run {request['argv'][0]}: {process.strerror}\n".encode("utf-8", "replace")
            out.add(b"E", said[: request["output"]])
            result |= {"code": code, "seconds": time.monotonic() - began, "oom": False}
        else:
            _offer_to_oom_killer(process.pid)
            if not self._init:
                _stand_back(process.pid)
            watch = _Watch(process, stdin, request["output"], out)
            ended = self._wait(watch, began + request["timeout"], out)
            result |= {"seconds": time.monotonic() - began, "timed_out": ended is None}
            process.returncode = code = self._kill_everything(process.pid, ended)
            watch.drain()
            oom = _oom_kills() > kills
            full = oom and self._used() > request["memory"] // 2
            result |= {"code": code, "truncated": watch.truncated, "oom": oom, "full": full}
            # What programs start with is what this process has, and nothing that one user may do gives it back.
            result["slowed"] = _pace() != self._pace
        result["kept"] = self._kept()
        out.add(b"X", json.dumps(result).encode())

    def _start(self, request: dict[str, Any], *, with_input: bool) -> subprocess.Popen[bytes] | OSError:
        limits = [(getattr(resource, name), value) for name, value in request["rlimits"].items()]

        def limit() -> None:
            for which, value in limits:
                resource.setrlimit(which, (value, value))

        try:
            return subprocess.Popen(
                request["argv"],
                cwd=self._work,
                env=request["env"],
                stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                preexec_fn=limit if limits else None,  # noqa: PLW1509 - this program has one thread
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))

    def _wait(self, watch: _Watch, deadline: float, out: _Outbox) -> int | None:
        """The exit code, negative for a signal; None at the deadline. Output is passed on meanwhile."""
        with selectors.DefaultSelector() as selector:
            watch.register(selector)
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while (left := deadline - (now := time.monotonic())) > 0:
                if now >= out.due:
                    out.flush()
                for key, _ in selector.select(min(left, out.due - now)):
                    if key.fd == sys.stdin.fileno():
                        # Nothing is due on stdin during a run: it is the end of file, or an order to stop.
                        self._exit()
                    elif key.fd == self._wake_read:
                        _swallow(self._wake_read)
                        code = _reap(watch.process.pid)
                        if code is not None:
                            return code
                    else:
                        watch.serve(selector, key.fd)
        return _reap(watch.process.pid)

    def _exit(self) -> NoReturn:
        if not self._init:
            self._kill_everything(0, 0)
        os._exit(0)

    def _kill_everything(self, pid: int, code: int | None) -> int:
        """Kill and reap all that is left; the exit code of `pid`, which may be known already."""
        if self._init:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        elif pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            if not self._init:
                _kill_descendants()
            try:
                found, status = os.waitpid(-1, 0 if self._init else os.WNOHANG)
            except ChildProcessError:
                break
            if found == pid and code is None:
                code = os.waitstatus_to_exitcode(status)
            if not found:
                time.sleep(0.002)
        return -signal.SIGKILL if code is None else code

    # -- what is brought back -------------------------------------------------------------------------------------

    def _collect(self, request: dict[str, Any], out: _Outbox) -> None:
        if not request["collect"]:
            return
        self._unlock()
        harvest = _Harvest(request["collect"], request["results"], request["count"], out)
        root = os.dup(self._folder)
        try:
            harvest.walk(root, "", 0)
        finally:
            os.close(root)
        for name, reason in harvest.dropped:
            out.add(b"L", json.dumps([ascii(name)[1:-1], reason]).encode())


class _Watch:
    """The streams of a running program: fed, read, capped."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, cap: int, out: _Outbox) -> None:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
        self.process = process
        self.truncated = False
        self._out = out
        self._kinds = {process.stdout.fileno(): b"O", process.stderr.fileno(): b"E"}
        self._left = dict.fromkeys(self._kinds, cap)
        self._stdin = memoryview(stdin)
        for fd in self._kinds:
            os.set_blocking(fd, False)

    def register(self, selector: selectors.BaseSelector) -> None:
        for fd in self._kinds:
            selector.register(fd, selectors.EVENT_READ)
        if self.process.stdin is not None:
            os.set_blocking(self.process.stdin.fileno(), False)
            selector.register(self.process.stdin.fileno(), selectors.EVENT_WRITE)

    def serve(self, selector: selectors.BaseSelector, fd: int) -> None:
        if fd in self._kinds:
            if self._read(fd) == b"":
                selector.unregister(fd)
        elif self.process.stdin is not None and not self._feed(fd):
            selector.unregister(fd)
            self.process.stdin.close()

    def _feed(self, fd: int) -> bool:
        """Whether there is more to write."""
        try:
            self._stdin = self._stdin[os.write(fd, self._stdin[:CHUNK]) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return len(self._stdin) > 0

    def _read(self, fd: int) -> bytes | None:
        """A chunk, already passed on; empty at the end, None when there is nothing yet."""
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            return None
        kept = chunk[: self._left[fd]]
        self._left[fd] -= len(kept)
        self.truncated |= len(kept) < len(chunk)
        if kept:
            self._out.add(self._kinds[fd], kept)
        return chunk

    def drain(self) -> None:
        """Pass on what is left in the pipes; nobody writes any more."""
        for fd in self._kinds:
            for _ in range(1024):
                if not self._read(fd):
                    break
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class _Harvest:
    """Finds regular files that match the patterns and sends them, without following any link."""

    def __init__(self, patterns: list[str], room: int, count: int, out: _Outbox) -> None:
        self._patterns = [re.compile(_translate(pattern)) for pattern in patterns]
        self._room = room
        self._count = count
        self._out = out
        self._visited = 0
        self._seen: set[tuple[int, int]] = set()
        self.dropped: list[tuple[str, str]] = []

    def walk(self, folder: int, prefix: str, depth: int) -> None:
        with os.scandir(folder) as entries:
            listing = sorted(entries, key=lambda entry: entry.name)
        for entry in listing:
            self._visited += 1
            if self._visited > MAX_VISITED:
                self._drop(prefix, "too many files to look at")
                return
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                self._enter(folder, entry.name, path, depth)
            elif any(pattern.fullmatch(path) for pattern in self._patterns):
                reason = self._take(folder, entry.name, path)
                if reason:
                    self._drop(path, reason)

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        if depth >= MAX_DEPTH:
            self._drop(path, "too deep")
            return
        try:
            inner = os.open(name, OPEN_FOLDER, dir_fd=folder)
        except OSError as error:
            self._drop(path, str(error.strerror))
            return
        try:
            self.walk(inner, path + "/", depth + 1)
        finally:
            os.close(inner)

    def _drop(self, path: str, reason: str) -> None:
        """Names can be long and many, and this process has no more memory than the programs."""
        if len(self.dropped) < MAX_DROPPED:
            self.dropped.append((path, reason))

    def _take(self, folder: int, name: str, path: str) -> str:
        """Send one file; why not, or an empty string."""
        if any(ord(char) < 32 or char in "\\:\x7f" or 0xD800 <= ord(char) < 0xE000 for char in path):
            return "odd name"
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            return "not a regular file" if error.errno in (errno.ELOOP, errno.ENXIO) else str(error.strerror)
        with os.fdopen(fd, "rb") as file:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                return "not a regular file"
            if facts.st_nlink > 1 and (facts.st_dev, facts.st_ino) in self._seen:
                return "another name of a file already taken"
            if self._count <= 0:
                return "too many files"
            if facts.st_size > self._room:
                return "too large"
            self._seen.add((facts.st_dev, facts.st_ino))
            self._count -= 1
            self._room -= facts.st_size
            self._out.add(b"C", path.encode())
            left = facts.st_size
            while left and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                self._out.add(b"D", chunk)
        return ""


def _bytes(system: os.statvfs_result) -> int:
    return (system.f_blocks - system.f_bfree) * system.f_frsize


def _translate(pattern: str) -> str:
    """A glob as a regular expression: `*` and `?` stay within a folder, `**/` is any folders, also none."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    words = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "(?s:" + "".join(words.get(part, re.escape(part)) for part in parts) + ")"


def _descend(folder: int, names: list[str], *, make: bool) -> int:
    """A descriptor of the folder below, to be closed; with `make`, whatever is in the way makes room."""
    current = os.dup(folder)
    try:
        for name in names:
            try:
                inner = os.open(name, OPEN_FOLDER, dir_fd=current)
            except OSError as error:
                if error.errno == errno.EACCES and stat.S_ISDIR(os.lstat(name, dir_fd=current).st_mode):
                    inner = _unlocked(current, name)
                elif make:
                    _remove(current, name)
                    os.mkdir(name, 0o755, dir_fd=current)
                    inner = os.open(name, OPEN_FOLDER, dir_fd=current)
                else:
                    raise
            os.close(current)
            current = inner
            if make:
                _without_attributes(current)
                os.fchmod(current, 0o755)
    except OSError:
        os.close(current)
        raise
    return current


def _without_attributes(folder: int) -> None:
    """Take from a folder what a program put on it beside the mode: above all, who gets what of new files in it."""
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):  # a file system that has none
        for name in os.listxattr(folder):
            os.removexattr(folder, name)


def _pace() -> tuple[object, ...]:
    """On which processors, in which class and how far behind others this process is served."""
    processors = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    kind = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else 0
    return processors, kind, os.getpriority(os.PRIO_PROCESS, 0)


def _stand_back(pid: int) -> None:
    """Let this process's niceness hold for the session that a program leads: Linux may schedule each as one group."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(str(os.getpriority(os.PRIO_PROCESS, 0)))


def _remove(folder: int, name: str) -> None:
    """Remove a file, link or whole folder; it may be absent.

    What lies too deep for the descriptors there are is lifted up, and its turn comes later.
    """
    doomed = [name]
    while doomed:
        name = doomed.pop()
        try:
            facts = os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            continue
        if not stat.S_ISDIR(facts.st_mode):
            os.unlink(name, dir_fd=folder)
            continue
        inner = _unlocked(folder, name)
        try:
            _empty(inner, folder, doomed, 0)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)


def _empty(folder: int, top: int, lifted: list[str], depth: int) -> None:
    for name in os.listdir(folder):
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            os.unlink(name, dir_fd=folder)
            continue
        inner = _unlocked(folder, name)
        try:
            if depth >= MAX_DEPTH:
                lifted.append(f".lifted-{time.monotonic_ns()}-{len(lifted)}")
                os.rename(name, lifted[-1], src_dir_fd=folder, dst_dir_fd=top)
                continue
            _empty(inner, top, lifted, depth + 1)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)


def _unlocked(folder: int, name: str) -> int:
    """A descriptor of a folder, whatever mode it had; nothing else runs, so it is still the one that was seen."""
    os.chmod(name, 0o700, dir_fd=folder)
    return os.open(name, OPEN_FOLDER, dir_fd=folder)


def _close_to_others(*, init: bool) -> None:
    """Keep programs of the same user out of this process: no ptrace, no /proc/PID/fd, mem or environ."""
    if sys.platform == "linux":
        # When memory runs out the worst score goes first. On some engines programs may lower theirs below what the
        # container was given, so this process does it before them; and now, for soon its own files are closed to it.
        _score(os.getpid(), 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot protect the supervisor")
        if not init:
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _oom_kills() -> int:
    """Processes of this container killed for memory so far, from cgroup v2 or v1; 0 where it cannot be read."""
    for path in OOM_COUNTERS:
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123 - pathlib would double the start-up time
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except (OSError, ValueError):
            continue
    return 0


def _offer_to_oom_killer(pid: int) -> None:
    """When memory runs out, a program is to go, not this supervisor."""
    _score(pid, 1000)


def _score(pid: int, score: int) -> None:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - as above
        file.write(str(score))


def _reap(pid: int) -> int | None:
    """Take in all that ended; the exit code of `pid` if it was among them."""
    code = None
    while True:
        try:
            found, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if found == 0:
            return code
        if found == pid:
            code = os.waitstatus_to_exitcode(status)


def _kill_descendants() -> None:
    """Without a PID namespace: stop all descendants first, so that none can fork away, then kill them."""
    stopped: set[int] = set()
    for _ in range(50):
        fresh = _descendants() - stopped
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def _descendants() -> set[int]:
    parents: dict[int, int] = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib would double the start-up time
    except OSError:
        return set()
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
                    parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found: set[int] = set()
    level = {os.getpid()}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _swallow(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(fd, CHUNK)


class _Line:
    """Standard output, and what proves to the other end that a frame came from here."""

    def __init__(self) -> None:
        self._key = b""
        self._number = 0

    def prove_with(self, key: bytes) -> None:
        """From the next frame on; before the first program, for from then on others might write here too."""
        if self._key or not key:
            raise ValueError("a key comes once")
        self._key = key

    def frame(self, kind: bytes, payload: bytes) -> bytes:
        """To be sent in the order in which they are made, for they are numbered."""
        frame = HEADER.pack(kind, len(payload)) + payload
        if not self._key:
            return frame
        proof = blake2b(NUMBER.pack(self._number) + frame, key=self._key, digest_size=PROOF_SIZE).digest()
        self._number += 1
        return frame + proof

    def send(self, kind: bytes, payload: bytes) -> None:
        """At once."""
        self.write(self.frame(kind, payload))

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(1, left) :]


class _Outbox:
    """Frames that are sent together, for each one sent wakes the engine and whoever listens."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._frames = bytearray()
        self.due = NEVER
        """When what waits has waited long enough, by the monotonic clock."""

    def add(self, kind: bytes, payload: bytes) -> None:
        if not self._frames:
            self.due = time.monotonic() + GATHERED
        self._frames += self._line.frame(kind, payload)
        if len(self._frames) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        self._line.write(bytes(self._frames))
        self._frames.clear()
        self.due = NEVER


def _receive() -> tuple[bytes, bytes]:
    kind, size = HEADER.unpack(_read_exactly(HEADER.size))
    return kind, _read_exactly(size)


def _read_exactly(size: int) -> bytes:
    parts = []
    while size:
        chunk = os.read(0, min(size, CHUNK))
        if not chunk:
            os._exit(0)
        parts.append(chunk)
        size -= len(chunk)
    return b"".join(parts)


if __name__ == "__main__":
    main()
