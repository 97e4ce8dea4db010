"""The table of frames, on SQLite and PostgreSQL: moved over, appended, read, found at a start."""

import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from exam_core.model.identifiers import SegmentId
from exam_server.store import frames as frame_tables
from exam_server.store.engine import Store, sqlite_url
from exam_server.store.migrations import migrate
from tests.support.postgres_server import postgres_url

SEGMENTS = tuple(SegmentId(f"{number:032x}") for number in range(1, 6))


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A PostgreSQL for this module."""
    with postgres_url() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        store = Store(sqlite_url(tmp_path / "room.db"))
    else:
        store = Store(request.getfixturevalue("server_url"))
        with store.connection() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    yield store
    store.close()


@pytest.fixture
def store(empty: Store) -> Store:
    """The same at the present version, with the segments registered."""
    migrate(empty, "accounts", "room")
    with empty.connection() as connection:
        _register(connection)
    return empty


def _register(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO candidate VALUES ('a', 1, 'n', 'i', 'u', 't', :no, 'A01', 'A01', 1, :no)"
        ),
        {"no": False},
    )
    connection.execute(
        text(
            "INSERT INTO session (session_id, admission_number, seat_id, form_number, state,"
            " stage, token_sha256, extra_ms, away_ms, close_reason, receipt)"
            " VALUES ('s', 'a', 'A01', 1, 'interacting', '', '', 0, 0, '', '')"
        )
    )
    connection.execute(
        text(
            "INSERT INTO segment (segment_id, session_id, epoch, seat_id, signing_key)"
            " VALUES (:segment_id, 's', :epoch, 'A01', 'k')"
        ),
        [{"segment_id": one, "epoch": epoch} for epoch, one in enumerate(SEGMENTS, 1)],
    )


def test_a_database_of_before_is_moved_over_without_loss(empty: Store) -> None:
    """Every frame of every segment, in order; the first start finds them and writes places."""
    dice = random.Random(4)  # noqa: S311  the same order of arrival every run
    model: dict[SegmentId, list[bytes]] = {one: [] for one in SEGMENTS}
    rows = []
    for at in range(400):
        segment_id = dice.choice(SEGMENTS[:4])  # the last one has no frame
        frame = secrets.token_bytes(dice.randrange(1, 300))
        rows.append(
            {"segment_id": segment_id, "seq": len(model[segment_id]), "frame": frame, "at": at}
        )
        model[segment_id].append(frame)
    migrate(empty, "accounts", "room", to="room_0001")
    with empty.connection() as connection:
        _register(connection)
        connection.execute(text("INSERT INTO frame VALUES (:segment_id, :seq, :frame, :at)"), rows)

    migrate(empty, "accounts", "room")

    with empty.transaction() as db:
        for segment_id, frames in model.items():
            assert frame_tables.read_frames(db, segment_id) == frames
        assert frame_tables.count_frames(db) == 400
        by_epoch = [(row.segment_id, frames) for row, frames in frame_tables.stream_segments(db)]
        assert by_epoch == list(model.items())
        times = text(
            "SELECT received_utc_ms FROM frame JOIN segment USING (segment_no)"
            " WHERE segment_id = :one ORDER BY seq"
        )
        arrived = list(db.scalars(times, {"one": SEGMENTS[0]}))
        assert arrived == [row["at"] for row in rows if row["segment_id"] == SEGMENTS[0]]
