"""Folders to work in go at the end, and those of the dead with the next one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from codeteam.sandbox.scratch import scratch

KEEPER = """
import sys, time
from pathlib import Path
from codeteam.sandbox.scratch import scratch

with scratch("kept", Path(sys.argv[1])) as folder:
    (folder / "large").write_text("x")
    print(folder.name, flush=True)
    time.sleep(600)
"""


def test_a_folder_is_there_as_long_as_it_is_used(tmp_path: Path) -> None:
    with scratch("one", tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").write_text("x")
        with scratch("two", tmp_path) as other:
            assert other != folder
        assert (folder / "file").is_file()
    assert not list(tmp_path.iterdir())


def test_what_the_dead_left_goes_and_nothing_else(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KEEPER, tmp_path], stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout is not None
        name = keeper.stdout.readline().strip()
        others = tmp_path / name.replace("kept", "KEPT"), tmp_path / "codeteam-mine"
        for other in others:
            other.mkdir()
        with scratch("mine", tmp_path):
            assert (tmp_path / name / "large").is_file()  # its maker lives
        keeper.kill()
    link = tmp_path / f"{name[:-8]}abcdefgh"
    link.symlink_to(others[1])
    (others[1] / "precious").write_text("x")
    with scratch("mine", tmp_path):
        assert not (tmp_path / name).exists()
    assert {path.name for path in tmp_path.iterdir()} == {link.name, *(other.name for other in others)}
    assert (others[1] / "precious").is_file()
