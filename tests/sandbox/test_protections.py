"""What hostile code finds on each engine: the protections, looked at from inside."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import policy
from codeteam.sandbox.container import LABEL, OWNER
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.interface import Session
from tests.cli.command import PROGRAM, Place
from tests.sandbox.conftest import CACHE, SMALL, of_engines
from tests.sandbox.engines import Reached
from tests.sandbox.running import python

MISSING = {
    "podman": "Podman: no limit of the number of files but memory",
    "rootless": "rootless Docker: memory is limited by process, not together, "
    "no limit of processes but the user's own, no limit of processor time but the deadline",
    "runsc": "Docker with gVisor: no limit of the number of files but memory",
}
"""What the doctor must say where something is."""
REFUSALS = {"ENOENT", "EPERM", "EACCES", "EROFS", "ENXIO", "ENODEV", "EAFNOSUPPORT", "ENOSYS"}
LOOK = """
import ctypes, errno, json, os, resource, socket

def tried(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

libc = ctypes.CDLL(None, use_errno=True)
piece = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
room = {folder: os.statvfs(folder) for folder in ("/work", "/tmp", "/dev/shm")}
print(json.dumps({
    "uid": os.getuid(),
    "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")],
    "no_new_privileges": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
    "filtered": status.get("Seccomp", "").strip(),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "hypervisor": tried(lambda: socket.socket(40, socket.SOCK_STREAM)),
    "raw": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
    "image": tried(lambda: open("/planted", "w")),
    "line": tried(lambda: open("/proc/1/fd/1", "wb")),
    "requests": tried(lambda: os.write(os.open("/proc/1/fd/0", os.O_WRONLY | os.O_NONBLOCK), b"R")),
    "memory": tried(lambda: open("/proc/1/mem", "rb")),
    "traced": tried(lambda: call("ptrace", 16, 1, None, None)),
    "copied": tried(lambda: call("process_vm_readv", 1, piece, 1, piece, 1, 0)),
    "run": tried(lambda: open("/run/planted", "w")),
    "kept": tried(lambda: open("/var/tmp/planted", "w")),
    "packages": tried(lambda: open("/opt/tools/planted", "w")),
    "device": tried(lambda: (os.mknod("disk", 0o60600, os.makedev(8, 0)), open("disk", "rb"))),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "bytes": {folder: facts.f_blocks * facts.f_frsize for folder, facts in room.items()},
    "files": {folder: facts.f_files for folder, facts in room.items()},
    "limits": [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in ("FSIZE", "NOFILE", "CORE")],
}))
"""


@pytest.fixture
async def seen(session: Session) -> dict[str, Any]:
    outcome = await python(session, LOOK)
    assert outcome.run.ok, outcome
    return dict(json.loads(outcome.run.stdout))


@of_engines
async def test_what_no_engine_gives(seen: dict[str, Any]) -> None:
    assert policy.FIRST_UID <= seen["uid"] < policy.FIRST_UID + policy.UIDS
    assert seen["capabilities"] == [0, 0, 0, 0]
    assert seen["interfaces"] == ["lo"]
    for what in ("hypervisor", "raw", "image", "run", "kept", "packages", "device", "memory", "traced", "copied"):
        assert seen[what] in REFUSALS, (what, seen[what])
    assert seen["requests"] in REFUSALS | {"EBADF"}  # opened for reading alone, whoever opens it once more
    assert len(seen["processes"]) == 2
    assert seen["processes"][0] == 1
    assert seen["bytes"] == {"/work": SMALL.disk, "/tmp": SMALL.disk, "/dev/shm": 16 * 1024 * 1024}
    assert seen["limits"] == [SMALL.disk, 1024, 0]


@of_engines
async def test_what_is_said_to_be_missing_is_missing(
    session: Session, seen: dict[str, Any], kind: str, reached: Callable[[str], Reached | None]
) -> None:
    where = reached(kind) or Reached({})
    engine = Engine({**os.environ, **where.environ})
    able = await engine.abilities(where.runtime or None)
    engine.close()
    said = {lack.protection for lack in able.lacks}
    assert (able.podman, able.gvisor) == (kind == "podman", kind == "runsc")
    unbounded = any(not 0 < seen["files"][folder] <= SMALL.disk // 8192 for folder in ("/work", "/tmp"))
    assert ("no limit of the number of files but memory" in said) == unbounded
    assert ("no list of system calls" in said) == (seen["filtered"] != "2" and kind != "runsc")
    assert seen["line"] in REFUSALS or kind == "runsc"  # where what it writes there has no proof
    assert all(words in session.image for words in said)
    assert ("in Podman" in session.image, "with gVisor" in session.image) == (able.podman, able.gvisor)
    # gVisor has a kernel of its own between a program and the machine's, and runs nothing that would raise privileges.
    assert seen["no_new_privileges"] == 1 or kind == "runsc"


@of_engines
def test_the_doctor_says_what_is_missing(kind: str, reached: Callable[[str], Reached | None], tmp_path: Path) -> None:
    where = reached(kind) or Reached({})
    place = Place(tmp_path, where.environ)
    done = place.call("doctor", "--json", *(["--sandbox-runtime", where.runtime] if where.runtime else []))
    [found] = [check for check in done.json["checks"] if check["name"] == "protection"]
    assert found["status"] == ("warn" if kind in MISSING else "ok"), found
    assert found["detail"].startswith(MISSING.get(kind, "Docker gives all that containers are asked for")), found
    assert bool(found["mend"]) == (kind in MISSING)


@of_engines
async def test_what_cannot_be_had_is_not_silently_left_out(
    kind: str, places: Path, reached: Callable[[str], Reached | None]
) -> None:
    where = reached(kind) or Reached({})
    environ = {**os.environ, **where.environ}
    sandbox = DockerSandbox(cache=places / CACHE, environ=environ, limits=SMALL, runtime="no-such-runtime")
    with pytest.raises(SandboxUnavailable, match="no-such-runtime") as caught:
        await sandbox.open().__aenter__()
    assert "sandbox-runtime" in caught.value.hint
    await sandbox.aclose()


@of_engines
async def test_nothing_outlives_a_client_that_is_gone(
    kind: str, places: Path, reached: Callable[[str], Reached | None]
) -> None:
    """Killed without warning, it takes its container along: the end of standard input is heard on every engine."""
    where = reached(kind) or Reached({})
    environ = {**os.environ, **where.environ}
    settings = ["--runtime", where.runtime] if where.runtime else []
    argv = [
        *PROGRAM,
        "sandbox",
        "run",
        *settings,
        "--",
        "python3",
        "-c",
        "import time; print('begun'); time.sleep(600)",
    ]
    environ |= {"CODETEAM_CACHE": str(places / CACHE), "CODETEAM_HOME": str(places / "home")}
    client = await asyncio.create_subprocess_exec(*argv, env=environ, stdout=asyncio.subprocess.PIPE)
    assert client.stdout is not None
    assert await asyncio.wait_for(client.stdout.readline(), 60) == b"begun\n"
    engine = Engine(environ)
    mine = [facts["Id"] for facts in await engine.call(containers) if f":{client.pid}:" in facts["Labels"][OWNER]]
    assert len(mine) == 1
    client.kill()
    await client.wait()
    async with asyncio.timeout(20):
        while any(facts["Id"] in mine for facts in await engine.call(containers)):  # noqa: ASYNC110 - engines do not tell
            await asyncio.sleep(0.05)
    engine.close()


def containers(api: Any) -> list[dict[str, Any]]:
    return list(api.containers(all=True, filters={"label": [f"{LABEL}=1"]}))
