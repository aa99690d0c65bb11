"""Figures of the language server, beside bare pygls: `python -m tests.lsp.bench`.

Start-up is CPU time from start to the answer of initialize; memory is what the process holds after it and, for
ours, after menus of a long document. No test asserts on these: they depend on the machine.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.lsp.client import Client, at, running

BARE = """\
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


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        home = Path(folder) / "home"
        home.mkdir()
        (home / "events.jsonl").write_text('{"gate": "never"}', encoding="utf-8")
        recorded = ["-m", "tests.lsp.recorded", str(home)]
        for name, argv, start in (
            ("bare pygls", [str(bare)], [str(bare)]),
            ("codeteam", recorded, ["-P", "-m", "codeteam", "serve"]),
        ):
            rows = [await _start(start) for _ in range(5)]
            cpu, wall, memory = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{name:12} start {cpu * 1000:5.0f} ms CPU {wall * 1000:5.0f} ms wall, {memory:5.1f} MiB", flush=True)
            for lines in (200, 10_000):
                menu, own, burst, after = await _menus(argv, lines)
                print(
                    f"{name:12} {lines:6} lines: codeAction p50 {menu * 1000:.2f} ms ({own * 1000:.2f} ms CPU),"
                    f" 100 didChange + codeAction {burst * 1000:.0f} ms, {after:.1f} MiB",
                    flush=True,
                )
        await _commands(home)


async def _start(argv: Sequence[str]) -> tuple[float, float, float]:
    start = time.perf_counter()
    async with running(argv) as client:
        await client.initialize()
        wall = time.perf_counter() - start
        process = psutil.Process(client.process.pid)
        times = process.cpu_times()
        return times.user + times.system, wall, process.memory_info().rss / 2**20


async def _menus(argv: Sequence[str], lines: int) -> tuple[float, float, float, float]:
    text = "".join(f"def function_{n}(a, b):\n    # é\n    return a + b + {n}\n\n" for n in range(lines // 4))
    uri = "file:///w/long.py"
    async with running(argv) as client:
        await client.initialize()
        client.open(uri, text)
        process = psutil.Process(client.process.pid)
        await client.code_actions(uri, at(2, 4))
        before = process.cpu_times().user
        times = [await _timed(client, uri, at(2 + 4 * (n % (lines // 4)), 4)) for n in range(1000)]
        own = (process.cpu_times().user - before) / len(times)
        start = time.perf_counter()
        for number in range(100):
            place = at(lines // 2, 0, lines // 2, 0)
            change = {"range": place, "text": "x" if number % 10 else "x\n"}
            document = {"uri": uri, "version": 2 + number}
            client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
        await client.code_actions(uri, at(2, 4))
        burst = time.perf_counter() - start
        return statistics.median(times), own, burst, process.memory_info().rss / 2**20


async def _timed(client: Client, uri: str, place: dict[str, object]) -> float:
    start = time.perf_counter()
    await client.code_actions(uri, place)
    return time.perf_counter() - start


async def _commands(home: Path) -> None:
    """How long a command takes to answer, the first one too."""
    uri = "file:///w/a.py"
    async with running(["-m", "tests.lsp.recorded", str(home)]) as client:
        await client.initialize()
        client.open(uri, "x = 1\n" * 5000)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            await client.execute("codeteam.refactor", {"uri": uri, "version": 1, "range": at(0, 0, 1, 0)})
            times.append(time.perf_counter() - start)
        first, rest = times[0] * 1000, statistics.median(times[1:]) * 1000
        print(f"codeteam     command answered in {rest:.1f} ms (p50), the first in {first:.1f} ms", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
