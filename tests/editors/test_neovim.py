"""Neovim 0.11 with the configuration of its page, driven by its keys; jobs go through worker and sandbox."""

from __future__ import annotations

import pytest

from tests.editors.neovim import Neovim
from tests.editors.shop import BODY, DONE, MODULE, Shop, containers, nothing_left, until

STUB = 6
"""The line of the stub's body."""


def choose(neovim: Neovim, action: str) -> None:
    """Ask for code actions as the page says, and take one."""
    neovim.keys("gra")
    neovim.answer(action)


@pytest.mark.docker
def test_a_stub_is_implemented_after_a_question_and_undone_at_once(neovim: Neovim, shop: Shop) -> None:
    neovim.open("slug.py", line=STUB)
    choose(neovim, "Codeteam: implement slug")
    asked = neovim.question("question whether to apply")
    assert "production" in asked["prompt"]
    assert "2 of 2 tests passed" in asked["prompt"]
    assert asked["choices"] == ["Apply", "Open proposal", "Discard"]
    assert neovim.text() == MODULE, "nothing is changed before the answer"
    assert not (shop.root / "tests").exists()
    neovim.answer("Apply")
    until(lambda: neovim.text("slug.py") == DONE, "edit in the buffer")
    assert any("architect" in message for message in neovim.progress())
    neovim.keys(":silent wall<CR>")
    until((shop.root / "tests" / "test_slug.py").exists, "file of tests")
    until(lambda: "test_words_are_joined" in shop.read("tests/test_slug.py"), "tests in it")
    assert shop.read("slug.py") == DONE
    neovim.keys("u")
    until(lambda: neovim.text() == MODULE, "stub after one undo")


@pytest.mark.docker
def test_a_finding_is_shown_and_dismissed(neovim: Neovim) -> None:
    neovim.open("slug.py", line=STUB)
    choose(neovim, "Codeteam: implement slug")
    neovim.answer("Apply")
    until(lambda: neovim.text() == DONE, "edit in the buffer")
    (found,) = until(neovim.diagnostics, "diagnostic")
    assert (found["source"], found["code"], found["lnum"]) == ("codeteam", "text/punctuation", STUB - 1)
    neovim.lua(f"vim.api.nvim_win_set_cursor(0, {{{STUB}, 4}})")
    choose(neovim, "Codeteam: dismiss: Punctuation stays")
    until(lambda: not neovim.diagnostics(), "diagnostic gone")


@pytest.mark.docker
def test_a_job_is_cancelled_from_the_menu(neovim: Neovim, shop: Shop) -> None:
    shop.record("slug", delay=60)
    neovim.open("slug.py", line=STUB)
    choose(neovim, "Codeteam: implement slug")
    until(lambda: any("developer" in message for message in neovim.progress()), "developer at work")
    choose(neovim, "Cancel Codeteam job")
    until(lambda: any("cancelled" in message for message in neovim.progress()), "end of the job", 20)
    assert neovim.text() == MODULE
    (job,) = shop.jobs()
    assert job["state"] == "cancelled"
    until(lambda: not containers(job["job"]), "end of its containers")


@pytest.mark.docker
def test_what_is_typed_elsewhere_meanwhile_stays(neovim: Neovim, shop: Shop) -> None:
    shop.record("slug", delay=3)
    neovim.open("slug.py", line=STUB)
    choose(neovim, "Codeteam: implement slug")
    until(lambda: any("architect" in message for message in neovim.progress()), "architect at work")
    neovim.keys("Go# typed meanwhile<Esc>")
    assert "merged with your changes" in neovim.question("question whether to apply")["prompt"]
    neovim.answer("Apply")
    until(lambda: neovim.text() == DONE + "# typed meanwhile\n", "both changes")


@pytest.mark.docker
def test_a_buffer_changed_in_the_same_place_is_left_alone(neovim: Neovim, shop: Shop) -> None:
    shop.record("slug", delay=3)
    neovim.open("slug.py", line=STUB)
    choose(neovim, "Codeteam: implement slug")
    until(lambda: any("architect" in message for message in neovim.progress()), "architect at work")
    neovim.keys(f"{STUB}ggccreturn text<Esc>")
    asked = neovim.question("message about the conflict")
    assert "changed nothing" in asked["prompt"]
    assert neovim.text() == MODULE.replace("    ...\n", "    return text\n")
    neovim.answer("Open proposal")
    until(lambda: "+" + BODY in neovim.text(), "proposal as a patch")


@pytest.mark.parametrize(
    ("name", "line", "title"),
    [
        ("cart.py", 3, "Codeteam: implement this TODO"),
        ("wishes.md", 3, "Codeteam: implement"),
        ("slug.py", 4, "Codeteam: implement slug"),
    ],
)
def test_the_menu_offers_what_fits_the_place(neovim: Neovim, name: str, line: int, title: str) -> None:
    neovim.open(name, line=line)
    neovim.keys("gra")
    choices = neovim.question("menu")["choices"]
    assert choices[0].startswith(title), choices
    neovim.answer("")


@pytest.mark.docker
def test_leaving_neovim_in_mid_job_leaves_nothing_running(neovim: Neovim, shop: Shop) -> None:
    shop.record("slug", delay=60)
    neovim.open("slug.py", line=STUB)
    choose(neovim, "Codeteam: implement slug")
    until(lambda: any("developer" in message for message in neovim.progress()), "developer at work")
    processes = neovim.processes()
    assert len(processes) > 2
    neovim.leave()
    assert nothing_left(processes)
