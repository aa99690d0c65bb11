"""`codeteam test`: tests for files, proven in the sandbox; only test files are added."""

from __future__ import annotations

import argparse

from codeteam.cli.delivery import add_delivery, add_output
from codeteam.cli.inputs import add_workspace
from codeteam.cli.options import add_settings
from codeteam.cli.over_files import run_over
from codeteam.domain.task import Intent


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "test",
        help="write tests for files",
        description="Tests for files, run in the sandbox; only test files are added.",
        epilog="Exit code: 0 accepted, 1 below the quality asked for, 2 bad input, 3 the environment, 130 cancelled.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH[:START-END]", help="A file of the workspace.")
    parser.add_argument("--instruction", metavar="TEXT", default="", help="What to test, in words.")
    add_workspace(parser)
    add_delivery(parser)
    add_output(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return run_over(args, Intent.TEST, as_object=args.json)
