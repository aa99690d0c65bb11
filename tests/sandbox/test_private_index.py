"""Private indexes: the user's own configuration is honoured, nobody else's is, and its keys go nowhere else."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import DependencySet, Limits
from tests.cli.command import ARCHITECT, SLUG, Place, fence, slug_replies
from tests.sandbox.conftest import CACHE
from tests.sandbox.index import HELLO, index, wheel

KEY = "geheim-4711"
ELSEWHERE = "http://127.0.0.1:9/simple"
ASK = """
import asyncio, os, sys
from pathlib import Path
from codeteam.domain.errors import CodeteamError
from codeteam.sandbox.dependencies import Resolver, Target
from codeteam.sandbox.npm import Npm

async def main(kind, cache, line):
    asked = Resolver(cache=Path(cache), environ=os.environ)
    if kind == "npm":
        asked = Npm(cache=Path(cache), environ=os.environ, resolver=asked)
    try:
        print(await asked.lock((line,), Target("3.11.7")))
    except CodeteamError as error:
        print("unavailable:", error)

asyncio.run(main(*sys.argv[1:]))
"""


def ask(kind: str, cache: Path, line: str, temporary: Path, **environ: str) -> str:
    """What comes of looking a requirement up in a process whose temporary folder is that one, and its current one."""
    own = {name: value for name, value in os.environ.items() if not name.lower().startswith(("uv_", "pip_", "npm_"))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK, kind, str(cache), line],
        cwd=temporary,
        env=own | {"TMPDIR": str(temporary), "UV_HTTP_RETRIES": "0", "npm_config_fetch_retries": "0"} | environ,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return done.stdout + done.stderr


def uv_settings(folder: Path, address: str, password: str) -> dict[str, str]:
    """The user's own settings, with the key in the address."""
    (folder / "uv").mkdir(parents=True, exist_ok=True)
    url = address.replace("//", f"//user:{password}@")
    (folder / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{url}"\ndefault = true\n', "utf-8")
    return {"XDG_CONFIG_HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache")}


@pytest.mark.parametrize("hostile", ["uv.toml", "pyproject.toml"])
def test_the_users_own_uv_settings_alone_choose_the_index(tmp_path: Path, hostile: str) -> None:
    table = "[[index]]" if hostile == "uv.toml" else "[project]\nname = 'a'\nversion = '1'\n[[tool.uv.index]]"
    (tmp_path / hostile).write_text(f'{table}\nurl = "{ELSEWHERE}"\ndefault = true\n', "utf-8")
    with index({"privately": [wheel("privately", "1.0", {"privately.py": HELLO})]}, password=KEY) as address:
        own = uv_settings(tmp_path / "config", address, KEY)
        found = ask("uv", tmp_path / "cache", "privately", tmp_path, **own)
        missing = ask("uv", tmp_path / "cache", "surely-invented-package", tmp_path, **own)
        own = uv_settings(tmp_path / "config", address, "wrong-0815")
        refused = ask("uv", tmp_path / "other", "privately", tmp_path, **own)
    gone = ask("uv", tmp_path / "other", "privately", tmp_path, **uv_settings(tmp_path / "config", address, KEY))
    assert "privately==1.0" in found
    assert "no package of this name" in missing
    assert "unavailable" in gone
    for said in (found, missing, refused, gone, *contents(tmp_path / "cache"), *contents(tmp_path / "other")):
        assert KEY not in said
        assert "wrong-0815" not in said
        assert str(tmp_path) not in said


@contextmanager
def npm_index(name: str) -> Iterator[str]:
    """A registry on loopback that has one package, for who has the key; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = self.path == f"/{name}"
            allowed = self.headers.get("Authorization") == f"Bearer {KEY}"
            tarball = f"http://{self.headers['Host']}/{name}/-/{name}-1.0.0.tgz"
            one = {"name": name, "version": "1.0.0", "dist": {"tarball": tarball, "integrity": "sha512-" + "A" * 88}}
            body = json.dumps({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": one}}).encode()
            self.send_response(401 if not allowed else 200 if there else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body if allowed and there else b"{}")

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def test_the_users_own_npm_settings_alone_choose_the_index(tmp_path: Path, places: Path) -> None:
    shared = tmp_path / "temporary"
    shared.mkdir()
    (shared / "package.json").write_text('{"workspaces": ["*"]}', "utf-8")
    (shared / ".npmrc").write_text(f"registry={ELSEWHERE}\n", "utf-8")
    name = f"privately-{secrets.token_hex(4)}"
    with npm_index(name) as address:
        settings = tmp_path / "npmrc"
        settings.write_text(f"registry=http://{address}\n//{address}:_authToken={KEY}\n", "utf-8")
        own = {"NPM_CONFIG_USERCONFIG": str(settings), "npm_config_cache": str(tmp_path / "npm")}
        found = ask("npm", places / CACHE, f"{name}@*", shared, **own)
        missing = ask("npm", places / CACHE, "surely-invented-package@*", shared, **own)
        settings.write_text(f"registry=http://{address}\n//{address}:_authToken=wrong-0815\n", "utf-8")
        refused = ask("npm", places / CACHE, f"{name}@^1", shared, **own)
    assert f'"node_modules/{name}"' in found
    assert "no package of this name" in missing
    assert "unavailable" in refused
    for said in (found, missing, refused, *contents(places / CACHE / "locks")):
        assert KEY not in said
        assert "wrong-0815" not in said
        assert str(tmp_path) not in said


@pytest.mark.docker
async def test_a_key_is_nowhere_after_a_job(tmp_path: Path, docker_ready: Path) -> None:
    name = f"privately{secrets.token_hex(4)}"
    replies = slug_replies()
    replies["architect"] = [ARCHITECT.replace('"dependencies": []', f'"dependencies": ["{name}"]')]
    draft = SLUG + f"\n\nimport os\n\nimport {name}\n\nprint({name}.__name__, os.environ)\n"
    replies["developer"] = [fence("slug.py", draft)]
    place = Place(tmp_path)
    with index({name: [wheel(name, "1.0", {f"{name}.py": HELLO})]}, password=KEY) as address:
        own = uv_settings(tmp_path / "config", address, KEY) | {"CODETEAM_CACHE": str(tmp_path / "cache")}
        place = place.with_environ(**own)
        done = place.run("run", "Slugs", "--json", "--require", "draft", "--model", place.script(replies))
        sandbox = DockerSandbox(cache=tmp_path / "cache", environ=place.environ, limits=Limits())
        ready = await sandbox.prepare((name,))
        assert isinstance(ready, DependencySet)
        await sandbox._engine.call(lambda api: api.remove_volume(f"codeteam-deps-{ready.key}"))
        await sandbox.aclose()
    assert done.code == 0, done.err
    kept = contents(place.home)
    assert any(name in text for text in kept), "the history is there"
    for said in (done.out, done.err, *kept, *contents(tmp_path / "cache")):
        assert KEY not in said


def contents(folder: Path) -> list[str]:
    return [path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file()]
