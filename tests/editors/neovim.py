"""Neovim without a terminal: its keys, its buffers and its questions, over its own socket."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.editors.shop import Shop, until
from tests.editors.stopping import stop

QUESTIONS = """
-- a menu of Neovim's that waits for its user, who is a test; plugins put their own menus here in the same way
local open
vim.ui.select = function(items, options, choose)
  open = { items = items, choose = choose, prompt = options.prompt or "", format = options.format_item or tostring }
end
function Question()
  return open and { prompt = open.prompt, choices = vim.tbl_map(open.format, open.items) } or vim.NIL
end
function Answer(number)
  local menu = open
  open = nil
  menu.choose(number and menu.items[number] or nil, number)
end
Told = {}
vim.api.nvim_create_autocmd("LspProgress", {
  callback = function(event) table.insert(Told, event.data.params.value.message or "") end,
})
"""


@dataclass(frozen=True, slots=True)
class Neovim:
    """A running Neovim."""

    program: str
    socket: Path
    process: subprocess.Popen[bytes]
    shop: Shop

    @classmethod
    @contextmanager
    def started(cls, program: str, shop: Shop) -> Iterator[Neovim]:
        """With the configuration of its page; whatever it started is gone afterwards."""
        config = shop.home / "init.lua"
        config.write_text(shop.configuration("neovim.md", "lua") + QUESTIONS, encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="nvim-") as folder:  # sockets have short names
            socket = Path(folder) / "s"
            process = subprocess.Popen(
                [program, "--clean", "-u", str(config), "--headless", "--listen", str(socket)],
                cwd=shop.root,
                env=shop.environ(),
                stdin=subprocess.DEVNULL,
                stdout=(shop.home / "output").open("wb"),
                stderr=subprocess.STDOUT,
            )
            editor = cls(program, socket, process, shop)
            try:
                until(socket.exists, "socket of Neovim")
                yield editor
            finally:
                stop(process.pid)

    def lua(self, code: str) -> Any:
        """What a chunk of Lua returns."""
        chunk = self.socket.parent / "chunk.lua"
        chunk.write_text(code, encoding="utf-8")
        return json.loads(self._remote("--remote-expr", f"luaeval('vim.json.encode((dofile(_A)))', '{chunk}')"))

    def keys(self, typed: str) -> None:
        """Type; special keys as `<Esc>`."""
        self._remote("--remote-send", typed)

    def leave(self) -> None:
        """Quit as `:qall!` does; the end is Neovim's, so its answer may be lost with it and is not asked for."""
        argv = [self.program, "--clean", "--headless", "--server", str(self.socket), "--remote-send", ":qall!<CR>"]
        subprocess.run(argv, capture_output=True, timeout=30, env=os.environ, check=False)

    def open(self, name: str, *, line: int) -> None:
        """Edit a file, wait for Codeteam, and go to a line."""
        self.lua(f"vim.cmd.edit('{name}')")
        until(lambda: self.lua("return #vim.lsp.get_clients({bufnr = 0, name = 'codeteam'})") == 1, "language server")
        until(lambda: self.lua("return vim.lsp.get_clients({bufnr = 0})[1].initialized == true"), "initialized server")
        self.lua(f"vim.api.nvim_win_set_cursor(0, {{{line}, 0}})")

    def text(self, name: str = "") -> str:
        """The text of a buffer, the current one if none is named."""
        buffer = f"vim.fn.bufnr('{name}')" if name else "0"
        lines: Sequence[str] = self.lua(f"return vim.api.nvim_buf_get_lines({buffer}, 0, -1, true)")
        return "\n".join(lines) + "\n"

    def question(self, what: str) -> dict[str, Any]:
        """The menu or question that Neovim shows its user, waited for."""
        found: dict[str, Any] = until(lambda: self.lua("return Question()"), what)
        return found

    def answer(self, choice: str) -> None:
        """Choose by the beginning of an entry; the empty text chooses none."""
        choices = self.question("question")["choices"]
        numbers = [number for number, title in enumerate(choices, 1) if choice and title.startswith(choice)]
        assert numbers or not choice, f"no {choice!r} among {choices}"
        self.lua(f"Answer({numbers[0] if numbers else 'nil'})")

    def diagnostics(self) -> list[dict[str, Any]]:
        """What Neovim shows in the current buffer; lines from 0."""
        found: list[dict[str, Any]] = self.lua(
            "return vim.tbl_map(function(d) return {source = d.source, code = d.code, lnum = d.lnum, "
            "message = d.message, severity = d.severity} end, vim.diagnostic.get(0))"
        )
        return found

    def progress(self) -> list[str]:
        """Every message of a progress so far."""
        told: list[str] = self.lua("return Told")
        return told

    def processes(self) -> list[psutil.Process]:
        """Neovim and all that it started."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def _remote(self, *args: str) -> str:
        argv = [self.program, "--clean", "--headless", "--server", str(self.socket), *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=os.environ, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip() or done.stderr.strip()
