"""What a job is called: after what the menu offered, and after a document as an editor shows its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lsp.client import at
from tests.lsp.playing import HOLD, playing

CODE = {
    "python": "import os\n\n\ndef slug(text: str) -> str:\n    return text\n",
    "typescript": "// Slugs.\n\n\nexport function slug(text: string): string {\n  return text;\n}\n",
    "go": "package shop\n\n\nfunc slug(text string) string {\n\treturn text\n}\n",
    "rust": "// Slugs.\n\n\nfn slug(text: &str) -> &str {\n    text\n}\n",
    "shellscript": "set -e\n\n\nslug() {\n  echo text\n}\n",
}


@pytest.mark.parametrize(
    ("name", "language", "text", "line", "expected"),
    [
        ("a.py", "python", CODE["python"], 4, "slug"),
        ("café.ts", "typescript", CODE["typescript"], 4, "slug"),
        ("shop.go", "go", CODE["go"], 4, "slug"),
        ("lib.rs", "rust", CODE["rust"], 4, "slug"),
        ("slug.sh", "shellscript", CODE["shellscript"], 4, "slug"),
        ("café.ts", "typescript", CODE["typescript"], 1, "café.ts"),
        ("my notes.md", "markdown", "Slugs of titles.\n", 0, "my notes.md"),
        ("two\nlines.md", "markdown", "Slugs of titles.\n", 0, "two�lines.md"),
        ("untitled:Untitled-1", "python", "# Slugs of titles, please.\n", 0, "Untitled-1"),
    ],
)
async def test_what_a_job_is_called(
    tmp_path: Path, name: str, language: str, text: str, line: int, expected: str
) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    uri = name if name.startswith("untitled:") else (root / name).as_uri()
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(root)
        client.open(uri, text, language=language)
        argument = {"uri": uri, "version": 1, "range": at(line, 0)}
        job = (await client.execute("codeteam.implement", argument))["jobId"]
        titles = {
            entry["params"]["title"]
            for entry in client.notifications
            if entry["method"] == "codeteam/job" and entry["params"]["jobId"] == job
        }
        [listed] = (await client.request("codeteam/jobs", {}))["jobs"]
        assert {listed["title"], *titles} == {f"implement {expected}"}
