"""The language server beside ruff's, jedi's and stock pygls, in one run: `python -m tests.bench.lsp [--rounds N]`.

The servers take turns in small portions, so that whatever else the machine does falls on all of them alike; what
counts are the ratios. Start-up is the processor time of the server's own process until initialize is answered, and
the memory that it then holds. Jobs are real ones with recorded replies: worker processes and containers.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.wire import Wire, wired

PYGLS = """\
from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")


@server.feature(types.TEXT_DOCUMENT_CODE_ACTION)
def code_action(ls, params):
    document = ls.workspace.get_text_document(params.text_document.uri)
    line = document.lines[params.range.start.line]
    command = types.Command(title="x", command="x", arguments=[{"uri": document.uri, "line": line}])
    return [types.CodeAction(title=f"action {n}", kind="refactor.rewrite", command=command) for n in range(4)]


server.start_io()
"""
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
URI = "file:///w/long.py"
EDITS = 100
PATIENCE = 10
"""Seconds that a burst may take."""
BUSY = 4
"""Jobs at once in the last part."""
_AT_WORK = ("queued", "running", "proposed")


class Bench:
    """The servers, and what was measured of them, in milliseconds and MiB."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.environ = {"CODETEAM_HOME": str(folder / "home"), "CODETEAM_CONFIG": str(folder / "config")}
        bare = folder / "bare.py"
        bare.write_text(PYGLS, encoding="utf-8")
        bin_folder = Path(sys.executable).parent
        self.servers: dict[str, Sequence[str]] = {
            "codeteam": CODETEAM,
            "ruff server": (str(bin_folder / "ruff"), "server"),
            "stock pygls": (sys.executable, str(bare)),
            "jedi-language-server": (str(bin_folder / "jedi-language-server"),),
        }

    def run(self) -> None:
        self._start()
        small, large = (self._menus(lines) for lines in (200, 10_000))
        _growth("codeAction p50, 10,000 lines against 200", small, large, most=1.5)
        self._commands()
        self._busy()

    def _start(self) -> None:
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in self.servers}
        for _ in range(self.rounds):
            for name in self.servers:
                with self._wired(name) as wire:
                    wire.initialize()
                    rows[name].append((wire.cpu() * 1000, wire.memory()))
        cpu = {name: median(row[0] for row in found) for name, found in rows.items()}
        memory = {name: median(row[1] for row in found) for name, found in rows.items()}
        _table("start to initialize, CPU", cpu, "ms", against="stock pygls", most=1.3)
        _table("memory after initialize", memory, "MiB", limit=50)

    def _menus(self, lines: int) -> dict[str, float]:
        """The median of a menu in a document of so many lines, in milliseconds by server."""
        text = "".join(f"def function_{n}(a, b):\n    # é\n    return a + b + {n}\n\n" for n in range(lines // 4))
        times: dict[str, list[float]] = {name: [] for name in self.servers}
        with ExitStack() as stack:
            wires = {name: stack.enter_context(self._wired(name)) for name in self.servers}
            for wire in wires.values():
                wire.initialize()
                wire.open(URI, text)
                wire.menu(URI, 2)
                wire.settle()
            for turn in range(self.rounds * 4):
                for name, wire in wires.items():
                    if name.startswith("jedi") and turn >= 4:
                        continue  # each of its menus takes as long as thousands of the others'
                    count = 2 if name.startswith("jedi") else 50
                    lines_asked = [2 + 4 * ((turn * count + n) % (lines // 4)) for n in range(count)]
                    times[name] += [_timed(wire, line) for line in lines_asked]
            bursts = {name: median(_burst(wire, lines) for _ in range(3)) for name, wire in wires.items()}
            memory = {name: wire.memory() for name, wire in wires.items()}
        for share, title in ((50, "p50"), (99, "p99")):
            found = {name: _percentile(values, share) for name, values in times.items()}
            most = 2.0 if share == 50 else None
            _table(f"codeAction {title}, {lines:,} lines", found, "ms", against="ruff server", most=most)
        _table(f"{EDITS} edits + requests, {lines:,} lines", bursts, "ms", against="ruff server", most=4.0)
        _table(f"memory after it, {lines:,} lines", memory, "MiB")
        return {name: _percentile(values, 50) for name, values in times.items()}

    def _commands(self) -> None:
        """How fast a command is answered, a job cancelled, and the server gone."""
        with self._working(delay=60) as wire:
            first = [_acknowledged(wire) for _ in range(3)]  # while server and worker still load
            wire.settle()
            later = [_acknowledged(wire) for _ in range(20 * self.rounds)]
            _line("command acknowledged while loading, slowest", max(first), 100)
            _line("command acknowledged, p50", _percentile(later, 50), 100)
            _line("command acknowledged, p99", _percentile(later, 99), 100)
        for role in ("developer", "executor"):
            with self._working(delay=60 if role == "developer" else 0) as wire:
                spent = []
                for _ in range(max(2, self.rounds // 2)):
                    job = _begun(wire, role)
                    start = time.perf_counter()
                    wire.ask("workspace/executeCommand", {"command": "codeteam.cancel", "arguments": [{"jobId": job}]})
                    wire.until(lambda message, job=job: _ended(message, job))  # type: ignore[misc]  # mypy cannot infer a default
                    spent.append((time.perf_counter() - start) * 1000)
                _line(f"cancel in the {role}'s turn, slowest", max(spent), 2000)
                _begun(wire, role)
                start = time.perf_counter()
                wire.ask("shutdown")
                wire.tell("exit")
                wire.process.wait()
                _line(f"shutdown and exit in the {role}'s turn", (time.perf_counter() - start) * 1000, 1000)

    def _busy(self) -> None:
        """The menu while four jobs run, and before and after; beside it that of a server that has no part in them."""
        idle: dict[str, list[float]] = {"codeteam": [], "stock pygls": []}
        busy: dict[str, list[float]] = {"codeteam": [], "stock pygls": []}
        with self._working(delay=0) as wire, self._wired("stock pygls") as other:
            other.initialize()
            other.open(URI, MODULE)
            for _ in range(BUSY):  # the sandbox's spare containers, and the workers
                _begin(wire)
            _drained(wire)
            wire.settle()
            for _ in range(3):
                idle["codeteam"] += [_timed(wire, 1) for _ in range(1000)]
                idle["stock pygls"] += [_timed(other, 1) for _ in range(1000)]
                ended = 0
                until = time.monotonic() + 4 * self.rounds
                told = len(wire.told)
                running = [_begin(wire) for _ in range(BUSY)]
                while time.monotonic() < until:
                    busy["codeteam"].append(_timed(wire, 1))
                    busy["stock pygls"].append(_timed(other, 1))
                    news, told = wire.told[told:], len(wire.told)
                    for job in [job for job in running if any(_ended(message, job) for message in news)]:
                        running.remove(job)
                        running.append(_begin(wire))
                        ended += 1
                    time.sleep(0.002)  # as often as no one types
                _drained(wire)
        print(f"\nmenu with {BUSY} jobs at work ({ended} jobs ended in the last turn)")
        for share in (50, 99):
            for name, times in idle.items():
                before, during = _percentile(times, share), _percentile(busy[name], share)
                ratio = during / before
                verdict = f", at most 2: {'yes' if ratio <= 2 else 'NO'}" if (share, name) == (99, "codeteam") else ""
                print(f"  p{share}, {name}: idle {before:.2f} ms, busy {during:.2f} ms, {ratio:.2f} x{verdict}")

    @contextmanager
    def _wired(self, name: str) -> Iterator[Wire]:
        with wired(self.servers[name], self.environ, self.folder / "log") as wire:
            yield wire

    @contextmanager
    def _working(self, delay: float) -> Iterator[Wire]:
        """Codeteam on a workspace of one stub, its developer taking `delay` seconds."""
        root = self.folder / "shop"
        root.mkdir(exist_ok=True)
        (root / "slug.py").write_text(MODULE, encoding="utf-8")
        script = self.folder / f"replies-{delay:g}.md"
        script.write_text(REPLIES.replace("DELAY", f"delay={delay:g}" if delay else ""), encoding="utf-8")
        with self._wired("codeteam") as wire:
            wire.initialize(root, initializationOptions={"model": f"script/{script}", "jobs": BUSY})
            wire.open(_stub(wire), MODULE)
            yield wire


def _stub(wire: Wire) -> str:
    return f"{wire.root}/slug.py"


def _begin(wire: Wire) -> str:
    place = {"line": 1, "character": 4}
    argument = {"uri": _stub(wire), "version": 1, "range": {"start": place, "end": place}}
    answer = wire.ask("workspace/executeCommand", {"command": "codeteam.implement", "arguments": [argument]})
    return str(answer["jobId"])


def _acknowledged(wire: Wire) -> float:
    """Milliseconds to the answer; the job is cancelled then."""
    start = time.perf_counter()
    job = _begin(wire)
    spent = (time.perf_counter() - start) * 1000
    wire.ask("workspace/executeCommand", {"command": "codeteam.cancel", "arguments": [{"jobId": job}]})
    wire.until(lambda message: _ended(message, job))
    return spent


def _begun(wire: Wire, role: str) -> str:
    """A job that has come to a role's turn."""
    job = _begin(wire)
    wire.until(lambda message: _is_news(message, job) and message["params"]["step"] == role)
    return job


def _drained(wire: Wire) -> None:
    """Wait until no job runs any more."""
    while _at_work(wire):
        wire.until(lambda message: message.get("method") == "codeteam/job")


def _at_work(wire: Wire) -> set[str]:
    told = [message["params"] for message in wire.told if message["method"] == "codeteam/job"]
    states = {params["jobId"]: params["state"] for params in told}
    return {job for job, state in states.items() if state in _AT_WORK}


def _is_news(message: dict[str, Any], job: str) -> bool:
    return message.get("method") == "codeteam/job" and message["params"]["jobId"] == job


def _ended(message: dict[str, Any], job: str) -> bool:
    return _is_news(message, job) and message["params"]["state"] not in _AT_WORK


def _timed(wire: Wire, line: int) -> float:
    uri = _stub(wire) if wire.root else URI
    start = time.perf_counter()
    wire.menu(uri, line)
    return (time.perf_counter() - start) * 1000


def _burst(wire: Wire, lines: int) -> float:
    """Milliseconds for edits in the middle of a document, each with a request, as when somebody types.

    Infinite for a server that takes longer than a user would wait, or answers with an error.
    """
    start = time.perf_counter()
    place = {"line": lines // 2, "character": 0}
    for number in range(EDITS):
        wire.version += 1
        change = {"range": {"start": place, "end": place}, "text": "x" if number % 10 else "x\n"}
        document = {"uri": URI, "version": wire.version}
        wire.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
        try:
            wire.menu(URI, 2)
        except RuntimeError:
            return math.inf
        if time.perf_counter() - start > PATIENCE:
            return math.inf
    return (time.perf_counter() - start) * 1000


def _percentile(values: Sequence[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


def _growth(title: str, small: dict[str, float], large: dict[str, float], *, most: float) -> None:
    """How much longer each server takes for a long document than for a short one."""
    print(f"\n{title}")
    for name, value in large.items():
        print(f"  {name:22} {value / small[name]:9.2f} x", flush=True)
    print(f"  at most {most:g} x: {'yes' if large['codeteam'] <= most * small['codeteam'] else 'NO'}")


def _table(
    title: str, found: dict[str, float], unit: str, *, against: str = "", most: float | None = None, limit: float = 0
) -> None:
    print(f"\n{title}")
    for name, value in found.items():
        ratio = f"{value / found[against]:6.2f} x {against}" if against else ""
        print(f"  {name:22} {value:9.2f} {unit} {ratio}", flush=True)
    ours = found["codeteam"]
    if most is not None:
        print(f"  at most {most:g} x {against}: {'yes' if ours <= most * found[against] else 'NO'}")
    if limit:
        print(f"  at most {limit:g} {unit}: {'yes' if ours <= limit else 'NO'}")


def _line(title: str, value: float, limit: float) -> None:
    print(f"{title}: {value:.1f} ms; at most {limit:g}: {'yes' if value <= limit else 'NO'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="more rounds, less noise (default: 5, about 4 minutes)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Bench(Path(folder), arguments.rounds).run()


if __name__ == "__main__":
    main()
