"""The documentation says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from codeteam.cli.result import Result, as_json
from codeteam.domain.artifacts import FileChange, Proposal, Status
from codeteam.domain.events import Proposed
from codeteam.domain.evidence import Evidence, RunResult
from codeteam.domain.task import Intent, Task

ROOT = Path(__file__).parent.parent.parent


def test_the_settings_page_is_the_one_the_code_gives(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import runpy; print(runpy.run_path('scripts/settings_page.py')['page'](), end='')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert made == (ROOT / "docs" / "settings.md").read_text("utf-8"), "run: python scripts/settings_page.py"


def test_links_and_named_files_exist() -> None:
    missing: list[str] = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        text = page.read_text("utf-8")
        links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        missing += [f"{page.name}: {target}" for target in links if not (page.parent / target).exists()]
        if page.name in {"ARCHITECTURE.md", "threat-model.md"}:
            for name in re.findall(r"`((?:\w+/)+[\w*]+\.(?:py|json|md))`", text):
                known = list((ROOT / "server" / "codeteam").glob(name)) + list(ROOT.glob(name))
                if not known:
                    missing.append(f"{page.name}: {name}")
    assert not missing


def test_every_variable_that_is_read_is_on_the_settings_page() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    read: set[str] = set()
    for module in (ROOT / "server" / "codeteam").glob("**/*.py"):
        read |= set(re.findall(r'environ\.get\("(\w+)"', module.read_text("utf-8")))
        read |= set(re.findall(r'"(\w+_API_KEY)"', module.read_text("utf-8")))
    assert {"CODETEAM_HOME", "OLLAMA_HOST", "CODETEAM_API_KEY"} <= read
    assert not [name for name in sorted(read - {"PATH"}) if f"`{name}`" not in page]


def test_every_key_of_the_json_result_is_in_the_protocol() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    shape = page.partition("### The JSON result")[2].partition("### ")[0]
    run = RunResult(("true",), 0)
    proposal = Proposal(
        Status.ACCEPTED, None, (FileChange("a.py", "", is_new=True),), (), Evidence(runs=(run,)), "", ""
    )
    result = Result(Task("abcdefghijkl", Intent.IMPLEMENT, "x"), Proposed(proposal), proposal.evidence)
    found = as_json(result, applied=False)
    keys = {*found, *found["evidence"], *found["evidence"]["runs"][0], *found["files"][0]}
    assert not [key for key in sorted(keys) if not re.search(rf"\b{key}\b", shape)]


def test_every_command_of_the_readme_is_one(tmp_path: Path) -> None:
    commands = set(re.findall(r"^codeteam (\w+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    shown = subprocess.run(
        [sys.executable, "-m", "codeteam", "--help"], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    assert commands
    assert commands <= set(re.findall(r"^    (\w+) ", shown, re.MULTILINE))
