"""Code that was left out is noticed, and honest comments are not taken for it."""

from __future__ import annotations

import time

import pytest

from codeteam.team.elision import elided

CODE = "def f(x):\n    y = x\n    {}\n    return y\n"


@pytest.mark.parametrize(
    "line",
    [
        "# ... rest of the code ...",
        "# ... rest of the function remains unchanged",
        "# rest of the code remains the same",
        "# Rest of the file unchanged",
        "# rest of implementation is unchanged",
        "# The rest of your code stays the same.",
        "# The remainder of the module is as before",
        "# ... existing code ...",
        "# Existing code here",
        "# existing methods remain unchanged",
        "# (existing code)",
        "# [existing imports]",
        "# … other methods …",
        "# ... other methods unchanged ...",
        "# Other functions remain the same",
        "# ... (rest of implementation)",
        "# ... (unchanged)",
        "# (unchanged)",
        "# ... unchanged",
        "# ... same as before",
        "# remaining code omitted for brevity",
        "# Code omitted for brevity",
        "# The code is unchanged",
        "# everything else stays the same",
        "# ...",
        "# ... and so on",
        "# <snip>",
        "# previous code unchanged",
        "# Your code here",
        "# Add your implementation here",
        "# The actual implementation goes here",
        "# implementation goes here",
        "# --- rest of file unchanged ---",
        "# ...existing helper functions...",
        "...",
        "pass  # ... rest of the implementation",
    ],
)
def test_code_left_out(line: str) -> None:
    assert elided(CODE.format(line))
    assert elided(f"{line}\n\nx = 1\n")
    assert elided(CODE.format(line).replace("\n", "\r\n"))


@pytest.mark.parametrize(
    "line", ["// ... rest of the code ...", "/* ... */", "// existing code here", "# rest of file unchanged"]
)
def test_code_left_out_of_other_languages(line: str) -> None:
    assert elided(f"function f() {{\n  {line}\n}}\n")


@pytest.mark.parametrize(
    "line",
    [
        "# the rest of the bits",
        "# the rest of the file",
        "# remaining bytes of the code point",
        "# existing users keep their old code",
        "# other codes are ignored",
        "# Other tests rely on this code, so keep it here",
        "# unchanged",
        "# Same as above, but for the right side.",
        "# same as before",
        "# previous implementation used a list",
        "# the code here is slow on purpose",
        "# everything else is an error",
        "# ... and the other half goes to the right",
        "# existing methods",
        "# remaining imports",
        "# Here the code of the country is checked.",
        "existing_code = 1",
        "existing = find(y)  # code",
        "other = codes.get(y)",
        "previous = self.unchanged",
        "remaining = total - code_length",
        "unchanged = y == x  # unchanged",
        "rest = y[1:]  # the rest of the code",
        's = "# ... rest of the code ..."',
        's = """\n# ... existing code ...\n"""',
        "assert x is ...",
        "y = x[..., 0]",
        "print('...')",
    ],
)
def test_honest_code(line: str) -> None:
    assert elided(CODE.format(line)) == ""


def test_dots_that_are_honest() -> None:
    assert (
        elided(
            'class E(Exception): ...\n\nclass P(Protocol):\n    def f(self) -> int:\n        """F."""\n        ...\n'
        )
        == ""
    )
    assert elided("@overload\ndef f(x: int) -> int: ...\ndef f(x):\n    return x\n") == ""
    assert elided("import os\n\n...\n\ndef f():\n    return 1\n") == "..."
    assert elided("class A:\n    def f(self):\n        return 1\n    ...\n") == "..."


def test_what_the_file_said_before_is_the_users_own() -> None:
    text = "def f():\n    # ... existing code ...\n    return 1\n"
    assert elided(text)
    assert elided(text, before="    # ... existing code ...\n") == ""
    assert elided("x = 1\n...\n", before="y = 1\n...\n") == ""


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 300_000,
        " " * 300_000,
        "#" + " " * 300_000 + "x",
        "# rest of " * 30_000,
        "# " + "the " * 80_000,
        "#.\n" * 100_000,
        "x = 1  # rest\n" * 20_000,
        "(" * 1000 + "# rest",
        "# ... the the the the the the the the the x x x x x existing code\n" * 3_000,
    ],
    ids=range(9),
)  # fmt: skip
def test_it_is_quick(text: str) -> None:
    start = time.process_time()
    elided(text)
    assert time.process_time() - start < 10
