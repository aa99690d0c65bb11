"""A real image registry on loopback that holds one image."""

from __future__ import annotations

import hashlib
import json
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@contextmanager
def registry(layer: bytes) -> Iterator[tuple[str, str]]:
    """Serve `demo:1` with one layer; the registry's address and the digest of its image."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    config = json.dumps(
        {
            "architecture": machine,
            "os": "linux",
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Entrypoint": ["/bin/false"], "Cmd": ["x"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    ).encode()
    parts = {
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **_blob(config)},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar", **_blob(layer)}],
    }
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **parts}).encode()
    answers = {
        "/v2/": (b"{}", "application/json"),
        "/v2/demo/manifests/1": (manifest, MANIFEST),
        f"/v2/demo/manifests/{digest(manifest)}": (manifest, MANIFEST),
        f"/v2/demo/blobs/{digest(config)}": (config, "application/octet-stream"),
        f"/v2/demo/blobs/{digest(layer)}": (layer, "application/octet-stream"),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            body, kind = answers.get(self.path, (b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', ""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", digest(manifest)
    finally:
        server.shutdown()
        server.server_close()


def _blob(content: bytes) -> dict[str, object]:
    return {"size": len(content), "digest": digest(content)}
