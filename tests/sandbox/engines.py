"""Engines beside the machine's own, each started for the tests that ask for it: the contract holds on every one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.own_engine import START_SECONDS, own_engine

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Reached:
    """How an engine is reached."""

    environ: Mapping[str, str]
    runtime: str = ""


@contextmanager
def gvisor() -> Iterator[Reached]:
    """Docker with gVisor's `runsc` as a runtime, which as root needs to be told that there is no network."""
    with _folder() as folder:
        arguments = ["--network=none"]
        settings = {"runtimes": {"runsc": {"path": shutil.which("runsc", path=PATH), "runtimeArgs": arguments}}}
        (folder / "daemon.json").write_text(json.dumps(settings))
        with own_engine(folder, ["--config-file", str(folder / "daemon.json")]) as engine:
            yield Reached({"DOCKER_HOST": engine.host}, "runsc")


@contextmanager
def podman() -> Iterator[Reached]:
    """Podman's socket, with everything of its own in a folder."""
    with _folder() as folder:
        own = [f"--{name}={folder / name}" for name in ("root", "runroot", "tmpdir")]
        how = ["--cgroup-manager=cgroupfs", "--events-backend=file", f"--runtime={shutil.which('runc', path=PATH)}"]
        place = folder / "socket"
        argv = ["podman", *own, *how, "system", "service", "--time=0", f"unix://{place}"]
        with (folder / "log").open("wb") as log:
            # Its keepers of containers leave notes of memory that ran out where it was started.
            process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(process, folder, ["docker", "--host", f"unix://{place}", "version"])
            yield Reached({"DOCKER_HOST": f"unix://{place}"})
        finally:
            process.terminate()
            process.wait(30)
            subprocess.run(["podman", *own, *how, "system", "reset", "--force"], capture_output=True, check=True)


@contextmanager
def remote() -> Iterator[Reached]:
    """Docker by TCP, where both sides prove who they are by certificates."""
    with _folder() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        certificates(folder)
        proofs = [f"--tls{what}={folder / name}" for what, name in PROOFS.items()]
        with own_engine(folder, ["--tlsverify", *proofs, "--host=fd://"], listening.fileno()):
            tls = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}
            web = {"REQUESTS_CA_BUNDLE": str(folder / "cert.pem")}  # whom the web believes is not whom an engine does
            yield Reached({"DOCKER_HOST": f"tcp://127.0.0.1:{port}"} | tls | web)


PROOFS = {"cacert": "ca.pem", "cert": "server.pem", "key": "server-key.pem"}


def certificates(folder: Path) -> None:
    """An authority with a certificate for the server and one for the client, named as Docker's programs want them."""

    def sign(name: str, *more: str) -> None:
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
        out = ["-out", str(folder / f"{name}.pem"), "-keyout", str(folder / f"{name}-key.pem")]
        argv = ["openssl", "req", *new, *out, "-subj", f"/CN={name}", *more]
        subprocess.run(argv, capture_output=True, check=True)

    sign("ca")
    issued = ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca-key.pem"), "-addext"]
    plain = ["basicConstraints=critical,CA:FALSE", "-addext"]
    sign("server", *issued, *plain, "subjectAltName=IP:127.0.0.1")
    sign("cert", *issued, *plain, "extendedKeyUsage=clientAuth")
    (folder / "cert-key.pem").rename(folder / "key.pem")


OTHERS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000):
    sys.exit(f"no user namespace: {os.strerror(ctypes.get_errno())}")
print("mapped?", flush=True)
sys.stdin.readline()
os.setgroups([]), os.setresgid(0, 0, 0), os.setresuid(0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Goes on as root of a user namespace, which to the machine is nobody in particular."""
FIRST_OTHER = 200_000
PRIVATE = """
set -e
mount --make-rprivate /
for place in /run /etc/docker; do if [ -d "$place" ]; then mount -t tmpfs none "$place"; fi; done
exec "$@"
"""


@contextmanager
def rootless() -> Iterator[Reached]:
    """Docker as any user can start it: root in a user namespace of its own, and without control groups if v1 rules."""
    with _folder() as folder:
        for place in (folder.parent, folder):
            os.chown(place, FIRST_OTHER, FIRST_OTHER)
        places = ["--data-root", str(folder / "data"), "--exec-root", "/run/exec", "--pidfile", "/run/docker.pid"]
        alone = ["--rootless", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        daemon = [str(shutil.which("dockerd", path=PATH)), "--host", f"unix://{folder}/socket", *places, *alone]
        apart = [
            str(shutil.which("unshare")),
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--net",
            "--ipc",
            "--kill-child",
        ]
        argv = [sys.executable, "-c", OTHERS, *apart, "sh", "-c", PRIVATE, "sh", *daemon]
        environ = {"PATH": PATH, "HOME": str(folder), "XDG_RUNTIME_DIR": "/run"}
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0
            ) as process,
        ):
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                assert process.stdout.readline(), (folder / "log").read_text()
                for name in ("uid_map", "gid_map"):
                    Path(f"/proc/{process.pid}/{name}").write_text(f"0 {FIRST_OTHER} 65536\n")
                process.stdin.write(b"yes\n")
                _await(process, folder, ["docker", "--host", f"unix://{folder}/socket", "version"])
                yield Reached({"DOCKER_HOST": f"unix://{folder}/socket"})
            finally:
                process.kill()  # and its PID namespace with it


def _await(process: subprocess.Popen[bytes], folder: Path, question: list[str]) -> None:
    """Until an engine answers."""
    end = time.monotonic() + START_SECONDS
    while subprocess.run(question, capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError((folder / "log").read_text()[-3000:])
        time.sleep(0.1)


ENGINES: dict[str, tuple[str, Callable[[], AbstractContextManager[Reached]]]] = {
    "runsc": ("runsc", gvisor),
    "podman": ("podman", podman),
    "remote": ("dockerd", remote),
    "rootless": ("dockerd", rootless),
}
"""By the name that tests have in their identifiers: the program that must be installed, and how it is started."""


def missing(kind: str) -> str:
    """Why an engine cannot be started here; empty when it can."""
    program, _ = ENGINES[kind]
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can start one of its own"
    return "" if shutil.which(program, path=PATH) else f"{program} is not installed"


def there() -> list[str]:
    return [kind for kind in ENGINES if not missing(kind)]


@contextmanager
def _folder() -> Iterator[Path]:
    """Of a short name, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="ct-", ignore_cleanup_errors=True) as folder:
        place = Path(folder, "e")
        place.mkdir()
        yield place
