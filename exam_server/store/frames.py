"""Tables and statements of journal frames: the hot path, which bypasses the ORM.

Frames and flags are inserted, never changed. How `frame` lies on the disk differs by database,
what it holds does not:

- SQLite: rows follow each other as they come (`frame_no`, given by the one writer), so a commit
  dirties the end of one table and nothing else; each row names the one before it of its segment,
  and a segment is read backwards from its last. Nothing else finds a row: no index to keep.
- PostgreSQL: several processes write, so the rows have no numbers and the primary key is
  (segment_no, seq), which also refuses what two writers would both append.

`frame` has no foreign key to `segment`: it would cost a look-up a row, and the ledger takes no
frame of a segment that is not registered. `segment_place` says, some thousand rows late, how far
each segment is held, so that a start reads that and scans only what came after.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from exam_core.errors import IntegrityError, declare
from exam_core.formats.journal import first_head, next_head
from exam_core.model.identifiers import SegmentId
from exam_server import limits
from exam_server.store.base import Base, Bytes, IntPk, Millis, TextPk
from exam_server.store.bulk import insert_rows

FRAMES_BROKEN = declare(
    "storage.frames",
    "数据库中的作答记录前后不连；请停用这台服务器，原样保留数据文件夹，改用备份并通知总部。",
)

NewFrame: TypeAlias = tuple[int, int, bytes, int, bytes]
"""(segment_no, seq, frame, received_utc_ms, head): `head` is the chain's head after the frame."""

Flag: TypeAlias = tuple[str, int, str]
"""(segment_id, seq, code): why a frame that is held does not count, or that it was late."""


class SegmentRow(Base):
    """One journal segment of a session; a larger epoch was attached later.

    `segment_no` is its short name inside this database. `signing_key` is that of the kiosk which
    attached it first.
    """

    __tablename__ = "segment"
    __table_args__ = (UniqueConstraint("session_id", "epoch"),)

    segment_no: Mapped[IntPk]
    segment_id: Mapped[str] = mapped_column(unique=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.session_id"))
    epoch: Mapped[int]
    seat_id: Mapped[str]
    signing_key: Mapped[str]


class SegmentPlaceRow(Base):
    """How far a segment was held when this was written; never ahead of `frame`, often behind.

    On SQLite the largest `last_frame_no` of all rows says up to where they account for `frame`.
    """

    __tablename__ = "segment_place"

    segment_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    frames: Mapped[int]
    head: Mapped[Bytes]
    last_frame_no: Mapped[Millis]


class FrameFlagRow(Base):
    """Why a held frame does not count or was late; the frame itself stays as it is."""

    __tablename__ = "frame_flag"

    segment_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[TextPk]


class RefusedFrameRow(Base):
    """A frame that could not take its place in the chain; kept as evidence."""

    __tablename__ = "refused_frame"

    refused_frame_id: Mapped[IntPk]
    segment_id: Mapped[str]
    seq: Mapped[int]
    frame: Mapped[bytes] = mapped_column(LargeBinary)
    code: Mapped[str]
    received_utc_ms: Mapped[Millis]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a segment is held: frames, the chain's head after them, the last row's number.

    `last_frame_no` is 0 before the first frame, and always on PostgreSQL.
    """

    frames: int
    head: bytes
    last_frame_no: int


def frame_table(metadata: MetaData, dialect: str) -> Table:
    """The table `frame` as it lies in a SQLite file (`sqlite`) or on a server."""
    common: tuple[Column[Any], ...] = (
        Column("segment_no", Integer, nullable=False, autoincrement=False),
        Column("seq", Integer, nullable=False, autoincrement=False),
        Column("frame", LargeBinary, nullable=False),
        Column("received_utc_ms", BigInteger, nullable=False),
    )
    if dialect == "sqlite":
        number: Column[Any] = Column("frame_no", Integer, nullable=False)
        link: Column[Any] = Column("prev_frame_no", Integer)
        return Table("frame", metadata, number, *common, link, PrimaryKeyConstraint("frame_no"))
    return Table("frame", metadata, *common, PrimaryKeyConstraint("segment_no", "seq"))


_KEYED = {"segment_no": "int4", "seq": "int4", "frame": "bytea", "received_utc_ms": "int8"}
_LINKED = {"frame_no": "", **_KEYED, "prev_frame_no": ""}
_FLAG = {"segment_id": "text", "seq": "int4", "code": "text"}

_SEGMENTS = text("SELECT segment_no, segment_id FROM segment")
_PLACES = text("SELECT segment_no, frames, head, last_frame_no FROM segment_place")

_PUT_PLACE = text(
    "INSERT INTO segment_place (segment_no, frames, head, last_frame_no)"
    " VALUES (:number, :frames, :head, :last)"
    " ON CONFLICT (segment_no) DO UPDATE SET frames = excluded.frames, head = excluded.head,"
    " last_frame_no = excluded.last_frame_no WHERE segment_place.frames < excluded.frames"
)

_AFTER_ON_SQLITE = text(
    "SELECT segment_no, seq, frame, frame_no, prev_frame_no FROM frame"
    " WHERE frame_no > :covered ORDER BY frame_no"
)
_AFTER_BY_KEY = text(
    "SELECT s.segment_no, f.seq, f.frame, 0, 0"
    " FROM segment s LEFT JOIN segment_place p ON p.segment_no = s.segment_no"
    " CROSS JOIN LATERAL ("
    "  SELECT seq, frame FROM frame"
    "  WHERE frame.segment_no = s.segment_no AND frame.seq >= coalesce(p.frames, 0)"
    " ) f ORDER BY s.segment_no, f.seq"
)
_BACK_ON_SQLITE = text(
    "WITH RECURSIVE back (segment_no, seq, frame, prev_frame_no) AS ("
    "  SELECT segment_no, seq, frame, prev_frame_no FROM frame WHERE frame_no = :last_frame_no"
    "  UNION ALL"
    "  SELECT f.segment_no, f.seq, f.frame, f.prev_frame_no"
    "  FROM back JOIN frame f ON f.frame_no = back.prev_frame_no"
    " ) SELECT segment_no, seq, frame, prev_frame_no FROM back LIMIT :count"
)
_BACK_BY_KEY = text(
    "SELECT segment_no, seq, frame, 0 FROM frame"
    " WHERE segment_no = :segment_no AND seq < :frames ORDER BY seq DESC LIMIT :count"
)


def list_epochs(db: Session, session_id: str) -> list[int]:
    """The epochs of a session's segments."""
    return list(db.scalars(select(SegmentRow.epoch).where(SegmentRow.session_id == session_id)))


def find_segment(db: Session, segment_id: str) -> SegmentRow | None:
    """A segment, if it was registered."""
    return db.scalar(select(SegmentRow).where(SegmentRow.segment_id == segment_id))


def list_segments(db: Session) -> list[SegmentRow]:
    """All segments, older epochs first."""
    return list(db.scalars(select(SegmentRow).order_by(SegmentRow.session_id, SegmentRow.epoch)))


def read_flags(db: Session) -> set[Flag]:
    """All flags."""
    rows = db.execute(select(FrameFlagRow.segment_id, FrameFlagRow.seq, FrameFlagRow.code))
    return {(segment_id, seq, code) for segment_id, seq, code in rows}


def count_refused(db: Session) -> int:
    """How many frames were refused and kept aside."""
    return db.scalar(select(func.count()).select_from(RefusedFrameRow)) or 0


def insert_frames(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Append rows as the database keeps them, in one statement given to the driver.

    On SQLite (frame_no, segment_no, seq, frame, received_utc_ms, prev_frame_no), elsewhere
    (segment_no, seq, frame, received_utc_ms). The ORM costs a hundred times more here.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    insert_rows(connection, "frame", _LINKED if is_sqlite else _KEYED, rows)


def insert_flags(connection: Connection, flags: Sequence[Flag]) -> None:
    """Append flags."""
    insert_rows(connection, "frame_flag", _FLAG, flags)


def put_places(connection: Connection, places: Iterable[tuple[int, Place]]) -> None:
    """Write how far segments are held, in place of what was written before."""
    rows = [
        {"number": number, "frames": one.frames, "head": one.head, "last": one.last_frame_no}
        for number, one in places
    ]
    if rows:
        connection.execute(_PUT_PLACE, rows)


def load_places(connection: Connection) -> tuple[dict[int, Place], int]:
    """How far every registered segment is held now, and how many rows had to be scanned for it.

    Raises:
        IntegrityError: `storage.frames`, when rows do not continue what is known of their segment.
    """
    names = {number: SegmentId(name) for number, name in connection.execute(_SEGMENTS)}
    places = {
        number: Place(frames, head, last)
        for number, frames, head, last in connection.execute(_PLACES)
    }
    for number, segment_id in names.items():
        if number not in places:
            places[number] = Place(0, first_head(segment_id), 0)
    covered = max((one.last_frame_no for one in places.values()), default=0)
    scanned = 0
    with closing(_rows_after(connection, covered)) as rows:
        for number, seq, frame, frame_no, prev_frame_no in rows:
            scanned += 1
            place = places.get(number)
            if place is None or (seq, prev_frame_no or 0) != (place.frames, place.last_frame_no):
                raise IntegrityError(FRAMES_BROKEN, "作答记录前后不连", segment_no=number, seq=seq)
            places[number] = Place(seq + 1, next_head(place.head, frame), frame_no)
    return places, scanned


def read_frames(db: Session, segment_id: str, first_seq: int = 0) -> list[bytes]:
    """The frames of a segment from `first_seq` on, in order; empty for one that is not known.

    Costs a scan of what came since places were written: a running room asks its `FrameLog`.
    """
    segment = find_segment(db, segment_id)
    if segment is None:
        return []
    places, _ = load_places(db.connection())
    return read_held(db.connection(), segment.segment_no, places[segment.segment_no], first_seq)


def read_held(
    connection: Connection, segment_no: int, place: Place, first_seq: int = 0
) -> list[bytes]:
    """The frames of a segment that is held as far as `place` says, from `first_seq` on, in order.

    Raises:
        IntegrityError: `storage.frames`, when some of them are not there.
    """
    parts: list[list[bytes]] = []
    step = Step(segment_no, place.frames, place.last_frame_no)
    while step.frames > first_seq:
        part, step = read_step(connection, step, first_seq)
        parts.append(part)
    return [frame for part in reversed(parts) for frame in part]


@dataclass(frozen=True, slots=True)
class Step:
    """How far a reading of a segment, from its end, still has to go."""

    segment_no: int
    frames: int
    last_frame_no: int


def read_step(connection: Connection, step: Step, first_seq: int = 0) -> tuple[list[bytes], Step]:
    """The last frames below `step.frames`, in order, no more than one short transaction reads.

    Returns them with the step that reads those before; it is done when its `frames` are
    `first_seq` or fewer.

    Raises:
        IntegrityError: `storage.frames`, when some of them are not there.
    """
    count = min(step.frames - first_seq, limits.frames_read_max)
    if connection.dialect.name == "sqlite":
        query = _BACK_ON_SQLITE.bindparams(last_frame_no=step.last_frame_no, count=count)
    else:
        query = _BACK_BY_KEY.bindparams(segment_no=step.segment_no, frames=step.frames, count=count)
    rows = connection.execute(query).all()
    places = [(number, seq) for number, seq, _, _ in rows]
    if places != [(step.segment_no, step.frames - 1 - back) for back in range(count)]:
        raise IntegrityError(
            FRAMES_BROKEN, "作答记录缺失", segment_no=step.segment_no, seq=step.frames - len(rows)
        )
    before = rows[-1][3] or 0
    frames = [frame for _, _, frame, _ in reversed(rows)]
    return frames, Step(step.segment_no, step.frames - count, before)


def stream_segments(db: Session) -> Iterator[tuple[SegmentRow, list[bytes]]]:
    """Every segment with its frames, one segment in memory at a time, older epochs first.

    Raises:
        IntegrityError: `storage.frames`.
    """
    places, _ = load_places(db.connection())
    for segment in list_segments(db):
        number = segment.segment_no
        yield segment, read_held(db.connection(), number, places[number])


def count_frames(db: Session) -> int:
    """How many frames are held."""
    places, _ = load_places(db.connection())
    return sum(one.frames for one in places.values())


def _rows_after(
    connection: Connection, covered: int
) -> Generator[tuple[int, int, bytes, int, int | None]]:
    """(segment_no, seq, frame, frame_no, prev_frame_no) of what `segment_place` does not cover.

    One row in memory at a time or nearly so: after a migration these are all there are.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    query = _AFTER_ON_SQLITE.bindparams(covered=covered) if is_sqlite else _AFTER_BY_KEY
    options = {"yield_per": limits.frames_read_max}
    with connection.execute(query, execution_options=options) as rows:
        for row in rows:
            yield tuple(row)
