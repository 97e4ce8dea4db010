"""Tables and queries of the exam room; those of frames are in `frames`."""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import (
    BigInteger,
    Connection,
    ForeignKey,
    delete,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from exam_core.model.identifiers import FormNumber
from exam_server.store.base import Base, IntPk, Millis, TextPk

ABSENT = "absent"
"""The close reason of a session that never began; the others are those of a submit entry."""


class SittingRow(Base):
    """The one sitting of this data folder; made by importing its package.

    `elapsed_ms` is the working time of the room that had passed when it was last written, and the
    `read_…` columns say what the machine's clocks were at then: which start of the machine, its
    monotonic clock, its wall clock. `changed_by` is who put it into its state; `boots` counts the
    starts of the server, `swaps` the candidates who were moved to another machine.
    """

    __tablename__ = "sitting"

    sitting_id: Mapped[TextPk]
    exam_id: Mapped[str]
    paper_id: Mapped[str]
    title: Mapped[str]
    sequence: Mapped[int]
    duration_ms: Mapped[Millis]
    not_before_utc_ms: Mapped[Millis | None]
    scoring_note: Mapped[str]
    manifest_sha256: Mapped[str]
    package_sha256: Mapped[str]
    state: Mapped[str]
    changed_by: Mapped[str]
    boots: Mapped[int]
    swaps: Mapped[int]
    elapsed_ms: Mapped[Millis]
    read_boot_id: Mapped[str] = mapped_column(default="")
    read_monotonic_ms: Mapped[Millis] = mapped_column(default=0)
    read_utc_ms: Mapped[Millis] = mapped_column(default=0)
    room_code: Mapped[str]
    form_seed: Mapped[str]
    assignment_sha256: Mapped[str]
    exports: Mapped[int]


class FormRow(Base):
    """A form that this centre's opening bundle opens; the draw gives out these and no others."""

    __tablename__ = "form"

    form_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class CandidateRow(Base):
    """A person on the roster, with the form that the draw gave them.

    `seat_id` is the roster's; `sits_at` is where the person sits now, after a machine was swapped.
    """

    __tablename__ = "candidate"

    admission_number: Mapped[TextPk]
    position: Mapped[int]
    name: Mapped[str]
    id_number: Mapped[str]
    unit: Mapped[str]
    team: Mapped[str]
    is_substitute: Mapped[bool]
    seat_id: Mapped[str] = mapped_column(unique=True)
    sits_at: Mapped[str] = mapped_column(unique=True)
    form_number: Mapped[int] = mapped_column(unique=True)
    is_present: Mapped[bool]


class SeatRow(Base):
    """A seat, also a spare one; five failed log-ins lock it until a proctor unlocks it."""

    __tablename__ = "seat"

    seat_id: Mapped[TextPk]
    failed_tries: Mapped[int]
    is_locked: Mapped[bool]


class KioskRow(Base):
    """A certificate issued to a seat; only the one that is not revoked may connect."""

    __tablename__ = "kiosk"

    fingerprint: Mapped[TextPk]
    seat_id: Mapped[str]
    signing_key: Mapped[str]
    enrolled_by: Mapped[str]
    issued_utc_ms: Mapped[Millis]
    is_revoked: Mapped[bool]


class SessionRow(Base):
    """One candidate's attempt. `begun_at_ms` and `closed_at_ms` are the room's elapsed time.

    So is `moved_at_ms`, set from a swap of the machine until the paper is shown at the new one;
    `away_ms` is all such time, which `extra_ms` gives back.
    """

    __tablename__ = "session"

    session_id: Mapped[TextPk]
    admission_number: Mapped[str] = mapped_column(
        ForeignKey("candidate.admission_number"), unique=True
    )
    seat_id: Mapped[str]
    form_number: Mapped[int]
    state: Mapped[str]
    stage: Mapped[str]
    token_sha256: Mapped[str]
    extra_ms: Mapped[Millis]
    away_ms: Mapped[Millis] = mapped_column(default=0)
    moved_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    begun_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    closed_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    close_reason: Mapped[str]
    receipt: Mapped[str]


class AlarmRow(Base):
    """Something a proctor must look at; settled by a person."""

    __tablename__ = "alarm"

    alarm_id: Mapped[IntPk]
    seat_id: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    raised_utc_ms: Mapped[Millis]
    is_settled: Mapped[bool]


def find_sitting(db: Session) -> SittingRow | None:
    """The sitting, once a package was imported."""
    return db.scalar(select(SittingRow))


def lock_sitting(db: Session) -> SittingRow | None:
    """The sitting; until the transaction ends nobody else changes it or appends frames."""
    return db.scalar(select(SittingRow).with_for_update())


def list_candidates(db: Session) -> list[CandidateRow]:
    """The roster, in the order of its file."""
    return list(db.scalars(select(CandidateRow).order_by(CandidateRow.position)))


def list_seats(db: Session) -> list[SeatRow]:
    """All seats."""
    return list(db.scalars(select(SeatRow).order_by(SeatRow.seat_id)))


def list_kiosks(db: Session) -> list[KioskRow]:
    """The certificates that may connect."""
    return list(db.scalars(select(KioskRow).where(KioskRow.is_revoked.is_(False))))


def list_sessions(db: Session) -> list[SessionRow]:
    """All sessions."""
    return list(db.scalars(select(SessionRow)))


def find_session_of(db: Session, admission_number: str) -> SessionRow | None:
    """The session of a candidate, if they ever logged in."""
    return db.scalar(select(SessionRow).where(SessionRow.admission_number == admission_number))


def find_candidate_at(db: Session, seat_id: str) -> CandidateRow | None:
    """The candidate who sits there now."""
    return db.scalar(select(CandidateRow).where(CandidateRow.sits_at == seat_id))


def find_at_door(
    db: Session, seat_id: str, admission_number: str
) -> tuple[SeatRow | None, CandidateRow | None, SessionRow | None]:
    """A seat, a candidate and the candidate's session, each if there is one; one statement."""
    query = (
        select(SeatRow, CandidateRow, SessionRow)
        .select_from(SeatRow)
        .outerjoin(CandidateRow, CandidateRow.admission_number == admission_number)
        .outerjoin(SessionRow, SessionRow.admission_number == CandidateRow.admission_number)
        .where(SeatRow.seat_id == seat_id)
    )
    found = db.execute(query).one_or_none()
    if found is None:
        return None, None, None
    seat, candidate, session = found
    return seat, candidate, session


def list_alarms(db: Session, limit: int) -> list[AlarmRow]:
    """The newest alarms that nobody settled."""
    query = select(AlarmRow).where(AlarmRow.is_settled.is_(False))
    return list(db.scalars(query.order_by(AlarmRow.alarm_id.desc()).limit(limit)))


def replace_roster(
    db: Session, candidates: Iterable[CandidateRow], spare_seats: Iterable[str]
) -> None:
    """Put a new roster in place of the old one, with a fresh seat for each candidate and spares."""
    rows = list(candidates)
    db.execute(delete(CandidateRow))
    db.execute(delete(SeatRow))
    db.add_all(rows)
    seats = [*(row.seat_id for row in rows), *spare_seats]
    db.add_all(SeatRow(seat_id=one, failed_tries=0, is_locked=False) for one in seats)
    db.flush()


def replace_forms(db: Session, form_numbers: Iterable[FormNumber]) -> None:
    """Put the forms that can be given out in place of those before."""
    db.execute(delete(FormRow))
    db.add_all(FormRow(form_number=number) for number in form_numbers)
    db.flush()


def list_forms(db: Session) -> list[FormNumber]:
    """The forms that can be given out, ascending."""
    numbers = db.scalars(select(FormRow.form_number).order_by(FormRow.form_number))
    return [FormNumber(number) for number in numbers]


def set_form_numbers(db: Session, forms: Mapping[str, int]) -> None:
    """Give every candidate another form; none is held twice at any time."""
    rows = list_candidates(db)
    lowest = min((row.form_number for row in rows), default=0)
    for row in rows:  # to numbers below all that are held: rows change one after another
        row.form_number = min(lowest, 0) - forms[row.admission_number]
    db.flush()
    for row in rows:
        row.form_number = forms[row.admission_number]
    db.flush()


def revoke_kiosks(db: Session, seat_id: str) -> None:
    """Take the seat's earlier certificates off the allow-list."""
    db.execute(update(KioskRow).where(KioskRow.seat_id == seat_id).values(is_revoked=True))


def move_sessions(
    db: Session, session_ids: Collection[str], before: str, after: str, *, begun_at_ms: int
) -> list[str]:
    """Bring those of these sessions that are in the state `before` to `after`: they begin.

    One statement for a room full of them. Returns their candidates' admission numbers.
    """
    query = (
        update(SessionRow)
        .where(SessionRow.session_id.in_(session_ids), SessionRow.state == str(before))
        .values(state=str(after), begun_at_ms=begun_at_ms)
        .returning(SessionRow.admission_number)
    )
    return list(db.scalars(query))


def count_sessions_in(db: Session, session_ids: Collection[str], state: str) -> int:
    """How many of these sessions are in this state."""
    query = select(SessionRow.session_id).where(
        SessionRow.session_id.in_(session_ids), SessionRow.state == str(state)
    )
    return len(db.execute(query).all())


def mark_all_present(db: Session) -> list[str]:
    """Mark everyone present who is logged in; returns their admission numbers.

    Who was moved to another machine and has not logged in there is not.
    """
    here = select(SessionRow.admission_number).where(SessionRow.token_sha256 != "")
    query = (
        update(CandidateRow)
        .where(CandidateRow.is_present.is_(False), CandidateRow.admission_number.in_(here))
        .values(is_present=True)
        .returning(CandidateRow.admission_number)
    )
    return list(db.scalars(query))


def share_sitting_state(connection: Connection) -> str | None:
    """The sitting's state; nobody changes it until the transaction ends."""
    # As text, since Core would compile it anew for every commit; SQLite has one writer anyway.
    is_sqlite = connection.dialect.name == "sqlite"
    query = "SELECT state FROM sitting" if is_sqlite else "SELECT state FROM sitting FOR SHARE"
    row = connection.exec_driver_sql(query).first()
    return row[0] if row else None
