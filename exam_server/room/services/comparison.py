"""Kiosks that wait for a person to compare their number; see `exam_core.protocol.comparison`.

In memory, by the monotonic clock: a restart of the server forgets all of them. How often one may
begin is bounded, see `comparison_tries`.
"""

import re
import secrets
import threading
from dataclasses import dataclass

from exam_core import limits as core_limits
from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import SeatId
from exam_core.protocol.comparison import Revealed, comparison_number, is_committed
from exam_core.protocol.enrolment import signing_proof_holds
from exam_server import limits
from exam_server.clock import Clock
from exam_server.room.services.comparison_tries import CompareTries
from exam_server.room.services.enrolment import KioskRequest
from exam_server.tls import ENROL_REQUEST

COMPARE_GONE = declare(
    "compare.gone", "核对已过 10 分钟、被新的请求取代或已办结；请在考生机上重新开始。"
)
COMPARE_COMMITMENT = declare(
    "compare.commitment", "考生机前后所说的不一致，已拒绝；请重新开始，再次出现请检查网络。"
)
COMPARE_MANY = declare(
    "compare.many",
    "10 分钟内核对的次数过多，可能有人在网络上捣乱；请改用登记码登记，并请技术人员检查网络。",
)
COMPARE_NUMBER = declare("compare.number", "页面上的数字已变；请刷新后与考生机屏幕重新核对。")
COMPARE_REFUSED = declare("compare.refused", "工作人员认定数字不符；请检查网络后重新登记。")

_HEX_64 = re.compile(r"[0-9a-f]{64}")
_NONCE_BYTES = 32
_ID_BYTES = 16


@dataclass(slots=True, kw_only=True)
class _Waiting:
    seat_id: SeatId
    commitment: str
    server_nonce: str
    made_at_ms: int
    request: KioskRequest | None = None
    number: str = ""
    certificate_pem: str = ""
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingKiosk:
    """A kiosk whose number a person can compare now."""

    request_id: str
    seat_id: SeatId
    number: str


class Comparisons:
    """The comparisons under way, one a seat; safe to use from several threads."""

    def __init__(self, clock: Clock, ca_certificate_pem: str) -> None:
        self._clock = clock
        self._ca_certificate_pem = ca_certificate_pem
        self._waiting: dict[str, _Waiting] = {}
        self._tries = CompareTries()
        self._turn = threading.Lock()

    def commit(self, seat_id: SeatId, commitment: str) -> tuple[str, str]:
        """A kiosk begins; an earlier comparison of the seat is void.

        Returns:
            The id of the request, and our nonce.

        Raises:
            InputError: `enrol.request`.
            StateError: `compare.many`.
        """
        if not _HEX_64.fullmatch(commitment):
            raise InputError(ENROL_REQUEST, "登记请求格式不对")
        with self._turn:
            self._forget_old()
            if not self._tries.take(seat_id, self._clock.monotonic_ms()):
                raise StateError(COMPARE_MANY, "核对的次数过多", seat_id=seat_id)
            for old in [key for key, one in self._waiting.items() if one.seat_id == seat_id]:
                del self._waiting[old]
            if len(self._waiting) >= limits.comparisons_max:
                raise StateError(COMPARE_MANY, "等待核对的考生机过多")
            request_id, nonce = secrets.token_hex(_ID_BYTES), secrets.token_hex(_NONCE_BYTES)
            self._waiting[request_id] = _Waiting(
                seat_id=seat_id,
                commitment=commitment,
                server_nonce=nonce,
                made_at_ms=self._clock.monotonic_ms(),
            )
            return request_id, nonce

    def reveal(self, request_id: str, request: KioskRequest, nonce: str) -> None:
        """The kiosk says what it committed to; once, and whatever is wrong ends the comparison.

        Raises:
            StateError: `compare.gone`.
            InputError: `compare.commitment`, `enrol.request`, `signing.key`.
        """
        with self._turn:
            one = self._find(request_id)
            revealed = Revealed(
                seat_id=one.seat_id,
                csr_pem=request.csr_pem,
                signing_key=request.signing_key,
                nonce=nonce,
            )
            is_first = one.request is None and not one.is_refused
            del self._waiting[request_id]
            if not is_first or not is_committed(one.commitment, revealed):
                raise InputError(COMPARE_COMMITMENT, "所说的与承诺的不一致", seat_id=one.seat_id)
            if not signing_proof_holds(request.csr_pem, request.signing_key, request.signing_proof):
                raise InputError(ENROL_REQUEST, "签名密钥的证明不对", seat_id=one.seat_id)
            one.request = request
            one.number = comparison_number(
                revealed,
                ca_certificate_pem=self._ca_certificate_pem,
                server_nonce=one.server_nonce,
            )
            self._waiting[request_id] = one

    def too_many(self) -> list[SeatId]:
        """The seats where somebody begins again and again; they take a join code for a while."""
        with self._turn:
            return self._tries.many(self._clock.monotonic_ms())

    def unreported(self) -> list[SeatId]:
        """Those of them that came to be so since this was asked last; to be written down."""
        with self._turn:
            return self._tries.unreported()

    def to_compare(self) -> list[WaitingKiosk]:
        """The kiosks that show a number now, in the order in which they came."""
        with self._turn:
            self._forget_old()
            return [
                WaitingKiosk(request_id=key, seat_id=one.seat_id, number=one.number)
                for key, one in self._waiting.items()
                if one.number and not one.certificate_pem and not one.is_refused
            ]

    def agreed(self, request_id: str, number: str) -> KioskRequest:
        """A person says that the kiosk shows this number: what it is to be enrolled with.

        Raises:
            StateError: `compare.gone`, `compare.number`.
        """
        with self._turn:
            one = self._find(request_id)
            if one.request is None or one.is_refused or one.certificate_pem:
                raise StateError(COMPARE_GONE, "这台考生机不在等待核对")
            if number != one.number:
                raise StateError(COMPARE_NUMBER, "核对的数字与请求不符", seat_id=one.seat_id)
            return one.request

    def issued(self, request_id: str, certificate_pem: str) -> None:
        """The kiosk may fetch its certificate."""
        with self._turn:
            if request_id in self._waiting:
                self._waiting[request_id].certificate_pem = certificate_pem

    def refuse(self, request_id: str) -> SeatId:
        """A person says that the numbers differ; returns the seat.

        Raises:
            StateError: `compare.gone`.
        """
        with self._turn:
            one = self._find(request_id)
            one.is_refused = True
            return one.seat_id

    def certificate(self, request_id: str) -> str:
        """What a waiting kiosk may fetch; empty while nobody has compared.

        Raises:
            StateError: `compare.gone`, `compare.refused`.
        """
        with self._turn:
            one = self._find(request_id)
            if one.is_refused:
                raise StateError(COMPARE_REFUSED, "工作人员认定数字不符", seat_id=one.seat_id)
            return one.certificate_pem

    def _find(self, request_id: str) -> _Waiting:
        self._forget_old()
        one = self._waiting.get(request_id)
        if one is None:
            raise StateError(COMPARE_GONE, "没有这次核对")
        return one

    def _forget_old(self) -> None:
        oldest = self._clock.monotonic_ms() - core_limits.join_code_life_ms
        for key in [key for key, one in self._waiting.items() if one.made_at_ms < oldest]:
            del self._waiting[key]
