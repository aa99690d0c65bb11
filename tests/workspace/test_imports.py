"""Imports are read from anything that may stand in a file, in a time that its length decides."""

from __future__ import annotations

import time

import pytest

from codeteam.workspace.imports import Import, imports_of

BROKEN = "def broken(:\n"


def test_imports_of_a_file_that_does_not_parse_are_read_by_their_look() -> None:
    text = (
        "import os, a.b as c\n\tfrom . import near\r\nfrom ...up.there import (one as first, two,\n"
        "  from x import *\nfrom .  import y\nimport\nfrom import z\n" + BROKEN
    )
    assert imports_of(text) == [
        Import(0, "os"),
        Import(0, "a.b"),
        Import(1, "", ("near",)),
        Import(3, "up.there", ("one", "two")),
        Import(0, "x"),
        Import(1, "", ("y",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        BROKEN + "from " + "." * 200_000,
        BROKEN + "from " + "a" * 200_000,
        BROKEN + "from " + "a." * 100_000 + " import",
        BROKEN + "from a import " + "b, " * 100_000,
        BROKEN + "import " + ", " * 100_000,
        BROKEN + " " * 200_000 + "import",
        BROKEN + ("from " + "." * 490 + "\n") * 2000,
        BROKEN + ("import " + ",." * 240 + "\n") * 2000,
    ],
    ids=range(8),
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.thread_time()
    assert len(imports_of(text)) <= 200
    assert time.thread_time() - begun < 3
