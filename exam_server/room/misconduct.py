"""Counts what was refused, by seat or address, and tells the proctor when it looks like an attack.

One refusal is a mistake, many in a minute are none. Whoever is refused too often is slowed down:
the connection is closed and may come again. Nothing that was acknowledged is touched.
Event loop only.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from exam_core.errors import CODES, declare
from exam_core.model.identifiers import SeatId
from exam_server import limits
from exam_server.doorway import Source
from exam_server.pacing import MESSAGES, REFUSALS, Pace, Pacer
from exam_server.room.services.enrolment import EnrolledKiosk

NET_REFUSALS = declare(
    "net.refusals", "该机位反复发来不能接收的内容，已放慢；请技术人员核查该机位。"
)

_NOBODY = SeatId("")
_SIGNS = Pace("signs", *limits.attack_signs_pace)


class Misconduct:
    """The room's memory of who was refused what.

    Args:
        alarm: Puts something before the proctor, once for each seat and code.
        kiosks: The allow-list, by fingerprint.
        now_s: A monotonic clock in seconds.

    Attributes:
        counts: How often each (seat or address, code) was refused since the start.
    """

    def __init__(
        self,
        *,
        alarm: Callable[[SeatId, str, str], None],
        kiosks: Mapping[str, EnrolledKiosk],
        now_s: Callable[[], float],
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._alarm = alarm
        self._kiosks = kiosks
        self._pacer = Pacer(now_s)

    def connection_refused(self, source: Source, code: str) -> None:
        """Somebody was refused before a message of the protocol was read."""
        kiosk = self._kiosks.get(source.fingerprint)
        seat_id = kiosk.seat_id if kiosk else _NOBODY
        self._note(seat_id or source.address, code)
        if not self._pacer.take(f"{source.address} {code}", _SIGNS):
            self._alarm(seat_id, code, f"地址 {source.address}：{_SAID.get(code, CODES[code])}")

    def message_refused(self, seat_id: SeatId, code: str) -> bool:
        """A message of a seat was refused; whether its connection is to be closed for now."""
        self._note(seat_id, code)
        if self._pacer.take(seat_id, REFUSALS):
            return False
        self._note(seat_id, NET_REFUSALS)
        self._alarm(seat_id, NET_REFUSALS, f"机位 {seat_id} 反复发来不能接收的内容（{code}）")
        return True

    def keeps_pace(self, seat_id: SeatId) -> bool:
        """Whether a seat may send one more message that is no answer."""
        return self._pacer.take(seat_id, MESSAGES)

    def _note(self, who: str, code: str) -> None:
        key = (who, code)
        if key in self.counts or len(self.counts) < limits.paced_max:
            self.counts[key] += 1


_SAID = {
    "net.handshake": "反复连接而没有完成 TLS 握手",
    "net.crowded": "未完成的连接过多",
    "net.connections": "同时的连接过多",
    "net.request": "发来残缺、过大或过慢的请求",
    "net.pace": "请求过于频繁",
}
