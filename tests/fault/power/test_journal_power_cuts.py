"""The power is cut at the kiosk: what its journal calls kept is on the disk."""

from pathlib import Path

import pytest

from exam_client.journal.files import RealFile, RealFileSystem
from exam_client.journal.segment_file import SegmentFile, segment_path
from exam_core.formats.journal import segment_header
from exam_core.formats.journal_entries import encode_entry
from tests.support import builders
from tests.support.power_disk import Cuts, PowerDisk, why_impossible
from tests.support.scale import short_or_long

pytestmark = pytest.mark.faults

CUTS = short_or_long(30, 500)
FRAMES = builders.frames(
    *(encode_entry(builders.response_recorded("i1.1", "ABCD"[at % 4])) for at in range(120))
)


class HopefulFile(RealFile):
    """Says that it is synced."""

    def sync(self) -> None:
        """It is not."""


class HopefulFileSystem(RealFileSystem):
    """Makes such files."""

    def create(self, path: Path) -> RealFile:
        """As a real one."""
        return HopefulFile(super().create(path)._descriptor)


def lost_at_cuts(files: RealFileSystem, folder: Path, cuts: int) -> int:
    """How many cuts cost a frame that was called kept."""
    if why_impossible():
        pytest.fail(why_impossible())
    disk = PowerDisk(folder)
    with disk.mounted():
        segment = SegmentFile(files, disk.mount / "session", builders.SEGMENT_ID, number=1)
        for at, frame in enumerate(FRAMES):
            segment.append([frame], at)
            disk.mark(str(segment.kept))
        segment.close()
    power = Cuts(disk.events(), folder, seed=4)
    lost = 0
    for moment in power.moments(cuts):
        kept = int(power.words_before(moment)[-1])
        wanted = segment_header(builders.SEGMENT_ID) + b"".join(FRAMES[:kept])
        with power.mounted(moment):
            path = segment_path(power.mount / "session", builders.SEGMENT_ID, 1)
            lost += not path.exists() or path.read_bytes()[: len(wanted)] != wanted
    return lost


def test_what_the_journal_calls_kept_survives_a_power_cut(tmp_path: Path) -> None:
    """Every frame below `kept` is in the file, from the first one on."""
    assert lost_at_cuts(RealFileSystem(), tmp_path, CUTS) == 0
    print(f"campaign journal_power_cuts {CUTS}")  # noqa: T201  the runner reads it


def test_the_rig_finds_a_journal_that_does_not_sync(tmp_path: Path) -> None:
    """Without the sync frames are lost, and the rig says so."""
    assert lost_at_cuts(HopefulFileSystem(), tmp_path, 10) > 0
