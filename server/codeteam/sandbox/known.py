"""Names of packages that models invent or mistake: what was probably meant, and names that only look like a known one.

An invented name that someone then registers is an attack; so is a name one letter from a popular one.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib.resources import files

_SHORTEST = 5
"""Letters of a name below which one letter more or less says nothing."""
_IMPORTED = {
    "pypi": {
        "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil", "dotenv": "python-dotenv",
        "jose": "python-jose", "jwt": "pyjwt", "magic": "python-magic", "multipart": "python-multipart",
        "mysqldb": "mysqlclient", "openssl": "pyopenssl", "pil": "pillow", "serial": "pyserial",
        "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml", "zmq": "pyzmq",
    },
    "npm": {"expressjs": "express"},
    "go": {
        "github.com/chi/chi": "github.com/go-chi/chi/v5", "github.com/go-yaml/yaml": "gopkg.in/yaml.v3",
        "github.com/golang/x/crypto": "golang.org/x/crypto", "github.com/redis/redis": "github.com/redis/go-redis/v9",
        "github.com/shopify/sarama": "github.com/IBM/sarama", "github.com/uber-go/zap": "go.uber.org/zap",
        "gorm.io/gorm/driver/sqlite": "gorm.io/driver/sqlite",
    },
}  # fmt: skip
"""What is imported by one name and installed by another."""


def meant(name: str, index: str) -> str:
    """The package that was probably meant by a name that the index does not have; empty when none comes near."""
    wanted, popular = _plain(name), _popular(index)
    if other := _IMPORTED.get(index, {}).get(wanted):
        return other
    near = difflib.get_close_matches(wanted, popular, n=1, cutoff=0.8)
    return popular[near[0]] if near else ""


def mistaken(name: str, index: str) -> str:
    """The popular package of which a name that is not known is one letter away, or that it is imported by."""
    wanted, popular = _plain(name), _popular(index)
    if wanted in popular:
        return ""
    if (other := _IMPORTED.get(index, {}).get(wanted)) and other != wanted:
        return other
    if len(wanted) < _SHORTEST:
        return ""
    near = (spelt for known, spelt in popular.items() if len(known) >= _SHORTEST and _one_apart(wanted, known))
    return next(near, "")


def _plain(name: str) -> str:
    """A name as it is compared: paths, as scoped names of npm and modules of Go are, keep their marks.

    Of a module of Go every major version has a path of its own, with the same before it.
    """
    if "/" in name:
        return re.sub(r"/v\d+$", "", name.lower())
    return re.sub(r"[-_.]+", "-", name.lower())


@cache
def _popular(index: str) -> dict[str, str]:
    """Names as they are spelt, by how they are compared."""
    text = files("codeteam.sandbox").joinpath("popular", f"{index}.txt").read_text("utf-8")
    return {_plain(line): line for line in text.splitlines() if line and not line.startswith("#")}


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter more, less, other, or two exchanged make the same of both."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    at = next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    left, right = one[at:], other[at:]
    return (
        left[1:] == right
        or left == right[1:]
        or left[1:] == right[1:]
        or (left[:2] == right[:2][::-1] and left[2:] == right[2:])
    )
