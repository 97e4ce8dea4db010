"""What the proctor is told when the server had been away while the sitting ran."""

from exam_core.errors import declare
from exam_server import limits
from exam_server.room.timing import Absence

SERVER_AWAY = declare(
    "server.away",
    "考生机在此期间各自继续计时和作答；如有考生当时不能作答，请两人给全场补时，或给个别机位补时。",
)

_MINUTE_MS = 60_000


def is_told(absence: Absence | None) -> bool:
    """Whether it was long enough to matter."""
    if absence is None:
        return False
    return absence.seemingly_ms is None or absence.seemingly_ms >= limits.absence_told_ms_min


def words_for(absence: Absence) -> str:
    """One sentence: how long, and what of it counts as working time."""
    counted, seemingly = absence.counted_ms, absence.seemingly_ms
    if counted and seemingly == counted:
        return f"考试进行中服务器中断了 {_length(counted)}，已计入考试用时"
    by_wall = f"按本机时钟约 {_length(seemingly)}" if seemingly is not None else "时长不明"
    return f"考试进行中服务器断电、重启或被替换（{by_wall}），未计入考试用时"


def minutes_of(absence: Absence) -> int:
    """What to offer as the time that can be given back: whole minutes, rounded up."""
    return max(1, -(-(absence.seemingly_ms or 0) // _MINUTE_MS))


def _length(ms: int) -> str:
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes} 分 {seconds} 秒" if minutes else f"{seconds} 秒"
