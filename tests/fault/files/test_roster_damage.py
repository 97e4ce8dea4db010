"""A damaged roster is refused with one clear error, whatever the damage; it never ends a program.

Damage to the whole file mostly meets the zip's checksums, so half of the mutants are damaged inside
and packed again, as a broken spreadsheet program would leave them.
"""

import io
import random
import zipfile
from collections.abc import Iterator

import pytest

from exam_core.errors import InputError
from exam_core.model.roster import check_roster
from exam_server.room.services.roster_file import read_roster
from tests.support import builders
from tests.support.mutate import mutants
from tests.support.room_world import roster_file
from tests.support.scale import mutant_times

pytestmark = pytest.mark.faults

MUTANTS = mutant_times(10_000)


def _damaged_inside(original: bytes, *, count: int) -> Iterator[bytes]:
    """Sound zip files with one damaged member; the members that hold the rows come most often."""
    with zipfile.ZipFile(io.BytesIO(original)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    rows = [name for name in members if "sheet" in name or "Strings" in name]
    rng = random.Random("roster members")  # noqa: S311  repeatable damage, no secret
    for number in range(count):
        victim = rng.choice((*members, *rows * 3))
        damaged = next(mutants(members[victim], count=1, seed=f"roster {number}"))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, damaged if name == victim else content)
        yield buffer.getvalue()


def test_a_damaged_roster_is_refused_or_read_soundly() -> None:
    """Every mutant gives sound candidates or a refusal by `roster.file` or `roster.row`."""
    original = roster_file(builders.roster(4))
    half = MUTANTS // 2
    refused = {"roster.file": 0, "roster.row": 0, "roster.size": 0}

    for damage in (
        mutants(original, count=half, seed="roster"),
        _damaged_inside(original, count=half),
    ):
        for mutant in damage:
            try:
                check_roster(read_roster(mutant), first_row=2)
            except InputError as error:
                refused[error.code] += 1

    assert refused["roster.file"] > half // 2
    assert refused["roster.row"] > 0, "some damage reaches the cells"
    print(f"campaign mutants_roster {2 * half}")  # noqa: T201  compared with tests/campaigns.toml
