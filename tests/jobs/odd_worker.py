"""A worker whose behaviour is the requirement's text, one order a line: a real process on the real wire.

note TEXT     an event
sleep SECONDS
fail KIND     a CodeteamError
bug           an exception that no one made for the user
die CODE      the process ends
shot          the process kills itself with SIGKILL
garbage       a line that is no message
stranger      an event of another job
print TEXT    to standard output, which is not the protocol any more
say TEXT      to standard error
deaf SECONDS  ignores being cancelled
spin SECONDS  blocks the loop
child         starts a process that stays; its number is noted
environ NAME  notes a variable
read          notes what can be read from standard input
ask TEXT      asks the editor's model, notes its pieces and its answer
key NAME      asks for a key, notes and says it
ask-and TEXT  asks without waiting, and goes on
flood N       asks N questions at once
done          a proposal (also at the end of the text)
"""

from __future__ import annotations

from codeteam.worker.pipes import take_over

PIPES = take_over()

import asyncio  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import AsyncGenerator  # noqa: E402

from codeteam.domain.artifacts import FileChange, Proposal, Status  # noqa: E402
from codeteam.domain.errors import ModelUnavailable  # noqa: E402
from codeteam.domain.events import Event, Noted, Proposed  # noqa: E402
from codeteam.domain.evidence import Evidence  # noqa: E402
from codeteam.domain.questions import Ask, Chat, Given, Key, Secret  # noqa: E402
from codeteam.domain.settings import Quality  # noqa: E402
from codeteam.domain.task import Task  # noqa: E402
from codeteam.wire import Codec, Happened  # noqa: E402
from codeteam.worker.loop import Worker  # noqa: E402

BESIDE: list[asyncio.Future[object]] = []
"""Questions that no one waits for."""


async def run_task(task: Task, ask: Ask) -> AsyncGenerator[Event]:
    for line in task.requirement.splitlines():
        order, _, rest = line.partition(" ")
        match order:
            case "note":
                yield Noted(rest)
            case "child":
                yield Noted(str(start_child()))
            case "environ":
                yield Noted(os.environ.get(rest, "(unset)"))
            case "pid":
                yield Noted(str(os.getpid()))
            case "model":
                yield Noted(task.settings.model)
            case "read":
                yield Noted(repr(sys.stdin.read()))
            case "ask":
                pieces: list[str] = []
                answer = await ask(chat(rest), pieces.append)
                yield Noted(f"{pieces} {answer}")
            case "ask-and":
                BESIDE.append(asyncio.ensure_future(ask(chat(rest), print)))
                await asyncio.sleep(0)
            case "flood":
                await asyncio.gather(*(ask(chat(str(n)), print) for n in range(int(rest))))
            case "key":
                given = await ask(Secret(Key(rest)), print)
                value = given.value if isinstance(given, Given) else given
                sys.stderr.write(f"the key is {value}\n")
                yield Noted(f"the key is {value}")
            case "done":
                break
            case "sleep":
                await asyncio.sleep(float(rest))
            case "deaf":
                await deaf(float(rest))
            case _:
                odd(order, rest)
    yield Proposed(
        Proposal(Status.ACCEPTED, Quality.TESTED, (FileChange("new.py", "x = 1\n", True),), (), Evidence(iterations=1))
    )


def chat(text: str) -> Chat:
    return Chat("some-model", (("user", text),), 0.3, "a test")


def start_child() -> int:
    return subprocess.Popen(["sleep", "600"]).pid


def odd(order: str, rest: str) -> None:
    match order:
        case "fail":
            raise ModelUnavailable("The model does not answer.", "Look for it.", rest)
        case "bug":
            raise ZeroDivisionError("a secret detail")
        case "die":
            os._exit(int(rest))
        case "shot":
            os.kill(os.getpid(), signal.SIGKILL)
        case "garbage":
            PIPES[1].write(b'{"type":"Surprise"}\n')
        case "stranger":
            PIPES[1].write(Codec().encode(Happened("000000000000", Noted("not yours"))))
        case "print":
            print(rest, flush=True)
            os.write(1, rest.encode() + b"\n")
        case "say":
            sys.stderr.write(rest + "\n")
        case "spin":
            time.sleep(float(rest))
        case _:
            raise ValueError(order)


async def deaf(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await asyncio.sleep(end - time.monotonic())
        except asyncio.CancelledError:
            continue


async def main() -> None:
    await Worker(*PIPES, run_task).serve()


if __name__ == "__main__":
    if len(sys.argv) > 1:  # orders for before it is ready
        odd(*sys.argv[1:3])
    asyncio.run(main())
