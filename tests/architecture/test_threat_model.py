"""Every guarantee of the threat model names a test or a command that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
GUARANTEES = dict(re.findall(r"^- \*\*(G\d+)\*\* (.+)$", PAGE, re.MULTILINE))
COMMANDS = {"lint-imports", "exam-server", "grading", "paper-builder", "exam-client"}


@pytest.mark.parametrize("name", GUARANTEES)
def test_a_guarantee_is_shown_by_something_that_exists(name: str) -> None:
    """After the words "Shown by" stand files of this tree, or commands of ours."""
    _, shown, sources = GUARANTEES[name].partition(" Shown by ")
    assert shown, "a guarantee says what shows it"

    named = re.findall(r"`([^`]+)`", sources)

    assert named
    for source in named:
        if source.startswith("tests/"):
            assert (ROOT / source).is_file(), source
        else:
            assert source.split()[0] in COMMANDS, source


def test_guarantees_and_their_absence_are_numbered_without_gaps() -> None:
    """G1, G2, … and N1, N2, … each once; every reference leads to one of them."""
    for letter in "GN":
        numbers = [int(n) for n in re.findall(rf"^- \*\*{letter}(\d+)\*\*", PAGE, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert {int(n) for n in re.findall(rf"\b{letter}(\d+)\b", PAGE)} <= set(numbers)
