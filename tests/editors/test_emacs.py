"""Emacs with Eglot and the configuration of its page, driven by its keys; jobs go through worker and sandbox."""

from __future__ import annotations

import pytest

from tests.editors.emacs import PAUSE, Emacs
from tests.editors.shop import BODY, DONE, MODULE, Shop, containers, nothing_left, until

STUB = 6
"""The line of the stub's body."""


def apply(emacs: Emacs) -> str:
    """Say yes to what Codeteam asks, and to what Eglot asks before any edit of a server's; the first question."""
    asked = emacs.question("Choose an option")
    emacs.keys("\r")
    emacs.question("Proceed?")
    emacs.keys("y")
    return asked


@pytest.mark.docker
def test_a_stub_is_implemented_after_a_question_and_undone_at_once(emacs: Emacs, shop: Shop) -> None:
    emacs.open("slug.py", line=STUB)
    emacs.code_action("Codeteam: implement slug")
    emacs.question("Choose an option")
    assert emacs.text("slug.py") == MODULE, "nothing is changed before the answer"
    asked = apply(emacs)
    assert "production" in asked
    assert "2 of 2 tests passed" in asked
    until(lambda: emacs.text("slug.py") == DONE, "edit in the buffer")
    emacs.keys("\x18btest_slug.py\r")
    until(lambda: emacs.lisp("(buffer-name (window-buffer))") == "test_slug.py", "buffer of tests")
    assert "test_words_are_joined" in emacs.text("test_slug.py")
    emacs.keys("\x18\x13")
    emacs.question("create?")
    emacs.keys("y")
    until((shop.root / "tests" / "test_slug.py").exists, "file of tests")
    emacs.keys("\x18bslug.py\r")
    until(lambda: emacs.lisp("(buffer-name (window-buffer))") == "slug.py", "first buffer")
    emacs.keys("\x18u")
    until(lambda: emacs.text("slug.py") == MODULE, "stub after one undo")


@pytest.mark.docker
def test_a_finding_is_shown_and_dismissed(emacs: Emacs) -> None:
    emacs.open("slug.py", line=STUB)
    emacs.code_action("Codeteam: implement slug")
    apply(emacs)
    until(lambda: emacs.text("slug.py") == DONE, "edit in the buffer")
    emacs.keys("\x01")  # Eglot tells of a server's own edit when Emacs is idle again, so after the next key
    (found,) = until(lambda: emacs.diagnostics("slug.py"), "diagnostic", pause=PAUSE)
    assert found["line"] == STUB
    assert "Punctuation stays in the slug." in found["text"]
    emacs.keys(f"\x1bgg{STUB}\r\x1bm")
    emacs.code_action("Codeteam: dismiss: Punctuation stays in the slug.")
    until(lambda: not emacs.diagnostics("slug.py"), "diagnostic gone", pause=PAUSE)


@pytest.mark.docker
def test_a_job_is_cancelled_from_the_menu(emacs: Emacs, shop: Shop) -> None:
    shop.record("slug", delay=60)
    emacs.open("slug.py", line=STUB)
    emacs.code_action("Codeteam: implement slug")
    (job,) = until(shop.jobs, "job")
    emacs.code_action("Cancel Codeteam job: implement slug")
    until(lambda: shop.jobs()[0]["state"] == "cancelled", "end of the job")
    assert emacs.text("slug.py") == MODULE
    until(lambda: not containers(job["job"]), "end of its containers")


@pytest.mark.docker
def test_what_is_typed_elsewhere_meanwhile_stays(emacs: Emacs, shop: Shop) -> None:
    shop.record("slug", delay=3)
    emacs.open("slug.py", line=STUB)
    emacs.code_action("Codeteam: implement slug")
    until(shop.jobs, "job")
    emacs.keys("\x1b># typed meanwhile\r")
    assert "merged with your changes" in apply(emacs)
    until(lambda: emacs.text("slug.py") == DONE + "# typed meanwhile\n", "both changes")


@pytest.mark.docker
def test_a_buffer_changed_in_the_same_place_is_left_alone(emacs: Emacs, shop: Shop) -> None:
    shop.record("slug", delay=3)
    emacs.open("slug.py", line=STUB)
    emacs.code_action("Codeteam: implement slug")
    until(shop.jobs, "job")
    emacs.keys("\x1bm\x0breturn text")
    mine = MODULE.replace("    ...\n", "    return text\n")
    assert "changed nothing" in emacs.question("Choose an option")
    assert emacs.text("slug.py") == mine
    emacs.keys("\r")
    told = until(lambda: "The proposal is in" in emacs.messages(), "place of the proposal")
    assert told
    assert BODY not in emacs.text("slug.py")


@pytest.mark.docker
def test_leaving_emacs_in_mid_job_leaves_nothing_running(emacs: Emacs, shop: Shop) -> None:
    shop.record("slug", delay=60)
    emacs.open("slug.py", line=STUB)
    emacs.code_action("Codeteam: implement slug")
    until(shop.jobs, "job")
    processes = emacs.processes()
    assert len(processes) > 2
    emacs.lisp("(let ((confirm-kill-processes nil)) (run-with-timer 0.1 nil #'kill-emacs) t)")
    assert nothing_left(processes)
