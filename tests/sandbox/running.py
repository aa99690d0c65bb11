"""Short ways to run Python text in a session."""

from __future__ import annotations

import textwrap
from typing import Any

from codeteam.sandbox.interface import Command, OnOutput, Outcome, Session


async def python(session: Session, text: str, on_output: OnOutput | None = None, **fields: Any) -> Outcome:
    """Run a program given as text; further fields are the command's."""
    fields.setdefault("timeout", 30.0)
    return await session.run(Command(("python3", "-c", textwrap.dedent(text)), **fields), on_output)
