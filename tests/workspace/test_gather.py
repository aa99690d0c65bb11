"""A task carries what a job needs, and nothing it must not see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeteam.domain.settings import Settings
from codeteam.domain.source import Span
from codeteam.domain.task import Complaint, Intent, Task
from codeteam.wire import Codec
from codeteam.workspace.gather import gather_task, new_job_id, place
from tests.workspace.gathering import gather, make


def paths(task: Task) -> list[str]:
    return [file.path for file in task.neighbours]


def test_job_ids_are_twelve_letters_and_digits() -> None:
    ids = {new_job_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch(r"[a-z0-9]{12}", job) for job in ids)


def test_what_is_given_is_carried_and_survives_the_wire(tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "def f():\n    pass\n"})
    complaint = Complaint("unused", Span(1, 1), "ruff", "F401")
    task = gather_task(
        job="abcdef123456",
        intent=Intent.FIX,
        root=tmp_path,
        path="a.py",
        text="def f():\r\n    pass # é\r\n",
        selection=Span(2, 2),
        cursor_line=2,
        instruction=" mend it ",
        settings=Settings(language="python"),
        complaints=(complaint,),
    )
    assert (task.job, task.intent, task.requirement, task.complaints) == (
        "abcdef123456",
        Intent.FIX,
        "mend it",
        (complaint,),
    )
    assert task.document is not None
    assert (task.document.path, task.document.text) == ("a.py", "def f():\r\n    pass # é\r\n")
    assert (task.selection, task.enclosing) == (Span(2, 2), Span(1, 2))
    codec = Codec()
    assert codec.decode_task(codec.encode_task(task)) == task


# ---------------------------------------------------------------- the files a document leans on


def test_imports_are_found_absolute_and_relative_nearest_first(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "src/shop/__init__.py": "from .version import VERSION\n",
            "src/shop/version.py": "VERSION = 1\n",
            "src/shop/cart.py": (
                "import shop.prices\nfrom . import tax as t\nfrom .items import Item\nfrom ..shop import log\n"
            ),
            "src/shop/prices.py": "from shop.money.round import up\n",
            "src/shop/tax.py": "",
            "src/shop/log.py": "X = 1\n",
            "src/shop/items/__init__.py": "from .item import Item\n",
            "src/shop/items/item.py": "class Item: ...\n",
            "src/shop/money/__init__.py": "",
            "src/shop/money/round.py": "def up(): ...\n",
            "src/shop/unrelated.py": "X = 1\n",
        },
    )
    found = paths(gather(tmp_path, "src/shop/cart.py"))
    assert set(found) == {
        "src/shop/__init__.py",
        "src/shop/version.py",
        "src/shop/prices.py",
        "src/shop/tax.py",
        "src/shop/log.py",
        "src/shop/items/__init__.py",
        "src/shop/items/item.py",
        "src/shop/money/__init__.py",
        "src/shop/money/round.py",
    }
    assert found.index("src/shop/prices.py") < found.index("src/shop/money/round.py")
    assert found.index("src/shop/items/__init__.py") < found.index("src/shop/items/item.py")


def test_a_package_that_is_needed_can_be_imported_from_the_neighbours_alone(tmp_path: Path) -> None:
    """The files found are enough: Python itself imports the document from nothing else."""
    source = make(
        tmp_path / "project",
        {
            "pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["code"]\n',
            "code/a/__init__.py": "from a.settings import LIMIT\n",
            "code/a/settings.py": "import a.low.number\nLIMIT = a.low.number.ONE\n",
            "code/a/low/__init__.py": "",
            "code/a/low/number.py": "from a.low import other\nONE = other.TWO - 1\n",
            "code/a/low/other.py": "TWO = 2\n",
            "code/a/deep/__init__.py": "",
            "code/a/deep/doc.py": "from a import LIMIT\nprint(LIMIT)\n",
            "code/a/never.py": "raise SystemExit(1)\n",
        },
    )
    task = gather(source, "code/a/deep/doc.py")
    assert "code/a/never.py" not in paths(task)
    copy = make(tmp_path / "copy", {file.path: file.text for file in task.neighbours})
    make(copy, {"code/a/deep/doc.py": task.document.text if task.document else ""})
    run = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); import a.deep.doc",
            str(copy / "code"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "1\n"), run.stderr


def test_a_crate_comes_with_what_it_is_compiled_with(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "Cargo.toml": '[workspace]\nmembers = ["*"]\n[workspace.dependencies]\ndeep = { path = "far/deep" }\n',
            "shop/Cargo.toml": '[package]\nname = "shop"\n[dev-dependencies]\nnear = { path = "../near" }\n',
            "shop/src/lib.rs": "mod a;",
            "shop/src/a/mod.rs": "",
            "shop/src/a/b.rs": "mod c;",
            "shop/src/a/c.rs": "fn c() {}",
            "shop/build.rs": "fn main() {}",
            "shop/tests/b.rs": "#[test] fn b() {}",
            "shop/examples/e.rs": "fn main() {}",
            "near/Cargo.toml": '[package]\nname = "near"\n[dependencies]\ndeep.workspace = true\n',
            "near/src/lib.rs": "fn near() {}",
            "far/deep/Cargo.toml": '[package]\nname = "deep"\n',
            "far/deep/src/lib.rs": "fn deep() {}",
            "other/Cargo.toml": "not = [toml",
            "other/src/lib.rs": "fn other() {}",
        },
    )
    expected = {
        "Cargo.toml", "shop/Cargo.toml", "shop/src/lib.rs", "shop/src/a/mod.rs", "shop/src/a/c.rs", "shop/build.rs",
        "near/Cargo.toml", "near/src/lib.rs", "far/deep/Cargo.toml", "far/deep/src/lib.rs",
    }  # fmt: skip
    found = paths(gather(tmp_path, "shop/src/a/b.rs"))
    assert set(found) == {*expected, "shop/tests/b.rs"}
    assert found.index("shop/src/a/c.rs") < found.index("shop/src/lib.rs") < found.index("near/src/lib.rs")
    assert set(paths(gather(tmp_path, instruction="Write shop/src/new.rs."))) == {*expected, "shop/src/a/b.rs"}
    assert set(paths(gather(tmp_path, instruction="Write other/src/new.rs."))) == {
        "Cargo.toml", "other/Cargo.toml", "other/src/lib.rs"
    }  # fmt: skip


def test_a_document_that_does_not_parse_still_has_neighbours(tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "x = 1\n", "b/__init__.py": "", "b/c.py": "y = 1\n"})
    task = gather(tmp_path, "doc.py", "import os, a\nfrom b import (c,\n   d)\ndef broken(:\n")
    assert set(paths(task)) == {"a.py", "b/__init__.py", "b/c.py"}


def test_open_buffers_win_over_the_disk(tmp_path: Path) -> None:
    make(tmp_path, {"doc.py": "import a\n", "a.py": "old\n"})
    task = gather(tmp_path, "doc.py", open_buffers={"a.py": "import b\n", "b.py": "never saved\n", ".env": "KEY=1"})
    assert {file.path: file.text for file in task.neighbours} == {"a.py": "import b\n", "b.py": "never saved\n"}
    assert "b.py" in task.listing


def test_ignored_files_are_left_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "doc.py": "import a, b, sub.c, sub.d, build.e\n",
            ".gitignore": "# comment\n/a.py\nbuild/\nsub/*\n!sub/c.py\n",
            "a.py": "x = 1\n",
            "b.py": "x = 1\n",
            "build/e.py": "x = 1\n",
            "sub/c.py": "x = 1\n",
            "sub/d.py": "x = 1\n",
            "deep/.gitignore": "*.log\n!keep.log\n",
            "deep/x.log": "",
            "deep/keep.log": "",
            "deep/er/y.log": "",
            "other/z.log": "",
            "node_modules/x/index.js": "",
            ".venv/lib/site.py": "",
        },
    )
    task = gather(tmp_path, "doc.py")
    assert paths(task) == ["b.py", "sub/c.py"]
    assert set(task.listing) == {
        ".gitignore", "b.py", "doc.py", "deep/.gitignore", "deep/keep.log", "other/z.log", "sub/c.py",
    }  # fmt: skip


SECRETS = {
    ".env": "A=1", ".env.local": "A=1", "server.pem": "x", "id_rsa": "x", "id_rsa.pub": "x", "credentials.json": "{}",
    "credentials": "x", "tls.key": "x", ".ssh/config": "x", ".netrc": "x", ".aws/x": "x",
}  # fmt: skip


def test_files_that_look_secret_are_left_out(tmp_path: Path) -> None:
    tokens = [
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "-----BEGIN " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a" * 36,
        "sk-" + "proj-" + "a1" * 20,
        "xoxb-" + "1234567890-1234567890",
    ]
    modules = {f"m{index}.py": f'TOKEN = """{token}"""\n' for index, token in enumerate(tokens)}
    imports = "".join(f"import m{index}\n" for index in range(len(tokens)))
    make(tmp_path, {**SECRETS, **modules, "fine.py": "TOKEN = 'sk-short'\n", "doc.py": imports + "import fine\n"})
    task = gather(tmp_path, "doc.py", instruction="see .env and id_rsa and credentials.json and .ssh/config")
    assert paths(task) == ["fine.py"]
    assert not set(SECRETS) & set(task.listing)
    assert "BEGIN" not in Codec().encode_task(task)


def test_links_out_are_left_out_and_links_to_secrets_too(tmp_path: Path) -> None:
    make(tmp_path, {"outside/secret.py": "x = 1\n"})
    root = make(tmp_path / "root", {"doc.py": "import a, b, c, pack.secret\n", ".env": "KEY=1\n", "real.py": "x = 1\n"})
    (root / "a.py").symlink_to(tmp_path / "outside/secret.py")
    (root / "b.py").symlink_to(root / ".env")
    (root / "c.py").symlink_to("real.py")
    (root / "pack").symlink_to(tmp_path / "outside")
    (root / "AGENTS.md").symlink_to(tmp_path / "outside/secret.py")
    task = gather(root, "doc.py")
    assert paths(task) == ["c.py"]
    assert task.listing == ("c.py", "doc.py", "real.py")
    assert task.rules == ""


def test_neighbours_are_bounded(tmp_path: Path) -> None:
    names = [f"m{index:03}" for index in range(130)]
    make(tmp_path, {f"{name}.py": f"# {'x' * 20_000}\n" for name in names})
    make(
        tmp_path, {"huge.py": "#" * 500_000, "doc.py": "import huge\n" + "".join(f"import {name}\n" for name in names)}
    )
    task = gather(tmp_path, "doc.py")
    assert paths(task) == [f"{name}.py" for name in names[:49]]
    assert sum(len(file.text.encode()) for file in task.neighbours) <= 1_000_000
    assert dict(task.left_out)["huge.py"] == "it is larger than 400 kB, or no text in UTF-8"
    assert dict(task.left_out)["m049.py"] == "the code leans on more than a job carries"
    assert len(task.left_out) == 20
    make(tmp_path, {f"{name}.py": "x = 1\n" for name in names})
    assert len(paths(gather(tmp_path, "doc.py"))) == 100


def test_what_is_imported_and_left_out_is_told_with_its_reason_and_without_its_content(tmp_path: Path) -> None:
    secret = "ghp_" + "a" * 36
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "elsewhere", {"far.py": "x = 1\n"})
    root = make(
        tmp_path / "root",
        {
            ".gitignore": "_version.py\ngenerated/\n",
            "src/pkg/__init__.py": "from ._version import version\n",
            "src/pkg/_version.py": "version = 'hidden'\n",
            "src/pkg/api.py": "import secrets, venv, generated.wire_pb2, far\nfrom pkg import keys, secrets_of\n",
            "src/pkg/keys.py": f"KEY = '{secret}'\n",
            "src/pkg/secrets_of.py": "",
            "generated/wire_pb2.py": "hidden = 1\n",
            "secrets/__init__.py": "",
            "venv/__init__.py": "",
        },
    )
    (root / "far.py").symlink_to(tmp_path / "elsewhere/far.py")
    (root / "src/pkg/keys.bin.py").write_bytes(b"\0")
    task = gather(root, "src/pkg/api.py")
    assert dict(task.left_out) == {
        "src/pkg/_version.py": "a .gitignore leaves it out",
        "src/pkg/keys.py": "there is something in it that looks like a secret",
        "generated/wire_pb2.py": "a .gitignore leaves it out",
        "secrets/__init__.py": "its name is that of a file with secrets",
        "far.py": "it is a link that leads out of the workspace",
    }
    assert len(task.notes) == 5
    assert any("src/pkg/_version.py is imported but no part of the job: a .gitignore" in note for note in task.notes)
    said = Codec().encode_task(task)
    assert secret not in said
    assert "hidden" not in said


def test_the_documents_tests_and_their_setup_come_even_when_there_is_no_room(tmp_path: Path) -> None:
    names = [f"m{index:03}" for index in range(130)]
    make(tmp_path, {f"{name}.py": "x = 1\n" for name in names})
    make(
        tmp_path,
        {
            "doc.py": "".join(f"import {name}\n" for name in names),
            "tests/conftest.py": "import pytest\n",
            "tests/unit/test_doc.py": "def test_doc(): assert True\n",
            "tests/unit/test_other.py": "",
        },
    )
    found = paths(gather(tmp_path, "doc.py"))
    assert len(found) == 100
    assert {"tests/conftest.py", "tests/unit/test_doc.py"} <= set(found)
    assert "tests/unit/test_other.py" not in found


def test_a_requirement_in_prose_brings_the_packages_and_the_files_it_names(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "src/shop/__init__.py": "from shop.base import X\n",
            "src/shop/base.py": "X = 1\n",
            "src/shop/cart.py": "Y = 1\n",
            "src/shop/other.py": "Y = 1\n",
            "docs/req.md": "# Prices\nLike `src/shop/cart.py`, and shop.other too.\n",
        },
    )
    task = gather(tmp_path, "docs/req.md", instruction="", cursor=1)
    assert set(paths(task)) == {"src/shop/__init__.py", "src/shop/base.py", "src/shop/cart.py", "src/shop/other.py"}


# ---------------------------------------------------------------- what the project says of itself


PYTEST = "[tool.pytest.ini_options]\ntestpaths = "


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [
        ({"a.py": ""}, "a.py", "tests"),
        ({"a.py": "", "test/x.py": ""}, "a.py", "test"),
        ({"pkg/a.py": "", "tests/x.py": ""}, "pkg/a.py", "tests"),
        ({"one/src/a.py": "", "one/tests/x.py": "", "tests/x.py": ""}, "one/src/a.py", "one/tests"),
        ({"pkg/a.py": "", "pkg/test_a.py": ""}, "pkg/a.py", ""),
        ({"pkg/a.py": "", "pkg/sub/test_a.py": ""}, "pkg/a.py", "tests"),
        ({"tests/unit/test_a.py": ""}, "tests/unit/test_a.py", "tests"),
        ({"a.py": "", "spec/x.py": "", "tests/x.py": "", "pyproject.toml": PYTEST + '["spec"]'}, "a.py", "spec"),
        ({"a.py": "", "spec/x.py": "", "pytest.ini": "[pytest]\ntestpaths = spec\n"}, "a.py", "spec"),
        ({"a.py": "", "pyproject.toml": PYTEST + '["../out", "/abs", "gone"]'}, "a.py", "tests"),
    ],
)  # fmt: skip
def test_where_tests_are_kept(tmp_path: Path, files: dict[str, str], path: str, expected: str) -> None:
    (tmp_path.parent / "out").mkdir(exist_ok=True)
    assert gather(make(tmp_path, files), path).tests_folder == expected


def test_rules_are_bounded(tmp_path: Path) -> None:
    make(tmp_path, {"AGENTS.md": "Use tabs.\n"})
    assert gather(tmp_path).rules == "Use tabs.\n"
    make(tmp_path, {"AGENTS.md": "é" * 100_000})
    assert len(gather(tmp_path).rules.encode()) == 32 * 1024


def test_rules_that_are_ignored_or_hold_a_secret_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, {"AGENTS.md": "Use tabs.\n" + "x" * 40_000 + "-----BEGIN " + "PRIVATE KEY-----\n"})
    assert gather(tmp_path).rules == ""
    make(tmp_path, {"AGENTS.md": "Use tabs.\n", ".gitignore": "AGENTS.md\n"})
    assert gather(tmp_path).rules == ""
    make(tmp_path, {".gitignore": ""})
    assert gather(tmp_path, open_buffers={"AGENTS.md": "Use blanks.\n"}).rules == "Use blanks.\n"


def test_prompts_of_the_user_and_of_a_trusted_workspace(tmp_path: Path) -> None:
    config = make(
        tmp_path / "config", {"prompts/developer.md": "user", "prompts/tester.md": "user", "prompts/x.txt": "no"}
    )
    root = make(
        tmp_path / "root", {".codeteam/prompts/developer.md": "workspace", ".codeteam/prompts/../evil.md": "no"}
    )
    (root / ".codeteam/prompts/reviewer.md").symlink_to(config / "prompts/x.txt")
    assert gather(root).prompts == (("developer", "workspace"),)
    assert gather(root, config=config).prompts == (("developer", "workspace"), ("tester", "user"))
    assert gather(root, config=config, trusted=False).prompts == (("developer", "user"), ("tester", "user"))


# ---------------------------------------------------------------- where the document is


def test_a_document_outside_of_the_workspace_brings_only_its_own_folder(tmp_path: Path) -> None:
    root = make(tmp_path / "root", {"x.py": ""})
    other = make(
        tmp_path / "other",
        {"doc.py": "import near\n", "near.py": "x = 1\n", "private/y.py": "", ".codeteam/prompts/developer.md": "evil"},
    )
    for path in (str(other / "doc.py"), "../other/doc.py"):
        task = gather(root, path, "import near\nimport private.y\n")
        assert task.document is not None
        assert task.document.path == "doc.py"
        assert task.listing == ("doc.py", "near.py")
        assert paths(task) == ["near.py"]
        assert task.prompts == ()
        assert place(root, path) == (other.resolve(), "doc.py")
    assert place(None, str(other / "doc.py")) == (other.resolve(), "doc.py")


def test_an_absolute_path_in_the_workspace_is_made_relative(tmp_path: Path) -> None:
    root = make(tmp_path / "root", {"pkg/x.py": ""})
    (tmp_path / "link").symlink_to(root)
    assert place(root, str(root / "pkg/x.py")) == (root.resolve(), "pkg/x.py")
    assert place(tmp_path / "link", str(root / "pkg/x.py")) == (root.resolve(), "pkg/x.py")
    assert place(root, str(tmp_path / "link/pkg/x.py")) == (root.resolve(), "pkg/x.py")
    assert place(root, "pkg/../pkg/x.py") == (root.resolve(), "pkg/x.py")


def test_without_any_workspace_there_is_still_a_task() -> None:
    task = gather(None, "untitled.py", "def f(): ...\n", cursor=1, instruction="")
    assert task.document is not None
    assert (task.document.path, task.listing, task.neighbours) == ("untitled.py", (), ())
    assert gather(None).document is None


# ---------------------------------------------------------------- hostile workspaces


def test_a_hostile_workspace_neither_raises_nor_takes_long(tmp_path: Path) -> None:
    root = make(
        tmp_path,
        {
            "doc.py": "import pipe, loop, latin, blind, nul, deep, dev\nfrom . import x\nfrom ........ import y\n",
            ".gitignore": "*a*a*a*a*a*a*a*a*b\n" + "*a*a*b\n" * 5000 + "[z-a]\n!\n/\n\\\n[\n",
            "requirements.txt": "(" * 10_000 + "\n" + "a" * 10_000,
            "pyproject.toml": "[tool.poetry.dependencies]\nx=" + "[" * 5_000,
            "pytest.ini": "[[[",
        },
    )
    os.mkfifo(root / "pipe.py")
    (root / "loop.py").symlink_to("loop.py")
    (root / "dev.py").symlink_to("/dev/zero")
    (root / "latin.py").write_bytes(b"x = '\xe9'\n")
    (root / "nul.py").write_bytes(b"x = 1\0")
    (root / "blind.py").write_bytes(b"x = 1")
    (root / "blind.py").chmod(0)
    (root / "again").symlink_to(root)
    (root / ("a" * 200)).mkdir()
    (root / os.fsdecode(b"bad\xff.py")).write_bytes(b"")
    folder = root
    for _ in range(60):
        folder = folder / "deep"
        folder.mkdir()
    wide = root / "wide"
    wide.mkdir()
    for index in range(3000):
        (wide / f"{'a' * 60}{index}.py").touch()
    begun = time.monotonic()
    task = gather(root, "doc.py")
    assert time.monotonic() - begun < 30
    assert len(task.listing) <= 2000
    assert not {"pipe.py", "loop.py", "latin.py", "nul.py", "dev.py"} & set(paths(task))
    assert all(path.count("/") <= 30 for path in task.listing)
    assert Codec().encode_task(task)


@pytest.mark.parametrize(
    "text",
    [
        "-" * 100_000 + "1",
        "(" * 5_000,
        "a" + ".b" * 50_000,
        "\0",
        "\ud800",
        "x" * 3_000_000,
        "def f(:\n" * 20_000,
        " " * 10_000,
    ],
)
def test_hostile_documents(tmp_path: Path, text: str) -> None:
    for cursor in (None, 1, 10**9, -5):
        task = gather(tmp_path, "doc.py", text, cursor=cursor, instruction="")
        assert task.document is not None


def test_a_selection_that_does_not_fit_is_made_to_fit(tmp_path: Path) -> None:
    assert gather(tmp_path, "a.py", "x = 1\n", selection=(9, 3)).selection == Span(2, 2)
    assert gather(tmp_path, "a.py", "x\ny\nz", selection=(3, 1)).selection == Span(1, 3)


@pytest.mark.parametrize(
    ("path", "text", "editor", "language"),
    [
        ("deploy", "#!/usr/bin/env bash\necho\n", "", "shell"),
        ("deploy", "#! /bin/sh -e\necho\n", "python", "shell"),
        ("deploy", "#!/usr/bin/python3.12\n", "shell", "python"),
        ("deploy", "#!/usr/bin/env -S node --test\n", "", "javascript"),
        ("deploy", "#!/usr/bin/perl\n", "", "python"),
        ("deploy", "echo\n", "shell", "shell"),
        ("deploy", "echo\n", "", "python"),
        ("deploy.py", "#!/bin/sh\n", "shell", "python"),
        ("idea.md", "Write it.\n", "shell", "python"),
    ],
)
def test_a_script_without_an_ending_is_in_the_language_that_runs_it(
    tmp_path: Path, path: str, text: str, editor: str, language: str
) -> None:
    make(tmp_path, {path: text})
    assert gather(tmp_path, path, language=editor).settings.language == language
