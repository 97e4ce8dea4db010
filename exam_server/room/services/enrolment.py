"""Gives a kiosk the certificate of its seat, once, for a join code that staff made for that seat.

Join codes live in memory by the monotonic clock: a restart of the server voids them.
"""

import datetime as dt
import hmac
import threading
from dataclasses import dataclass

from exam_core import limits as core_limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import SeatId, SittingId
from exam_core.protocol.enrolment import signing_proof_holds
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import Person
from exam_server.clock import Clock
from exam_server.room.folder import RoomFolder
from exam_server.room.services.set_up import draw_digits
from exam_server.store import room as tables
from exam_server.store.engine import Store
from exam_server.tls import ENROL_REQUEST, issue_seat

ENROL_CODE = declare("enrol.code", "登记码不对、已用过或已过期；请监考为该机位重新生成登记码。")
KIOSK_UNKNOWN = declare("kiosk.unknown", "该机位的证书未登记或已作废；请监考重新登记该机位。")
KIOSK_REASON = declare("kiosk.reason", "请写明理由，不超过 100 字。")
SEAT_UNKNOWN = declare("seat.unknown", "名单上没有这个机位，请核对机位号。")


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskRequest:
    """What a kiosk asks to be enrolled with."""

    seat_id: SeatId
    csr_pem: str
    signing_key: PublicSigningKey
    signing_proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledKiosk:
    """A kiosk on the allow-list: its certificate's fingerprint and seat, its signing key."""

    fingerprint: str
    seat_id: SeatId
    signing_key: PublicSigningKey
    enrolled_by: str
    issued_utc_ms: int


@dataclass(slots=True)
class _JoinCode:
    digits: str
    made_at_ms: int
    made_by: str
    tries: int = 0


class JoinCodes:
    """The join codes that are open; each opens its seat once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: dict[SeatId, _JoinCode] = {}
        self._turn = threading.Lock()

    def make(self, seat_id: SeatId, *, made_by: str) -> str:
        """A new code for a seat; an earlier one is void."""
        with self._turn:
            digits = draw_digits(core_limits.join_code_digits)
            self._codes[seat_id] = _JoinCode(digits, self._clock.monotonic_ms(), made_by)
            return digits

    def take(self, seat_id: SeatId, digits: str) -> str:
        """Use up the seat's code; returns who made it.

        Raises:
            InputError: `enrol.code`, the same for a wrong, spent, old or absent code.
        """
        with self._turn:
            code = self._codes.get(seat_id)
            is_right = hmac.compare_digest(
                (code.digits if code else "-" * core_limits.join_code_digits).encode(),
                digits.encode(),
            )
            if (
                code
                and self._clock.monotonic_ms() - code.made_at_ms > core_limits.join_code_life_ms
            ):
                del self._codes[seat_id]
                is_right = False
            elif code:
                code.tries += 1
                if is_right or code.tries >= core_limits.join_code_tries_max:
                    del self._codes[seat_id]
            if not is_right or code is None:
                raise InputError(ENROL_CODE, "登记码不对", seat_id=seat_id)
            return code.made_by


def require_seat(db_store: Store, seat_id: SeatId) -> None:
    """Refuse a seat that no candidate has.

    Raises:
        InputError: `seat.unknown`.
    """
    with db_store.transaction() as db:
        if db.get(tables.SeatRow, seat_id) is None:
            raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")


def issue_certificate(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    clock: Clock,
    *,
    request: KioskRequest,
    enrolled_by: str,
) -> tuple[str, EnrolledKiosk]:
    """The seat's new certificate; certificates issued to it before are void from now on.

    Returns:
        The certificate as PEM, and the kiosk that it was issued to.

    Raises:
        InputError: `enrol.request`, `signing.key`, `seat.unknown`.
        StateError: `roster.no_package`.
    """
    seat_id = request.seat_id
    if not signing_proof_holds(request.csr_pem, request.signing_key, request.signing_proof):
        raise InputError(ENROL_REQUEST, "签名密钥的证明不对", seat_id=seat_id)
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None:
            raise StateError("roster.no_package", "还没有导入试卷包")
        if db.get(tables.SeatRow, seat_id) is None:
            raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")
        pem, fingerprint = issue_seat(
            room.sitting_authority(),
            request.csr_pem,
            sitting_id=SittingId(sitting.sitting_id),
            seat_id=seat_id,
            now=dt.datetime.fromtimestamp(clock.utc_ms() / 1000, dt.UTC),
        )
        tables.revoke_kiosks(db, seat_id)
        kiosk = tables.KioskRow(
            fingerprint=fingerprint,
            seat_id=seat_id,
            signing_key=request.signing_key,
            enrolled_by=enrolled_by,
            issued_utc_ms=clock.utc_ms(),
            is_revoked=False,
        )
        db.add(kiosk)
        trail.record(
            "kiosk_enrolled",
            actors=(enrolled_by,),
            subject=seat_id,
            fingerprint=fingerprint,
            signing_key=request.signing_key,
        )
        return pem, enrolled_kiosk(kiosk)


def revoke_kiosk(
    store: Store, trail: AuditTrail, person: Person, *, fingerprint: str, reason: str
) -> EnrolledKiosk:
    """Take a kiosk off the allow-list.

    Returns:
        The kiosk as it was.

    Raises:
        InputError: `kiosk.reason`; `kiosk.unknown`, when it is not on the list.
    """
    if not 0 < len(reason) <= limits.reason_chars_max:
        raise InputError(KIOSK_REASON, "没有写吊销理由或理由过长")
    with store.transaction() as db:
        row = db.get(tables.KioskRow, fingerprint)
        if row is None or row.is_revoked:
            raise InputError(KIOSK_UNKNOWN, "名单上没有这张机位证书")
        row.is_revoked = True
        trail.record(
            "kiosk_revoked",
            actors=(person.name,),
            subject=row.seat_id,
            fingerprint=fingerprint,
            reason=reason,
        )
        return enrolled_kiosk(row)


def enrolled_kiosk(row: tables.KioskRow) -> EnrolledKiosk:
    """A row of the allow-list as a value."""
    return EnrolledKiosk(
        fingerprint=row.fingerprint,
        seat_id=SeatId(row.seat_id),
        signing_key=PublicSigningKey(row.signing_key),
        enrolled_by=row.enrolled_by,
        issued_utc_ms=row.issued_utc_ms,
    )
