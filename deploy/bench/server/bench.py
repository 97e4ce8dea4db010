"""One run of the bench: its folder, its sizes, its rooms, and figures that cases share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from deploy.bench.server.making import BenchRoom, Until, make_room
from exam_server.room.folder import RoomFolder

QUICK_DIVISOR = 50
"""By how much `--quick` makes rooms smaller."""

_QUICK_KIOSKS_MIN = 8


@dataclass(slots=True)
class Bench:
    """What every case is given.

    Attributes:
        folder: A folder of this run's own, on the disk that is measured.
        is_quick: Small rooms and short times: shows that it works, measures nothing.
        known: Figures that later cases compare with, by name.
    """

    folder: Path
    is_quick: bool = False
    known: dict[str, float] = field(default_factory=dict)
    _rooms: dict[tuple[int, Until], BenchRoom] = field(default_factory=dict)
    _copies: int = 0

    def size(self, kiosks: int) -> int:
        """So many kiosks, or a few."""
        return max(_QUICK_KIOSKS_MIN, kiosks // QUICK_DIVISOR) if self.is_quick else kiosks

    def seconds(self, measured: float) -> float:
        """So long, or a moment."""
        return min(measured, 0.3) if self.is_quick else measured

    def room(self, kiosks: int, until: Until) -> BenchRoom:
        """A fresh room; rooms of one kind are made once and copied."""
        kind = (kiosks, until)
        if kind not in self._rooms:
            self._rooms[kind] = make_room(
                self.folder / f"{until.name.lower()}-{kiosks}", kiosks=kiosks, until=until
            )
        pristine = self._rooms[kind]
        self._copies += 1
        data = self.folder / f"copy-{self._copies}" / "room"
        shutil.copytree(pristine.folder.path, data)
        return BenchRoom(
            folder=RoomFolder(data),
            plan_file=pristine.plan_file,
            opening_key=pristine.opening_key,
            opening_code=pristine.opening_code,
            kiosks=kiosks,
        )

    def done_with(self, room: BenchRoom) -> None:
        """Free the disk."""
        shutil.rmtree(room.folder.path.parent)
