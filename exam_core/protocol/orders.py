"""Orders: what the server says that changes a kiosk's time, state or paper; signed and counted.

An order names sitting, seat and session, and (boot, counter): how often the server was started,
and a number that rises with each order of that start. A kiosk obeys an order once: one that is
not above the last it took has no effect. So nothing that was ever recorded can be played again,
at another seat, in another session or at another time.
"""

from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import Recipient, SealingIdentity
from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    Signer,
    signature_holds,
)
from exam_core.errors import IntegrityError, StateError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.model.identifiers import FormNumber, SeatId, SessionId, SittingId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol.messages import Ordered

ORDER_MALFORMED = declare("order.malformed", "收到无法识别的指令，已忽略；请检查服务器程序版本。")
ORDER_SIGNATURE = declare(
    "order.signature", "收到不是本考点签名的指令，已忽略；请技术人员检查网络中是否有冒充的设备。"
)
ORDER_OTHER = declare(
    "order.other", "收到发给其他机位或其他考生的指令，已忽略；请技术人员检查网络。"
)
ORDER_REPLAYED = declare(
    "order.replayed",
    "收到已经用过的旧指令，已忽略；若服务器刚从备份恢复，请技术人员重新登记本机位，否则检查网络。",
)

_LABEL = b"gongyuan/order/v1\n"

_Number = Annotated[int, msgspec.Meta(ge=1, le=limits.order_number_max)]


class _What(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what may be ordered."""


class Begin(_What, frozen=True, kw_only=True, tag="begin"):
    """The paper may be shown: the key of this candidate's form and of the journal.

    Sent when presence is confirmed and the sitting runs, and again on each later attach.
    `resume_recipients` are those of the seat's one-time resume codes, in their order; see
    `exam_core.formats.resume_file`.
    """

    form_number: FormNumber
    form_identity: SealingIdentity
    journal_key: bytes
    time_left_ms: int
    resume_recipients: tuple[Recipient, ...]


class Clock(_What, frozen=True, kw_only=True, tag="clock"):
    """The state of the room and what is left of this candidate's time.

    `extra_ms` is all the time that was ever granted to this candidate; `time_left_ms` has it.
    """

    sitting_state: SittingState
    session_state: SessionState
    is_present: bool
    time_left_ms: int
    extra_ms: int


class End(_What, frozen=True, kw_only=True, tag="end"):
    """The server ended the session: `time_up` or `proctor`. Take what is typed and submit.

    With the reason `moved` nothing is submitted: this machine lets go of the session.
    """

    reason: str


class Submitted(_What, frozen=True, kw_only=True, tag="submitted"):
    """The submit entry is durable and the session is closed; the receipt as the server has it."""

    receipt: str


What: TypeAlias = Begin | Clock | End | Submitted


class OrderMark(NamedTuple):
    """How far a kiosk has come in the orders of its sitting; the next must be above it."""

    boot: int
    counter: int


NO_ORDER = OrderMark(0, 0)

MOVED = "moved"
"""The reason of an end that is none: the candidate goes on at another machine."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order to one seat.

    `issued_by` is the account of who caused it, or `system`; for a clock that is only told again
    it is who brought the sitting into its state.
    """

    sitting_id: SittingId
    seat_id: SeatId
    session_id: SessionId
    boot: _Number
    counter: _Number
    issued_by: str
    what: What

    @property
    def mark(self) -> OrderMark:
        """Its place among all orders."""
        return OrderMark(self.boot, self.counter)


def sign_order(order: Order, key: PrivateSigningKey | Signer) -> Ordered:
    """The message that carries an order, signed by the centre; who signs often gives a `Signer`.

    Raises:
        InputError: `signing.key`.
    """
    data = encode_canonical(order)
    signer = key if isinstance(key, Signer) else Signer(key)
    return Ordered(order=data, signature=signer.sign(_LABEL + data))


def open_order(message: Ordered, key: PublicSigningKey) -> Order:
    """The order in a message, once the centre's signature holds.

    Raises:
        IntegrityError: `order.signature`.
        InputError: `order.malformed`.
    """
    if not signature_holds(_LABEL + message.order, message.signature, key):
        raise IntegrityError(ORDER_SIGNATURE, "指令的签名不对")
    return decode_canonical(message.order, Order, ORDER_MALFORMED, "指令")


def check_order(
    order: Order,
    *,
    sitting_id: SittingId,
    seat_id: SeatId,
    session_id: SessionId,
    last: OrderMark,
) -> None:
    """Refuse an order that is not for this session at this seat, or that is not new.

    Raises:
        StateError: `order.other`, `order.replayed`.
    """
    if (order.sitting_id, order.seat_id, order.session_id) != (sitting_id, seat_id, session_id):
        raise StateError(ORDER_OTHER, "指令不是发给本机位本考生的")
    if order.mark <= last:
        raise StateError(
            ORDER_REPLAYED, "指令的序号不高于已执行的", boot=order.boot, counter=order.counter
        )
