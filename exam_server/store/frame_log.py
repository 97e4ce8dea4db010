"""What the one writer of a process knows of the rows it appends. The writer's thread only.

Numbers are given in memory and count only after the commit, so a transaction that is undone
leaves no gap and no number twice. Other threads may ask for a `place`: it is one value, replaced
as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from exam_core.errors import StorageError
from exam_core.model.states import FIXED_STATES
from exam_server import limits
from exam_server.folder import STORAGE_FAILED
from exam_server.store import frames as tables
from exam_server.store.frames import Flag, NewFrame, Place
from exam_server.store.room import share_sitting_state


@dataclass(frozen=True, slots=True)
class Appended:
    """What a transaction appended; true once it is committed."""

    places: dict[int, Place]
    rows: int
    next_frame_no: int


class FrameLog:
    """Appends frames, knows each segment's last one, and writes that down now and then."""

    def __init__(self, places: dict[int, Place], *, scanned: int = 0) -> None:
        """Go on from what the database holds; `scanned` rows were not accounted for in it."""
        self._places = places
        self._next_frame_no = 1 + max((one.last_frame_no for one in places.values()), default=0)
        self._unwritten = set(places) if scanned else set()
        self._rows_since = scanned

    def append(
        self, connection: Connection, frames: Sequence[NewFrame], flags: Sequence[Flag]
    ) -> Appended:
        """Insert frames and flags; tell `committed` what this returns when they are durable.

        Places are written down in the same transaction when enough rows came since the last time.

        Raises:
            StorageError: `storage.failed`, for frames of a sitting whose results are fixed: what
                is not in them must not be acknowledged.
        """
        # Shared lock: an export waits for this commit, or this waits for the export's and sees it.
        if frames and share_sitting_state(connection) in FIXED_STATES:
            raise StorageError(STORAGE_FAILED, "考试结果已固定，不再写入作答记录")
        appended = self._insert(connection, frames)
        if flags:
            tables.insert_flags(connection, flags)
        return appended

    def committed(self, appended: Appended) -> None:
        """What was appended is on disk."""
        self._places.update(appended.places)
        self._unwritten.update(appended.places)
        self._next_frame_no = appended.next_frame_no
        self._rows_since += appended.rows

    @classmethod
    def load(cls, connection: Connection) -> "FrameLog":
        """Go on from what the database holds; writes places down if many rows were scanned.

        Raises:
            IntegrityError: `storage.frames`.
        """
        places, scanned = tables.load_places(connection)
        log = cls(places, scanned=scanned)
        if log.is_place_due:
            log.write_places(connection)
            log.places_written()
        return log

    def go_on_from(self, other: "FrameLog") -> None:
        """Take over what another one found in the database; nothing may be under way."""
        vars(self).update(vars(other))

    @property
    def is_place_due(self) -> bool:
        """Whether so much came since places were written that a start would feel it."""
        return self._rows_since >= limits.frames_unplaced_max

    @property
    def is_place_overdue(self) -> bool:
        """Whether it should be done even while frames wait."""
        return self._rows_since >= 4 * limits.frames_unplaced_max

    def write_places(self, connection: Connection) -> None:
        """Write down how far the segments that changed are held; then call `places_written`."""
        tables.put_places(connection, [(one, self._places[one]) for one in self._unwritten])

    def places_written(self) -> None:
        """What `write_places` wrote is on disk."""
        self._unwritten.clear()
        self._rows_since = 0

    def place(self, segment_no: int) -> Place | None:
        """How far a segment is held; None before its first frame. From any thread."""
        return self._places.get(segment_no)

    @property
    def frames_held(self) -> int:
        """How many frames of all segments are on disk. From any thread."""
        return sum(one.frames for one in list(self._places.values()))

    def read(self, connection: Connection, segment_no: int, first_seq: int) -> list[bytes]:
        """The frames of a segment that are on disk, from `first_seq` on. From any thread.

        Raises:
            IntegrityError: `storage.frames`.
        """
        place = self.place(segment_no)
        return tables.read_held(connection, segment_no, place, first_seq) if place else []

    def _insert(self, connection: Connection, frames: Sequence[NewFrame]) -> Appended:
        places: dict[int, Place] = {}
        next_frame_no = self._next_frame_no
        rows: list[tuple[object, ...]] = []
        is_numbered = connection.dialect.name == "sqlite"
        for segment_no, seq, frame, received_utc_ms, head in frames:
            if is_numbered:
                before = places.get(segment_no) or self._places.get(segment_no)
                previous = before.last_frame_no if before else 0
                rows.append(
                    (next_frame_no, segment_no, seq, frame, received_utc_ms, previous or None)
                )
                places[segment_no] = Place(seq + 1, head, next_frame_no)
                next_frame_no += 1
            else:
                rows.append((segment_no, seq, frame, received_utc_ms))
                places[segment_no] = Place(seq + 1, head, 0)
        if rows:
            tables.insert_frames(connection, rows)
        return Appended(places, len(rows), next_frame_no)
