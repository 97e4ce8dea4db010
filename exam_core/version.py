"""The version of the programs; a package may ask for at least this one.

A version is three numbers with points between, as in `pyproject.toml`; a test compares the two.
"""

import re

PROGRAM_VERSION = "0.1.0"

_VERSION = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})", re.ASCII)


def version_is_valid(text: str) -> bool:
    """Whether this is a version in its one spelling."""
    return _VERSION.fullmatch(text) is not None


def is_at_least(program: str, wanted: str) -> bool:
    """Whether a program of version `program` satisfies `wanted`; both must be valid."""
    return _numbers(program) >= _numbers(wanted)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
