"""`codeteam run`: one job, headless, through the same engine as the editor."""

from __future__ import annotations

import argparse

from codeteam.cli.delivery import add_delivery, add_output, check_delivery, deliver, show
from codeteam.cli.headless import run_jobs
from codeteam.cli.inputs import LIMIT, Request, add_workspace, read_document, read_requirement, request_from
from codeteam.cli.options import add_settings
from codeteam.cli.result import as_json, refusal_as_json
from codeteam.cli.terminal import put_json
from codeteam.domain.errors import BadInput, CodeteamError
from codeteam.domain.task import Intent, Task


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="run one job and print the patch",
        description="One job: the patch goes to standard output, progress and evidence to standard error.",
        epilog="Exit code: 0 accepted, 1 below the quality asked for, 2 bad input, 3 the environment, 130 cancelled.",
        allow_abbrev=False,
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="What you want, in words.")
    parser.add_argument("--requirements", metavar="FILE", help='What you want, in a file; "-" for standard input.')
    parser.add_argument(
        "--file", metavar="PATH[:START-END]", help="The code it is about, and the lines that are meant."
    )
    parser.add_argument(
        "--intent",
        choices=[intent.value for intent in Intent],
        default=Intent.IMPLEMENT.value,
        help="What to do (default: implement).",
    )
    add_workspace(parser)
    add_delivery(parser)
    add_output(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    try:
        request = request_from(args, args.environ)
        check_delivery(args, request.root)
        task = _task(args, request)
    except CodeteamError as error:
        if args.json:
            put_json(refusal_as_json(error))
        raise
    [result] = run_jobs([task], root=request.root, environ=args.environ, quiet=args.quiet)
    delivered = deliver(args, [result], request.root)
    if args.json:
        put_json(as_json(result, applied=delivered.applied(result)))
    show(result, quiet=args.quiet, printed=args.json, applied=delivered.applied(result))
    if delivered.refusal is not None:
        raise delivered.refusal
    return result.exit_code


def _task(args: argparse.Namespace, request: Request) -> Task:
    instruction = _instruction(args)
    intent = Intent(args.intent)
    if args.file is None and intent is not Intent.IMPLEMENT:
        raise BadInput(f"--intent {intent.value} needs code to work on.", "Give it with --file PATH[:START-END].")
    document = read_document(args.file, request.root) if args.file is not None else None
    return request.task(intent, document, instruction)


def _instruction(args: argparse.Namespace) -> str:
    if args.requirements is not None:
        if args.text is not None:
            raise BadInput("TEXT and --requirements both say what you want.", "Give one of them.")
        return read_requirement(args.requirements)
    if args.text is not None:
        text: str = args.text
        if not text.strip():
            raise BadInput("The requirement is empty.", "Say in words what you want.")
        if len(text.encode("utf-8", "replace")) > LIMIT:
            raise BadInput("The requirement is larger than 1 MiB, which no model reads.", "Say it shorter.")
        return text
    if args.file is None:
        raise BadInput(
            "Nothing is asked.",
            'Say what you want: codeteam run "…", or --requirements FILE, or --file PATH[:START-END].',
        )
    return ""
