"""Emacs on a terminal of its own: keys go in as typed, what is asked of it goes through its own server."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.editors.shop import Shop, until
from tests.editors.stopping import stop

PAUSE = 1.0
"""Seconds between looks at Emacs: it tells its server of changes once it was idle for half a second, unlooked at."""
UNCOMPILED = "(setq native-comp-deferred-compilation nil)"
"""Else each Emacs, whose home is new, makes machine code of all that it loads, in the background."""
SETTLED = """
;; what a test needs to reach Emacs, and nothing that changes what it does
(require 'eglot)
(require 'json)
(setq inhibit-startup-screen t server-socket-dir "{folder}" server-name "s")
(server-start)
"""


@dataclass(frozen=True, slots=True)
class Emacs:
    """A running Emacs."""

    socket: Path
    process: int
    terminal: int
    shop: Shop

    @classmethod
    @contextmanager
    def started(cls, program: str, shop: Shop) -> Iterator[Emacs]:
        """With the configuration of its page; whatever it started is gone afterwards."""
        config = shop.home / "init.el"
        with tempfile.TemporaryDirectory(prefix="emacs-") as folder:  # sockets have short names
            text = shop.configuration("emacs.md", "elisp") + SETTLED.format(folder=folder)
            config.write_text(text, encoding="utf-8")
            process, terminal = pty.fork()  # the child's controlling terminal, as Emacs wants one
            if process == 0:
                os.chdir(shop.root)
                os.execve(program, ["emacs", "-nw", "-q", "--eval", UNCOMPILED, "-l", str(config)], shop.environ())
            threading.Thread(target=_keep, args=(terminal, shop.home / "screen"), daemon=True).start()
            editor = cls(Path(folder) / "s", process, terminal, shop)
            try:
                until(editor.socket.exists, "server of Emacs")
                yield editor
            finally:
                stop(process)
                os.close(terminal)

    def lisp(self, code: str) -> Any:
        """What an expression gives, by way of JSON; it is evaluated even while Emacs asks its user something."""
        argv = ["emacsclient", "-s", str(self.socket), "--eval", f"(json-encode {code})"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(json.loads(done.stdout))

    def keys(self, typed: str) -> None:
        """Type, as a terminal sends it: "\\r" is Return, "\\x1b" is Meta before a key."""
        os.write(self.terminal, typed.encode())

    def open(self, name: str, *, line: int) -> None:
        """Visit a file, start Codeteam as the page says, and go to a line."""
        self.keys(f"\x18\x06\x01\x0b{self.shop.root / name}\r")
        until(lambda: self.lisp("(buffer-name (window-buffer))") == name, "visited file")
        self.keys("\x1bxeglot\r")
        until(lambda: self.lisp(f"(with-current-buffer {json.dumps(name)} (and (eglot-current-server) t))"), "server")
        self.keys(f"\x1bgg{line}\r")

    def code_action(self, title: str) -> None:
        """Ask for code actions as the page says, and choose one."""
        self.keys("\x1bxeglot-code-actions\r")
        self.question("Pick an action")
        self.keys("".join(f"\x11{letter}" for letter in title) + "\r")

    def question(self, words: str) -> str:
        """What Emacs asks in the minibuffer, once it asks what holds these words."""
        ask = "(if (active-minibuffer-window) (with-current-buffer (window-buffer (active-minibuffer-window)) "
        ask += '(buffer-string)) "")'
        return str(until(lambda: words in (asked := self.lisp(ask)) and asked, f"question {words!r}", pause=PAUSE))

    def text(self, name: str) -> str:
        """The text of a buffer; empty when there is none."""
        buffer = json.dumps(name)
        found = f'(if (get-buffer {buffer}) (with-current-buffer {buffer} (buffer-string)) "")'
        return str(self.lisp(f"(substring-no-properties {found})"))

    def diagnostics(self, name: str) -> list[dict[str, Any]]:
        """What Flymake shows in a buffer; lines from 1."""
        found: list[dict[str, Any]] = self.lisp(
            f"(with-current-buffer {json.dumps(name)} (vconcat (mapcar (lambda (d) (list "
            "(cons 'line (line-number-at-pos (flymake-diagnostic-beg d))) "
            "(cons 'text (flymake-diagnostic-text d)))) (flymake-diagnostics))))"
        )
        return found

    def messages(self) -> str:
        """What Emacs has told its user so far."""
        return self.text("*Messages*")

    def processes(self) -> list[psutil.Process]:
        """Emacs and all that it started."""
        own = psutil.Process(self.process)
        return [own, *own.children(recursive=True)]


def _keep(terminal: int, screen: Path) -> None:
    """Read what Emacs draws, or it would stand still; kept to look at after a failure."""
    with screen.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(os.read(terminal, 65536))
            except OSError:
                return
