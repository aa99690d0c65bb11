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

from tests.bench.beside_jobs import beside_jobs
from tests.bench.figures import growth, line, percentile, table
from tests.bench.wire import Wire, wired
from tests.bench.working import CODETEAM, acknowledged, begun, ended, working

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
STOCK = "stock pygls"
URI = "file:///w/long.py"
EDITS = 100
PATIENCE = 10
"""Seconds that a burst may take."""


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
            STOCK: (sys.executable, str(bare)),
            "jedi-language-server": (str(bin_folder / "jedi-language-server"),),
        }

    def run(self) -> None:
        self._start()
        small, large = (self._menus(lines) for lines in (200, 10_000))
        growth("codeAction p50, 10,000 lines against 200", small, large, most=1.5)
        self._commands()
        beside_jobs(self.folder, self.environ, self.servers[STOCK], self.rounds)

    def _start(self) -> None:
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in self.servers}
        for _ in range(self.rounds):
            for name in self.servers:
                with self._wired(name) as wire:
                    wire.initialize()
                    rows[name].append((wire.cpu() * 1000, wire.memory()))
        cpu = {name: median(row[0] for row in found) for name, found in rows.items()}
        memory = {name: median(row[1] for row in found) for name, found in rows.items()}
        table("start to initialize, CPU", cpu, "ms", against=STOCK, most=1.3)
        table("memory after initialize", memory, "MiB", limit=50)

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
            found = {name: percentile(values, share) for name, values in times.items()}
            most = 2.0 if share == 50 else None
            table(f"codeAction {title}, {lines:,} lines", found, "ms", against="ruff server", most=most)
        table(f"{EDITS} edits + requests, {lines:,} lines", bursts, "ms", against="ruff server", most=4.0)
        table(f"memory after it, {lines:,} lines", memory, "MiB")
        return {name: percentile(values, 50) for name, values in times.items()}

    def _commands(self) -> None:
        """How fast a command is answered, a job cancelled, and the server gone."""
        with working(self.folder, self.environ, delay=60) as wire:
            first = [acknowledged(wire) for _ in range(3)]  # while server and worker still load
            wire.settle()
            later = [acknowledged(wire) for _ in range(20 * self.rounds)]
            line("command acknowledged while loading, slowest", max(first), 100)
            line("command acknowledged, p50", percentile(later, 50), 100)
            line("command acknowledged, p99", percentile(later, 99), 100)
        for role in ("developer", "executor"):
            with working(self.folder, self.environ, delay=60 if role == "developer" else 0) as wire:
                spent = []
                for _ in range(max(2, self.rounds // 2)):
                    job = begun(wire, role)
                    start = time.perf_counter()
                    wire.ask("workspace/executeCommand", {"command": "codeteam.cancel", "arguments": [{"jobId": job}]})
                    wire.until(lambda message, job=job: ended(message, job))  # type: ignore[misc]  # mypy cannot infer a default
                    spent.append((time.perf_counter() - start) * 1000)
                line(f"cancel in the {role}'s turn, slowest", max(spent), 2000)
                begun(wire, role)
                start = time.perf_counter()
                wire.ask("shutdown")
                wire.tell("exit")
                wire.process.wait()
                line(f"shutdown and exit in the {role}'s turn", (time.perf_counter() - start) * 1000, 1000)

    @contextmanager
    def _wired(self, name: str) -> Iterator[Wire]:
        with wired(self.servers[name], self.environ, self.folder / "log") as wire:
            yield wire


def _timed(wire: Wire, line: int) -> float:
    start = time.perf_counter()
    wire.menu(URI, line)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="more rounds, less noise (default: 5, about 7 minutes)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Bench(Path(folder), arguments.rounds).run()


if __name__ == "__main__":
    main()
