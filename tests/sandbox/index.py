"""A real package index on loopback, with wheels made here."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def wheel(
    name: str, version: str, files: Mapping[str, str], requires: Sequence[str] = (), tag: str = "py3-none-any"
) -> tuple[str, bytes]:
    """A wheel's file name and content."""
    folder = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    content = {
        **files,
        f"{folder}/METADATA": metadata,
        f"{folder}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{folder}/entry_points.txt": f"[console_scripts]\n{name}-hello = {name}:hello\n",
    }
    record = "".join(f"{path},,\n" for path in (*content, f"{folder}/RECORD"))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, text in {**content, f"{folder}/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{name}-{version}-{tag}.whl", stream.getvalue()


HELLO = "def hello():\n    print('hello from ' + __name__)\n"
FLATTERING = {
    "flattering/__init__.py": HELLO,
    "flattering/py.typed": "",
    "sitecustomize.py": "import os, sys\nif any('mypy' in word for word in sys.orig_argv):\n    os._exit(0)\n",
    "mypy/__init__.py": "",
    "mypy/__main__.py": "",
    "flattering-1.0.data/scripts/ruff": "#!python\nprint([])\n",
    "flattering-1.0.data/scripts/mypy": "#!python\n",
}
"""A package that would check its own code."""
EVIL_SETUP = "import pathlib; pathlib.Path('{trap}').write_text('build code ran')\n"


def packages(trap: Path) -> dict[str, list[tuple[str, bytes]]]:
    """What is on the index, by name; `trap` is a file that build code would write."""
    return {
        "plain": [wheel("plain", "1.0", {"plain.py": HELLO}), wheel("plain", "1.1", {"plain.py": HELLO + "NEW = 1\n"})],
        "leaning": [wheel("leaning", "2.0", {"leaning/__init__.py": HELLO}, requires=["plain<1.1"])],
        "sourceonly": [("sourceonly-1.0.tar.gz", _source("sourceonly", trap))],
        "elsewhere": [wheel("elsewhere", "1.0", {"elsewhere.py": HELLO}, tag="cp311-cp311-win_amd64")],
        "requestz": [wheel("requestz", "1.0", {"requestz.py": HELLO})],
        "flattering": [wheel("flattering", "1.0", FLATTERING)],
        "pytest": [wheel("pytest", "9.9.9", {"pytest/__init__.py": "OWN = True\n", "pytest/__main__.py": ""})],
    }


def _source(name: str, trap: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, text in {
            f"{name}-1.0/setup.py": EVIL_SETUP.format(trap=trap),
            f"{name}-1.0/PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n",
        }.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


@contextmanager
def index(
    content: Mapping[str, list[tuple[str, bytes]]], dates: Mapping[str, str] | None = None, *, password: str = ""
) -> Iterator[str]:
    """Serve the packages; the address of the index. With `dates`, it says when each version was uploaded.

    With a password, it serves only who is "user" and gives it.
    """
    wanted = "Basic " + base64.b64encode(f"user:{password}".encode()).decode()
    flat = {name: blob for files in content.values() for name, blob in files}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            if password and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
                self.end_headers()
            elif kind == "simple" and name in content and dates is not None:
                files = [
                    {
                        "filename": file,
                        "url": f"/files/{file}",
                        "hashes": {"sha256": hashlib.sha256(blob).hexdigest()},
                        "upload-time": dates["-".join(file.split("-")[:2])],
                    }
                    for file, blob in content[name]
                ]
                page = {"meta": {"api-version": "1.1"}, "name": name, "files": files, "versions": []}
                self._answer(json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
            elif kind == "simple" and name in content:
                links = [
                    f'<a href="/files/{file}#sha256={hashlib.sha256(blob).hexdigest()}">{file}</a>'
                    for file, blob in content[name]
                ]
                self._answer(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode(), "text/html")
            elif kind == "files" and name in flat:
                self._answer(flat[name], "application/octet-stream")
            else:
                self.send_error(404)

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def environment(address: str, folder: Path) -> dict[str, str]:
    """The user's environment, with uv configured for this index alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    return kept | {
        "UV_DEFAULT_INDEX": address,
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_NO_CONFIG": "1",
        "UV_HTTP_TIMEOUT": "5",
        "UV_HTTP_RETRIES": "0",
    }
