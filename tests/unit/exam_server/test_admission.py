"""Log-in of candidates, and enrolment of kiosks."""

import pytest

from exam_core.errors import ExamError
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol.http import LogInRequest
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.audit_draft import AuditDraft
from exam_server.room.serve import open_store
from exam_server.room.services import admission, conduct
from exam_server.room.services.enrolment import JoinCodes
from exam_server.store import room as tables
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.live_room import WANG
from tests.support.room_world import RoomWorld

A01, A02 = SeatId("A01"), SeatId("A02")


class Door:
    """The log-in of one room."""

    def __init__(self, world: RoomWorld) -> None:
        self.store = open_store(world.folder)
        self.trail = AuditTrail(world.folder.audit_file, FakeClock())
        self.first = world.roster[0]
        with self.store.transaction() as db:
            row = tables.find_sitting(db)
            assert row is not None
            self.room_code = row.room_code

    def log_in(
        self,
        seat_id: SeatId = A01,
        *,
        is_active: bool = False,
        changed: dict[str, str] | None = None,
    ) -> admission.Admitted:
        """The first candidate's log-in with single fields changed."""
        right = {
            "admission_number": self.first.admission_number,
            "id_number": self.first.id_number,
            "room_code": self.room_code,
        }
        request = LogInRequest(**(right | (changed or {})))  # type: ignore[arg-type]  # any text may come
        draft = AuditDraft()
        with self.store.transaction() as db:
            outcome = admission.log_in(db, draft, request, seat_id=seat_id, is_active=is_active)
        self.trail.append(draft)
        if isinstance(outcome, admission.Refused):
            raise outcome.as_error(seat_id)
        return outcome

    def set_session(self, state: SessionState) -> None:
        """Put the first candidate's session into a state."""
        with self.store.transaction() as db:
            session = tables.find_session_of(db, self.first.admission_number)
            assert session is not None
            session.state = str(state)


@pytest.fixture
def door(world: RoomWorld) -> Door:
    """A prepared room's door."""
    return Door(world)


def test_the_right_three_begin_a_session(door: Door) -> None:
    """The token is 256 bits and only its hash is kept."""
    admitted = door.log_in()

    assert admitted.is_new
    assert len(bytes.fromhex(admitted.reply.token)) == 32
    assert admission.token_matches(admitted.reply.token, admitted.token_sha256)
    assert (admitted.reply.name, admitted.seat_id) == (door.first.name, A01)
    with door.store.transaction() as db:
        session = tables.find_session_of(db, door.first.admission_number)
        assert session is not None
        assert session.state == SessionState.INITIAL
        assert admitted.reply.token not in (session.token_sha256, session.session_id)


@pytest.mark.parametrize(
    "fields",
    [
        {"admission_number": "99999999"},
        {"id_number": "350102199001010027"},
        {"room_code": "x"},
        {"room_code": "０１２３４５"},
    ],
)
def test_whatever_is_wrong_gets_the_same_answer(door: Door, fields: dict[str, str]) -> None:
    """Unknown number, wrong identity number, wrong room code: one code, one sentence."""
    with pytest.raises(ExamError) as refusal:
        door.log_in(changed=fields)
    assert (refusal.value.code, refusal.value.message) == ("login.refused", "登录信息不对")


def test_five_failures_lock_the_seat_until_a_proctor_unlocks_it(door: Door) -> None:
    """Not even the right candidate gets in before."""
    for _ in range(5):
        with pytest.raises(ExamError, match=r"login\.refused"):
            door.log_in(changed={"room_code": "1"})
    with pytest.raises(ExamError, match=r"login\.seat_locked"):
        door.log_in()
    conduct.unlock_seat(door.store, door.trail, WANG, A01)
    door.log_in()


def test_a_success_clears_the_failures(door: Door) -> None:
    """Typing errors do not add up over the day."""
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(ExamError):
                door.log_in(changed={"room_code": "x"})
        door.log_in()


def test_the_right_candidate_at_the_wrong_seat_is_told(door: Door) -> None:
    """No session begins there."""
    with pytest.raises(ExamError, match=r"login\.wrong_seat"):
        door.log_in(A02)
    with door.store.transaction() as db:
        assert tables.list_sessions(db) == []


@pytest.mark.parametrize("seat_id", [A01, A02])
def test_a_second_log_in_while_the_first_is_connected_is_refused(
    door: Door, seat_id: SeatId
) -> None:
    """At whatever seat."""
    door.log_in()
    with pytest.raises(ExamError, match=r"login\.already_active"):
        door.log_in(seat_id, is_active=True)


def test_a_log_in_after_the_connection_died_voids_the_old_token(door: Door) -> None:
    """The session is the same; only the newest token holds."""
    first, second = door.log_in(), door.log_in()

    assert first.reply.session_id == second.reply.session_id
    assert not second.is_new
    assert not admission.token_matches(first.reply.token, second.token_sha256)
    with door.store.transaction() as db:
        kept = tables.find_session_of(db, door.first.admission_number)
        assert kept is not None
        assert kept.token_sha256 == second.token_sha256, "a restarted server knows the newest, too"


def test_nobody_logs_in_after_handing_in_or_after_the_end(door: Door) -> None:
    """A closed session, and a sitting that has ended."""
    door.log_in()
    door.set_session(SessionState.CLOSED)
    with pytest.raises(ExamError, match=r"login\.closed"):
        door.log_in()
    door.set_session(SessionState.INITIAL)
    with door.store.transaction() as db:
        row = tables.find_sitting(db)
        assert row is not None
        row.state = str(SittingState.ENDED)
    with pytest.raises(ExamError, match=r"login\.closed"):
        door.log_in()


def test_presence_needs_a_log_in(door: Door) -> None:
    """A proctor confirms who sits there, not who should."""
    with pytest.raises(ExamError, match=r"presence\.no_session"):
        conduct.mark_present(door.store, door.trail, WANG, seat_id=A01)
    with pytest.raises(ExamError, match=r"seat\.unknown"):
        conduct.mark_present(door.store, door.trail, WANG, seat_id=SeatId("Z99"))
    door.log_in()
    assert conduct.mark_present(door.store, door.trail, WANG, seat_id=A01)
    assert conduct.mark_present(door.store, door.trail, WANG, seat_id=None) == []


def test_a_segment_belongs_to_one_session_and_keeps_its_epoch(door: Door) -> None:
    """Epochs rise with every new segment."""
    session_id = door.log_in().reply.session_id

    def epoch(segment: str, session: str = session_id) -> int:
        with door.store.transaction() as db:
            return conduct.register_segment(
                db,
                session_id=session,  # type: ignore[arg-type]  # another session's on purpose
                segment_id=segment,  # type: ignore[arg-type]
                seat_id=A01,
                signing_key=builders.KIOSK.public_key,
            )[0]

    assert [epoch("0a" * 16), epoch("0b" * 16), epoch("0a" * 16)] == [1, 2, 1]
    with pytest.raises(ExamError, match=r"journal\.segments"):
        epoch("0a" * 16, "another")


def test_a_join_code_opens_its_seat_once() -> None:
    """Wrong seat, second use, five tries, ten minutes, and a newer code all void it."""
    clock = FakeClock()
    codes = JoinCodes(clock)

    def is_taken(seat_id: SeatId, code: str) -> bool:
        try:
            codes.take(seat_id, code)
        except ExamError as error:
            return error.code != "enrol.code"
        return True

    code = codes.make(A01, made_by="wang")
    assert not is_taken(A02, code)
    assert is_taken(A01, code)
    assert not is_taken(A01, code)

    code = codes.make(A01, made_by="wang")
    assert [is_taken(A01, "wrong") for _ in range(5)] == [False] * 5
    assert not is_taken(A01, code)

    code = codes.make(A01, made_by="wang")
    clock.advance(600_001)
    assert not is_taken(A01, code)

    old, new = codes.make(A01, made_by="wang"), codes.make(A01, made_by="wang")
    assert old == new or not is_taken(A01, old)
    assert is_taken(A01, new)
