"""What every sandbox promises, whatever it is made of."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from pathlib import Path

import psutil
import pytest

from codeteam.sandbox.interface import Command, Limits, Sandbox, Session
from tests.sandbox.conftest import everywhere
from tests.sandbox.running import python

pytestmark = everywhere


async def test_files_go_in_the_program_runs_and_files_come_back(session: Session) -> None:
    files = {"pkg/deep/mod.py": b"VALUE = 41\n", "data.bin": bytes(range(256)) * 1000, "empty": b""}
    program = """
        import pathlib, pkg.deep.mod
        print(pkg.deep.mod.VALUE + 1, pathlib.Path("empty").stat().st_size)
        pathlib.Path("out").mkdir()
        pathlib.Path("out/copy.bin").write_bytes(pathlib.Path("data.bin").read_bytes())
        pathlib.Path("out/other.txt").write_text("not asked for")
    """
    outcome = await python(session, program, files=files, collect=("out/*.bin", "empty", "not-there"))
    assert outcome.run.ok
    assert outcome.run.stdout == "42 0\n"
    assert outcome.run.stderr == ""
    assert outcome.files == {"out/copy.bin": files["data.bin"], "empty": b""}
    assert outcome.dropped == ()
    assert outcome.run.argv[0] == "python3"
    assert outcome.run.seconds > 0


async def test_exit_codes_are_the_programs_own(session: Session) -> None:
    for code in (0, 1, 2, 77, 255):
        outcome = await python(session, f"import sys; sys.exit({code})")
        assert outcome.run.exit_code == code
        assert outcome.run.ok == (code == 0)


async def test_a_signal_is_a_negative_exit_code(session: Session) -> None:
    for number in (6, 9, 11, 15):
        outcome = await python(session, f"import os; os.kill(os.getpid(), {number})")
        assert outcome.run.exit_code == -number
        assert not outcome.run.timed_out
        assert not outcome.run.out_of_memory


async def test_what_cannot_be_run_is_a_result(session: Session) -> None:
    missing = await session.run(Command(("no-such-program", "x")))
    assert missing.run.exit_code == 127
    assert "no-such-program" in missing.run.stderr
    plain = await session.run(Command(("./plain",), files={"plain": b"#!/bin/sh\n"}))
    assert plain.run.exit_code == 126


async def test_files_marked_executable_can_be_executed(session: Session) -> None:
    script = {"bin/hello.sh": b"#!/bin/sh\necho hello $1\n"}
    outcome = await session.run(Command(("bin/hello.sh", "you"), files=script, executable=("bin/hello.sh",)))
    assert outcome.stdout == b"hello you\n"


async def test_standard_input(session: Session) -> None:
    text = b"0123456789" * 300_000
    count = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    outcome = await python(session, count, stdin=text)
    assert outcome.run.stdout.strip() == hashlib.sha256(text).hexdigest()
    assert (await python(session, "print('did not read')", stdin=text)).run.stdout == "did not read\n"
    assert (await python(session, "import sys; print(repr(sys.stdin.read()))")).run.stdout == "''\n"


async def test_environment_is_small_and_can_be_added_to(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-the-sandbox")
    outcome = await python(session, "import os; print(sorted(os.environ)); print(os.environ['X'])", env={"X": "é"})
    assert outcome.run.ok
    assert "OPENAI_API_KEY" not in outcome.run.stdout
    assert outcome.run.stdout.endswith("é\n")


async def test_python_path_is_added_to_not_replaced(session: Session) -> None:
    program = "import inside, pytest; print(inside.__file__, pytest.__name__)"
    outcome = await python(session, program, files={"src/inside.py": b""}, env={"PYTHONPATH": "src"})
    assert outcome.run.ok, outcome.run.stderr
    assert outcome.run.stdout.endswith("src/inside.py pytest\n")


STUBBORN = {
    "sleep": "import time; time.sleep(600)",
    "loop": "while True: pass",
    "ignores signals": """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(1)
""",
    "drip": "import time\nwhile True: print('drip', flush=True); time.sleep(0.05)",
    "flood": "import sys\nwhile True: sys.stdout.write('x' * 65536)",
    "child": "import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(600)",
    "stops itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
}


async def test_the_deadline_ends_everything(session: Session) -> None:
    for name, program in STUBBORN.items():
        began = time.monotonic()
        outcome = await python(session, "print('begun', flush=True)\n" + program, timeout=1)
        assert outcome.run.timed_out, name
        assert not outcome.run.ok
        assert outcome.run.exit_code == -9
        assert outcome.run.stdout.startswith("begun"), name
        assert outcome.notice == ""
        assert time.monotonic() - began < 15
        assert (await python(session, "print('next')")).run.stdout == "next\n", name


async def test_what_a_program_leaves_behind_is_killed(session: Session) -> None:
    daemon = """
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.environ.clear()
                while True:
                    with open("beat", "a") as file:
                        file.write("x")
                    time.sleep(0.02)
            os._exit(0)
        time.sleep(0.3)
        print("parent done")
    """
    began = time.monotonic()
    outcome = await python(session, daemon, collect=("beat",))
    assert time.monotonic() - began < 15
    assert outcome.run.ok
    assert outcome.run.stdout == "parent done\n"
    size = len(outcome.files["beat"])
    assert size > 0
    later = await python(session, "import time; time.sleep(0.5)", collect=("beat",))
    assert len(later.files["beat"]) == size


async def test_output_is_capped(session: Session) -> None:
    for stream in ("stdout", "stderr"):
        for chunk in ("b'y' * 65536", "b'line\\n' * 1000", "b'z'"):
            program = f"""
                import sys
                out, total = sys.{stream}.buffer, 0
                while total < 150_000:
                    total += out.write({chunk})
                out.flush()
            """
            outcome = await python(session, program)
            assert outcome.run.exit_code == 0
            assert outcome.run.truncated
            assert len(getattr(outcome, stream)) == 100_000


async def test_output_is_kept_as_bytes(session: Session) -> None:
    outcome = await python(session, "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff\\xfe')")
    assert outcome.stdout == bytes(range(256))
    assert outcome.stderr == b"\xff\xfe"
    assert "\ufffd" in outcome.run.stdout
    assert not outcome.run.truncated


async def test_output_comes_while_the_program_runs(session: Session) -> None:
    heard = asyncio.Event()
    chunks: list[tuple[str, bytes]] = []

    def listen(stream: str, chunk: bytes) -> None:
        chunks.append((stream, chunk))
        if chunk.endswith(b"\n"):
            heard.set()

    program = "import sys, time; print('early', flush=True); time.sleep(3); print('late', file=sys.stderr)"
    running = asyncio.ensure_future(python(session, program, listen))
    await asyncio.wait_for(heard.wait(), 20)
    assert not running.done()
    assert b"".join(chunk for stream, chunk in chunks if stream == "stdout") == b"early\n"
    outcome = await running
    assert b"".join(chunk for stream, chunk in chunks if stream == "stderr") == b"late\n"
    assert outcome.stdout == b"early\n"


async def test_files_are_removed_on_request(session: Session) -> None:
    files = {"a/x": b"1", "a/b/y": b"2", "z": b"3"}
    listing = "import pathlib; print(sorted(str(p) for p in pathlib.Path('.').rglob('*') if p.is_file()))"
    assert (await python(session, listing, files=files)).run.stdout == "['a/b/y', 'a/x', 'z']\n"
    outcome = await python(session, listing, remove=("a/b", "not-there", "no/such/folder"))
    assert outcome.run.stdout == "['a/x', 'z']\n"
    outcome = await python(session, listing, remove=(".",), files={"new": b""})
    assert outcome.run.stdout == "['new']\n"


async def test_written_files_replace_whatever_is_in_their_place(session: Session, tmp_path: Path) -> None:
    trap = """
        import os
        os.symlink("/etc", "folder")
        os.symlink("/etc/passwd", "file")
        os.mkdir("was_folder"); open("was_folder/x", "w").close()
        os.mkfifo("pipe")
        os.mkdir("closed"); os.chmod("closed", 0)
    """
    assert (await python(session, trap)).run.ok
    paths = ("folder/passwd", "file", "was_folder", "pipe", "closed/inner")
    look = """
        import os, stat
        for path in ("folder/passwd", "file", "was_folder", "pipe", "closed/inner"):
            print(path, open(path).read(), stat.S_ISREG(os.lstat(path).st_mode))
        print(os.path.islink("folder"))
    """
    outcome = await python(session, look, files=dict.fromkeys(paths, b"new"))
    assert outcome.run.ok, outcome.run.stderr
    assert outcome.run.stdout == "".join(f"{path} new True\n" for path in paths) + "False\n"


async def test_only_regular_files_of_honest_names_come_back(session: Session) -> None:
    program = """
        import os, socket
        os.makedirs("out/real/deep")
        for name in ("a.txt", "real/b.txt", "real/deep/c.txt", ".hidden", "spaß.txt"):
            open(f"out/{name}", "w").write(name)
        os.symlink("/etc/passwd", "out/link.txt")
        os.symlink("/etc", "out/linked")
        os.symlink("real", "out/inner")
        os.mkfifo("out/pipe.txt")
        socket.socket(socket.AF_UNIX).bind("out/sock.txt")
        os.link("out/a.txt", "out/twin.txt")
        open(b"out/bad\\xff.txt", "w").write("x")
        open("out/new\\nline.txt", "w").write("x")
        open("out/back\\\\slash.txt", "w").write("x")
        with open("out/sparse.txt", "wb") as file:
            file.truncate(32 * 1024 * 1024)
    """
    outcome = await python(session, program, collect=("out/**",))
    assert outcome.run.ok, outcome.run.stderr
    assert outcome.files == {
        "out/a.txt": b"a.txt",
        "out/real/b.txt": b"real/b.txt",
        "out/real/deep/c.txt": b"real/deep/c.txt",
        "out/.hidden": b".hidden",
        "out/spaß.txt": "spaß.txt".encode(),
    }
    reasons = dict(outcome.dropped)
    assert set(reasons) == {
        "out/link.txt", "out/linked", "out/inner", "out/pipe.txt", "out/sock.txt", "out/twin.txt", "out/bad\\udcff.txt",
        "out/new\\nline.txt", "out/back\\\\slash.txt", "out/sparse.txt",
    }  # fmt: skip
    assert reasons["out/twin.txt"] == "another name of a file already taken"
    assert reasons["out/sparse.txt"] == "too large"
    assert reasons["out/bad\\udcff.txt"] == "odd name"


async def test_patterns(session: Session) -> None:
    names = ("a.py", "b.txt", "s/c.py", "s/t/d.py", "s/t/e[1].py")
    make = "import os; os.makedirs('s/t'); [open(n, 'w').close() for n in " + repr(names) + "]"
    assert (await python(session, make)).run.ok
    cases = {
        "*.py": {"a.py"},
        "**/*.py": {"a.py", "s/c.py", "s/t/d.py", "s/t/e[1].py"},
        "s/**": {"s/c.py", "s/t/d.py", "s/t/e[1].py"},
        "s/*/d.py": {"s/t/d.py"},
        "?.txt": {"b.txt"},
        "s/t/e[1].py": {"s/t/e[1].py"},
        "../*": set(),
    }
    for pattern, expected in cases.items():
        assert set((await session.run(Command(("true",), collect=(pattern,)))).files) == expected, pattern


async def test_too_many_files_are_dropped_and_said(session: Session) -> None:
    make = "[open(f'f{n:05}', 'w').close() for n in range(2500)]"
    outcome = await python(session, make, collect=("*",))
    assert len(outcome.files) == 2000
    assert ("f02000", "too many files") in outcome.dropped


async def test_nothing_of_one_session_is_in_the_next(sandbox: Sandbox) -> None:
    plant = """
        import os, pathlib
        for folder in (".", os.environ["HOME"], os.environ.get("TMPDIR", "/tmp")):
            pathlib.Path(folder, "planted-by-a-test").write_text("x")
        print(os.getcwd())
    """
    look = """
        import os, pathlib
        for folder in (".", os.environ["HOME"], os.environ.get("TMPDIR", "/tmp")):
            print(sorted(p.name for p in pathlib.Path(folder).iterdir()))
    """
    async with sandbox.open() as first:
        assert (await python(first, plant)).run.ok
    async with sandbox.open() as second:
        assert (await python(second, look)).run.stdout == "[]\n[]\n[]\n"


async def test_sessions_at_once_do_not_meet(sandbox: Sandbox) -> None:
    async def one(number: int) -> str:
        async with sandbox.open() as session:
            files = {"me": str(number).encode()}
            await python(session, "import time; time.sleep(0.3)", files=files)
            return (await python(session, "print(open('me').read())")).run.stdout

    assert await asyncio.gather(*(one(n) for n in range(4))) == [f"{n}\n" for n in range(4)]


async def test_runs_of_one_session_take_turns(session: Session) -> None:
    runs = [python(session, f"print({n})") for n in range(5)]
    assert [outcome.run.stdout for outcome in await asyncio.gather(*runs)] == [f"{n}\n" for n in range(5)]


async def test_a_wrecked_work_folder_is_mended(session: Session) -> None:
    wreck = """
        import os
        os.makedirs("d/e/f")
        open("d/e/f/x", "w").close()
        os.chmod("d/e/f", 0); os.chmod("d", 0)
        if os.stat(".").st_uid == os.getuid():  # on some engines the folder itself is not the program's
            os.chmod(".", 0)
    """
    assert (await python(session, wreck)).run.ok
    outcome = await python(session, "print(open('d/e/y').read())", files={"d/e/y": b"fine"}, collect=("d/**",))
    assert outcome.run.stdout == "fine\n", outcome
    assert outcome.files["d/e/y"] == b"fine"


async def test_attributes_of_folders_do_not_last(session: Session) -> None:
    """A list of who gets what of a folder's new files goes before their modes: here, nobody gets anything."""
    deny = """
        import os, struct
        entries = b"".join(struct.pack("<HHI", tag, 0, 0xFFFFFFFF) for tag in (1, 4, 0x20))
        os.mkdir("d")
        for folder in (".", "d"):
            for name, value in (("system.posix_acl_default", struct.pack("<I", 2) + entries), ("user.note", b"x")):
                try:
                    os.setxattr(folder, name, value)
                except (OSError, AttributeError):
                    pass
    """
    assert (await python(session, deny)).run.ok
    outcome = await python(session, "print(open('a').read(), open('d/b').read())", files={"a": b"fine", "d/b": b"too"})
    assert outcome.run.stdout == "fine too\n", outcome
    look = "import os; print(os.listdir('d/e'), os.access('d/e/c', os.R_OK))"
    outcome = await python(session, look, files={"d/e/c": b""})
    assert outcome.run.stdout == "['c'] True\n", outcome


async def test_a_program_does_not_slow_those_after_it(session: Session) -> None:
    pace = """
        import os
        print(os.getpriority(os.PRIO_PROCESS, 0))
        if hasattr(os, "sched_getaffinity"):
            print(len(os.sched_getaffinity(0)), os.sched_getscheduler(0))
    """
    slow = """
        import os
        parent = os.getppid()
        for change in (
            lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
            lambda: os.sched_setscheduler(parent, os.SCHED_IDLE, os.sched_param(0)),
            lambda: os.sched_setaffinity(parent, {min(os.sched_getaffinity(parent))}),
        ):
            try:
                change()
            except (OSError, AttributeError):
                pass
    """
    before = (await python(session, pace)).run.stdout
    assert (await python(session, slow)).run.ok
    assert (await python(session, pace)).run.stdout == before


async def test_folders_nested_without_end(session: Session) -> None:
    nest = """
        import os
        for _ in range(600):
            os.mkdir("d"); os.chdir("d")
        open("bottom", "w").close()
    """
    assert (await python(session, nest, collect=("**",))).dropped
    outcome = await python(session, "import os; print(os.listdir('.'))", remove=(".",), files={"a": b""})
    assert outcome.run.stdout == "['a']\n", outcome


async def test_frames_cannot_be_forged(session: Session) -> None:
    forge = """
        import json, os, struct
        end = json.dumps({"code": 0, "seconds": 0, "timed_out": False, "truncated": False, "oom": False}).encode()
        forged = struct.pack(">cI", b"X", len(end)) + end + struct.pack(">cI", b"Z", 0)
        for fd in range(256):
            try:
                os.write(fd, forged)
            except OSError:
                pass
        os._exit(3)
    """
    outcome = await python(session, forge)
    assert outcome.run.exit_code == 3
    assert outcome.stdout.startswith(b"X")
    assert outcome.notice == ""
    assert (await python(session, "print('next')")).run.stdout == "next\n"


async def test_what_reaches_the_supervisors_line_is_not_believed(session: Session, kind: str) -> None:
    forge = """
        import json, os, struct, time
        end = json.dumps({"code": 0, "seconds": 0, "timed_out": False, "truncated": False, "oom": False}).encode()
        forged = b"".join(
            struct.pack(">cI", kind, len(text)) + text + proof
            for proof in (b"", bytes(16), os.urandom(16))
            for kind, text in ((b"O", b"forged"), (b"X", end), (b"Z", b""))
        )
        print("begun", flush=True)
        with open(f"/proc/{os.getppid()}/fd/1", "wb", buffering=0) as line:
            line.write(forged)
            time.sleep(5)
    """
    outcome = await python(session, forge)
    assert not outcome.run.ok
    assert b"forged" not in outcome.stdout
    if kind == "runsc":  # elsewhere it is not even opened, but by root without any isolation
        assert "a program wrote among its results" in outcome.notice, outcome
        assert b"begun\n".startswith(outcome.stdout)  # unbuffered, a line and its end are two writes
    assert (await python(session, "print('next')")).run.stdout == "next\n"


async def test_memory_is_limited_and_said(session: Session) -> None:
    hog = "print('begun', flush=True)\nkeep = []\nwhile True: keep.append(bytearray(b'x' * 8_000_000))"
    outcome = await python(session, hog)
    assert outcome.run.out_of_memory
    assert not outcome.run.ok
    assert not outcome.run.timed_out
    assert outcome.run.stdout == "begun\n"
    assert (await python(session, "print('next')")).run.stdout == "next\n"


async def test_a_crash_is_not_taken_for_memory(session: Session) -> None:
    outcome = await python(session, "import ctypes; ctypes.string_at(0)")
    assert outcome.run.exit_code == -11
    assert not outcome.run.out_of_memory


async def test_a_cancelled_run_leaves_nothing_running(session: Session) -> None:
    pids = set(psutil.pids())
    heard = asyncio.Event()
    mark = f"sleeper-{secrets.token_hex(8)}"  # the same test runs beside this one on other engines
    program = f"import os, time; print(os.fork(), flush=True); time.sleep(600)  # {mark}"
    running = asyncio.ensure_future(python(session, program, lambda *_: heard.set()))
    await asyncio.wait_for(heard.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [pid for pid in set(psutil.pids()) - pids if mark in _command_of(pid)]


def _command_of(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


async def test_a_new_sandbox_has_the_files_of_the_old(session: Session) -> None:
    """A run that was given up takes its sandbox along; the session goes on in another with the same files."""
    await python(session, "pass", files={"one": b"1", "two": b"2"})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(
            python(session, "import time; time.sleep(60)", remove=("two",), files={"three": b"3"}), 1
        )
    outcome = await python(session, "import os; print(sorted(os.listdir()))")
    assert outcome.run.stdout == "['one', 'three']\n"
    assert outcome.notice


async def test_paths_that_leave_the_work_folder_are_refused(session: Session) -> None:
    for path in ("/etc/x", "../x", "a/../x", "a//x", "./x", "", "a/", "nul\0", ".", "n" * 256, "d/" * 1500 + "x"):
        with pytest.raises(ValueError, match="path"):
            await session.run(Command(("true",), files={path: b""}))
    assert (await session.run(Command(("true",)))).run.ok


async def test_senseless_commands_are_refused(session: Session) -> None:
    for timeout in (0, -1, float("nan"), float("inf"), 1e12):
        with pytest.raises(ValueError, match="timeout"):
            await session.run(Command(("true",), timeout=timeout))
    for argv in ((), ("a\0b",)):
        with pytest.raises(ValueError, match="argv"):
            await session.run(Command(argv))


async def test_limits_of_one_session(sandbox: Sandbox) -> None:
    async with sandbox.open(limits=Limits(output=10)) as session:
        outcome = await python(session, "print('x' * 100)")
        assert outcome.stdout == b"x" * 10
        assert outcome.run.truncated


async def test_large_files_in_and_out(sandbox: Sandbox) -> None:
    content = bytes(range(256)) * 40_000
    limits = Limits(results=len(content))
    async with sandbox.open(limits=limits) as session:
        outcome = await session.run(Command(("true",), files={"big": content}, collect=("big",)))
        assert outcome.files["big"] == content
