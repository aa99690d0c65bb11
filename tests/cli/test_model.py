"""`codeteam model`, as a process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = (
    "import argparse, sys\n"
    "from codeteam.cli.model import add_parser\n"
    "parser = argparse.ArgumentParser()\n"
    "add_parser(parser.add_subparsers())\n"
    "args = parser.parse_args(sys.argv[1:])\n"
    "sys.exit(args.run(args))\n"
)


def codeteam(tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "CODETEAM_CACHE": str(tmp_path), "CODETEAM_HOME": str(tmp_path), **environ}
    command = [sys.executable, "-c", PROGRAM, "model", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def test_the_list_says_how_to_get_what_is_missing(tmp_path: Path) -> None:
    done = codeteam(tmp_path, "list")
    assert done.returncode == 0
    assert "codeteam model pull qwen2.5-coder-1.5b" in done.stdout
    assert "0.5 GB" in done.stdout


def test_the_list_as_json(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with (tmp_path / "models" / "qwen2.5-coder-0.5b.gguf").open("wb") as file:
        file.truncate(491_400_064)
    rows = {row["name"]: row for row in json.loads(codeteam(tmp_path, "list", "--json").stdout)}
    assert rows["qwen2.5-coder-0.5b"]["pulled"]
    assert not rows["qwen2.5-coder-1.5b"]["pulled"]
    assert rows["qwen2.5-coder-1.5b"]["spec"] == "local/qwen2.5-coder-1.5b"
    assert rows["qwen2.5-coder-1.5b"]["path"] == str(tmp_path / "models" / "qwen2.5-coder-1.5b.gguf")


def test_an_unknown_name(tmp_path: Path) -> None:
    for action in ("pull", "serve"):
        done = codeteam(tmp_path, action, "gpt-4")
        assert done.returncode == 2
        assert "qwen2.5-coder-1.5b" in done.stderr
        assert done.stdout == ""


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(hashlib.sha256(b"").digest())
    done = codeteam(tmp_path, "pull", "qwen2.5-coder-0.5b", CODETEAM_MODEL_FILE=str(wrong))
    assert done.returncode == 2
    assert "wrong.gguf" in done.stderr


def test_serving_what_is_not_there(tmp_path: Path) -> None:
    done = codeteam(tmp_path, "serve", "qwen2.5-coder-0.5b")
    assert done.returncode == 3
    assert "codeteam model pull qwen2.5-coder-0.5b" in done.stderr
