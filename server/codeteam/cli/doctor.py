"""`codeteam doctor`: what works on this machine, and the one command that mends what does not."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib.util
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codeteam import __version__
from codeteam.cli.options import add_settings, idle_address, option_of, with_model, with_options
from codeteam.cli.terminal import harmless, put, put_json
from codeteam.domain.errors import CodeteamError
from codeteam.domain.settings import SandboxKind, Settings
from codeteam.jobs.history import History
from codeteam.jobs.log import Redactor, WorkerLog
from codeteam.jobs.places import state_dir
from codeteam.jobs.process import PYTHON, WorkerProcess, worker_argv
from codeteam.workspace.configuration import config_folder, user_settings
from codeteam.workspace.prompts import read_prompts

if TYPE_CHECKING:
    from codeteam.sandbox.abilities import Lack

_PATIENCE = 15.0
"""Seconds for the Docker engine to answer."""
_FAREWELL = 2.0
"""Seconds for a worker that was tried to end."""
_LITTLE_DISK = 3_000_000_000
_NO_DISK = 300_000_000
"""Bytes: an image, a few packages, the history."""
_NO_MODEL = frozenset({"model_editor", "model_unknown"})
"""Kinds of trouble that only another model ends."""
_MODEL_SETTINGS = ("model", "architect_model", "developer_model", "reviewer_model", "tester_model")
_MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    status: str
    """"ok", "warn" (jobs run) or "fail" (they do not)."""
    detail: str
    mend: str = ""
    """The command, or the one thing to do."""
    kind: str = ""
    """What is wrong, for programs: as in `codeteam.domain.errors`, or one of this module's own."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check this machine",
        description="What works on this machine, and the one command that mends what does not.",
        epilog="Exit code: 0 when jobs can run, 3 when they cannot.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    found = list(checks(args.environ, args))
    fine = all(check.status != "fail" for check in found)
    if args.json:
        put_json({"ok": fine, "checks": [dataclasses.asdict(check) for check in found]})
    else:
        for check in found:
            put(harmless(f"{_MARKS[check.status]} {check.name:<10} {check.detail}\n"))
            if check.mend and check.status != "ok":
                put(harmless(f"             → {check.mend}\n"))
    return 0 if fine else 3


def checks(environ: Mapping[str, str], args: argparse.Namespace) -> Iterator[Check]:
    """Every check; one that breaks down is a failed one, not the end of the others.

    Raises:
        BadInput: an option's value is wrong.
    """
    settings, problems = user_settings(config_folder(environ))
    settings = with_model(with_options(settings, args), environ)
    yield _settings(problems, environ)
    rounds: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("python", _python),
        ("worker", lambda: _worker(environ)),
        ("uv", _uv),
        ("sandbox", lambda: iter(asyncio.run(_sandbox(settings, environ)))),
        ("model", lambda: _models(settings, environ, args)),
        ("disk", lambda: _disk(environ)),
        ("history", lambda: _history(environ)),
    ]
    for name, look in rounds:
        try:
            yield from look()
        except CodeteamError as error:
            yield _failed(name, error)
        except Exception as error:  # noqa: BLE001 - a doctor does not die of the illness
            yield Check(name, "fail", f"{type(error).__name__}: {error}"[:300], "Please report it.")


def _settings(problems: tuple[str, ...], environ: Mapping[str, str]) -> Check:
    folder = config_folder(environ)
    _, unread = read_prompts(None, folder, trusted=False)
    wrong = (*problems, *unread)
    if wrong:
        return Check("settings", "warn", " ".join(wrong), f"Mend the files in {folder}.")
    return Check("settings", "ok", f"settings and prompts of {folder}")


def _python() -> Iterator[Check]:
    version = platform.python_version()
    if sys.version_info < (3, 11):  # noqa: UP036 - said rather than suffered, should an installer not care
        yield Check("python", "fail", f"Python {version} is too old", "uv tool install --python 3.12 codeteam")
    else:
        yield Check("python", "ok", f"Python {version} on {platform.system()} {platform.machine()}")


def _worker(environ: Mapping[str, str]) -> Iterator[Check]:
    """Whether the Python that was chosen for the workers runs one: it is tried."""
    chosen = environ.get(PYTHON, "").strip()
    if not chosen:
        return
    interpreter = worker_argv(environ)[0]
    try:
        asyncio.run(_start_worker(environ))
    except CodeteamError as error:
        there = shutil.which(interpreter) is not None
        mend = f"{shlex.quote(interpreter)} -I -m pip install codeteam=={__version__}" if there else f"unset {PYTHON}"
        yield Check("worker", "fail", f"{PYTHON}: {error.message}", mend, error.kind)
    else:
        yield Check("worker", "ok", f"workers run with {interpreter}")


async def _start_worker(environ: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        more = {"CODETEAM_HOME": folder, "CODETEAM_PROVIDERS": ""}
        log = WorkerLog(Path(folder), "doctor", Redactor(environ))
        worker = await WorkerProcess.start(worker_argv(environ), {**environ, **more}, log)
        try:
            await worker.ready()
        finally:
            await worker.close(_FAREWELL)


def _uv() -> Iterator[Check]:
    from uv import find_uv_bin  # noqa: PLC0415 - the package that carries the program

    try:
        yield Check("uv", "ok", str(find_uv_bin()))
    except FileNotFoundError:
        found = shutil.which("uv")
        if found:
            yield Check("uv", "ok", found)
        else:
            yield Check("uv", "fail", "uv, which fetches packages for the sandbox, is not there", "pip install uv")


async def _sandbox(settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    if settings.sandbox is SandboxKind.LOCAL:
        from codeteam.sandbox.local import lacks  # noqa: PLC0415 - as below

        detail = "generated code runs on this machine without isolation"
        mend = f"Remove sandbox from {config_folder(environ) / 'settings.toml'}."
        return [Check("sandbox", "warn", detail, mend), _protection("this machine", lacks(environ))]
    from codeteam.sandbox import image, mending  # noqa: PLC0415 - Docker's SDK takes its time
    from codeteam.sandbox.engine import Engine  # noqa: PLC0415

    engine = Engine(environ)
    try:
        async with asyncio.timeout(_PATIENCE):
            facts: dict[str, str] = await engine.call(lambda api: api.version())
            able = await engine.abilities(settings.sandbox_runtime or None)
        what = "Podman" if able.podman else "Docker"
        found = [Check("docker", "ok", f"{what} engine {facts.get('Version', '')} on {facts.get('Os', '')}")]
    except TimeoutError:
        detail = f"the Docker engine does not answer within {_PATIENCE:.0f} s"
        return [Check("docker", "fail", detail, mending.silent(mending.this_platform(environ)), "docker_down")]
    except CodeteamError as error:
        return [_failed("docker", error)]
    else:
        found.append(_protection(able.name, able.lacks, able.remark))
        there = await image.find(engine, settings.sandbox_image)
        if there is None:
            detail = "not built yet; the first job builds it"
            found.append(Check("image", "warn", detail, "codeteam sandbox build", "image_missing"))
        else:
            found.append(Check("image", "ok", there.shown))
            found.append(await _languages(settings, environ))
        return found
    finally:
        engine.close()


def _protection(where: str, lacks: tuple[Lack, ...], remark: str = "") -> Check:
    """What hostile code is not held back by there, and what gives it back."""
    if not lacks:
        return Check("protection", "ok", f"{where} gives all that containers are asked for{remark and f'; {remark}'}")
    missing = ", ".join(lack.protection for lack in lacks)
    return Check("protection", "warn", f"{where}: {missing}", " ".join(dict.fromkeys(lack.mend for lack in lacks)))


async def _languages(settings: Settings, environ: Mapping[str, str]) -> Check:
    """Which languages jobs can be in, and what mends those that they cannot."""
    from codeteam.sandbox.choose import open_docker  # noqa: PLC0415 - Docker's SDK takes its time

    sandbox = open_docker(settings, environ=environ)
    try:
        rows = await sandbox.survey()
    except CodeteamError as error:
        return _failed("languages", error)
    finally:
        await sandbox.aclose()
    # What this machine has no toolchain of is told, and no fault of it.
    absent = [f"not here: {row.tongue.title}. {why}" for row, _, why in rows if why and row.toolchain.of_this_machine]
    lacking = [f"{row.tongue.title}: {why}" for row, _, why in rows if why and not row.toolchain.of_this_machine]
    ready = ", ".join(row.tongue.title for row, there, why in rows if there and not why)
    later = ", ".join(row.tongue.title for row, there, why in rows if not there and not why)
    told = (ready and f"ready: {ready}", later and f"made ready when first needed: {later}", *absent)
    detail = "; ".join(filter(None, told))
    if lacking:
        return Check("languages", "warn", f"{detail}; cannot be used: {' '.join(lacking)}", "codeteam sandbox build")
    return Check("languages", "ok", detail)


def _models(settings: Settings, environ: Mapping[str, str], args: argparse.Namespace) -> Iterator[Check]:
    from codeteam.models.catalog import DEFAULT  # noqa: PLC0415 - AutoGen takes its time

    for spec in dict.fromkeys(spec or DEFAULT for spec in settings.models):
        try:
            check = _model(spec, settings, environ)
        except CodeteamError as error:
            check = Check("model", "fail", f"{spec}: {error.message}", error.hint, error.kind)
        if check.kind in _NO_MODEL:
            check = dataclasses.replace(check, mend=_other_model(spec, settings, environ, args))
        yield check
    if idle := idle_address(settings, args, environ):
        yield Check("model", "warn", idle, "codeteam doctor --model compatible/NAME --base-url URL")


def _other_model(spec: str, settings: Settings, environ: Mapping[str, str], args: argparse.Namespace) -> str:
    """How to choose another model, there where this one was chosen: elsewhere it would change nothing."""
    from codeteam.models.catalog import DEFAULT  # noqa: PLC0415

    name = next(name for name in _MODEL_SETTINGS if getattr(settings, name) == spec)
    if option_of(args, name) is not None:
        return f"codeteam doctor --{name.replace('_', '-')} {DEFAULT}"
    if name == "model" and not user_settings(config_folder(environ))[0].model:
        return f'$env:CODETEAM_MODEL = "{DEFAULT}"' if os.name == "nt" else f"export CODETEAM_MODEL={DEFAULT}"
    return f'Write {name} = "{DEFAULT}" into {config_folder(environ) / "settings.toml"}.'


def _model(spec: str, settings: Settings, environ: Mapping[str, str]) -> Check:
    """Whether a model could be asked; nothing is sent, for an answer costs money."""
    from codeteam.models.embedded import embedded, file_of, is_pulled, models_folder  # noqa: PLC0415
    from codeteam.models.endpoints import endpoint_of  # noqa: PLC0415
    from codeteam.models.script import read_script  # noqa: PLC0415

    provider, _, name = spec.partition("/")
    if provider == "local":
        model, folder = embedded(name), models_folder(environ)
        if importlib.util.find_spec("xllamacpp") is None:
            mend = "pip install 'codeteam[local]'"
            return Check("model", "fail", f"{spec}: its engine is not installed", mend, "model_engine")
        if not is_pulled(model, folder):
            detail = f"{spec}: not on this machine yet ({model.size / 1e9:.1f} GB)"
            return Check("model", "fail", detail, f"codeteam model pull {name}", "model_file")
        return Check("model", "ok", f"{spec}: {file_of(model, folder)}")
    if provider == "editor":
        detail = f"{spec}: a model that an editor lends, and the command line has none"
        return Check("model", "fail", detail, kind="model_editor")
    if provider == "script":
        read_script(Path(name).expanduser())
        return Check("model", "ok", f"{spec}: recorded replies")
    if provider not in {"openai", "azure", "anthropic", "gemini", "ollama", "compatible"} or not name:
        return Check("model", "fail", f"{spec} is no model", kind="model_unknown")
    endpoint = endpoint_of(provider, name, base_url=settings.base_url, environ=environ)
    return Check("model", "ok", f"{spec}: {'a key is set' if endpoint.key else 'no key needed'}; not asked")


def _disk(environ: Mapping[str, str]) -> Iterator[Check]:
    from codeteam.sandbox.choose import cache_folder  # noqa: PLC0415 - Docker's SDK takes its time

    places = (state_dir(environ), cache_folder(environ))
    free, place = min((shutil.disk_usage(_existing(place)).free, place) for place in places)
    detail = f"{free / 1e9:.1f} GB free for {place}"
    status = "fail" if free < _NO_DISK else "warn" if free < _LITTLE_DISK else "ok"
    yield Check("disk", status, detail, "codeteam sandbox prune --volumes")


def _failed(name: str, error: CodeteamError) -> Check:
    return Check(name, "fail", error.message, error.hint, error.kind)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _history(environ: Mapping[str, str]) -> Iterator[Check]:
    history = History(state_dir(environ))
    try:
        known = len(history.jobs(1000))
    finally:
        history.close()
    home = state_dir(environ)
    if not os.access(home, os.W_OK):
        yield Check("history", "warn", f"{home} cannot be written", "export CODETEAM_HOME=~/codeteam")
    else:
        yield Check("history", "ok", f"{known if known < 1000 else 'over 1000'} jobs in {history.path}")
