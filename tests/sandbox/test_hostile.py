"""Attacks from inside a container: each has no effect, or ends its own run and nothing else."""

from __future__ import annotations

import textwrap
import time

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command, Limits, Session
from tests.sandbox.conftest import SMALL
from tests.sandbox.running import python

pytestmark = pytest.mark.docker


async def still_works(session: Session) -> None:
    outcome = await python(session, "print('fine')")
    assert outcome.run.stdout == "fine\n", outcome


async def test_there_is_no_network(contained: Session) -> None:
    program = """
        import errno, os, socket
        print(sorted(os.listdir("/sys/class/net")))
        for address in (("1.1.1.1", 53), ("169.254.169.254", 80), ("172.17.0.1", 80)):
            try:
                socket.create_connection(address, 2)
                print("connected", address)
            except OSError as error:
                assert error.errno == errno.ENETUNREACH, error
        try:
            socket.getaddrinfo("example.org", 443)
            print("resolved")
        except socket.gaierror:
            pass
        server = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(server.getsockname())
        print("loopback works")
    """
    outcome = await python(contained, program)
    assert outcome.run.stdout == "['lo']\nloopback works\n", outcome


async def test_system_calls_that_no_test_needs_are_refused(contained: Session) -> None:
    program = """
        import ctypes, errno, os, platform, socket
        libc = ctypes.CDLL(None, use_errno=True)
        x86 = platform.machine() == "x86_64"
        CALLS = {  # name: (x86-64, arm64, arguments)
            "ptrace": (101, 117, (16, 1, 0, 0)),
            "process_vm_readv": (310, 270, (1, 0, 0, 0, 0, 0)),
            "process_vm_writev": (311, 271, (1, 0, 0, 0, 0, 0)),
            "pidfd_getfd": (438, 438, (3, 0, 0)),
            "io_uring_setup": (425, 425, (1, 0)),
            "bpf": (321, 280, (0, 0, 0)),
            "userfaultfd": (323, 282, (0,)),
            "keyctl": (250, 219, (0, 0)),
            "add_key": (248, 217, (0, 0, 0, 0, 0)),
            "perf_event_open": (298, 241, (0, 0, 0, 0, 0)),
            "unshare": (272, 97, (0x10000000,)),
            "setns": (308, 268, (0, 0)),
            "mount": (165, 40, (0, 0, 0, 0, 0)),
            "open_tree": (428, 428, (0, 0, 0)),
            "fsopen": (430, 430, (0, 0)),
            "pivot_root": (155, 41, (0, 0)),
            "chroot": (161, 51, (0,)),
            "name_to_handle_at": (303, 264, (0, 0, 0, 0, 0)),
            "open_by_handle_at": (304, 265, (0, 0, 0)),
            "kexec_load": (246, 104, (0, 0, 0, 0)),
            "init_module": (175, 105, (0, 0, 0)),
            "clone(NEWUSER)": (56, 220, (0x10000000 | 17, 0, 0, 0, 0)),
            "prlimit64(1)": (302, 261, (1, 7, 0, 0)),
            "kcmp": (312, 272, (1, 1, 0, 0, 0)),
            "acct": (163, 89, (0,)),
            "reboot": (169, 142, (0, 0, 0, 0)),
            "swapon": (167, 224, (0, 0)),
            "quotactl": (179, 60, (0, 0, 0, 0)),
            "sethostname": (170, 161, (0, 0)),
            "settimeofday": (164, 170, (0, 0)),
            "personality(ADDR_NO_RANDOMIZE)": (135, 92, (0x0040000,)),
        }
        for name, (intel, arm, arguments) in CALLS.items():
            ctypes.set_errno(0)
            answer = libc.syscall(intel if x86 else arm, *arguments)
            if answer != -1 or ctypes.get_errno() != errno.EPERM:
                print("allowed", name, answer, ctypes.get_errno())
        answer = libc.syscall(435, 0, 0)
        assert answer == -1 and ctypes.get_errno() == errno.ENOSYS, "clone3"
        SOCKETS = {
            "AF_VSOCK": (40, 1, 0), "AF_ALG": (38, 5, 0), "AF_PACKET": (17, 3, 0), "raw": (2, 3, 1),
            "raw6": (10, 3, 58),
            "AF_BLUETOOTH": (31, 3, 1), "AF_CAN": (29, 3, 1), "AF_XDP": (44, 3, 0), "AF_RDS": (21, 5, 0),
            "netfilter": (16, 3, 12), "sctp": (2, 1, 132), "mptcp": (2, 1, 262), "AF_KEY": (15, 3, 2),
            "AF_TIPC": (30, 5, 0),
        }
        for name, arguments in SOCKETS.items():
            try:
                socket.socket(*arguments)
                print("allowed", name)
            except PermissionError:
                pass
        for arguments in ((2, 1, 0), (2, 1, 6), (2, 2, 17), (10, 1, 0), (1, 1, 0), (1, 2, 0), (16, 3, 0)):
            socket.socket(*arguments).close()
        print("done")
    """
    outcome = await python(contained, program)
    assert outcome.run.stdout == "done\n", outcome


async def test_no_privileges_and_nothing_to_write_but_the_work_folder(contained: Session) -> None:
    program = """
        import os
        status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
        print(os.getuid() >= 20000, os.geteuid() == os.getuid(), os.getgroups() in ([], [os.getgid()]))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0, name
        assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
        places = ("/x", "/etc/x", "/usr/local/bin/x", "/opt/x", "/opt/tools/x", "/dev/x", "/sys/x")
        for path in (*places, "/proc/sys/kernel/core_pattern"):
            try:
                open(path, "w")
                print("wrote", path)
            except OSError:
                pass
        for path in ("/var/run/docker.sock", "/run/docker.sock"):
            assert not os.path.exists(path)
        for wanted in (0, os.getuid() + 1):
            for change in (os.setuid, os.seteuid, os.setgid):
                try:
                    change(wanted)
                    print("became", wanted)
                except PermissionError:
                    pass
        open("own", "w").write("x")
        os.chmod("own", 0o4755)
        print("nosuid" in [line.split()[3] for line in open("/proc/mounts") if line.split()[1] == "/work"][0])
        open("/tmp/run.sh", "w").write("#!/bin/sh\\n")
        os.chmod("/tmp/run.sh", 0o755)
        try:
            os.execv("/tmp/run.sh", ["x"])
        except PermissionError:
            print("noexec")
    """
    outcome = await python(contained, program)
    assert outcome.run.stdout == "True True True\nTrue\nnoexec\n", outcome


async def test_the_supervisor_is_out_of_reach(contained: Session) -> None:
    program = """
        import os, resource, signal, struct
        inner = ("fd/0", "fd/1", "fd/2", "mem", "environ", "cwd/x", f"root{os.getcwd()}/x", "task/1/mem")
        for name in (*inner, "oom_score_adj", "coredump_filter"):
            for mode in ("rb", "wb"):
                try:
                    open(f"/proc/1/{name}", mode)
                    if (name, mode) not in (("oom_score_adj", "rb"), ("coredump_filter", "rb")):
                        print("opened", name, mode)
                except (PermissionError, FileNotFoundError):
                    pass
        for name in ("fd", "fdinfo", "map_files"):
            try:
                print("listed", name, os.listdir(f"/proc/1/{name}"))
            except PermissionError:
                pass
        try:
            resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
            print("limited")
        except PermissionError:
            pass
        for number in range(1, 65):
            if number not in (32, 33):
                try:
                    os.kill(1, number)
                except OSError:
                    pass
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("still here")
    """
    outcome = await python(contained, program)
    assert outcome.run.stdout == "still here\n", outcome
    assert outcome.notice == ""
    await still_works(contained)


async def test_killing_everything_kills_only_the_run(contained: Session) -> None:
    program = """
        import os, time
        for _ in range(5):
            if os.fork() == 0:
                time.sleep(60)
        try:
            os.kill(-1, 9)
            os.waitpid(-1, 0)
            print("children are gone")
            os.kill(-1, 9)
        except ProcessLookupError:
            print("nobody else")
        os.kill(0, 9)
    """
    outcome = await python(contained, program)
    assert outcome.run.exit_code == -9
    assert outcome.run.stdout.startswith("children are gone\n")
    assert outcome.notice == ""
    await still_works(contained)


async def test_a_slowed_supervisor_still_keeps_the_deadline(contained: Session) -> None:
    program = """
        import os
        for change in (
            lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),
            lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
            lambda: os.sched_setaffinity(1, {0}),
        ):
            try:
                change()
            except OSError:
                pass
        for _ in range(5):
            os.fork()
        while True:
            pass
    """
    outcome = await python(contained, program, timeout=2)
    assert outcome.run.timed_out
    await still_works(contained)


async def test_fork_bomb(contained: Session) -> None:
    program = """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
    """
    began = time.monotonic()
    outcome = await python(contained, program, timeout=2)
    assert outcome.run.timed_out
    assert time.monotonic() - began < 20
    await still_works(contained)
    count = "import os; print(sum(name.isdigit() for name in os.listdir('/proc')))"
    assert (await python(contained, count)).run.stdout == "2\n"


async def test_threads_are_limited(contained: Session) -> None:
    program = """
        import threading
        stop = threading.Event()
        threads = []
        try:
            for _ in range(1000):
                threads.append(threading.Thread(target=stop.wait))
                threads[-1].start()
        except RuntimeError:
            print(len(threads) < 100)
        stop.set()
    """
    assert (await python(contained, program)).run.stdout == "True\n"


async def test_a_child_killed_for_memory_is_told_apart(contained: Session) -> None:
    program = """
        import subprocess, sys
        child = subprocess.run([sys.executable, "-c", "x = []\\nwhile True: x.append(bytearray(b'x' * 4_000_000))"])
        print("child", child.returncode)
        sys.exit(5)
    """
    outcome = await python(contained, program)
    assert outcome.run.stdout == "child -9\n"
    assert outcome.run.exit_code == 5
    assert outcome.run.out_of_memory
    outcome = await python(contained, "import os; os.kill(os.getpid(), 9)")
    assert outcome.run.exit_code == -9
    assert not outcome.run.out_of_memory


async def test_memory_in_files(docker: DockerSandbox) -> None:
    """A work folder larger than the memory: filling it is said, and the next run has another sandbox."""
    limits = Limits(memory=64 * 1024 * 1024, disk=512 * 1024 * 1024)
    async with docker.open(limits=limits) as session:
        program = """
            with open("big", "wb") as file:
                while True:
                    file.write(bytes(1 << 20))
        """
        for _ in range(2):
            outcome = await python(session, program, files={"kept": b"yes"})
            assert outcome.run.out_of_memory, outcome
            assert not outcome.run.ok
            outcome = await python(session, "import os; print(os.listdir())")
            assert outcome.run.stdout == "['kept']\n"
            assert not outcome.run.out_of_memory
            assert outcome.notice


async def test_a_sandbox_that_dies_of_memory_altogether(docker: DockerSandbox) -> None:
    """The program makes itself the smallest target, so that the supervisor is killed: still said, still replaced."""
    limits = Limits(memory=48 * 1024 * 1024, disk=512 * 1024 * 1024)
    async with docker.open(limits=limits) as session:
        program = """
            import os
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("500")
            chunk = bytes(1 << 16)
            os.execv("/bin/sh", ["sh", "-c", "while :; do cat /bin/sh >> big; done"])
        """
        outcome = await python(session, program, timeout=20)
        assert outcome.run.out_of_memory, outcome
        assert (await python(session, "print('fine')")).run.stdout == "fine\n"


async def test_shared_memory_is_small(contained: Session) -> None:
    program = """
        import errno
        try:
            with open("/dev/shm/x", "wb") as file:
                for _ in range(64):
                    file.write(bytes(1 << 20))
        except OSError as error:
            print(errno.errorcode[error.errno])
    """
    assert (await python(contained, program)).run.stdout == "ENOSPC\n"


async def test_disk_inodes_and_descriptors_are_limited(contained: Session) -> None:
    program = """
        import errno, os
        def until_refused(step):
            try:
                for number in range(10**6):
                    step(number)
            except OSError as error:
                return errno.errorcode[error.errno]
        opened = []
        print(until_refused(lambda n: opened.append(open("/dev/null"))))
        opened.clear()
        print(until_refused(lambda n: open(f"f{n}", "w").close()))
        for name in os.listdir():
            os.unlink(name)
        with open("sparse", "wb") as file:
            try:
                file.truncate(1 << 40)
            except OSError as error:
                print(errno.errorcode[error.errno])
        file = open("big", "wb", buffering=0)
        print(until_refused(lambda n: file.write(bytes(1 << 20)) == 1 << 20 or os.write(file.fileno(), b"x")))
    """
    outcome = await python(contained, program)
    words = outcome.run.stdout.split()
    assert words[:3] == ["EMFILE", "ENOSPC", "EFBIG"], outcome
    assert words[3] in ("ENOSPC", "EFBIG")


async def test_a_full_work_folder_is_replaced(contained: Session) -> None:
    fill = """
        import os
        number = 0
        try:
            while True:
                open(f"f{number}", "w").close()
                number += 1
        except OSError:
            print("full")
    """
    await python(contained, "pass", files={"mine": b"kept"})
    assert (await python(contained, fill)).run.stdout == "full\n"
    outcome = await python(contained, "import os; print(sorted(os.listdir()))", files={"new": b"file"})
    assert outcome.run.stdout == "['mine', 'new']\n"
    assert "work folder" in outcome.notice


async def test_files_that_can_never_fit_are_a_clear_error(contained: Session) -> None:
    with pytest.raises(SandboxUnavailable) as caught:
        await contained.run(Command(("true",), files={"big": bytes(SMALL.disk + 1)}))
    assert caught.value.kind == "disk_full"
    assert caught.value.hint


async def test_kernel_objects_do_not_outlive_the_session(docker: DockerSandbox) -> None:
    make = """
        import ctypes
        libc = ctypes.CDLL(None)
        print(libc.shmget(0x5EED, 4096, 0o1666) >= 0, libc.semget(0x5EED, 1, 0o1666) >= 0)
    """
    look = "import ctypes; print(ctypes.CDLL(None).shmget(0x5EED, 4096, 0))"
    async with docker.open() as first:
        assert (await python(first, make)).run.stdout == "True True\n"
    async with docker.open() as second:
        assert (await python(second, look)).run.stdout == "-1\n"


async def test_users_differ(docker: DockerSandbox) -> None:
    async with docker.open() as one, docker.open() as two:
        users = {(await python(session, "import os; print(os.getuid())")).run.stdout for session in (one, two)}
    assert len(users) == 2


async def test_what_programs_commonly_need_works(contained: Session) -> None:
    program = """
        import asyncio, concurrent.futures, ctypes, decimal, multiprocessing, os, sqlite3
        import ssl, subprocess, tempfile, threading, zoneinfo
        def square(n):
            return n * n
        async def main():
            server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            return await asyncio.to_thread(square, 4)
        if __name__ == "__main__":
            print(asyncio.run(main()))
            with concurrent.futures.ThreadPoolExecutor() as pool:
                print(sum(pool.map(square, range(10))))
            with multiprocessing.Pool(2) as pool:
                print(sum(pool.map(square, range(10))))
            base = sqlite3.connect("x.db")
            base.execute("create table t (a)"); base.execute("insert into t values (1)"); base.commit()
            print(base.execute("select * from t").fetchall())
            print(subprocess.run("echo $((6 * 7)) | cat", shell=True, capture_output=True, text=True).stdout.strip())
            with tempfile.NamedTemporaryFile() as file:
                file.write(b"x")
            ssl.create_default_context()
            print(zoneinfo.ZoneInfo("Europe/Berlin").key, os.path.expanduser("~"), bool(os.environ["USER"]))
    """
    outcome = await contained.run(
        Command(("python3", "main.py"), files={"main.py": textwrap.dedent(program).encode()}, timeout=60)
    )
    assert outcome.run.stdout == "16\n285\n285\n[(1,)]\n42\nEurope/Berlin /tmp True\n", outcome
