"""Where results go: standard output, a patch file, the workspace."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codeteam.cli.inputs import check_patch, check_workspace_writable
from codeteam.cli.result import Result
from codeteam.cli.terminal import put, tell
from codeteam.cli.words import finding_in_words, summary
from codeteam.domain.artifacts import Status
from codeteam.domain.errors import BadInput, CodeteamError
from codeteam.jobs.history import History
from codeteam.jobs.places import state_dir
from codeteam.workspace.apply import apply_files


def add_delivery(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="Write an accepted proposal into the workspace.")
    parser.add_argument("--patch", metavar="FILE", help="Write the patch to this file as well.")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print one JSON object instead of the patch.")
    parser.add_argument("--quiet", action="store_true", help="Show no progress and no evidence, errors only.")


def check_delivery(args: argparse.Namespace, root: Path) -> None:
    """Raises BadInput when the result could not be delivered; said before the job, for afterwards is too late."""
    if getattr(args, "patch", None):
        check_patch(args.patch)
    if getattr(args, "apply", False):
        check_workspace_writable(root)


@dataclass(frozen=True, slots=True)
class Delivered:
    jobs: tuple[str, ...]
    """Those whose files were written into the workspace."""
    refusal: CodeteamError | None
    """Why something was not written; raised after the results are printed, for they must not be lost."""

    def applied(self, result: Result) -> bool:
        return result.task.job in self.jobs


def deliver(args: argparse.Namespace, results: Sequence[Result], root: Path) -> Delivered:
    """Write the patch file, and accepted proposals into the workspace."""
    applied: list[str] = []
    try:
        if getattr(args, "patch", None):
            _write_patch(Path(args.patch).expanduser(), "".join(result.patch for result in results))
        for result in results if getattr(args, "apply", False) else ():
            if result.proposal is None or not result.proposal.files:
                continue
            if result.status is Status.ACCEPTED:
                apply_files(root, result.proposal.files, result.task.texts)
                applied.append(result.task.job)
            else:
                tell("not applied, for it is below the quality asked for; --require LEVEL asks for less")
    except CodeteamError as error:
        return Delivered(_remembered(args, applied), error)
    return Delivered(_remembered(args, applied), None)


def _remembered(args: argparse.Namespace, applied: Sequence[str]) -> tuple[str, ...]:
    """The same jobs; that they were applied is in the history, where they are."""
    if applied:
        history = History(state_dir(args.environ))
        try:
            for job in applied:
                history.applied(job)
        except CodeteamError as error:
            tell(f"that it was applied is not kept in the history: {error}")
        finally:
            history.close()
    return tuple(applied)


def show(result: Result, *, quiet: bool, printed: bool, applied: bool) -> None:
    """The patch, or without one the findings, to standard output unless `printed`; the rest to standard error."""
    found = [finding_in_words(finding) for finding in result.findings]
    if not printed:
        put(result.patch or "".join(f"{words}\n" for words in found))
    if quiet and result.status is not Status.FAILED:
        return
    tell(summary(result))
    if quiet:
        return
    if result.patch and not printed:
        for words in found:
            tell(f"  {words}")
    if applied:
        tell("  applied to the workspace")
    if result.kept:
        tell(f"  everything about it: codeteam jobs {result.task.job}")


def _write_patch(path: Path, patch: str) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(patch)
    except OSError as error:
        raise BadInput(f"The patch could not be written to {path}: {error.strerror}.", "It is printed.") from None
