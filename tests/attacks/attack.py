"""An attack: one small program, at its top in words and in YAML what it tries and what must happen.

The docstring's first paragraph says what is tried, the one that begins with "Must:" what must happen, and below
`expect:` stands what a test can compare:

- `ends`: how the run ends: "exit N", "signal N", "deadline" or "memory"; or a list of these.
- `stdout`: all that it writes there; `hex`: the same in bytes; `lacks`: parts that must not be in it.
- `truncated`: output was dropped. `seconds`: its deadline (30). `job`: words that its developer is sent back with.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import yaml

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    program: str
    tries: str
    must: str
    ends: tuple[str, ...]
    stdout: bytes | None = None
    lacks: tuple[str, ...] = ()
    truncated: bool = False
    seconds: int = 30
    job: str = ""

    @property
    def draft(self) -> str:
        """The program as a draft of a job: it says its name first, and fails at its end so that the job goes on."""
        doc = ast.parse(self.program).body[0]
        lines = self.program.splitlines(keepends=True)
        name = f"import sys\nsys.stderr.write('attack: {self.name}\\n')\n"
        end = f"raise RuntimeError('attack {self.name} is over')\n"
        return "".join((*lines[: doc.end_lineno], name, *lines[doc.end_lineno :], end))


def read_attacks() -> tuple[Attack, ...]:
    """All of them, in the order of their names."""
    return tuple(_read(path) for path in sorted(PROGRAMS.glob("*.py")))


def _read(path: Path) -> Attack:
    program = path.read_text("utf-8")
    words, _, expect = (ast.get_docstring(ast.parse(program)) or "").partition("\nexpect:")
    tries, _, must = words.partition("\n\nMust: ")
    wanted = yaml.safe_load(expect)
    assert all((tries.strip(), must.strip(), wanted)), f"{path.name} must say what it tries and what must happen"
    ends = wanted.pop("ends")
    stdout = bytes.fromhex(wanted.pop("hex")) if "hex" in wanted else None
    if "stdout" in wanted:
        stdout = wanted.pop("stdout").encode() + b"\n"  # which the docstring's end has lost
    return Attack(
        path.stem,
        program,
        " ".join(tries.split()),
        " ".join(must.split()),
        (ends,) if isinstance(ends, str) else tuple(ends),
        stdout,
        tuple(wanted.pop("lacks", ())),
        **wanted,
    )
