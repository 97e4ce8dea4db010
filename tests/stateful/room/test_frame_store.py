"""The table of frames, on SQLite and PostgreSQL: moved over, appended, read, found at a start."""

import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from exam_core.errors import IntegrityError, StorageError
from exam_core.formats.journal import first_head, next_head
from exam_core.model.identifiers import SegmentId
from exam_server import limits
from exam_server.store import frames as frame_tables
from exam_server.store.engine import Store, sqlite_url
from exam_server.store.frame_log import FrameLog
from exam_server.store.migrations import migrate
from tests.support.postgres_server import postgres_url
from tests.support.refusals import refuses
from tests.support.scale import times

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


@pytest.mark.parametrize("seed", range(times(1)))
def test_what_was_committed_is_found_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Appends, undone transactions, places written or not, and kills, against lists in memory."""
    monkeypatch.setattr(limits, "frames_unplaced_max", 40)
    monkeypatch.setattr(limits, "frames_read_max", 7)
    dice = random.Random(seed)  # noqa: S311  a failing seed can be run again
    model: dict[int, list[bytes]] = {number: [] for number in range(1, len(SEGMENTS) + 1)}
    log = _loaded(store)
    starts = 0
    for _ in range(60):
        act = dice.choice(("append", "append", "append", "append", "undo", "places", "kill"))
        if act == "kill":  # memory is gone; the database is what it is
            log, starts = _loaded(store), starts + 1
        elif act == "places":
            with store.connection() as connection:
                log.write_places(connection)
            if dice.random() < 0.8:  # else killed between the commit and the note of it
                log.places_written()
        else:
            _append(store, log, model, dice, is_undone=act == "undo")
        _compare(store, log, model, dice)
    assert starts


def _loaded(store: Store) -> FrameLog:
    with store.connection() as connection:
        return FrameLog.load(connection)


def _append(
    store: Store,
    log: FrameLog,
    model: dict[int, list[bytes]],
    dice: random.Random,
    *,
    is_undone: bool,
) -> None:
    held = {number: list(frames) for number, frames in model.items()}
    heads = {number: _head(number, frames) for number, frames in held.items()}
    rows = []
    for _ in range(dice.randrange(1, 30)):
        number, frame = dice.choice(list(model)), dice.randbytes(dice.randrange(1, 60))
        heads[number] = next_head(heads[number], frame)
        rows.append((number, len(held[number]), frame, 0, heads[number]))
        held[number].append(frame)
    with store.connection() as connection:
        appended = log.append(connection, rows, [])
        if is_undone:
            connection.rollback()
            return
    log.committed(appended)
    model.update(held)


def _compare(
    store: Store, log: FrameLog, model: dict[int, list[bytes]], dice: random.Random
) -> None:
    with store.connection() as connection:
        places, _ = frame_tables.load_places(connection)
        for number, frames in model.items():
            place = log.place(number)
            assert place == places[number]
            assert (place.frames, place.head) == (len(frames), _head(number, frames))
            first = dice.randrange(len(frames) + 1)
            assert log.read(connection, number, first) == frames[first:]


def _head(number: int, frames: list[bytes]) -> bytes:
    head = first_head(SEGMENTS[number - 1])
    for frame in frames:
        head = next_head(head, frame)
    return head


def test_a_start_scans_only_what_came_after_the_places(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is held; and it writes places down itself after a long scan."""
    monkeypatch.setattr(limits, "frames_unplaced_max", 50)
    log = _loaded(store)
    model: dict[int, list[bytes]] = {number: [] for number in range(1, 6)}
    dice = random.Random(1)  # noqa: S311  the same rows every run

    def scanned() -> int:
        with store.connection() as connection:
            return frame_tables.load_places(connection)[1]

    while scanned() < 50:
        _append(store, log, model, dice, is_undone=False)
    assert log.is_place_due
    _loaded(store)
    assert scanned() == 0
    _append(store, log, model, dice, is_undone=False)
    assert 0 < scanned() < 30


def test_rows_that_do_not_follow_each_other_are_reported(store: Store) -> None:
    """Two writers, or a database put together from two, are not read as if nothing were wrong."""
    _append(store, _loaded(store), {1: []}, random.Random(1), is_undone=False)  # noqa: S311  any
    blind = FrameLog({})  # a writer that does not know what is there
    blind._next_frame_no = 1_000
    with store.connection() as connection:
        blind.append(connection, [(1, 99, b"frame", 0, bytes(32))], [])
    with store.connection() as connection, refuses(IntegrityError, "storage.frames"):
        frame_tables.load_places(connection)


def test_a_frame_that_is_missing_is_reported(store: Store) -> None:
    """A reader gives all frames of a segment or none."""
    log = _loaded(store)
    model: dict[int, list[bytes]] = {1: []}
    _append(store, log, model, random.Random(3), is_undone=False)  # noqa: S311  any
    with store.connection() as connection:
        log.write_places(connection)
        connection.execute(text("DELETE FROM frame WHERE segment_no = 1 AND seq = 1"))
    with store.transaction() as db, refuses(IntegrityError, "storage.frames"):
        frame_tables.read_frames(db, SEGMENTS[0])


def test_the_same_place_twice_is_refused_by_a_server(server_url: str, tmp_path: Path) -> None:
    """On PostgreSQL several processes write: the key refuses the second of two."""
    del tmp_path
    store = Store(server_url)
    with store.connection() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    migrate(store, "accounts", "room")
    rows = [(1, 0, b"frame", 0, bytes(32))]
    with store.connection() as connection:
        FrameLog({}).append(connection, rows, [])
    with refuses(StorageError, "storage.failed"), store.connection() as connection:
        FrameLog({}).append(connection, rows, [])
    store.close()


def test_a_segment_that_is_not_known_has_no_frames(store: Store) -> None:
    """Nobody attached it."""
    with store.transaction() as db:
        assert frame_tables.read_frames(db, "f" * 32) == []
        assert frame_tables.count_frames(db) == 0
    assert FrameLog({}).place(1) is None
