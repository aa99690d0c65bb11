"""A real web server on loopback that serves files: a hub with ranges, or a package index."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class Files:
    """`cut` is how many bytes of a body are sent before the connection breaks, for the next request only."""

    content: dict[str, bytes]
    cut: int | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Paths and their Range headers."""

    def __enter__(self) -> Self:
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is given
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.requests.append((request.path, wanted))
        body = self.content.get(request.path)
        if body is None:
            request.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.send_header("Content-Type", "text/html" if request.path.endswith("/") else "application/octet-stream")
        request.end_headers()
        cut, self.cut = self.cut, None
        request.wfile.write(body[start : None if cut is None else start + cut])
        if cut is not None:
            request.wfile.flush()
            request.connection.close()
