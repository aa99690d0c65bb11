"""`codeteam demo`: the main job on the examples that ship, in a folder of its own."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import codeteam
from codeteam.cli.headless import run_jobs
from codeteam.cli.inputs import Request
from codeteam.cli.options import with_model
from codeteam.cli.result import CANCELLED
from codeteam.cli.terminal import put, tell
from codeteam.cli.words import finding_in_words, summary
from codeteam.domain.errors import BadInput
from codeteam.domain.settings import Settings
from codeteam.domain.task import Intent
from codeteam.sandbox.scratch import scratch
from codeteam.workspace.configuration import config_folder, user_settings


@dataclass(frozen=True, slots=True)
class Example:
    """A requirement that ships."""

    name: str
    requirement: str
    """File of the examples' folder."""
    replies: str
    """File of recorded replies; empty where a model is asked."""
    framework: str = ""


EXAMPLES = (
    Example("small", "small.md", ""),
    Example("rest-api", "rest-api.md", "rest-api.replies.md", "FastAPI"),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="run the examples that ship",
        description="The main job on the examples that ship: a small one with a real model, "
        "and a REST API from recorded replies. With CODETEAM_MODEL set, both ask that model.",
        allow_abbrev=False,
    )
    parser.add_argument("example", nargs="?", choices=[example.name for example in EXAMPLES], help="Only this one.")
    parser.add_argument("--quiet", action="store_true", help="Show no progress.")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the examples; the exit code is the worst one."""
    folder = _folder()
    settings, problems = user_settings(config_folder(args.environ))
    for problem in problems:
        tell(f"warning: {problem}")
    chosen = [example for example in EXAMPLES if args.example in (None, example.name)]
    codes: list[int] = []
    for example in chosen:
        codes.append(_show(example, folder, settings, args))
        if codes[-1] == CANCELLED:
            break
    return max(codes)


def _show(example: Example, folder: Path, settings: Settings, args: argparse.Namespace) -> int:
    environ: Mapping[str, str] = args.environ
    settings = with_model(settings, environ)
    if example.replies and not settings.model:
        settings = dataclasses.replace(settings, model=f"script/{folder / example.replies}")
    if example.framework:
        settings = dataclasses.replace(settings, framework=example.framework)
    recorded = settings.model.startswith("script/")  # whoever chose it: what is recorded is never called a model
    requirement = (folder / example.requirement).read_text("utf-8")
    put(f"{_title(example, settings.model, recorded=recorded)}\n\n{_indented(requirement)}\n\n")
    with scratch("demo") as workspace:
        request = Request(workspace, settings, config_folder(environ), trusted=False)
        task = request.task(Intent.IMPLEMENT, None, requirement)
        [result] = run_jobs([task], root=workspace, environ=environ, quiet=args.quiet)
    put(result.patch + "\n" if result.patch else "")
    put("".join(f"{finding_in_words(finding)}\n" for finding in result.findings))
    said = " (recorded replies; the sandbox, the packages and the tests are real)" if recorded else ""
    put(f"{example.name}{said}: {summary(result)}\n  everything about it: codeteam jobs {task.job}\n\n")
    return result.exit_code


def _title(example: Example, model: str, *, recorded: bool) -> str:
    if recorded:
        how = "RECORDED REPLIES, no model is asked; the sandbox, the packages and the tests are real"
    else:
        how = f"a real model, {model or 'the embedded one'}, and a real sandbox"
    return f"=== {example.name}: {how} ==="


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip().splitlines())


def _folder() -> Path:
    """The examples: inside the installed package, or beside the sources."""
    package = Path(codeteam.__file__).resolve().parent
    for folder in (package / "examples", package.parents[1] / "examples"):
        if (folder / EXAMPLES[0].requirement).is_file():
            return folder
    raise BadInput("The examples are not installed.", "Install Codeteam again: pip install --force-reinstall codeteam")
