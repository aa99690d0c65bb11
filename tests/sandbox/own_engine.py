"""A Docker engine that a test may kill: a daemon of its own, with its own data, beside whatever else runs here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

START_SECONDS = 60.0
HAND = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Gives a program a socket that listens already, as systemd does."""


class OwnEngine:
    """A `dockerd` without network, started by root; `kill` leaves what a crash would leave, `start` goes on from it."""

    def __init__(self, folder: Path, options: Sequence[str] = (), listening: int | None = None) -> None:
        """`folder` must be a short path, for the name of a socket below it may have no more than 107 bytes.

        `listening` is the descriptor of a socket that it is to answer on too, by `--host=fd://`.
        """
        assert len(str(folder)) < 70, f"{folder} is too long for a socket"
        self._folder = folder
        self._options = options
        self._listening = listening
        self._process: subprocess.Popen[bytes] | None = None
        self.host = f"unix://{folder}/socket"

    def start(self) -> None:
        """Returns once it answers."""
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
        assert program, "dockerd is not installed: a test starts an engine of its own (Debian package docker.io)"
        assert os.geteuid() == 0, "only root can start an engine of its own, which this test kills"
        places = [
            f"--{what}={self._folder / name}"
            for what, name in (("data-root", "data"), ("exec-root", "run"), ("pidfile", "pid"))
        ]
        alone = ["--iptables=false", "--ip6tables=false", "--containerd-namespace", self._folder.name]
        # In a network of its own: a second daemon beside the machine's, told to have no bridge, takes away that one's.
        handed = () if self._listening is None else (self._listening,)
        hand = [sys.executable, "-c", HAND, str(handed[0])] if handed else []
        argv = [*hand, "unshare", "--net", program, "--host", self.host, *places, *alone, *self._options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=handed)
        end = time.monotonic() + START_SECONDS
        while self.docker("version", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self._folder / "log").read_text()[-3000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """As a crash of daemon and containerd would: containers and their keepers stay behind."""
        assert self._process is not None
        daemon = psutil.Process(self._process.pid)
        both = [daemon, *(child for child in daemon.children() if child.name() == "containerd")]
        for process in both:
            process.kill()
        self._process.wait()
        psutil.wait_procs(both, 30)

    def stop(self) -> None:
        """End it with everything that it runs; what an engine that was killed left is ended by its successor."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        assert self._process is not None
        for name in self.docker("ps", "-aq").stdout.split():
            self.docker("rm", "-f", name, check=False)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def unmount(self) -> None:
        """Take away what engines that were killed had mounted, and what a test had mounted for them."""
        mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for place in reversed(mounted):
            if Path(place).is_relative_to(self._folder):
                subprocess.run(["umount", "--lazy", place], check=True)

    def docker(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """What the command line of Docker says of it."""
        argv = ["docker", "--host", self.host, *args]
        return subprocess.run(argv, capture_output=True, text=True, check=check, timeout=60)

    def containers(self, shown: str = "{{.State}} {{.Names}}", *options: str) -> list[str]:
        """What is to be shown of each, running or not.

        One that ends while the engine comes back from a crash may be listed for good, as dead: such an engine has
        removed it, and knows nothing of it when it is asked.
        """
        listed = self.docker("ps", "-a", "--format", f"{{{{.ID}}}} {shown}", *options).stdout.splitlines()
        each = (line.split(maxsplit=1) for line in listed)
        return [told for name, told in each if not self.docker("inspect", name, check=False).returncode]

    @property
    def processes(self) -> list[psutil.Process]:
        """The daemon, and everything that runs below it or names its folder, shims included."""
        found = []
        for process in psutil.process_iter():
            try:
                if any(str(self._folder) in word for word in process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@contextmanager
def own_engine(folder: Path, options: Sequence[str] = (), listening: int | None = None) -> Iterator[OwnEngine]:
    folder.mkdir(parents=True, exist_ok=True)
    engine = OwnEngine(folder, options, listening)
    try:
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()
    finally:
        engine.unmount()
