"""Options made from the settings, and settings made from options, the user's file and the workspace's."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from codeteam.cli.terminal import tell
from codeteam.domain.errors import BadInput
from codeteam.domain.settings import Settings
from codeteam.workspace.configuration import config_folder, parse_settings, user_settings, workspace_settings

_SWITCHES = {"require_tests": "--no-tests", "require_docs": "--no-docs"}
_WHERE = "command line"


def add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for every setting; nothing is checked here, so that every message comes from one place."""
    group = parser.add_argument_group("settings")
    for field in fields(Settings):
        doc = str(field.metadata["doc"]).replace("%", "%%")
        if field.name in _SWITCHES:
            group.add_argument(
                _SWITCHES[field.name], dest=_dest(field.name), action="store_const", const=False, help=f"Not: {doc}"
            )
        elif isinstance(field.default, bool):
            name = field.name.replace("_", "-")
            group.add_argument(f"--{name}", dest=_dest(field.name), action="store_const", const=True, help=doc)
        else:
            name = field.name.replace("_", "-")
            group.add_argument(f"--{name}", dest=_dest(field.name), metavar=name.rpartition("-")[2].upper(), help=doc)


def settings_from(args: argparse.Namespace, root: Path, environ: Mapping[str, str]) -> Settings:
    """Options win over the workspace's file, which may only tighten the user's own.

    Raises:
        BadInput: an option's value is wrong, or changes nothing; what is wrong in a file is told and ignored.
    """
    settings, problems = user_settings(config_folder(environ))
    settings, more = workspace_settings(root, settings)
    for problem in (*problems, *more):
        tell(f"warning: {problem}")
    settings = with_options(settings, args)
    if idle := idle_address(settings, args, environ):
        raise BadInput(idle, "Give it with --model compatible/NAME.")
    if settings.sandbox.value == "local":
        tell("warning: generated code runs on this machine without isolation (sandbox: local).")
    return settings


def with_options(settings: Settings, args: argparse.Namespace) -> Settings:
    """The settings as the options of `add_settings` change them.

    Raises:
        BadInput: an option's value is wrong.
    """
    given = {
        field.name.replace("_", "-"): _typed(value, type(field.default))
        for field in fields(Settings)
        if (value := option_of(args, field.name)) is not None
    }
    settings, wrong = parse_settings(given, where=_WHERE, base=settings)
    if wrong:
        raise BadInput(" ".join(wrong), "See `--help` of the command.")
    return settings


def option_of(args: argparse.Namespace, name: str) -> object:
    """What the option of a setting says; None where it was not given."""
    return getattr(args, _dest(name))


def with_model(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings with the environment's model where none was chosen."""
    return settings if settings.model else replace(settings, model=environ.get("CODETEAM_MODEL", ""))


def idle_address(settings: Settings, args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """What is wrong with `--base-url` where no model is asked there; empty where all is well.

    In settings it may stand for a model that is chosen another time; the other providers' addresses are their own
    variables, for each has its own form, and a key must not go to another's server.
    """
    if not option_of(args, "base_url"):
        return ""
    models = with_model(settings, environ).models
    if any(spec.partition("/")[0] == "compatible" for spec in models):
        return ""
    used = ", ".join(dict.fromkeys(spec or "the embedded model" for spec in models))
    return f"--base-url is the address of compatible/NAME alone, and the team's model is {used}."


def _dest(name: str) -> str:
    return f"setting_{name}"


def _typed(text: object, kind: type) -> object:
    """Numbers as numbers; what is none stays text, and is refused with the message of the setting."""
    if isinstance(text, str) and kind in (int, float):
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text
