"""`codeteam serve`: the language server on standard input and output."""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import os
import secrets
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from codeteam.domain.settings import Settings
from codeteam.jobs.engine import Engine
from codeteam.jobs.places import state_dir
from codeteam.lsp.server import Composition
from codeteam.lsp.serving import serve
from codeteam.workspace.configuration import config_folder, user_settings

if TYPE_CHECKING:
    from codeteam.jobs.history import History


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "serve", help="the language server on stdio", description="Serve an editor on standard input and output."
    )
    parser.add_argument(
        "--log-level", default="warning", choices=["debug", "info", "warning", "error"], help="what goes to stderr"
    )
    parser.add_argument(
        "--stdio", action="store_true", help="accepted because some editors add it; there is no other way"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve one client; 0 when it shut the server down before leaving, else 1."""
    logging.basicConfig(level=args.log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(composition(args.environ)))
    return 1  # not reached


def composition(environ: Mapping[str, str]) -> Composition:
    """The server's parts on this machine."""
    home, config = state_dir(environ), config_folder(environ)
    settings, problems = user_settings(config)

    # Loaded when the editor has had its first answer: it waits for nothing of this.
    @functools.cache
    def history() -> History:
        from codeteam.jobs.history import History  # noqa: PLC0415

        return History(home)

    def load() -> None:
        from codeteam.jobs.history import History  # noqa: F401, PLC0415
        from codeteam.jobs.supervisor import WorkerEngine  # noqa: F401, PLC0415

    def make_engine(chosen: Settings) -> Engine:
        from codeteam.jobs.supervisor import WorkerEngine  # noqa: PLC0415

        return WorkerEngine(home=home, environ=environ, history=history(), jobs=chosen.jobs)

    return Composition(
        load=load,
        make_engine=make_engine,
        history=history,
        new_id=lambda: secrets.token_hex(6),
        home=home,
        settings=settings,
        config=config,
        problems=problems,
    )


async def _serve(parts: Composition) -> None:
    code = await serve(parts)
    logging.shutdown()
    sys.stderr.flush()
    # A thread that still reads a slow disk must not keep the editor waiting; every process of ours has ended.
    os._exit(code)
