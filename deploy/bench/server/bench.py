"""One run of the bench: its folder, its sizes, its rooms, and figures that cases share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.bench.server.making import BenchRoom, Until, make_room
from deploy.bench.server.processes import RunningServer
from deploy.bench.server.sampling import sampled
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
        profiles: Where to put what the server was seen doing; None: it is not looked at.
    """

    folder: Path
    is_quick: bool = False
    profiles: Path | None = None
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

    @contextmanager
    def looked_at(self, server: RunningServer, name: str) -> Iterator[None]:
        """Sample the server for the length of the block, if profiles are wanted."""
        if self.profiles is None:
            yield
            return
        with sampled(server.process.pid, self.profiles / f"{name}.folded"):
            yield

    def done_with(self, room: BenchRoom) -> None:
        """Free the disk."""
        shutil.rmtree(room.folder.path.parent)
