"""Settings from wherever they come: what is right is taken, what is wrong is said in a sentence and ignored."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

from codeteam.domain.settings import LANGUAGES, Settings
from codeteam.workspace.reading import inside, read_regular

_DEFAULTS = Settings()
_TOML_LIMIT = 1024 * 1024
_TEXT_LIMIT = 2000
_TASTE_LIMIT = 200
"""Characters of a setting that is told to the models."""
_FOREIGN_TASTE = re.compile(r"[\w .,+#/()-]{0,60}")
"""What a workspace may say there: a name and a version, no sentences to steer a model with."""
_HUGE = 10**15
"""What no setting comes near; beyond it, whole numbers and fractions no longer convert into each other."""
_NO_LIMIT_IS_ZERO = frozenset({"max_tokens", "max_cost", "max_seconds"})


def parse_settings(
    values: Mapping[str, object], *, where: str, base: Settings = _DEFAULTS
) -> tuple[Settings, tuple[str, ...]]:
    """`base` with the values that are right, and one message for each that is not; a wrong value keeps the base's.

    Names may be in camelCase, kebab-case or snake_case. None means "not set", as editors send it.
    `where` is said in the messages, for example "pyproject.toml".
    """
    known = {field.name: field for field in fields(Settings)}
    kinds = get_type_hints(Settings)
    chosen: dict[str, Any] = {}
    problems: list[str] = []
    for given, value in values.items():
        name = _snake(str(given))
        if name not in known:
            problems.append(f"{where}: {_show(given)} is not a setting{_near_miss(str(given), name, list(known))}")
        elif value is None:
            continue
        elif name in chosen:
            problems.append(f"{where}: {_show(given)} is given twice, in two spellings; the first one counts.")
        else:
            parsed, problem = _value(value, kinds[name], known[name])
            if problem:
                problems.append(f"{where}: {_show(given)} {problem}, not {_show(value)}.")
            else:
                chosen[name] = parsed
    return replace(base, **chosen), tuple(problems)


def workspace_settings(root: Path, base: Settings) -> tuple[Settings, tuple[str, ...]]:
    """`base` as `[tool.codeteam]` of `pyproject.toml`, then `codeteam.toml`, change it.

    A workspace may set taste and tighten policy, as the `tighten` of each setting says; what would loosen
    anything, or is the user's alone to choose, is left as it was and said in a message.
    """
    settings, problems = base, list[str]()
    root = root.resolve()
    for name, section in (("pyproject.toml", ("tool", "codeteam")), ("codeteam.toml", ())):
        real = inside(root, name)
        if real is None:
            if (root / name).is_symlink():
                problems.append(f"{name}: is a link that leads out of the workspace or nowhere; it was ignored.")
            continue
        table, problem = _table(real, name, section)
        settings, wrong = foreign_settings(table, where=name, base=settings)
        problems += [*((problem,) if problem else ()), *wrong]
    return settings, tuple(problems)


def foreign_settings(values: Mapping[str, object], *, where: str, base: Settings) -> tuple[Settings, tuple[str, ...]]:
    """As `parse_settings`, for values that a workspace brings: what it may not change stays, and is said too."""
    wanted, wrong = parse_settings(values, where=where, base=base)
    settings, refused = _tightened(base, wanted, where)
    return settings, (*wrong, *refused)


def user_settings(config_dir: Path) -> tuple[Settings, tuple[str, ...]]:
    """The defaults as the user's own `settings.toml` changes them, which may change anything."""
    path = config_dir / "settings.toml"
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        missing = not path.is_symlink()
        return _DEFAULTS, () if missing else (f"{path}: is a link that leads nowhere; it was ignored.",)
    table, problem = _table(real, str(path), ())
    settings, problems = parse_settings(table, where=str(path))
    return settings, ((problem,) if problem else ()) + problems


def config_folder(environ: Mapping[str, str]) -> Path:
    """Where the user's `settings.toml` and `prompts/` are: `CODETEAM_CONFIG`, or the platform's place."""
    chosen = environ.get("CODETEAM_CONFIG", "")
    return Path(chosen) if chosen else platformdirs.user_config_path("codeteam", appauthor=False)


def _table(path: Path, name: str, section: tuple[str, ...]) -> tuple[Mapping[str, object], str]:
    content = read_regular(path, _TOML_LIMIT)
    if content is None:
        return {}, f"{name}: cannot be read as a file of at most {_TOML_LIMIT // 1024} kB; its settings were ignored."
    try:
        table: Any = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return {}, f"{name}: is not UTF-8 text; its settings were ignored."
    except ValueError as error:
        return {}, f"{name}: is not valid TOML ({_clip(str(error))}); its settings were ignored."
    except RecursionError:
        return {}, f"{name}: is nested too deeply; its settings were ignored."
    for part in section:
        table = table.get(part, {})
        if not isinstance(table, Mapping):
            return {}, f"{name}: [{'.'.join(section)}] must be a table; it was ignored."
    return table, ""


def _tightened(base: Settings, wanted: Settings, where: str) -> tuple[Settings, list[str]]:
    allowed: dict[str, Any] = {}
    problems: list[str] = []
    for field in fields(Settings):
        old, new = getattr(base, field.name), getattr(wanted, field.name)
        if new == old:
            continue
        refusal = _refusal(field, old, new)
        if refusal:
            problems.append(f'{where}: "{field.name}" {refusal}; it stays at {_show(_plain(old))}.')
        else:
            allowed[field.name] = new
    return replace(base, **allowed), problems


def _refusal(field: Field[Any], old: Any, new: Any) -> str:
    match field.metadata["tighten"]:
        case "taste":
            harmless = not isinstance(new, str) or _FOREIGN_TASTE.fullmatch(new) is not None
            return "" if harmless else "may have 60 letters, digits and signs of .,+#/()- from a workspace"
        case "lower":
            fine = _limit(field.name, new) < _limit(field.name, old)
            return "" if fine else "may only be lowered by a workspace"
        case "higher":
            return "" if new > old else "may only be raised by a workspace"
        case "on":
            return "" if new is True else "may only be switched on by a workspace"
        case _:
            return "is for the user's own settings to choose, not for a workspace"


def _limit(name: str, value: float) -> float:
    return math.inf if name in _NO_LIMIT_IS_ZERO and value == 0 else value


def _value(value: object, kind: type, field: Field[Any]) -> tuple[Any, str]:
    """The parsed value, and what it must be when it is not."""
    if issubclass(kind, Enum):
        return _choice(value, kind)
    if kind is bool:
        return value, "" if isinstance(value, bool) else "must be true or false"
    if kind is str:
        limit = _TASTE_LIMIT if field.metadata["tighten"] == "taste" else _TEXT_LIMIT
        if not isinstance(value, str) or len(value) > limit or not all(ch.isprintable() for ch in value):
            return None, f"must be a text of one line, at most {limit} characters"
        return _language(value) if field.name == "language" else (value, "")
    return _number(value, kind, field)


def _language(value: str) -> tuple[str, str]:
    name = value.strip().lower()
    return name, "" if name in LANGUAGES else f"must be one of {', '.join(LANGUAGES)}"


def _number(value: object, kind: type, field: Field[Any]) -> tuple[Any, str]:
    noun = "a whole number" if kind is int else "a number"
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    limits = f"{noun}{_range(low, high)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, f"must be {limits}"
    if not abs(value) < _HUGE or (kind is int and value != int(value)):  # 5.0 is whole: editors have one kind of number
        return None, f"must be {limits}"
    if (low is not None and value < low) or (high is not None and value > high):
        return None, f"must be {limits}"
    return kind(value), ""


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    return "" if high is None else f" of at most {high:g}"


def _choice(value: object, kind: type[Enum]) -> tuple[Any, str]:
    choices = {str(_plain(member)): member for member in kind}
    name = value.strip().lower() if isinstance(value, str) else ""
    return choices.get(name), "" if name in choices else f"must be one of {', '.join(choices)}"


def _plain(value: object) -> object:
    """As a user would write it."""
    if isinstance(value, IntEnum):
        return value.name.lower()
    return value.value if isinstance(value, Enum) else value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def _near_miss(given: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:60], known, n=1, cutoff=0.6)
    if not near:
        return "."
    words = near[0].split("_")
    if "-" in given:  # in the spelling that was used
        spelled = "-".join(words)
    elif "_" in given or given.islower():
        spelled = near[0]
    else:
        spelled = words[0] + "".join(word.title() for word in words[1:])
    return f'; did you mean "{spelled}"?'


def _show(value: object) -> str:
    if isinstance(value, str):
        return '"' + _clip("".join(ch if ch.isprintable() else "?" for ch in value)) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) or abs(value) < _HUGE else "a huge number"
    return {"list": "a list", "dict": "a table"}.get(type(value).__name__, "a value of another kind")


def _clip(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
