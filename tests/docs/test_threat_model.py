"""The threat model names tests that exist, and every attack there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "threat-model.md").read_text("utf-8")


def test_every_test_it_names_exists() -> None:
    named = re.findall(r"`(tests/[\w./]+)(?:::(\w+))?`", PAGE)
    assert len(named) > 40
    missing = [path for path, _ in named if not (ROOT / path).exists()]
    missing += [
        f"{path}::{test}" for path, test in named if test and f"def {test}(" not in (ROOT / path).read_text("utf-8")
    ]
    assert not missing


def test_every_defence_names_a_test() -> None:
    rows = _rows("What is defended, by what, and which test shows it")
    assert len(rows) > 20
    assert not [row[0] for row in rows if "`tests/" not in row[3]]


def test_every_attack_and_every_forgery_is_in_its_table() -> None:
    attacks = ROOT / "tests" / "attacks"
    for title, files in (("The attacks", "programs/*.py"), ("The forgeries", "forgeries/*.txt")):
        named = [row[0].strip("`") for row in _rows(title)]
        assert named == sorted(path.stem for path in attacks.glob(files)), title


def _rows(title: str) -> list[list[str]]:
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]
