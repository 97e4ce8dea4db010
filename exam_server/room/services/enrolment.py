"""Gives a kiosk the certificate of its seat, once, for a join code that staff made for that seat.

Join codes live in memory by the monotonic clock: a restart of the server voids them.
"""

import datetime as dt
import hmac
import threading
from dataclasses import dataclass

from exam_core import limits as core_limits
from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import SeatId, SittingId
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import Clock
from exam_server.room.folder import RoomFolder
from exam_server.room.services.set_up import draw_digits
from exam_server.store import room as tables
from exam_server.store.engine import Store
from exam_server.tls import issue_seat

ENROL_CODE = declare("enrol.code", "登记码不对、已用过或已过期；请监考为该机位重新生成登记码。")
SEAT_UNKNOWN = declare("seat.unknown", "名单上没有这个机位，请核对机位号。")


@dataclass(slots=True)
class _JoinCode:
    digits: str
    made_at_ms: int
    tries: int = 0


class JoinCodes:
    """The join codes that are open; each opens its seat once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: dict[SeatId, _JoinCode] = {}
        self._turn = threading.Lock()

    def make(self, seat_id: SeatId) -> str:
        """A new code for a seat; an earlier one is void."""
        with self._turn:
            digits = draw_digits(core_limits.join_code_digits)
            self._codes[seat_id] = _JoinCode(digits, self._clock.monotonic_ms())
            return digits

    def take(self, seat_id: SeatId, digits: str) -> None:
        """Use up the seat's code.

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
            if not is_right:
                raise InputError(ENROL_CODE, "登记码不对", seat_id=seat_id)


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
    seat_id: SeatId,
    csr_pem: str,
) -> tuple[str, str]:
    """The seat's new certificate; certificates issued to it before are void from now on.

    Returns:
        The certificate as PEM, and its fingerprint.

    Raises:
        InputError: `enrol.request`, `seat.unknown`.
        StateError: `roster.no_package`.
    """
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None:
            raise StateError("roster.no_package", "还没有导入试卷包")
        if db.get(tables.SeatRow, seat_id) is None:
            raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")
        pem, fingerprint = issue_seat(
            room.authority(),
            csr_pem,
            sitting_id=SittingId(sitting.sitting_id),
            seat_id=seat_id,
            now=dt.datetime.fromtimestamp(clock.utc_ms() / 1000, dt.UTC),
        )
        tables.revoke_kiosks(db, seat_id)
        db.add(
            tables.KioskRow(
                fingerprint=fingerprint,
                seat_id=seat_id,
                issued_utc_ms=clock.utc_ms(),
                is_revoked=False,
            )
        )
        trail.record("kiosk_enrolled", subject=seat_id, fingerprint=fingerprint)
    return pem, fingerprint
