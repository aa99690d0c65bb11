"""Plants code where Python looks when it starts, and settings where the tools look.

Must: be gone when the next run starts; no program of it ever runs.

expect:
  ends: exit 0
  stdout: |
    planted
"""

import os
import site
import sys

CODE = "import os\nos.write(2, b'PLANTED CODE RAN')\nos._exit(0)\n"
folders = {".", "/tmp", "/dev/shm", os.environ["HOME"], site.getusersitepackages(), "src", "tests", *sys.path}
for folder in folders:
    for name in (
        "sitecustomize.py",
        "usercustomize.py",
        "conftest.py",
        "pytest.py",
        "ruff.py",
        "mypy.py",
        "coverage.py",
        "_pytest/__init__.py",
        "evil.pth",
        "pyvenv.cfg",
        "encodings/__init__.py",
        "ast.py",
        "json.py",
    ):
        path = os.path.join(folder, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write("import os; os._exit(0)\n" if name.endswith(".pth") else CODE)
        except OSError:
            pass
for path, text in {
    "pytest.ini": "[pytest]\naddopts = -p evil --collect-only\n",
    "tox.ini": "[pytest]\naddopts = -p evil\n",
    "setup.cfg": "[tool:pytest]\naddopts = -p evil\n[mypy]\nplugins = evil\n[coverage:run]\nplugins = evil\n",
    "pyproject.toml": "[tool.ruff]\nextend-exclude = ['*']\n[tool.pytest.ini_options]\naddopts = '-p evil'\n",
    ".coveragerc": "[run]\nplugins = evil\n",
    "/tmp/.config/ruff/ruff.toml": "exclude = ['*']\n",
    "/tmp/.mypy.ini": "[mypy]\nplugins = evil\n",
    "/tmp/.pdbrc": "import os; os._exit(0)\n",
    "/tmp/.pythonrc": CODE,
    "evil.py": CODE,
    "evil-1.0.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n",
    "evil-1.0.dist-info/METADATA": "Name: evil\nVersion: 1.0\n",
}.items():
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
os.environ["PYTHONPATH"] = os.environ["PYTHONSTARTUP"] = os.environ["PYTEST_PLUGINS"] = "/tmp"
os.write(1, b"planted\n")
os._exit(0)
