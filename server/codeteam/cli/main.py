"""The command line's parser and dispatch; each command is a module of this package."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from codeteam import __version__
from codeteam.cli.terminal import tell
from codeteam.domain.errors import CodeteamError

COMMANDS = ("run", "review", "test", "jobs", "demo", "doctor", "model", "sandbox", "prompts", "serve")


def run(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run a command; returns the exit code: 0 fine, 1 below, 2 bad input, 3 the environment, 130 cancelled."""
    args = _parser(argv).parse_args(argv, argparse.Namespace(environ=environ))
    try:
        return int(args.run(args))
    except CodeteamError as error:
        tell(f"error: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as a shell says of a program that its pipe ended


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codeteam",
        description="A team of agents that runs, reviews and tests code before you see it.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"codeteam {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    # Only the module that is wanted, for the language server must start in a blink. And most of what modules bring
    # stays: to look for garbage in it as often as usual is a tenth of the start, never to look ten megabytes.
    usual = gc.get_threshold()
    gc.set_threshold(2000, *usual[1:])
    wanted = [argv[0]] if argv and argv[0] in COMMANDS else [] if [*argv] == ["--version"] else COMMANDS
    for name in wanted:
        importlib.import_module(f"codeteam.cli.{name}").add_parser(subparsers)
    gc.set_threshold(*usual)
    return parser
