"""Mypy as the sandbox runs it: with the standard library and pytest analysed beforehand, once for all jobs.

Without that, each draft takes it a second or two more. What it keeps of them lies with the tools, where no program can
write; of a job's own files it keeps nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

_RUN = (
    "import os, runpy, sys; tools = os.environ['CODETEAM_TOOLS']; sys.path[:0] = [tools]; "
    "sys.path += os.environ.get('PYTHONPATH', '').split(':'); "
    "sys.argv = ['mypy', '--cache-dir=' + tools + '/mypy_cache', *sys.argv[1:]]; "
    "runpy.run_module('mypy', run_name='__main__', alter_sys=True)"
)
"""Runs it with the tools' own packages first, and never one from the work folder. The job's packages are there to be
read; started with `-I`, Python runs none of their start-up files."""
_COMMON = (
    "abc", "argparse", "array", "ast", "asyncio", "base64", "bisect", "calendar", "collections.abc",
    "concurrent.futures", "configparser", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "glob", "graphlib", "hashlib", "heapq", "hmac", "html.parser", "http.client",
    "http.server", "importlib.metadata", "inspect", "io", "ipaddress", "itertools", "json", "logging.handlers",
    "math", "mimetypes", "operator", "os.path", "pathlib", "pickle", "platform", "pprint", "pytest", "queue",
    "random", "re", "secrets", "shlex", "shutil", "signal", "socket", "sqlite3", "statistics", "string", "struct",
    "subprocess", "sys", "tempfile", "textwrap", "threading", "time", "timeit", "tomllib", "traceback", "types",
    "typing", "unicodedata", "unittest.mock", "urllib.parse", "urllib.request", "uuid", "warnings", "weakref",
    "xml.etree.ElementTree", "zipfile", "zoneinfo",
)  # fmt: skip
"""What code commonly imports; the rest is analysed when it is needed."""
_WARM = """
printf 'import %s\\n' $1 >warm.py; shift
"$@" >&2
rm -f "$CODETEAM_TOOLS"/mypy_cache/*/warm.*
exit 0
"""


def mypy(paths: Sequence[str]) -> tuple[str, ...]:
    """Findings as one JSON object a line on stdout; exit code 1 when there are any."""
    return (
        "python3", "-I", "-B", "-c", _RUN, "--output=json", "--config-file=/dev/null", "--no-sqlite-cache",
        "--ignore-missing-imports", "--check-untyped-defs", "--explicit-package-bases", "--namespace-packages",
        "--no-error-summary", "--", *paths,
    )  # fmt: skip


PREPARE = ("sh", "-c", _WARM, "sh", " ".join(_COMMON), *mypy(["warm.py"]))
"""Analyses these modules; where it does not come to that, each job does so for itself."""
