"""A real proxy of Go modules on loopback, with modules made here."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

OLD = "2020-01-01T00:00:00Z"


@dataclass(frozen=True)
class Module:
    """One version of a module."""

    path: str
    version: str
    files: Mapping[str, str]
    """Go files by name; `go.mod` is made."""
    requires: Sequence[str] = ()
    """Lines `path version`."""
    go: str = "1.21"
    time: str = OLD
    marked: bool = True
    """Whether the manifest tells other code apart."""


def library(
    path: str,
    version: str = "v1.0.0",
    body: str = "",
    requires: Sequence[str] = (),
    go: str = "1.21",
    time: str = OLD,
) -> Module:
    """A module of one package that says hello; `body` is more code of it."""
    name = re.sub(r"/v\d+$", "", path).rpartition("/")[2].lower()
    text = f'package {name}\n\n{body}\n\nfunc Hello() string {{ return "hello from {path} {version}" }}\n'
    return Module(path, version, {f"{name}.go": text}, requires, go, time)


@dataclass
class Proxy:
    """What is served, and what was asked."""

    modules: Sequence[Module]
    address: str = ""
    asked: list[str] = field(default_factory=list)
    """Paths, in order."""

    def answer(self, path: str) -> bytes | None:
        plain = re.sub(r"!([a-z])", lambda match: match[1].upper(), unquote(path))
        name, _, what = plain.strip("/").partition("/@")
        found = {module.version: module for module in self.modules if module.path == name}
        if not found:
            return None
        if what == "latest":
            return _facts(found[max(found)])
        if what == "v/list":
            return "".join(f"{version}\n" for version in found if not re.search(r"-\d{14}-", version)).encode()
        version, _, kind = what.removeprefix("v/").rpartition(".")
        if version not in found:
            return None
        module = found[version]
        return {"info": _facts, "mod": _manifest, "zip": _archive}[kind](module)


def _facts(module: Module) -> bytes:
    return json.dumps({"Version": module.version, "Time": module.time}).encode()


def _manifest(module: Module) -> bytes:
    requires = "".join(f"require {line}\n" for line in module.requires)
    # Volumes have their names by manifests and outlive tests: other code is another manifest.
    mark = f"// {hashlib.sha256(repr(sorted(module.files.items())).encode()).hexdigest()}\n" if module.marked else ""
    return f"module {module.path}\n\ngo {module.go}\n\n{requires}{mark}".encode()


def _archive(module: Module) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in {"go.mod": _manifest(module).decode(), **module.files}.items():
            archive.writestr(f"{module.path}@{module.version}/{name}", text)
    return stream.getvalue()


@contextmanager
def proxy(*modules: Module) -> Iterator[Proxy]:
    """Serve the modules."""
    served = Proxy(modules)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            body = served.answer(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        served.address = f"http://127.0.0.1:{server.server_port}"
        yield served
    finally:
        server.shutdown()
        server.server_close()
