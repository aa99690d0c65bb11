"""`codeteam sandbox`, as it is typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sessions import SCHEDULED

HOG = "keep = []\nwhile True: keep.append(bytearray(b'x' * 4_000_000))"


def codeteam(*words: str, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "codeteam", "sandbox", *words],
        input=stdin, capture_output=True, check=False, timeout=180, env=os.environ | environ,
    )  # fmt: skip


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return codeteam("run", *words, stdin=b"", **environ)


@pytest.mark.docker
class TestRun:
    """In containers."""

    @pytest.fixture(autouse=True)
    def _ready(self, docker_ready: Path) -> None:
        """Image and tools are there."""

    def test_output_is_passed_on_as_it_is(self) -> None:
        done = run("--", "python3", "-c", "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff err')")
        assert done.returncode == 0
        assert done.stdout == bytes(range(256))
        assert done.stderr == b"\xff err"

    def test_output_comes_at_once(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "codeteam", "sandbox", "run", "--", "python3", "-c",
             "import time; print('early', flush=True); time.sleep(60)"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"early\n"
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
        assert process.returncode == 130
        assert b"Traceback" not in complaints

    @pytest.mark.parametrize("code", [0, 7, 255])
    def test_the_exit_code_is_the_programs(self, code: int) -> None:
        done = run("--", "python3", "-c", f"raise SystemExit({code})")
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")

    def test_time_is_up(self) -> None:
        done = run("--timeout", "1", "--", "python3", "-c", "print('partly')\nwhile True: pass")
        assert done.returncode == 124
        assert done.stdout == b"partly\n"
        assert b"killed after 1 s" in done.stderr

    def test_memory_is_up(self) -> None:
        done = run("--memory", "96", "--", "python3", "-c", HOG)
        assert done.returncode == 137
        assert b"memory ran out" in done.stderr
        assert b"96 MiB" in done.stderr

    def test_a_signal(self) -> None:
        done = run("--", "python3", "-c", "import os; os.abort()")
        assert done.returncode == 134
        assert b"signal 6" in done.stderr

    def test_a_program_that_is_not_there(self) -> None:
        done = run("--", "no-such-program")
        assert done.returncode == 127
        assert b"no-such-program" in done.stderr

    def test_a_folder_is_copied_in_and_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "pkg").mkdir()
        (tmp_path / "pkg" / "mod.py").write_text("X = 5\n")
        (tmp_path / "go.sh").write_text("#!/bin/sh\npython3 -c 'import pkg.mod; print(pkg.mod.X)'\nrm -rf *\nls\n")
        (tmp_path / "go.sh").chmod(0o755)
        (tmp_path / "link").symlink_to("/etc/passwd")
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "config").write_text("secret")
        done = run("--workdir", str(tmp_path), "--", "./go.sh")
        assert done.stdout == b"5\n", done
        assert done.returncode == 0
        assert b"1 links" in done.stderr
        assert (tmp_path / "pkg" / "mod.py").exists()

    def test_standard_input_on_request(self) -> None:
        done = codeteam("run", "--stdin", "--", "cat", stdin=b"\x00\xffabc")
        assert done.stdout == b"\x00\xffabc"
        assert codeteam("run", "--", "cat", stdin=b"abc").stdout == b""

    def test_too_much_output(self) -> None:
        program = "import sys\nfor _ in range(80): sys.stdout.write('x' * (1 << 20))"
        done = run("--", "python3", "-c", program)
        assert done.returncode == 0
        assert len(done.stdout) == 64 * 1024 * 1024
        assert b"64 MiB" in done.stderr

    def test_requirements_that_cannot_be_met(self, tmp_path: Path) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text("# comment\n\n--index-url http://127.0.0.1:1/\nsqlite3  # in the library\n")
        done = run("--requirements", str(file), "--", "true")
        assert done.returncode == 2
        assert b"--index-url" in done.stderr
        assert b"standard library" in done.stderr

    def test_prune(self) -> None:
        done = codeteam("prune")
        assert done.returncode == 0
        assert b"removed" in done.stderr

    def test_build_if_missing_makes_nothing_anew(self, tmp_path: Path) -> None:
        built = codeteam("build", "--from", "host")
        # were it made anew, it would have to be asked for at this address, where there is none
        done = codeteam(
            "build", "--if-missing", "--from", "registry", "--reference", "127.0.0.1:9/none:1",
            CODETEAM_CACHE=str(tmp_path / "cache"),
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, built.stdout)
        assert (tmp_path / "cache").is_dir()

    def test_build(self) -> None:
        done = codeteam("build", "--from", "host")
        assert done.returncode == 0
        assert done.stdout.startswith(b"codeteam/sandbox:host-")


class TestWithoutDocker:
    def test_a_local_program_stands_back_as_far_as_who_asked_for_it(self, local_ready: Path) -> None:
        look = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
        if SCHEDULED:
            look += "; print(open('/proc/self/autogroup').read())"
        place = {"CODETEAM_HOME": str(local_ready / "home"), "XDG_CACHE_HOME": str(local_ready)}
        done = subprocess.run(
            ["nice", "-n", "7", sys.executable, "-m", "codeteam", "sandbox", "run", "--local", "--",
             "python3", "-c", f"import time; time.sleep(0.5); {look}"],
            capture_output=True, check=True, timeout=60, env=os.environ | place,
        )  # fmt: skip
        niceness, *session = done.stdout.decode().split("\n")
        assert int(niceness) == os.getpriority(os.PRIO_PROCESS, 0) + 7
        assert not SCHEDULED or session[0].endswith(f"nice {niceness}")

    def test_local_says_that_it_is_not_isolated(self, local_ready: Path) -> None:
        place = {"CODETEAM_HOME": str(local_ready / "home"), "XDG_CACHE_HOME": str(local_ready)}
        done = run("--local", "--", "python3", "-c", "print(6 * 7)", **place)
        assert done.returncode == 0, done
        assert done.stdout == b"42\n"
        assert b"NOT isolated" in done.stderr

    @pytest.mark.parametrize("words", [["run", "--", "true"], ["build"], ["prune"]])
    def test_there_is_no_engine(self, words: list[str]) -> None:
        done = codeteam(*words, DOCKER_HOST="unix:///nonexistent.sock")
        assert done.returncode == 3
        assert done.stdout == b""
        assert b"socket does not exist" in done.stderr
        assert b"unset DOCKER_HOST" in done.stderr
        assert b"Traceback" not in done.stderr

    @pytest.mark.parametrize(
        "words",
        [
            ["run"],
            ["run", "--"],
            ["run", "--timeout", "0", "--", "true"],
            ["run", "--timeout", "nan", "--", "true"],
            ["run", "--timeout", "inf", "--", "true"],
            ["run", "--timeout", "soon", "--", "true"],
            ["run", "--memory", "1", "--", "true"],
            ["run", "--workdir", "/no/such/folder", "--", "true"],
            ["run", "--requirements", "/no/such/file", "--", "true"],
            ["build", "--from", "nowhere"],
            [],
        ],
    )
    def test_wrong_usage(self, words: list[str]) -> None:
        done = codeteam(*words)
        assert done.returncode == 2, done
        assert done.stderr
        assert b"Traceback" not in done.stderr

    def test_a_folder_that_is_too_big(self, tmp_path: Path) -> None:
        with (tmp_path / "big").open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        done = run("--workdir", str(tmp_path), "--", "true")
        assert done.returncode == 2
        assert b"too big" in done.stderr
