"""The command line as a user meets it: a process in a folder, with a home of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeteam.cli import main

PROGRAM = (sys.executable, "-P", "-m", "codeteam")


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace, a home and a script to play."""

    folder: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        path = self.folder / "workspace"
        path.mkdir(exist_ok=True)
        return path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CODETEAM_")}
        own |= {"CODETEAM_HOME": str(self.home), "CODETEAM_CONFIG": str(self.folder / "config")}
        return own | dict(self.more)

    def with_environ(self, **more: str) -> Place:
        return Place(self.folder, {**self.more, **more})

    def write(self, path: str, text: str) -> Path:
        target = self.workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", newline="")
        return target

    def run(self, *args: str, stdin: str | None = None, timeout: float = 180) -> Done:
        done = subprocess.run(
            [*PROGRAM, *args],
            cwd=self.workspace,
            env=self.environ,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def call(self, *args: str) -> Done:
        """The same in this process, for what ends before any job starts: no second is spent on loading."""
        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.workspace)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main.run(args, self.environ)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.chdir(before)
        return Done(code, out.getvalue(), err.getvalue())

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *args],
            cwd=self.workspace,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def command(self, *args: str) -> list[str]:
        return [*PROGRAM, *args]

    def script(self, replies: Mapping[str, list[Any]]) -> str:
        """The model spec of a script."""
        path = self.folder / "replies.yaml"
        path.write_text(json.dumps(replies), "utf-8")  # JSON is YAML
        return f"script/{path}"


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def until_said(process: subprocess.Popen[str], words: str) -> str:
    """Read standard error up to a line with these words."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(f"{words!r} was never said:\n{said}")


def true_soon(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


SLUG = '''"""Slugs."""


def slug(text: str) -> str:
    """Lower-case words joined by hyphens."""
    return "-".join(text.lower().split())
'''
SLUG_TESTS = '''"""Tests of slugs."""

from slug import slug


def test_words() -> None:
    assert slug("Hello World") == "hello-world"


def test_empty() -> None:
    assert slug("") == ""
'''
ARCHITECT = """One function.

```json
{"files": [{"path": "slug.py", "purpose": "slugs"}], "dependencies": [], "criteria": ["empty text"]}
```

```python path=slug.py
def slug(text: str) -> str:
    \"\"\"Lower-case words joined by hyphens.\"\"\"
    ...
```
"""
APPROVED = json.dumps({"approved": True, "findings": [], "comment": "Fine."})
REJECTED = json.dumps(
    {
        "approved": False,
        "comment": "Unicode.",
        "findings": [
            {
                "rule": "logic/unicode",
                "severity": "error",
                "path": "slug.py",
                "quote": '    return "-".join(text.lower().split())',
                "message": "Accents stay.",
                "trigger": 'slug("é")',
                "suggestion": "Normalise the text.",
                "confidence": 0.9,
            }
        ],
    }
)


def fence(path: str, text: str) -> str:
    return f"Here it is.\n\n```python path={path}\n{text}```\n"


def slug_replies() -> dict[str, list[Any]]:
    """A job that is right first time."""
    return {
        "architect": [ARCHITECT],
        "developer": [fence("slug.py", SLUG)],
        "tester": [fence("tests/test_slug.py", SLUG_TESTS)],
        "reviewer": [APPROVED],
    }
