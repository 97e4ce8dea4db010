"""How often somebody may do something: a burst at once, then so many a second.

Source: the token bucket of ITU-T I.371 / RFC 2697, kept as a level that leaks.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from exam_core.errors import declare
from exam_server import limits

NET_PACE = declare("net.pace", "请求过于频繁，已放慢；如果持续出现，请技术人员核查该机位或设备。")


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` at once, and `per_s` a second after that; `name` keeps the counts of kinds apart."""

    name: str
    burst: int
    per_s: float


SEAT = Pace("seat", *limits.seat_pace)
ENROL = Pace("enrol", *limits.enrol_pace)
COMPARE = Pace("compare", *limits.compare_pace)
SIGN_IN = Pace("sign_in", *limits.sign_in_pace)
REFUSALS = Pace("refusals", *limits.refusals_pace)
MESSAGES = Pace("messages", *limits.messages_pace)


class Pacer:
    """The levels of all who were seen lately; the one least recently seen is forgotten first.

    Args:
        now_s: A monotonic clock in seconds.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, who: str, pace: Pace) -> bool:
        """Whether `who` may do it once more now; counted only if so."""
        now = self._now_s()
        key = (pace.name, who)
        level, at = self._levels.pop(key, (0.0, now))
        level = max(0.0, level - (now - at) * pace.per_s)
        is_free = level + 1 <= pace.burst
        self._levels[key] = (level + is_free, now)
        if len(self._levels) > limits.paced_max:
            self._levels.popitem(last=False)
        return is_free
