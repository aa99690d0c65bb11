"""What git would ignore is not shown; where that cannot be known, neither."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from codeteam.workspace.folder import Folder
from codeteam.workspace.secret_looking import secret_by_name


def workspace(root: Path, ignored: bytes | str, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n", encoding="utf-8")
    (root / ".gitignore").write_bytes(ignored if isinstance(ignored, bytes) else ignored.encode())
    return root


UNREADABLE = [
    b"private.py\n" + b"#" * 70_000,
    b"private.py\n# caf\xe9\n",
    "private.py\n".encode("utf-16"),
    b"private.py\n\0",
    b"private.py\n" + b"*.x\n" * 5000,
    b"private.py\n" + b"a" * 5000,
]


@pytest.mark.parametrize("content", UNREADABLE, ids=range(len(UNREADABLE)))
def test_below_an_ignore_file_that_cannot_be_read_only_what_is_open_is_shown(tmp_path: Path, content: bytes) -> None:
    root = workspace(tmp_path, content, "private.py", "other.py", "deep/down/seen.py", "deep/other.py")
    (root / "deep/.gitignore").write_text("!*.py\n", encoding="utf-8")
    assert Folder(root).listing() == ()
    assert Folder(root).text("private.py") is None
    folder = Folder(root, {"deep/down/seen.py": "open = 1\n"})
    assert folder.listing() == ("deep/down/seen.py",)
    assert folder.text("deep/down/seen.py") == "open = 1\n"
    assert not folder.has("deep/other.py")
    assert not folder.has("private.py")


def test_an_ignore_file_that_is_no_file_hides_its_own_folder_alone(tmp_path: Path) -> None:
    root = workspace(tmp_path, "", "a.py", "pipe/b.py", "out/c.py", "loop/d.py")
    os.mkfifo(root / "pipe/.gitignore")
    (root / "out/.gitignore").symlink_to("/etc/hostname")
    (root / "loop/.gitignore").symlink_to(".gitignore")
    folder = Folder(root)
    assert folder.listing() == (".gitignore", "a.py")
    assert [said.partition(" ")[0] for said in folder.unreadable()] == [
        "loop/.gitignore", "out/.gitignore", "pipe/.gitignore",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "hidden", "shown"),
    [
        ("*a*b*c*d*e*", "xaxbxcxdxex.py", "x.py"),
        ("*1*2*3*4", "1-2-3-4", "1-3.py"),
        ("/src/*/gen*/*.pb.*", "src/a/generated/x.pb.py", "src/a/x.py"),
        ("**/keys/**/*.*.*", "a/keys/b/x.y.z", "a/x.y.z"),
        ("[*]*[*]*x[*]*.py", "*a*bx*c.py", "abxc.py"),
        ("*a\n!*a*b*c*d*", "xabcda", "b.py"),  # an exception that is too complex is none
        ("[z-a]\n!\nx.py", "x.py", "y.py"),
    ],
)
def test_patterns_with_many_stars_hide_at_least_what_they_say(
    tmp_path: Path, pattern: str, hidden: str, shown: str
) -> None:
    folder = Folder(workspace(tmp_path, pattern + "\n", hidden, shown))
    assert not folder.has(hidden)
    assert folder.has(shown)


WORDS = (
    "a",
    "b",
    "ab",
    "a.py",
    "b.py",
    "sub",
    "*",
    "*.py",
    "a*",
    "*b*",
    "?",
    "[ab]",
    "**",
    "s*b",
    "*a*.*y",
    "a*b*a*b*a",
)


def test_nothing_is_shown_that_git_itself_ignores(tmp_path: Path) -> None:
    """Random rules, judged by git."""
    dice = random.Random(7)
    names = ("a", "b.py", "sub/a", "sub/a.py", "sub/ab", "sub/sub/b.py", "sub/sub/abab", "ab/a.py", "ababa")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for _ in range(60):
        lines = []
        for _ in range(dice.randint(1, 5)):
            words = "/".join(dice.choice(WORDS) for _ in range(dice.randint(1, 3)))
            lines.append(dice.choice(("", "", "!")) + dice.choice(("", "/")) + words + dice.choice(("", "", "/")))
        root = workspace(tmp_path, "\n".join(lines) + "\n", *names)
        said = subprocess.run(
            ["git", "-C", str(root), "check-ignore", "--no-index", *names], capture_output=True, text=True, check=False
        )
        assert said.returncode in (0, 1), said.stderr
        folder = Folder(root)
        assert not [name for name in said.stdout.splitlines() if folder.has(name)], lines


def test_hostile_patterns_take_a_second_or_two_in_all(tmp_path: Path) -> None:
    names = [f"{'a' * 110}{index:04}" for index in range(300)]
    deep = "/".join(["a" * 100] * 3)
    patterns = ["*a*a*a*b\n"] * 300 + ["**/a*/**/*a*a*b\n"] * 300 + ["*a*a*b\n"] * 300
    root = workspace(tmp_path, "".join(patterns), *names, *(f"{deep}/{index}" for index in range(50)))
    begun = time.thread_time()
    folder = Folder(root, seconds=60)
    folder.listing()
    assert not any(folder.has(f"{name}x") for name in names)
    assert time.thread_time() - begun < 6


def test_modules_are_no_secrets_by_their_name_alone(tmp_path: Path) -> None:
    root = workspace(tmp_path, "", "app/credentials.py", "credentials.json", "credentials.sh", "secrets/a.py")
    (root / "credentials_old.py").write_text('KEY = "ghp_' + "a" * 36 + '"\n', encoding="utf-8")
    folder = Folder(root)
    assert folder.text("app/credentials.py") == "x = 1\n"
    assert folder.text("credentials_old.py") is None
    assert not folder.has("credentials.json")
    assert not folder.has("credentials.sh")
    assert not folder.has("secrets/a.py")
    assert secret_by_name(".env.py")
