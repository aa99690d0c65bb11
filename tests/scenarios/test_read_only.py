"""`--apply` into a workspace that cannot be written is refused before anything is asked or paid for."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.cli.command import Place, slug_replies


def test_apply_to_a_read_only_workspace(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(tmp_path_factory.mktemp("read_only"))
    command = place.command("run", "Slugs", "--apply", "--json", "--model", place.script(slug_replies()))
    workspace = place.workspace
    if os.geteuid() == 0:  # whom permissions do not stop, but a read-only mount does
        mounting = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mounting, str(workspace), *command]
    workspace.chmod(0o555)
    done = subprocess.run(
        command, cwd=workspace, env=place.environ, capture_output=True, text=True, timeout=60, check=False
    )
    workspace.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "workspace_not_writable" in done.stdout
    assert "Make it writable, or leave out --apply" in done.stderr
    assert place.run("jobs", "--json").json["jobs"] == []
