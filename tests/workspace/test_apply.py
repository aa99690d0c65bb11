"""Applying a proposal: everything or nothing, never over a change, never out of the workspace."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeteam.domain.artifacts import FileChange
from codeteam.domain.errors import BadInput
from codeteam.workspace.apply import apply_files


def new(path: str, text: str = "new\n") -> FileChange:
    return FileChange(path, text, is_new=True)


def changed(path: str, text: str = "new\n") -> FileChange:
    return FileChange(path, text, is_new=False)


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_are_written_and_folders_made(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("old\n", encoding="utf-8")
    apply_files(tmp_path, [changed("a.py"), new("deep/er/b.py", "né\n")], {"a.py": "old\n", "deep/er/b.py": None})
    assert snapshot(tmp_path) == {"a.py": b"new\n", "deep/er/b.py": "né\n".encode()}


def test_mode_line_endings_and_byte_order_mark_stay(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    script.chmod(0o751)
    apply_files(tmp_path, [changed("run.sh", "one\nthree\n")], {"run.sh": "one\r\ntwo\r\n"})
    assert script.read_bytes() == b"\xef\xbb\xbfone\r\nthree\r\n"
    assert stat.S_IMODE(script.stat().st_mode) == 0o751


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        apply_files(tmp_path, [new("a.py")], {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.py").stat().st_mode) == 0o640


def test_mixed_line_endings_come_as_they_are_proposed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\r\n2\n")
    apply_files(tmp_path, [changed("a", "1\r\n3\n")], {"a": "1\r\n2\n"})
    assert (tmp_path / "a").read_bytes() == b"1\r\n3\n"


@pytest.mark.parametrize(
    "files",
    [
        [new("ok.py"), changed("a.py")],  # a.py is not what it was
        [new("ok.py"), new("there.py")],
        [new("ok.py"), changed("gone.py")],
        [new("ok.py"), changed("unread.py")],
        [new("ok.py"), new("folder")],
        [new("ok.py"), changed("folder")],
        [new("ok.py"), new("ok.py")],
        [new("ok.py"), new("there.py/below.py")],
        [new("ok.py"), new("bad.py", "\ud800")],
        *([new("ok.py"), new(path)] for path in (
            "../x.py", "/tmp/x.py", "a/../../x.py", "./x.py", "a//x.py", "", ".", "a\\..\\x.py", "C:/x.py", "a\0b",
            "a\nb", ".git/hooks/pre-commit", ".GIT/config", "sub/.git/config", ".git./config",
            ".codeteam/prompts/developer.md",
        )),
    ],
)  # fmt: skip
def test_refused_as_a_whole(tmp_path: Path, files: list[FileChange]) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "a.py").write_text("changed meanwhile\n", encoding="utf-8")
    (root / "there.py").write_text("mine\n", encoding="utf-8")
    (root / "unread.py").write_text("mine\n", encoding="utf-8")
    before = snapshot(tmp_path)
    with pytest.raises(BadInput) as refusal:
        apply_files(root, files, {"a.py": "old\n", "gone.py": "x", "folder": "x", "there.py": None})
    assert refusal.value.hint
    assert snapshot(tmp_path) == before
    assert sorted(path.name for path in root.iterdir()) == ["a.py", "folder", "there.py", "unread.py"]


def test_links_out_of_the_workspace_are_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "x.py").write_text("theirs\n", encoding="utf-8")
    (root / "folder").symlink_to(outside)
    (root / "file.py").symlink_to(outside / "x.py")
    (root / "nowhere.py").symlink_to(root / "missing.py")
    (root / "loop").symlink_to(root / "loop")
    for change, base in (
        (new("folder/new.py"), None),
        (changed("folder/x.py"), "theirs\n"),
        (changed("file.py"), "theirs\n"),
        (new("nowhere.py"), None),
        (new("loop"), None),
        (new("loop/x"), None),
    ):
        with pytest.raises(BadInput):
            apply_files(root, [change], {change.path: base})
    assert snapshot(outside) == {"x.py": b"theirs\n"}
    assert not (root / "missing.py").exists()


def test_a_link_inside_the_workspace_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("old\n", encoding="utf-8")
    (tmp_path / "link.py").symlink_to("real.py")
    apply_files(tmp_path, [changed("link.py")], {"link.py": "old\n"})
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_text(encoding="utf-8") == "new\n"


def test_the_other_name_of_a_hard_link_is_not_written_through(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "precious").write_text("old\n", encoding="utf-8")
    (root / "a").hardlink_to(tmp_path / "precious")
    apply_files(root, [changed("a")], {"a": "old\n"})
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "old\n"


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput):
        apply_files(tmp_path, [changed("pipe")], {"pipe": ""})


def test_what_the_disk_refuses_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("old\n", encoding="utf-8")
    too_long = "x" * 300 + ".py"
    with pytest.raises(BadInput) as refusal:
        apply_files(tmp_path, [changed("a.py"), new("made/b.py"), new(too_long)], {"a.py": "old\n"})
    assert refusal.value.hint
    assert snapshot(tmp_path) == {"a.py": b"old\n"}
    assert not (tmp_path / "made").exists()


INTERRUPTED = """
import pathlib, sys
from codeteam.domain.artifacts import FileChange
from codeteam.workspace.apply import apply_files
renames = 0
def interrupt(event, _):
    global renames
    renames += event == "os.rename"
    if event == "os.rename" and renames == int(sys.argv[2]):
        raise KeyboardInterrupt  # where Python would see Ctrl-C, between one rename and the next
sys.addaudithook(interrupt)
names = ("a.py", "b.py", "c.py")
changes = [FileChange(name, "new\\n", is_new=name == "b.py") for name in names]
try:
    apply_files(pathlib.Path(sys.argv[1]), changes, {"a.py": "old\\n", "c.py": "old\\n"})
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_an_interrupt_leaves_all_or_nothing(tmp_path: Path, moment: int) -> None:
    for name in ("a.py", "c.py"):
        (tmp_path / name).write_text("old\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path), str(moment)], check=False)
    assert done.returncode == 130
    assert snapshot(tmp_path) == {"a.py": b"old\n", "c.py": b"old\n"}


PARTS = st.sampled_from(["..", ".", "", "a", "b.py", "link", ".git", "~", "a\\b", "C:", "é", "x" * 50])


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=5))
def test_no_path_writes_outside(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    top = tmp_path_factory.mktemp("apply")
    root = top / "root"
    root.mkdir()
    (root / "link").symlink_to(top)
    with contextlib.suppress(BadInput):
        apply_files(root, [new("/".join(parts))], {})
    assert [path.name for path in top.iterdir()] == ["root"]
    assert not (root / ".git").exists()
