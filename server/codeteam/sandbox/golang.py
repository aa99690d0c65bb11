"""Command lines for Go: its own tool compiles, tests, measures and vets, gofmt tidies.

The toolchain has most of the standard library compiled. A run sees that cache as links in its own writable one, which
goes with the work folder: no program can leave anything in it for a later run. Modules that are not there are taken
out of manifests before, by `go_inside.py`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files

from codeteam.sandbox.program import Program

COVERAGE = ".codeteam/coverage.out"
"""Where Go writes its cover profile, in the work folder."""
_COMMON = (
    "archive/zip", "bufio", "compress/gzip", "container/heap", "context", "crypto/sha256", "database/sql", "embed",
    "encoding/csv", "encoding/json", "encoding/xml", "errors", "flag", "fmt", "html/template", "io/fs", "iter",
    "log/slog", "maps", "math/big", "math/rand/v2", "net/http/httptest", "os/exec", "os/signal", "path/filepath",
    "regexp", "slices", "sort", "strconv", "strings", "sync/atomic", "testing/fstest", "text/tabwriter", "unicode/utf8",
)  # fmt: skip
"""What code commonly imports; what is not among it is compiled when it is needed."""
_WARM = """
export GOCACHE="$CODETEAM_TOOLS/cache" GOTMPDIR="$PWD"
mkdir warm && cd warm && printf 'module warm\\n' >go.mod
{ echo 'package warm'; for name; do echo "import _ \\"$name\\""; done; } >warm.go
printf 'package warm\\nimport "testing"\\nfunc TestNothing(t *testing.T) {}\\n' >warm_test.go
go vet . && exec go test -cover .
"""
PREPARE = ("sh", "-c", _WARM, "sh", *_COMMON)
"""Compiles these packages and has vet look at all below them, which it wants to before it looks at code."""
_HERE = """
cache=$PWD/.codeteam/cache
mkdir -p .codeteam/tmp
if [ -d "$CODETEAM_TOOLS/cache" ] && [ ! -d "$cache" ]; then
  cp -rs "$CODETEAM_TOOLS/cache" "$cache"
  rm -f "$cache/trim.txt"
  date +%s >"$cache/trim.txt"
fi
export GOCACHE="$cache" GOTMPDIR="$PWD/.codeteam/tmp"
"""
_MODULE = b"module workspace\n\ngo 1.24\n"


def run(path: str) -> tuple[str, ...]:
    return _go('exec go run "$1"', path)


def load(paths: Sequence[str], marker: str, token: str) -> Program:
    """Compiles the packages of the files; nothing of them is run."""
    script = 'marker=$1; token=$2; shift 2; go build -o /dev/null "$@" && printf %s "$token" >"$marker"'
    return Program(_go(script, marker, token, *_packages(paths)))


def test(paths: Sequence[str], report_path: str, coverage_sources: Sequence[str]) -> tuple[str, ...]:
    """Tests of the packages that the files are in, told as one JSON object an event in the report."""
    cover = f"-coverprofile={COVERAGE}" if coverage_sources else "-cover=false"
    script = 'report=$1; shift; go test -json -vet=off "$@" >"$report"'
    return _go(script, report_path, cover, *_packages(paths))


def lint(paths: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Findings as lines `path:line:column: message`; exit code 1 when there are any."""
    return (("vet", _go('exec go vet "$@" 2>&1', *_packages(paths))),)


def tidy(paths: Sequence[str], style_guide: str) -> tuple[tuple[str, ...], ...]:
    del style_guide  # there is one way
    return (("gofmt", "-w", *paths),)


def scaffold(paths: Collection[str], packages: Collection[str] = ()) -> Mapping[str, bytes]:
    """A module for files that came without one."""
    del packages
    return {} if any(posixpath.basename(path) == "go.mod" for path in paths) else {"go.mod": _MODULE}


def _packages(paths: Sequence[str]) -> list[str]:
    return sorted({f"./{posixpath.dirname(path)}".rstrip("/") for path in paths})


@cache
def _harness() -> str:
    return files("codeteam.sandbox").joinpath("go_inside.py").read_text("utf-8")


def _go(script: str, *arguments: str) -> tuple[str, ...]:
    return ("python3", "-I", "-S", "-c", _harness(), "sh", "-c", _HERE + script, "sh", *arguments)
