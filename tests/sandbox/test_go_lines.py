"""Texts about modules of Go: requirement lines, settings of proxies, names, and manifests in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeteam.sandbox import go_host, go_inside, go_modules, known


@pytest.mark.parametrize(
    ("line", "normal"),
    [
        ("github.com/google/uuid", "github.com/google/uuid@latest"),
        ("github.com/google/uuid@latest", "github.com/google/uuid@latest"),
        ("github.com/google/uuid v1.6.0", "github.com/google/uuid@v1.6.0"),
        ("github.com/google/uuid@1.6.0", "github.com/google/uuid@v1.6.0"),
        (" example.com/a @ v2.0.0+incompatible ", "example.com/a@v2.0.0+incompatible"),
        (
            "example.com/a v0.0.0-20230101000000-abcdefabcdef // indirect",
            "example.com/a@v0.0.0-20230101000000-abcdefabcdef",
        ),
        ("github.com/BurntSushi/toml@v1.4.0-rc.1", "github.com/BurntSushi/toml@v1.4.0-rc.1"),
        ("gopkg.in/yaml.v3", "gopkg.in/yaml.v3@latest"),
    ],
)
def test_paths_with_versions_are_taken(line: str, normal: str) -> None:
    assert go_modules.check([line]) == ((normal,), ())
    assert go_modules.name_of(line) == normal.partition("@")[0]


@pytest.mark.parametrize(
    "line",
    [
        "https://example.com/a", "example.com:8080/a", "127.0.0.1/a", "[::1]/a", "user@example.com/a", "file:///etc",
        "../a", "/etc/passwd", "./a", "example.com/../a", "example.com/a/", "example.com//a", "example.com/.git",
        "-x", "--modfile=a.com", "example.com/a -x", "example.com/a@-x", "-modfile@v1.0.0", "example.com/a@main",
        "example.com/a@v1", "example.com/a@>=v1.0.0", "example.com/a@v1.0.0 example.com/b", "example.com/a\nb.com/c",
        "example.com/a@v1.0.0@v2.0.0", "example.com/a=>b.com/c", "example.com/ä", "EXAMPLE.com/a", "example.com/a b",
        "a.com/" + "b" * 300, "example.com/a@v1.0.0/../x", "", "%s", "github.com/x/y@none", "go@1.16", "\0",
    ],
)  # fmt: skip
def test_all_else_is_a_problem(line: str) -> None:
    good, [problem] = go_modules.check([line])
    assert good == ()
    assert "path of a module" in problem.message or "standard library" in problem.message


@pytest.mark.parametrize("line", ["fmt", "encoding/json", "net/http@latest", "math/rand/v2"])
def test_the_standard_library_is_not_asked_for(line: str) -> None:
    good, [problem] = go_modules.check([line])
    assert good == ()
    assert "standard library" in problem.message


def test_the_first_line_for_a_module_counts_and_there_are_not_too_many() -> None:
    lines = ["example.com/a@v1.0.0", "example.com/a", *(f"example.com/m{number}" for number in range(399))]
    good, [problem] = go_modules.check(lines)
    assert good[0] == "example.com/a@v1.0.0"
    assert len(good) == 399
    assert "More than 400" in problem.message


@pytest.mark.parametrize(
    ("setting", "taken"),
    [
        ("https://proxy.golang.org,direct", "https://proxy.golang.org"),
        ("https://a.example|https://b.example,direct", "https://a.example|https://b.example"),
        ("direct,https://a.example", "https://a.example"),
        ("https://a.example,off,https://b.example", "https://a.example"),
        ("direct", ""),
        ("off", ""),
        ("", ""),
    ],
)
def test_only_proxies_are_asked(setting: str, taken: str) -> None:
    assert go_host.proxies_of(setting) == taken


def test_what_is_private_by_its_patterns() -> None:
    patterns = "*.corp.example, github.com/own*/secret-[^a],"
    for path, private in (
        ("git.corp.example/a/b", True),
        ("corp.example/a", False),
        ("github.com/ownly/secret-b/deep", True),
        ("github.com/ownly/secret-a", False),
        ("github.com", False),
    ):
        assert go_host.is_private(path, patterns) is private, path
    assert not go_host.is_private("example.com/a", "none")
    assert not go_host.is_private("example.com/a", "")


@pytest.mark.parametrize(
    ("name", "mistaken", "meant"),
    [
        ("github.com/stretchr/testifi", "github.com/stretchr/testify", "github.com/stretchr/testify"),
        ("github.com/go-chi/chi/v4", "", "github.com/go-chi/chi/v5"),
        ("github.com/Sirupsen/logrus", "", "github.com/sirupsen/logrus"),
        ("github.com/uber-go/zap", "go.uber.org/zap", "go.uber.org/zap"),
        ("github.com/gorilla/mux", "", "github.com/gorilla/mux"),
        ("example.org/surely/invented", "", ""),
    ],
)
def test_names_near_to_known_ones(name: str, mistaken: str, meant: str) -> None:
    assert known.mistaken(name, "go") == mistaken
    assert known.meant(name, "go") == meant


def test_manifests_name_what_is_here_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in ("example.com/two/@v/v1.1.0.mod", "example.com/!loud/@v/v1.0.0.mod", "example.com/fork/@v/v1.5.0.mod"):
        (cache / name).parent.mkdir(parents=True)
        (cache / name).touch()
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "go.mod").touch()
    manifest = tmp_path / "go.mod"
    manifest.write_text(MANIFEST, "utf-8")
    go_inside.leave_others_out(manifest, cache)
    gone = [line for line in MANIFEST.splitlines() if "gone" in line]
    assert len(gone) == 7
    assert manifest.read_text("utf-8").splitlines() == [line for line in MANIFEST.splitlines() if line not in gone]
    for odd in (
        "require",
        "require (",
        ")",
        "replace",
        "replace a =>",
        "replace =>",
        "require a b",
        "\0",
        "require \0 \0",
    ):
        manifest.write_text(odd, "utf-8")
        go_inside.leave_others_out(manifest, cache)


MANIFEST = """\
module example.org/shop // require example.com/not-read v1.0.0

go 1.24

require example.com/two v1.1.0
require example.com/two/gone v1.0.0
require "example.com/Loud" v1.0.0
require (
\texample.com/gone v1.0.0 // indirect
\texample.com/two v1.0.0-gone
\texample.com/near v0.0.0
\texample.com/forked v1.0.0
\texample.com/forked/gone v1.0.0
)

replace example.com/near => ./near

replace (
\texample.com/forked => example.com/fork v1.5.0
\texample.com/forked/gone v1.0.0 => example.com/fork v1.6.0
\texample.com/far/gone => ../far
)

replace example.com/two v1.0.0 => ../gone
"""
