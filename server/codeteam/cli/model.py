"""`codeteam model list | pull NAME | serve NAME`: the models that run on this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path

from platformdirs import user_state_path
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from codeteam.domain.errors import CodeteamError
from codeteam.models.embedded import EMBEDDED, Embedded, embedded, file_of, is_pulled, models_folder
from codeteam.models.pull import pull
from codeteam.models.serving import serve


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("model", help="the embedded models: list, pull, serve")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="which there are, and which of them are on this machine")
    listing.add_argument("--json", action="store_true", help="one JSON array on stdout")
    listing.set_defaults(run=_list)
    pulling = actions.add_parser("pull", help="fetch a model and verify it; CODETEAM_MODEL_FILE names a copy you have")
    pulling.add_argument("name", metavar="NAME", help="for example qwen2.5-coder-1.5b")
    pulling.set_defaults(run=_pull)
    serving = actions.add_parser("serve", help="run a model for other programs until interrupted (OpenAI-compatible)")
    serving.add_argument("name", metavar="NAME", help="for example qwen2.5-coder-1.5b")
    serving.set_defaults(run=_serve)


def _list(args: argparse.Namespace) -> int:
    folder = models_folder(os.environ)
    if args.json:
        sys.stdout.write(json.dumps([_row(model, folder) for model in EMBEDDED], indent=2) + "\n")
        return 0
    for model in EMBEDDED:
        state = str(file_of(model, folder)) if is_pulled(model, folder) else f"codeteam model pull {model.name}"
        sys.stdout.write(f"local/{model.name:20} {model.size / 1e9:4.1f} GB  {model.licence}  {state}\n")
    return 0


def _row(model: Embedded, folder: Path) -> dict[str, object]:
    return {
        "name": model.name,
        "spec": f"local/{model.name}",
        "size": model.size,
        "memory": model.memory,
        "sha256": model.sha256,
        "licence": model.licence,
        "pulled": is_pulled(model, folder),
        "path": str(file_of(model, folder)),
    }


def _pull(args: argparse.Namespace) -> int:
    try:
        model = embedded(args.name)
        if is_pulled(model, models_folder(os.environ)):
            sys.stderr.write("It is there already.\n")
            path = file_of(model, models_folder(os.environ))
        else:
            path = _pull_shown(model)
    except CodeteamError as error:
        return _told(error)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; the same command goes on from here.\n")
        return 130
    sys.stdout.write(f"{path}\n")
    return 0


def _pull_shown(model: Embedded) -> Path:
    """Pull with a bar on a terminal, and a line every few seconds elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return pull(model, environ=os.environ, progress=_Lines(model.name))
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task(model.name, total=model.size)

        def update(done: int, total: int, words: str) -> None:
            bar.update(shown, completed=done, total=total, description=f"{model.name} from {words}")

        return pull(model, environ=os.environ, progress=update)


class _Lines:
    """Progress as plain lines."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0.0

    def __call__(self, done: int, total: int, words: str) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + 5
            sys.stderr.write(f"{self._name}: {100 * done // total} % of {total / 1e9:.1f} GB, from {words}\n")
            sys.stderr.flush()


def _serve(args: argparse.Namespace) -> int:
    home = os.environ.get("CODETEAM_HOME", "")
    state = Path(home).expanduser() if home else user_state_path("codeteam", appauthor=False)
    try:
        asyncio.run(_serve_until_interrupted(embedded(args.name), state))
    except CodeteamError as error:
        return _told(error)
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve_until_interrupted(model: Embedded, home: Path) -> None:
    serving = await serve(model, environ=os.environ, home=home)
    try:
        # For the user who asked for it, in a form that a shell can take: the key is of this run only.
        sys.stdout.write(f"export CODETEAM_MODEL=compatible/{model.name}\n")
        sys.stdout.write(f"export CODETEAM_BASE_URL={serving.base_url}\nexport CODETEAM_API_KEY={serving.key}\n")
        sys.stdout.flush()
        while serving.alive():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(2)
    finally:
        await serving.aclose()


def _told(error: CodeteamError) -> int:
    sys.stderr.write(f"{error.message}\n")
    if error.hint:
        sys.stderr.write(f"{error.hint}\n")
    return error.exit_code
