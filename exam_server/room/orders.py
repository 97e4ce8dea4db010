"""Numbers and signs the orders of one start of the server. Event loop only."""

from exam_core.crypto.signing import PrivateSigningKey, Signer
from exam_core.model.identifiers import SeatId, SessionId, SittingId
from exam_core.protocol.messages import Ordered
from exam_core.protocol.orders import Order, What, sign_order


class OrderBook:
    """Makes each order of this start of the server once, in one rising count for all seats.

    Args:
        key: The centre's private signing key.
        sitting_id: Of all orders.
        boot: How often the server was started, this time included.
    """

    def __init__(self, key: PrivateSigningKey, *, sitting_id: SittingId, boot: int) -> None:
        self._signer = Signer(key)
        self._sitting_id = sitting_id
        self._boot = boot
        self._counter = 0

    def issue(
        self, what: What, *, seat_id: SeatId, session_id: SessionId, issued_by: str
    ) -> Ordered:
        """The next order, signed."""
        self._counter += 1
        order = Order(
            sitting_id=self._sitting_id,
            seat_id=seat_id,
            session_id=session_id,
            boot=self._boot,
            counter=self._counter,
            issued_by=issued_by,
            what=what,
        )
        return sign_order(order, self._signer)
