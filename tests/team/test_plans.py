"""Plans that are read, and those that are made without a model."""

from __future__ import annotations

import json

from codeteam.domain.settings import Settings
from codeteam.domain.task import Intent, Task
from codeteam.team.crew import default_plan, read_plan

_REQUIREMENT = """Write a module `roman.py`:

```python
def to_roman(number: int) -> str:
    \"\"\"Roman numeral.\"\"\"
```

`to_roman(4) == "IV"`
"""


def task(requirement: str, language: str = "python") -> Task:
    return Task("job000000001", Intent.IMPLEMENT, requirement, Settings(language=language))


def test_a_plan_without_a_model_takes_name_and_interface_from_the_requirement() -> None:
    [file] = default_plan(task(_REQUIREMENT)).files
    assert file.path == "roman.py"
    assert "def to_roman(number: int) -> str:" in file.interface


def test_a_plan_without_a_model_is_named_for_what_the_examples_call() -> None:
    assert [file.path for file in default_plan(task("Write `double(2) == 4`.")).files] == ["double.py"]
    assert [file.path for file in default_plan(task("Write ``` something")).files] == ["solution.py"]


def test_one_planned_file_takes_the_one_name_that_the_requirement_gives() -> None:
    plan = '```json\n{"files": [{"path": "to_roman.py"}]}\n```\n\n'
    reply = f"{plan}```python path=to_roman.py\ndef to_roman(n): return 1\n```\n"
    [file] = read_plan(task(_REQUIREMENT), reply).files
    assert file.path == "roman.py"
    assert "return 1" not in file.interface
    for doubtful in ("Write a.py and b.py.", "Write /etc/a.py.", "Write tests/test_a.py.", "Write something."):
        assert [file.path for file in read_plan(task(doubtful), reply).files] == ["to_roman.py"]


def test_requirements_written_as_one_are_parted() -> None:
    reply = '{"files": [{"path": "a.py"}], "dependencies": ["httpx<1,>=0.2, humanize", "rich"]}'
    assert read_plan(task("Write something."), reply).dependencies == ("httpx<1,>=0.2", "humanize", "rich")
    table = 'x = { version = "1", features = ["a"] }'
    reply = json.dumps({"files": [{"path": "a.rs"}], "dependencies": ["serde[derive, rc]@1, csv", table]})
    wanted = ("serde[derive, rc]@1", "csv", table)
    assert read_plan(task("Write something.", "rust"), reply).dependencies == wanted


def test_modules_of_python_itself_are_no_packages_of_it() -> None:
    reply = '{"files": [{"path": "a"}], "dependencies": ["re", "typing", "csv", "six"]}'
    assert read_plan(task("Write something."), reply).dependencies == ("six",)
    assert read_plan(task("Write something.", "rust"), reply).dependencies == ("re", "typing", "csv", "six")
