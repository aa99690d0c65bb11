"""`codeteam review`: the reviewer and the static checks alone, over files; nothing is changed."""

from __future__ import annotations

import argparse

from codeteam.cli.inputs import add_workspace
from codeteam.cli.options import add_settings
from codeteam.cli.over_files import run_over
from codeteam.domain.task import Intent


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "review",
        help="review files",
        description="The reviewer and the static checks over files; nothing is changed.",
        epilog="Exit code: 0 nothing to mend, 1 an error or a warning, 2 bad input, 3 the environment, 130 cancelled.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH[:START-END]", help="A file of the workspace.")
    parser.add_argument("--instruction", metavar="TEXT", default="", help="What to look at, in words.")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="How to print the findings.")
    add_workspace(parser)
    parser.add_argument("--quiet", action="store_true", help="Show no progress, errors only.")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return run_over(args, Intent.REVIEW, as_object=args.format == "json")
