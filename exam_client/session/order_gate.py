"""What lets an order of the server through: signed by the centre, for this session, and new.

The mark of the last order taken is on disk in `orders.json`, so that a kiosk that was killed does
not obey what it had obeyed before. A new enrolment forgets it: then a person has decided.
"""

import logging
from collections.abc import Callable

import msgspec

from exam_client import limits
from exam_client.config import DataFolder
from exam_client.journal.files import FileSystem
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import ExamError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.model.identifiers import SeatId, SessionId, SittingId
from exam_core.protocol.messages import Ordered
from exam_core.protocol.orders import NO_ORDER, Order, OrderMark, check_order, open_order

ORDERS_FILE = declare("client.orders", "本机的指令记录已损坏，已重新开始；请技术人员检查磁盘。")

_log = logging.getLogger("exam_client.session")


class _Held(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`orders.json`: the last order that was taken in a sitting."""

    sitting_id: SittingId
    boot: int
    counter: int


class OrderGate:
    """Takes each order of the server once.

    Args:
        files: How files are written.
        folder: Where `orders.json` stands.
        centre_key: The centre's public signing key, from the signed descriptor.
        seat_id: This machine's seat.
        alarm: Told that the mark could not be read or written: code and message.
    """

    def __init__(
        self,
        files: FileSystem,
        folder: DataFolder,
        *,
        centre_key: PublicSigningKey,
        seat_id: SeatId,
        alarm: Callable[[str, str], None],
    ) -> None:
        self._files = files
        self._path = folder.orders
        self._centre_key = centre_key
        self._seat_id = seat_id
        self._alarm = alarm
        self._held: _Held | None = None
        self._is_loaded = False

    def take(self, message: Ordered, *, sitting_id: SittingId, session_id: SessionId) -> Order:
        """The order, to be obeyed now and never again.

        Where the mark cannot be written the order is taken all the same: the exam goes on.

        Raises:
            IntegrityError: `order.signature`.
            InputError: `order.malformed`.
            StateError: `order.other`, `order.replayed`.
        """
        order = open_order(message, self._centre_key)
        check_order(
            order,
            sitting_id=sitting_id,
            seat_id=self._seat_id,
            session_id=session_id,
            last=self._last(sitting_id),
        )
        self._held = _Held(sitting_id=sitting_id, boot=order.boot, counter=order.counter)
        try:
            self._files.replace(self._path, encode_canonical(self._held))
        except OSError as error:
            _log.warning("order_mark_not_saved", extra={"errno": error.errno})
        return order

    def _last(self, sitting_id: SittingId) -> OrderMark:
        if not self._is_loaded:  # not before the first order: the seat may be enrolled meanwhile
            self._held, self._is_loaded = self._load(), True
        held = self._held
        if held is None or held.sitting_id != sitting_id:
            return NO_ORDER
        return OrderMark(held.boot, held.counter)

    def _load(self) -> _Held | None:
        try:
            data = self._files.read(self._path, limits.config_bytes_max)
            return decode_canonical(data, _Held, ORDERS_FILE, "指令记录")
        except FileNotFoundError:
            return None
        except (OSError, ExamError):
            # Refusing everything from here on would end the exam at this seat for a bad disk.
            self._alarm(ORDERS_FILE, "本机的指令记录无法读取")
            return None
