"""`codeteam prompts`: the text that each role is given, and a copy of it to change."""

from __future__ import annotations

import argparse
from importlib import resources
from importlib.resources.abc import Traversable

from codeteam.cli.terminal import put, tell
from codeteam.domain.errors import BadInput
from codeteam.workspace.configuration import config_folder


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("prompts", help="show or change the roles' prompts", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    shown = actions.add_parser("show", help="print the prompt that counts", allow_abbrev=False)
    ejected = actions.add_parser("eject", help="copy the packaged prompt to where yours are", allow_abbrev=False)
    for action, function in ((shown, show), (ejected, eject)):
        action.add_argument("role", metavar="ROLE", help=", ".join(roles()))
        action.set_defaults(run=function)
    ejected.add_argument("--force", action="store_true", help="Write over your own copy.")


def roles() -> tuple[str, ...]:
    """Roles with a packaged prompt."""
    return tuple(sorted(file.name.removesuffix(".md") for file in _folder().iterdir() if file.name.endswith(".md")))


def show(args: argparse.Namespace) -> int:
    packaged = _packaged(args.role)
    own = config_folder(args.environ) / "prompts" / f"{args.role}.md"
    if own.is_file():
        tell(f"from {own}")
        try:
            put(own.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{own} cannot be read as UTF-8 text: {error}.", "Mend it, or delete it.") from None
    else:
        put(packaged)
    return 0


def eject(args: argparse.Namespace) -> int:
    packaged = _packaged(args.role)
    own = config_folder(args.environ) / "prompts" / f"{args.role}.md"
    if own.exists() and not args.force:
        raise BadInput(f"{own} exists.", "Change that file, or write over it with --force.")
    try:
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(packaged, "utf-8")
    except OSError as error:
        raise BadInput(f"{own} cannot be written: {error.strerror}.", "Make its folder writable.") from None
    put(f"{own}\n")
    tell("Change this file; it is used instead of the packaged prompt. Delete it to go back.")
    return 0


def _packaged(role: str) -> str:
    if role not in roles():
        raise BadInput(f"There is no role {role!r}.", f"The roles are {', '.join(roles())}.")
    return (_folder() / f"{role}.md").read_text("utf-8")


def _folder() -> Traversable:
    # by path, for importing `codeteam.team` must not be needed to print its files
    return resources.files("codeteam") / "team" / "prompts"
