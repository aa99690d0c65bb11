"""Versions that projects have locked come with a task: names, versions and markers, and nothing else of a lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.workspace.gathering import gather, make

UV = """\
version = 1
requires-python = ">=3.10"

[[package]]
name = "Some.Thing"
version = "1.2"
source = { registry = "https://index.example/simple" }
dependencies = [
    { name = "deep", version = "9.9" },
]
wheels = [
    { url = "https://files.example/some_thing-1.2-py3-none-any.whl", hash = "sha256:00", size = 1 },
]

[[package]]
name = "near"
version = "0.1"
source = { directory = "near" }

[[package]]
name = "forked"
version = "2.2.6"
source = { registry = "https://index.example/simple" }
resolution-markers = [
    "python_full_version < '3.11'",
    "sys_platform == 'win32'",
]

[[package]]
name = "forked"
version = "2.4.6"
source = { registry = "https://index.example/simple" }
resolution-markers = [
    "python_full_version >= '3.11'",
]

[[package]]
name = "twice"
version = "1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "twice"
version = "2.0"
source = { registry = "https://other.example/simple" }

[[package]]
name = "wicked --index-url"
version = "1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "worse"
version = "1.0\\n--index-url=https://x"
source = { registry = "https://index.example/simple" }

[[package]]
name = "shop"
version = "0.1.0"
source = { editable = "." }
"""
POETRY = """\
[[package]]
name = "plain"
version = "1.0"
description = "name"
optional = false
python-versions = ">=3.9"
groups = ["main"]
files = []

[package.dependencies]
name = ">=1"
version = "*"

[[package]]
name = "legacy"
version = "3.0rc1"
groups = ["dev"]
files = []

[package.source]
type = "legacy"
url = "https://index.example/simple"
reference = "own"

[[package]]
name = "git"
version = "0.0.1"
files = []

[package.source]
type = "git"
url = "https://x.example/git"
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("uv.lock", UV, (
            "forked==2.2.6 ; (python_full_version < '3.11') or (sys_platform == 'win32')",
            "forked==2.4.6 ; (python_full_version >= '3.11')",
            "some-thing==1.2",
        )),
        ("uv.lock", UV.replace("\n", "\r\n"), (
            "forked==2.2.6 ; (python_full_version < '3.11') or (sys_platform == 'win32')",
            "forked==2.4.6 ; (python_full_version >= '3.11')",
            "some-thing==1.2",
        )),
        ("poetry.lock", POETRY, ("legacy==3.0rc1", "plain==1.0")),
        ("pdm.lock", (
            '[[package]]\nname = "one"\nversion = "1.0"\nrequires_python = ">=3.8"\nfiles = []\n\n'
            '[[package]]\nname = "two"\nversion = "1.0"\ngit = "https://x.example/two.git"\nref = "main"\n'
        ), ("one==1.0",)),
        ("pylock.toml", (
            'lock-version = "1.0"\n\n[[packages]]\nname = "one"\nversion = "1.0"\nindex = "https://index.example"\n\n'
            '[[packages]]\nname = "two"\nversion = "1.0"\nmarker = "python_version < \'3\'"\n\n'
            '[[packages]]\nname = "three"\nversion = "1.0"\n[packages.vcs]\ntype = "git"\n\n'
            '[[packages]]\nname = "four"\nversion = "1.0"\ndirectory = { path = "four" }\n'
        ), ("one==1.0", "two==1.0")),
        ("Pipfile.lock", json.dumps({
            "default": {"one": {"version": "==1.0", "hashes": []}, "near": {"path": "."}, "odd": {"version": 3}},
            "develop": {"pytest": {"version": "==8.0"}},
        }), ("one==1.0", "pytest==8.0")),
        ("Pipfile.lock", "[", ()),
        ("uv.lock", "[[package]]", ()),
    ],
)  # fmt: skip
def test_versions_that_a_project_has_locked(tmp_path: Path, name: str, text: str, expected: tuple[str, ...]) -> None:
    make(tmp_path, {"pyproject.toml": "", name: text, "shop.py": ""})
    found = gather(tmp_path, "shop.py").locked
    assert found == expected
    assert all(Requirement(line) for line in found)


def test_the_nearest_lock_counts(tmp_path: Path) -> None:
    lock = '[[package]]\nname = "one"\nversion = "{}"\nsource = {{ registry = "https://index.example" }}\n'
    make(
        tmp_path,
        {"pyproject.toml": "", "uv.lock": lock.format("1.0"), "inner/pyproject.toml": "", "inner/a.py": "", "b.py": ""},
    )
    assert gather(tmp_path, "inner/a.py").locked == ("one==1.0",)  # uv's workspaces have one for all members
    make(tmp_path, {"inner/poetry.lock": lock.format("2.0").replace("source", "x")})
    assert gather(tmp_path, "inner/a.py").locked == ("one==2.0",)
    assert gather(tmp_path, "b.py").locked == ("one==1.0",)


NPM = {
    "packages": {
        "": {"name": "shop"},
        "node_modules/zod": {"version": "3.22.4", "resolved": "https://index.example/zod.tgz", "integrity": "sha512-x"},
        "node_modules/@corp/ui": {"version": "1.0.0"},
        "node_modules/far": {"version": "1.0.0", "resolved": "git+ssh://git@x.example/far.git#abc"},
        "node_modules/near": {"resolved": "near", "link": True},
        "inner/node_modules/zod": {"version": "4.0.1"},
        "node_modules/odd": {"version": "1 || 2"},
    }
}
PNPM = """\
lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      zod:
        specifier: ^3
        version: 3.22.4
  inner:
    dependencies:
      '@corp/ui':
        specifier: ^1
        version: 1.0.0(react@18.2.0)
      near:
        specifier: workspace:*
        version: link:../near
    devDependencies:
      zod:
        specifier: '*'
        version: 4.0.1

packages:

  zod@3.22.4:
    resolution: {integrity: sha512-x}
"""
YARN = """\
# yarn lockfile v1

"@corp/ui@^1", "@corp/ui@^1.0.0":
  version "1.0.0"
  resolved "https://index.example/ui.tgz"

zod@*:
  version "4.0.1"
  dependencies:
    version "9"

zod@^3:
  version "3.22.4"
"""
BERRY = """\
__metadata:
  version: 8

"@corp/ui@npm:^1":
  version: 1.0.0
  resolution: "@corp/ui@npm:1.0.0"

"zod@npm:*":
  version: 4.0.1

"zod@npm:^3":
  version: 3.22.4
"""


@pytest.mark.parametrize(
    ("name", "text", "inner"),
    [
        ("package-lock.json", json.dumps(NPM), ("@corp/ui@1.0.0", "zod@4.0.1")),
        ("pnpm-lock.yaml", PNPM, ("@corp/ui@1.0.0", "zod@4.0.1")),
        ("pnpm-lock.yaml", PNPM.replace("\n", "\r\n"), ("@corp/ui@1.0.0", "zod@4.0.1")),
        ("yarn.lock", YARN, ("@corp/ui@1.0.0", "zod@4.0.1")),
        ("yarn.lock", BERRY, ("@corp/ui@1.0.0", "zod@4.0.1")),
    ],
)
def test_versions_that_a_project_of_javascript_has_locked(
    tmp_path: Path, name: str, text: str, inner: tuple[str, ...]
) -> None:
    needs = {"@corp/ui": "^1", "far": "^1", "near": "*", "odd": "*"}
    make(
        tmp_path,
        {
            "package.json": json.dumps({"name": "shop", "dependencies": {"zod": "^3"}}),
            name: text,
            "a.js": "",
            "inner/package.json": json.dumps({"name": "inner", "dependencies": {**needs, "zod": "*"}}),
            "inner/b.ts": "",
        },
    )
    assert gather(tmp_path, "a.js").locked == ("zod@3.22.4",)
    assert gather(tmp_path, "inner/b.ts").locked == inner
    make(tmp_path, {name: "{"})
    assert gather(tmp_path, "a.js").locked == ()
