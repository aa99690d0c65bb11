"""What projects declare comes with a task: names and versions, known apart by what they are for."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.workspace.gathering import gather, make


def test_crates_that_manifests_ask_for(tmp_path: Path) -> None:
    """Of the crates that a job takes, for all platforms and for tests, inherited ones too; at the locked versions."""
    registry = 'source = "registry+https://github.com/rust-lang/crates.io-index"'
    locked = [
        ("serde", "1.0.7"),
        ("rand", "0.8.5"),
        ("rand", "0.9.1"),
        ("rand", "1.0.0"),
        ("log", "0.4.9"),
        ("tilde", "1.0.0"),
    ]
    locked += [("ours", "0.1.0")]
    lines = (f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in locked)
    make(
        tmp_path,
        {
            "Cargo.toml": '[workspace]\nmembers = ["*"]\n[workspace.dependencies]\n'
            'serde = { version = "1", features = ["rc"] }\nnear = { path = "near" }\nfar = { git = "https://x" }\n'
            'unused = { git = "https://y" }\nout = { path = "../out" }\n',
            "Cargo.lock": "".join(f"{line}{registry}\n" for line in lines).replace(f'0.1.0"\n{registry}', '0.1.0"'),
            "shop/Cargo.toml": '[package]\nname = "shop"\n[dependencies]\nnear.workspace = true\n'
            'serde = { workspace = true, features = ["derive"] }\nrand = "0.8"\nours = "0.1"\n'
            'log = "0.4.20"\ntilde = "~1"\n'
            'json = { package = "serde_json", version = ">=1, <2", optional = true, default-features = false }\n'
            'corp = { version = "2", registry = "own" }\n[dev-dependencies]\nrand = { version = "0.9" }\n'
            "[target.'cfg(windows)'.build-dependencies]\nwinapi = {}\nodd = 3\n",
            "shop/src/lib.rs": "",
            "near/Cargo.toml": '[package]\nname = "near"\n[dependencies]\nlog = "0.4"\nfar.workspace = true\n'
            'address = { registry-index = "https://z" }\nout.workspace = true\nback = { path = "../shop" }\n'
            '[patch.crates-io]\nlog = { path = "x" }\n',
            "near/src/lib.rs": "",
            "other/Cargo.toml": '[package]\nname = "other"\n[dependencies]\nnothing = "1"\n',
            "other/src/lib.rs": "",
        },
    )
    assert sorted(gather(tmp_path, "shop/src/lib.rs").dependencies) == [
        "address from an address", "crates from the table [patch]", "far from a git repository", "log@0.4.20",
        "log@=0.4.9", "odd@*", "ours@0.1", "out from a folder outside of the workspace", "own/corp@2", "rand@=0.8.5",
        "rand@=0.9.1", "serde[rc,derive]@=1.0.7", "serde_json[-default]@>=1, <2", "tilde@~1", "winapi@*",
    ]  # fmt: skip
    assert gather(tmp_path, "other/src/lib.rs").dependencies == ("nothing@1",)
    make(tmp_path, {"other/Cargo.toml": "not = [toml", "Cargo.lock": "package = 3"})
    assert gather(tmp_path, "other/src/lib.rs").dependencies == ()
    assert "rand@0.8" in gather(tmp_path, "shop/src/lib.rs").dependencies


def test_modules_that_the_nearest_manifest_of_go_requires(tmp_path: Path) -> None:
    manifest = """\
        module example.org/shop // require example.com/no v1.0.0

        go 1.24

        require example.com/one v1.2.0
        require ( // these too
            "example.com/two/v2" v2.0.0-rc.1+incompatible
            example.com/deep v0.0.0-20230101000000-abcdefabcdef // indirect; for two
            example.com/near v0.0.0
            example.com/forked v1.0.0
            // example.com/not v1.0.0
            example.com/broken
        )
        exclude example.com/three v1.0.0
        replace example.com/near => ../near
        replace (
            example.com/forked v1.0.0 => example.com/fork v1.1.0
        )
        retract v1.0.0
        """
    nearer = "module example.org/shop/inner\nrequire example.com/inner v1.0.0\n"
    files = {"go.mod": textwrap.dedent(manifest), "a.go": "package a\n", "inner/b.go": "package b\n", "c.py": "1\n"}
    make(tmp_path, {**files, "inner/go.mod": nearer, "odd/go.mod": "require (" * 3000, "odd/d.go": "package d\n"})
    assert gather(tmp_path, "a.go").dependencies == (
        "example.com/one@v1.2.0",
        "example.com/two/v2@v2.0.0-rc.1+incompatible",
        "example.com/deep@v0.0.0-20230101000000-abcdefabcdef // indirect",
    )
    assert gather(tmp_path, instruction="Write b.go").dependencies == gather(tmp_path, "a.go").dependencies
    assert gather(tmp_path, "inner/b.go").dependencies == ("example.com/inner@v1.0.0",)
    assert gather(tmp_path, "odd/d.go").dependencies == ()
    assert gather(tmp_path, "c.py").dependencies == ()


def test_dependencies_are_plain_names_and_versions(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "pyproject.toml": """
                [project]
                name = "My_App"
                dependencies = ["fastapi>=0.115", "my-app[extra]", "uvicorn[standard]; python_version >= '3.11'", 3,
                                "bad @ https://evil.example/x.whl", "no good !!", "a @ file:b", "b<1; os_name=='a:b'",
                                "spaced [ one , two ] ( >= 1.0 , != 1.2.* )", "c===1; python_version<'4'@x", "d>=abc"]
                [tool.poetry.dependencies]
                python = "^3.11"
                caret = "^1.2.3"
                zero = "^0.2"
                tilde = "~1.2.3"
                star = "*"
                exact = "1.0"
                table = {version = ">=2,<3", extras = ["x"]}
                git = {git = "https://evil.example/x.git"}
                optional = {version = "1", optional = true}
            """,
            "requirements.txt": (
                "# comment\nrequests==2.32.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nFastAPI<1  # twice\n"
                "-r needed/base.txt\n--requirement=../outside.txt\n-r /etc/passwd\n"
                "--index-url https://evil.example/\n-e .\n./local\nhttps://evil.example/y.whl\n"
                "flask ; os_name=='nt'\n"
            ),
            "requirements-more.txt": "pytest~=8.0\r\n",
            "needed/base.txt": "from-base\n-r ../requirements.txt\n-r common.txt\n",
            "needed/common.txt": "from-common>=1\n",
            "sub/requirements.txt": "not-ours\n",
        },
    )
    lines = gather(tmp_path, instruction="x").dependencies
    assert set(lines) == {
        "fastapi>=0.115",
        "uvicorn[standard]; python_version >= '3.11'",
        "spaced[one,two]>=1.0,!=1.2.*",
        "caret>=1.2.3,<2",
        "zero>=0.2,<0.3",
        "tilde>=1.2.3,<1.3",
        "star",
        "exact==1.0",
        "table[x]>=2,<3",
        "requests==2.32.0",
        "flask; os_name=='nt'",
        "pytest~=8.0",
        "from-base",
        "from-common>=1",
    }
    assert all(Requirement(line).url is None for line in lines)


def test_what_is_declared_for_tests_is_known_apart(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "pyproject.toml": """
                [project]
                name = "My_App"
                dependencies = ["fastapi>=0.115"]
                [project.optional-dependencies]
                test = ["httpx>=0.27", "my-app[mail]", "evil @ https://evil.example/x.whl", "fastapi[all]"]
                mail = ["aiosmtplib"]
                yaml = ["PyYAML>=6", "torch"]
                docs = ["sphinx", "markdown"]
                [dependency-groups]
                dev = [{ include-group = "lint" }, { include-group = "Un_it" }, { include-group = "dev" }, 3, "ruff"]
                un-it = ["freezegun; python_version > '3.8'", "pytest>=8"]
                lint = ["mypy", "types-requests", "flake8-quotes"]
                profiling = ["memray"]
                [tool.poetry.group.integration-tests.dependencies]
                testcontainers = {version = "^4.1", extras = ["redis"]}
                [tool.poetry.dev-dependencies]
                respx = "^0.20"
                [tool.uv]
                dev-dependencies = ["hypothesis"]
                [tool.pdm.dev-dependencies]
                any = ["faker"]
                [tool.hatch.envs.default]
                dependencies = ["syrupy"]
                [tool.hatch.envs.hatch-test]
                extra-dependencies = ["time-machine"]
                [tool.hatch.envs.docs]
                dependencies = ["mkdocs-material"]
            """,
            "requirements-dev.txt": "pytest-mock~=3.0\r\n-r requirements/common.txt\n",
            "dev-requirements.txt": "moto[s3]\n",
            "docs-requirements.txt": "furo\n",
            "requirements/test.txt": "factory-boy\n",
            "requirements/common.txt": "attrs\n",
            "app.py": "import os, re\nimport yaml.nodes\nfrom . import torch\n",
            "tests/test_app.py": "import app\n",
        },
    )
    task = gather(tmp_path, "app.py")
    assert task.dependencies == ("fastapi>=0.115",)
    assert set(task.test_dependencies) == {
        "aiosmtplib",
        "attrs",
        "factory-boy",
        "faker",
        "freezegun; python_version > '3.8'",
        "httpx>=0.27",
        "hypothesis",
        "moto[s3]",
        "pytest-mock~=3.0",
        "PyYAML>=6",
        "respx>=0.20,<0.21",
        "syrupy",
        "testcontainers[redis]>=4.1,<5",
        "time-machine",
        "types-requests",
    }


def test_packages_of_the_workspace_are_asked_of_no_index(tmp_path: Path) -> None:
    """Who has their names there is a stranger."""
    make(
        tmp_path,
        {
            "pyproject.toml": """
                [project]
                name = "all"
                dependencies = ["my.near", "elsewhere", "several", "attrs", "mirrored"]
                [tool.uv.sources]
                elsewhere = { path = "../elsewhere" }
                several = [{ git = "https://example.com/x", marker = "a" }, { index = "house" }]
                mirrored = { index = "house" }
            """,
            "libs/near/pyproject.toml": "[project]\nname = 'My_Near'\ndependencies = ['far', 'six']\n",
            "libs/near/code/near.py": "import far\n",
            "libs/near/pytest.ini": "[pytest]\nanyio_mode = auto\ntestpaths = checks\n",
            "libs/near/checks/test_near.py": "",
            "libs/far/pyproject.toml": "[tool.poetry]\nname = 'far'\n[tool.poetry.dependencies]\nall = '*'\n",
            "libs/far/src/far.py": "import deep\n",
            "libs/far/src/deep.py": "",
            "libs/near/requirements-dev.txt": "attrs\nfar\nfreezegun\n",
        },
    )
    task = gather(tmp_path, "libs/near/code/near.py")
    assert set(task.dependencies) == {"six", "attrs", "mirrored"}
    assert task.test_dependencies == ("freezegun",)
    assert task.test_options == ("anyio_mode=auto",)
    assert task.tests_folder == "libs/near/checks"
    assert {"libs/far/src/far.py", "libs/far/src/deep.py"} <= {file.path for file in task.neighbours}
    assert set(gather(tmp_path, instruction="x").dependencies) == {"attrs", "mirrored"}

    member = {"name": "@house/near", "dependencies": {"ky": "^1", "far": "1.0.0"}, "devDependencies": {"dedent": "1"}}
    make(
        tmp_path,
        {
            "package.json": json.dumps({"workspaces": ["web/*"], "devDependencies": {"sinon": "1", "far": "1.0.0"}}),
            "web/near/package.json": json.dumps(member),
            "web/far/package.json": json.dumps({"name": "far", "dependencies": {"left-pad": "1"}}),
            "web/near/a.js": "import 'dedent'; import 'sinon'; import 'far'",
        },
    )
    task = gather(tmp_path, "web/near/a.js")
    assert task.dependencies == ("ky@^1",)
    assert set(task.test_dependencies) == {"dedent@1", "sinon@1"}


@pytest.mark.parametrize(
    "text",
    [
        "tool.uv.sources = 3",
        "[tool.uv.sources]\na = 3\nb = [4, {path = 5}]",
        "project = 3",
        "[project]\nname = 4\ndependencies = 5",
        "dependency-groups = 3",
        "[dependency-groups]\ndev = 3\ntest = [{include-group = 4}, {include-group = 'none'}, 5]",
        "[project]\noptional-dependencies = ['a']",
        "[project.optional-dependencies]\ntest = {a = 1}",
        "[tool]\npoetry = 3\nuv = []\npdm = 'x'\nhatch = {envs = 3}",
        "[tool.poetry]\ngroup = []\ndev-dependencies = 4",
        "[tool.poetry.group]\ndev = 3",
        "[tool.hatch.envs]\ntest = 4",
        "[tool.pytest]\nini_options = 3",
        "[tool.pytest.ini_options]\nasyncio_mode = ['auto']\nanyio_mode = 'auto -p x'",
    ],
)
def test_groups_of_any_shape_are_no_more_than_left_out(tmp_path: Path, text: str) -> None:
    make(tmp_path, {"pyproject.toml": text, "app.py": "import app\n"})
    task = gather(tmp_path, "app.py")
    assert (task.dependencies, task.test_dependencies, task.test_options) == ((), (), ())


def test_what_node_has_for_development_counts_where_it_is_imported(tmp_path: Path) -> None:
    manifest = {
        "dependencies": {"ky": "^1"},
        "devDependencies": {
            "@scope/tool": "~2.1",
            "dedent": "1.5.3",
            "left": "file:../left",
            "vitest": "^3",
            "eslint": "^9",
            "@types/scope__tool": "2",
            "@types/dedent": "1",
            "@types/node": "22",
            "sinon": 3,
        },
    }
    test = """
        import dedent from "dedent/min.js";
        import { run } from '@scope/tool';
        import { vi } from "vitest";
        const left = require("left"), sinon = require("sinon"), near = await import("./eslint");
    """
    make(tmp_path, {"package.json": json.dumps(manifest), "a.js": "export {}", "a.test.js": test})
    task = gather(tmp_path, "a.js")
    assert task.dependencies == ("ky@^1",)
    assert set(task.test_dependencies) == {
        "@scope/tool@~2.1",
        "dedent@1.5.3",
        "@types/scope__tool@2",
        "@types/dedent@1",
    }


def test_modes_of_asynchronous_tests_are_known(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "pyproject.toml": "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\naddopts = '-p x'\n"
            "asyncio_default_fixture_loop_scope = 'session'\n",
            "app.py": "",
        },
    )
    assert gather(tmp_path, "app.py").test_options == (
        "asyncio_mode=auto",
        "asyncio_default_fixture_loop_scope=session",
    )
    make(tmp_path, {"pytest.ini": "[pytest]\nanyio_mode = auto\ntestpaths = checks\n", "checks/test_app.py": ""})
    task = gather(tmp_path, "app.py")
    assert (task.test_options, task.tests_folder) == (("anyio_mode=auto",), "checks")
