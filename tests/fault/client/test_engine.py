"""The engine against a real TLS room on loopback: log-in, answers, lost networks, every ending."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from exam_client import enrolment
from exam_client.config import DataFolder, KioskConfig, KioskFacts, install
from exam_client.enrolment import enrol, is_enrolled
from exam_client.journal.files import RealFileSystem
from exam_client.session import Connection, KioskSnapshot, SavedState, Screen, SessionEngine
from exam_client.session.attempt import Attempt
from exam_core.errors import ExamError, IntegrityError
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import ChoiceResponse, TextResponse
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import orders
from tests.support import builders
from tests.support.certificates import TestAuthority
from tests.support.kiosk_room import room_with, wait_until
from tests.support.room_double import JOIN_CODE, ROOM_CODE, RoomDouble

FILES = RealFileSystem()
CANDIDATE = builders.candidate(1)
P1, P5 = PartId("f1.0"), PartId("f1.4")
CHOICE_A = ChoiceResponse(choice_ids=(builders.choice("A", choice_id="f1.0-A").choice_id,))
CHOICE_B = ChoiceResponse(choice_ids=(builders.choice("B", choice_id="f1.0-B").choice_id,))


class Seat:
    """An installed kiosk with an engine that a test drives as a window would."""

    def __init__(self, room: RoomDouble, folder: Path) -> None:
        facts = KioskFacts(
            kiosk_url=room.kiosk_url, console_url=room.console_url, seat_id=CANDIDATE.seat_id
        )
        self.config: KioskConfig = install(
            FILES,
            DataFolder(folder / "kiosk"),
            facts,
            root=(folder / "root.json").read_bytes(),
            centre=(folder / "centre.signed").read_bytes(),
        )
        self.typed: TextResponse | None = None
        self.snapshots: list[KioskSnapshot] = []
        self.engine = self._engine()

    def _engine(self) -> SessionEngine:
        return SessionEngine(
            self.config, on_change=self.snapshots.append, collect_pending=self._collect
        )

    def _collect(self) -> None:
        if self.typed is not None:
            self.engine.record(P5, self.typed)
        self.engine.pending_collected()

    def enrol(self) -> None:
        """Get the certificate."""
        asyncio.run(enrol(FILES, self.config, JOIN_CODE))

    def restart(self) -> None:
        """Stop the engine and start another on the same folder."""
        self.engine.stop()
        self.engine = self._engine()
        self.engine.start()

    @property
    def now(self) -> KioskSnapshot:
        """The latest snapshot."""
        return self.engine.snapshot

    def until(self, holds: Callable[[KioskSnapshot], bool], what: str) -> KioskSnapshot:
        """Wait until the snapshot is so."""
        wait_until(lambda: holds(self.engine.snapshot), what=f"{what}: {self.engine.snapshot}")
        return self.engine.snapshot

    def screen(self, screen: Screen) -> KioskSnapshot:
        """Wait for a screen."""
        return self.until(lambda now: now.screen is screen, screen)

    def log_in(self, *, id_number: str = CANDIDATE.id_number) -> None:
        """Type and press log-in."""
        self.screen(Screen.LOG_IN)
        self.engine.log_in(
            admission_number=CANDIDATE.admission_number,
            id_number=id_number,
            room_code=ROOM_CODE,
        )

    def to_paper(self, room: RoomDouble) -> None:
        """From log-in to the paper."""
        self.log_in()
        self.screen(Screen.CONFIRM)
        self.engine.confirm()
        self.screen(Screen.RULES)
        self.engine.rules_read()
        self.screen(Screen.WAITING)
        room.present_all()
        room.set_state(SittingState.RUNNING)
        self.screen(Screen.PAPER)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[RoomDouble]:
    """A room for one candidate."""
    with room_with([CANDIDATE], tmp_path) as one:
        yield one


@pytest.fixture
def seat(room: RoomDouble, tmp_path: Path) -> Iterator[Seat]:
    """An enrolled kiosk whose engine runs."""
    one = Seat(room, tmp_path)
    one.enrol()
    one.engine.start()
    yield one
    one.engine.stop()


def test_a_whole_session(seat: Seat, room: RoomDouble) -> None:
    """Log-in to receipt: facts, responses, marks and receipt are the room's."""
    seat.to_paper(room)
    facts = seat.now
    assert facts.candidate is not None
    assert (facts.candidate.name, facts.candidate.team) == (CANDIDATE.name, CANDIDATE.team)
    assert facts.sitting is not None
    assert facts.sitting.scoring_note == "多选题少选、错选均不得分"
    assert facts.is_present
    assert facts.time_left_ms(0) is not None

    seat.engine.record(P1, CHOICE_A)
    seat.engine.record(P1, CHOICE_B)
    seat.engine.flag(ItemId("i0"), True)
    saved = seat.until(
        lambda now: now.saved_parts.get(P1) is SavedState.ON_SERVER and not now.unsynced, "saved"
    )
    assert saved.responses == {P1: CHOICE_B}
    assert saved.flagged == {ItemId("i0")}
    seat.engine.submit()
    closed = seat.until(lambda now: now.receipt is not None and not now.is_closed_offline, "closed")

    session = room.session(CANDIDATE.admission_number)
    assert closed.screen is Screen.RECEIPT
    assert closed.receipt == session.receipt
    assert closed.close_reason is SubmitReason.CANDIDATE
    assert session.content().responses == {P1: CHOICE_B}
    assert room.violations() == []


def test_a_wrong_identity_is_refused_and_can_be_typed_again(seat: Seat) -> None:
    """The refusal has code, message and advice, each try its number, and the next may succeed."""
    seat.log_in(id_number=builders.id_number(9))
    first = seat.until(lambda now: now.refusal is not None, "refusal").refusal
    seat.log_in(id_number=builders.id_number(8))
    second = seat.until(lambda now: now.refusal not in {None, first}, "refusal").refusal

    assert first is not None
    assert second is not None
    assert (first.code, second.code) == ("login.refused", "login.refused")
    assert second.number > first.number
    seat.log_in()
    assert seat.screen(Screen.CONFIRM).refusal is None


def test_someone_else_goes_back_to_log_in(seat: Seat) -> None:
    """Whoever is not the one named leads back to log-in, and the right one can log in."""
    seat.log_in()
    seat.screen(Screen.CONFIRM)

    seat.engine.not_me()
    assert seat.screen(Screen.LOG_IN).candidate is None

    seat.log_in()
    seat.screen(Screen.CONFIRM)


def test_a_lost_connection_is_made_again(seat: Seat, room: RoomDouble) -> None:
    """Cut again and again, the line comes back, and every response arrives once."""
    seat.to_paper(room)
    for number in range(5):
        seat.engine.record(P1, CHOICE_A if number % 2 else CHOICE_B)
        room.cut()
        seat.until(lambda now, number=number: now.reconnects > number, "reconnect")  # type: ignore[misc]  # bound by default
    seat.until(lambda now: now.unsynced == 0, "sync")

    session = room.session(CANDIDATE.admission_number)
    assert room.call(lambda: len(session.placed())) == 7  # started, begun, five responses
    assert room.violations() == []


def test_without_the_room_answers_are_kept_here(seat: Seat, room: RoomDouble) -> None:
    """While the server is gone answering goes on and says so; when it is back all is there."""
    seat.to_paper(room)
    seat.until(lambda now: now.unsynced == 0, "sync")
    room.stop()
    seat.until(lambda now: now.connection is Connection.AWAY, "away")

    seat.engine.record(P1, CHOICE_A)
    kept = seat.until(lambda now: P1 in now.responses, "record")
    assert kept.saved_parts[P1] is SavedState.KEPT_HERE
    assert (kept.saved, kept.unsynced) == (SavedState.KEPT_HERE, 1)

    room.start()
    back = seat.until(lambda now: now.saved is SavedState.ON_SERVER and not now.unsynced, "back")
    assert back.connection is Connection.ONLINE
    assert room.session(CANDIDATE.admission_number).content().responses == {P1: CHOICE_A}


def test_a_restarted_kiosk_goes_on_where_it_was(seat: Seat, room: RoomDouble) -> None:
    """After a restart the paper comes back by itself with responses and the room's time."""
    seat.to_paper(room)
    seat.engine.record(P1, CHOICE_A)
    seat.until(lambda now: now.saved_parts.get(P1) is SavedState.ON_SERVER, "saved")
    room.call(lambda: setattr(room.model, "time_left_ms", 60_000))

    seat.restart()

    again = seat.screen(Screen.PAPER)
    assert again.responses == {P1: CHOICE_A}
    assert again.deadline_monotonic_ms is not None
    assert again.candidate is not None
    assert seat.snapshots[-1].time_left_ms(again.deadline_monotonic_ms - 60_000) == 60_000


def test_lost_files_come_back_from_the_room(seat: Seat, room: RoomDouble) -> None:
    """A kiosk whose journal is gone gets its responses back from the room."""
    seat.to_paper(room)
    seat.engine.record(P1, CHOICE_A)
    seat.until(lambda now: now.saved_parts.get(P1) is SavedState.ON_SERVER, "saved")
    seat.engine.stop()
    for path in (seat.config.folder.path / "sessions").rglob("*.exj"):
        path.unlink()

    seat.restart()

    assert seat.screen(Screen.PAPER).responses == {P1: CHOICE_A}
    assert room.violations() == []


def test_when_time_is_up_what_is_typed_is_taken(seat: Seat, room: RoomDouble) -> None:
    """At the deadline the window is asked for typed text, and the session closes with it."""
    room.call(lambda: setattr(room.model, "time_left_ms", 1_500))
    seat.typed = TextResponse(text="还没点保存")
    seat.to_paper(room)

    closed = seat.until(lambda now: now.receipt is not None and not now.is_closed_offline, "closed")

    assert closed.close_reason is SubmitReason.TIME_UP
    content = room.session(CANDIDATE.admission_number).content()
    assert content.responses == {P5: seat.typed}
    assert content.late_entries == 0


def test_the_proctor_can_end_a_session(seat: Seat, room: RoomDouble) -> None:
    """An end from the room takes what is typed and gives a receipt."""
    seat.to_paper(room)
    seat.typed = TextResponse(text="写到一半")

    room.end("proctor")

    closed = seat.until(lambda now: now.receipt is not None and not now.is_closed_offline, "closed")
    assert closed.close_reason is SubmitReason.PROCTOR
    assert P5 in room.session(CANDIDATE.admission_number).content().responses


def test_a_session_ended_before_the_paper_shows_its_end(seat: Seat, room: RoomDouble) -> None:
    """Ended while waiting: closed, without a receipt."""
    seat.log_in()
    seat.screen(Screen.CONFIRM)
    seat.until(lambda now: now.connection is Connection.ONLINE, "attached")

    room.end("proctor")

    ended = seat.screen(Screen.RECEIPT)
    assert (ended.receipt, ended.close_reason) == (None, SubmitReason.PROCTOR)


def test_closing_without_the_room_is_confirmed_later(seat: Seat, room: RoomDouble) -> None:
    """With the server gone at the deadline the kiosk closes alone, also over a restart."""
    room.call(lambda: setattr(room.model, "time_left_ms", 2_500))
    seat.to_paper(room)
    seat.engine.record(P1, CHOICE_A)
    seat.until(lambda now: now.saved_parts.get(P1) is SavedState.ON_SERVER, "saved")
    room.stop()
    alone = seat.until(lambda now: now.receipt is not None, "closed here")
    assert alone.is_closed_offline
    assert seat.screen(Screen.RECEIPT).close_reason is SubmitReason.TIME_UP

    room.start()
    seat.restart()

    closed = seat.until(lambda now: now.receipt is not None and not now.is_closed_offline, "synced")
    assert closed.receipt == alone.receipt
    assert room.session(CANDIDATE.admission_number).receipt == alone.receipt
    assert room.session(CANDIDATE.admission_number).state is SessionState.CLOSED


def test_a_held_room_stops_the_clock(seat: Seat, room: RoomDouble) -> None:
    """While the sitting is held there is no deadline, and what is left is shown."""
    seat.to_paper(room)

    room.set_state(SittingState.HELD)
    held = seat.until(lambda now: now.sitting_state is SittingState.HELD, "held")
    assert (held.deadline_monotonic_ms, held.frozen_time_left_ms) == (None, room.duration_ms)

    room.set_state(SittingState.RUNNING)
    seat.until(lambda now: now.deadline_monotonic_ms is not None, "resumed")


def test_a_token_that_is_dead_leads_back_to_log_in(seat: Seat, room: RoomDouble) -> None:
    """When the room refuses the token the candidate logs in again and finds every response."""
    seat.to_paper(room)
    seat.engine.record(P1, CHOICE_A)
    seat.until(lambda now: now.unsynced == 0, "sync")
    session = room.session(CANDIDATE.admission_number)
    room.call(lambda: setattr(session, "token", "another"))
    room.cut()

    refused = seat.screen(Screen.LOG_IN)
    assert refused.refusal is not None
    assert refused.refusal.code == "session.token"
    seat.log_in()
    seat.screen(Screen.CONFIRM)
    seat.engine.confirm()
    seat.screen(Screen.RULES)
    seat.engine.rules_read()

    assert seat.screen(Screen.PAPER).responses == {P1: CHOICE_A}


def test_a_session_taken_over_elsewhere_stops_here(seat: Seat, room: RoomDouble) -> None:
    """When another program speaks for the session now, this one stops and says so."""
    seat.to_paper(room)

    room.cut(4409)

    stopped = seat.screen(Screen.PROBLEM)
    assert [alarm.code for alarm in stopped.alarms] == ["session.superseded"]


def test_a_mistake_of_ours_does_not_end_the_exam(
    seat: Seat, room: RoomDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the worker dies by a bug another one takes over, with everything that was kept."""
    seat.to_paper(room)
    seat.engine.record(P1, CHOICE_A)
    seat.until(lambda now: P1 in now.saved_parts, "record")
    with monkeypatch.context() as broken:
        broken.setattr(Attempt, "tick", lambda _attempt: 1 / 0)
        seat.until(lambda now: now.screen is not Screen.PAPER, "failure")

    again = seat.screen(Screen.PAPER)

    assert again.responses == {P1: CHOICE_A}


def test_commands_at_the_wrong_moment_are_refused(seat: Seat) -> None:
    """Answering or confirming before log-in is refused and changes nothing."""
    seat.screen(Screen.LOG_IN)

    seat.engine.record(P1, CHOICE_A)
    first = seat.until(lambda now: now.refusal is not None, "refusal").refusal
    seat.engine.rules_read()
    second = seat.until(lambda now: now.refusal not in {None, first}, "refusal").refusal

    assert first is not None
    assert second is not None
    assert (first.code, second.code) == ("session.state", "session.state")


def test_an_unenrolled_seat_waits_for_its_certificate(room: RoomDouble, tmp_path: Path) -> None:
    """Without a certificate the seat says so, and goes on by itself once there is one."""
    one = Seat(room, tmp_path)
    one.engine.start()
    try:
        one.screen(Screen.NOT_ENROLLED)
        assert not is_enrolled(FILES, one.config)
        one.enrol()
        one.screen(Screen.LOG_IN)
    finally:
        one.engine.stop()


def test_a_wrong_join_code_leaves_nothing(room: RoomDouble, tmp_path: Path) -> None:
    """A refused enrolment writes no certificate; a malformed code is not even sent."""
    one = Seat(room, tmp_path)
    for code, expected in (("87654321", "enrol.code"), ("123", "enrol.code_shape")):
        with pytest.raises(ExamError) as caught:
            asyncio.run(enrol(FILES, one.config, code))
        assert caught.value.code == expected
    assert not is_enrolled(FILES, one.config)


def test_a_certificate_for_another_key_is_refused(
    room: RoomDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room's reply must fit the key that was made here."""
    one = Seat(room, tmp_path)
    stranger = TestAuthority()
    csr = _request_of(one)
    monkeypatch.setattr(room.authority, "seat", lambda *_request: stranger.seat("A01", csr))

    with pytest.raises(IntegrityError, match=r"client\.certificate"):
        asyncio.run(enrol(FILES, one.config, JOIN_CODE))

    assert not is_enrolled(FILES, one.config)


def _request_of(seat: Seat) -> str:
    return enrolment._request_pem(seat.config, ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize("days", [9_800, 36_500, -9_800])
def test_a_dead_clock_battery_does_not_lock_a_seat_out(tmp_path: Path, days: int) -> None:
    """Certificates that this machine's clock, at 2000 or 2036, takes for void still connect."""
    with room_with([CANDIDATE], tmp_path, authority=TestAuthority(days=days)) as room:
        one = Seat(room, tmp_path)
        one.enrol()
        one.engine.start()
        try:
            one.screen(Screen.LOG_IN)
        finally:
            one.engine.stop()


def test_another_ca_is_never_trusted(room: RoomDouble, tmp_path: Path) -> None:
    """A server whose certificate is not from the centre's CA is a stranger, and said to be."""
    one = Seat(room, tmp_path)
    one.enrol()
    room.stop()
    room.authority = TestAuthority()
    (tmp_path / "server.pem").unlink()
    room.start()
    with pytest.raises(ExamError, match=r"room\.stranger"):
        asyncio.run(enrol(FILES, one.config, JOIN_CODE))

    one.engine.start()
    wait_until(lambda: one.now.screen is Screen.STARTING, what="start")
    one.engine.stop()
    assert {snapshot.connection for snapshot in one.snapshots} <= {Connection.AWAY}


def test_a_seat_whose_candidate_was_moved_lets_go(seat: Seat, room: RoomDouble) -> None:
    """The paper is gone from the screen, nothing is submitted, and the next may log in."""
    seat.to_paper(room)
    seat.engine.record(P1, CHOICE_A)
    seat.until(lambda now: now.unsynced == 0, "sync")
    session = room.session(CANDIDATE.admission_number)

    room.order(session.session_id, orders.End(reason=orders.MOVED))

    shown = seat.screen(Screen.LOG_IN)
    assert shown.refusal is not None
    assert shown.refusal.code == "session.moved"
    assert (shown.form, shown.candidate) == (None, None)
    assert session.receipt is None
    assert room.violations() == []


def test_a_seat_that_cannot_start_a_session_rests_before_the_next_log_in(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses again and again does not load the room; each pause may be longer."""
    tries: list[str] = []

    def fail(*_args: object, **_more: object) -> None:
        tries.append("")
        raise RuntimeError

    monkeypatch.setattr("exam_client.sync.backoff.Backoff.next_delay_s", lambda _self: 60.0)
    monkeypatch.setattr("exam_client.session.driver.SessionCore", fail)
    seat.log_in()
    failed = seat.until(lambda now: now.refusal is not None, "failure")
    assert failed.refusal is not None
    assert failed.refusal.code == "client.log_in"
    assert failed.is_logging_in, "the button stays shut during the pause"
    seat.log_in()
    again = seat.until(lambda now: now.refusal != failed.refusal, "refusal")
    assert again.refusal is not None
    assert again.refusal.code == "session.state"
    assert len(tries) == 1


def test_a_program_that_fails_again_and_again_waits_longer_each_time(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as long each time, up to a bound, so that a room of them stays usable."""
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real_sleep(60.0 if len(waits) == 7 else 0.0)

    async def fail(_self: object) -> None:
        raise RuntimeError

    seat.engine.stop()
    monkeypatch.setattr("exam_client.session.driver.SessionDriver.run", fail)
    monkeypatch.setattr("exam_client.session.engine.asyncio.sleep", sleep)
    seat.restart()
    wait_until(lambda: len(waits) == 7, what=f"waits: {waits}")
    assert waits == [1, 2, 4, 8, 16, 30, 30]
