"""The version that packages are compared with is the version of the distribution."""

import tomllib
from pathlib import Path

import pytest

from exam_core.version import PROGRAM_VERSION, is_at_least, version_is_valid


def test_the_version_is_that_of_the_distribution() -> None:
    """One number, in `pyproject.toml` and here."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())

    assert project["project"]["version"] == PROGRAM_VERSION
    assert version_is_valid(PROGRAM_VERSION)


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3\n", "１.2.3"]
)
def test_a_version_has_one_spelling(text: str) -> None:
    """Three numbers without leading zeros, and nothing else."""
    assert not version_is_valid(text)


def test_versions_are_compared_as_numbers() -> None:
    """Ten is more than nine."""
    assert is_at_least("0.10.0", "0.9.9")
    assert is_at_least("1.0.0", "1.0.0")
    assert not is_at_least("0.9.9", "0.10.0")
