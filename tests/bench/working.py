"""Codeteam at work in a workspace of one stub, with recorded replies, as a client sees it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.wire import Wire, wired

MODULE = 'def slug(text: str) -> str:\n    """`slug(\'A b\') == \'a-b\'`"""\n    ...\n'
REPLIES = '''\
## reply architect

~~~~reply
{"files": [{"path": "slug.py", "purpose": "slugs"}], "dependencies": [], "criteria": []}
~~~~

## reply developer

~~~~reply DELAY
```python path=slug.py
def slug(text: str) -> str:
    """`slug('A b') == 'a-b'`"""
    return "-".join(text.lower().split())
```
~~~~

## reply tester

~~~~reply
```python path=tests/test_slug.py
from slug import slug


def test_words_are_joined() -> None:
    assert slug("a  b c") == "a-b-c"
```
~~~~

## reply reviewer

~~~~reply
{"approved": true, "findings": [], "comment": "Fine."}
~~~~
'''
CODETEAM = (sys.executable, "-P", "-m", "codeteam", "serve")
BUSY = 4
"""Jobs that may run at once."""
_AT_WORK = ("queued", "running", "proposed")


@contextmanager
def working(folder: Path, environ: Mapping[str, str], delay: float, *, all_roles: bool = False) -> Iterator[Wire]:
    """The server with the stub open; its developer, or every role, takes `delay` seconds a reply."""
    root = folder / "shop"
    root.mkdir(exist_ok=True)
    (root / "slug.py").write_text(MODULE, encoding="utf-8")
    script = folder / f"replies-{delay:g}.md"
    slow = f"~~~~reply delay={delay:g}"
    replies = REPLIES.replace("~~~~reply", slow) if all_roles else REPLIES.replace("~~~~reply DELAY", slow)
    script.write_text(replies.replace(" DELAY", ""), encoding="utf-8")
    with wired(CODETEAM, environ, folder / "log") as wire:
        wire.initialize(root, initializationOptions={"model": f"script/{script}", "jobs": BUSY})
        wire.open(stub(wire), MODULE)
        yield wire


def stub(wire: Wire) -> str:
    return f"{wire.root}/slug.py"


def begin(wire: Wire) -> str:
    place = {"line": 1, "character": 4}
    argument = {"uri": stub(wire), "version": 1, "range": {"start": place, "end": place}}
    answer = wire.ask("workspace/executeCommand", {"command": "codeteam.implement", "arguments": [argument]})
    return str(answer["jobId"])


def acknowledged(wire: Wire) -> float:
    """Milliseconds to the answer; the job is cancelled then."""
    start = time.perf_counter()
    job = begin(wire)
    spent = (time.perf_counter() - start) * 1000
    wire.ask("workspace/executeCommand", {"command": "codeteam.cancel", "arguments": [{"jobId": job}]})
    wire.until(lambda message: ended(message, job))
    return spent


def begun(wire: Wire, role: str) -> str:
    """A job that has come to a role's turn."""
    job = begin(wire)
    wire.until(lambda message: _is_news(message, job) and message["params"]["step"] == role)
    return job


def drained(wire: Wire) -> None:
    """Wait until no job runs any more."""
    while _at_work(wire):
        wire.until(lambda message: message.get("method") == "codeteam/job")


def _at_work(wire: Wire) -> set[str]:
    told = [message["params"] for message in wire.told if message["method"] == "codeteam/job"]
    states = {params["jobId"]: params["state"] for params in told}
    return {job for job, state in states.items() if state in _AT_WORK}


def _is_news(message: dict[str, Any], job: str) -> bool:
    return message.get("method") == "codeteam/job" and message["params"]["jobId"] == job


def ended(message: dict[str, Any], job: str) -> bool:
    return _is_news(message, job) and message["params"]["state"] not in _AT_WORK
