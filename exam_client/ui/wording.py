"""What the screens say about times, states and numbers; pure, so that every sentence is tested."""

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QCoreApplication

from exam_client.itemview.marks import Mark
from exam_client.session.snapshot import Connection, KioskSnapshot, SavedState
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.states import OVER_STATES, SittingState

AMBER_MS = 5 * 60_000
RED_MS = 60_000
_RECEIPT_GROUP = 4


class Urgency(Enum):
    """How the time left is shown."""

    CALM = auto()
    AMBER = auto()  # five minutes or less
    RED = auto()  # one minute or less
    FROZEN = auto()  # the clock stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A sign, a headline and what to do about it."""

    mark: Mark
    headline: str
    detail: str = ""


def tr(text: str) -> str:
    """The text in the language of the program."""
    return QCoreApplication.translate("wording", text)


def clock_text(time_left_ms: int) -> str:
    """Hours, minutes, seconds; a begun second counts, so 0:00:00 is shown only when time is up."""
    seconds = -(-time_left_ms // 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def urgency(time_left_ms: int, *, is_frozen: bool) -> Urgency:
    """How pressing the time left is."""
    if is_frozen:
        return Urgency.FROZEN
    if time_left_ms <= RED_MS:
        return Urgency.RED
    return Urgency.AMBER if time_left_ms <= AMBER_MS else Urgency.CALM


def time_caption(level: Urgency) -> str:
    """What stands above the clock; it says in words what the colour says."""
    return {
        Urgency.CALM: tr("剩余时间"),
        Urgency.AMBER: tr("不足 5 分钟"),
        Urgency.RED: tr("不足 1 分钟"),
        Urgency.FROZEN: tr("计时暂停"),
    }[level]


def saved_saying(snapshot: KioskSnapshot, *, is_typing: bool) -> Saying:
    """How safe the answers are, never better than it is."""
    if snapshot.saved is SavedState.NOT_KEPT:
        return Saying(mark=Mark.CROSS, headline=tr("未保存"), detail=tr("请立即举手报告"))
    if is_typing:
        return Saying(mark=Mark.RING, headline=tr("正在录入"), detail=tr("停顿后自动保存"))
    if snapshot.saved is SavedState.KEPT_HERE:
        detail = (
            tr("正在上传服务器")
            if snapshot.connection is Connection.ONLINE
            else tr("网络恢复后自动上传")
        )
        return Saying(mark=Mark.DOT, headline=tr("已保存到本机"), detail=detail)
    if not snapshot.responses and not snapshot.flagged:
        return Saying(mark=Mark.RING, headline=tr("尚未作答"), detail=tr("作答后自动保存"))
    return Saying(mark=Mark.TICK, headline=tr("已保存到服务器"), detail=tr("作答自动保存"))


def connection_saying(connection: Connection) -> Saying:
    """Whether the room hears this machine."""
    if connection is Connection.ONLINE:
        return Saying(mark=Mark.TICK, headline=tr("网络正常"))
    return Saying(mark=Mark.CROSS, headline=tr("网络断开"), detail=tr("请继续作答"))


def waiting_saying(snapshot: KioskSnapshot) -> Saying:
    """What the candidate is waiting for."""
    if snapshot.connection is Connection.AWAY:
        return Saying(
            mark=Mark.CROSS,
            headline=tr("网络暂时断开"),
            detail=tr("正在自动重新连接，请在原位等候，不需要任何操作。"),
        )
    if not snapshot.is_present:
        return Saying(
            mark=Mark.WAIT,
            headline=tr("等待监考老师确认到场"),
            detail=tr("请把身份证和准考证放在桌面左上角，等候核验。"),
        )
    if not snapshot.has_package:
        return Saying(
            mark=Mark.WAIT,
            headline=tr("正在接收加密试卷"),
            detail=tr("试卷在开考前保持加密，请稍候。"),
        )
    if snapshot.sitting_state is SittingState.HELD:
        return Saying(
            mark=Mark.WAIT, headline=tr("考试暂停"), detail=tr("恢复后将自动进入试卷，请稍候。")
        )
    if snapshot.sitting_state is SittingState.RUNNING:
        return Saying(mark=Mark.WAIT, headline=tr("正在打开试卷"), detail=tr("请稍候。"))
    if snapshot.sitting_state in OVER_STATES:
        return Saying(
            mark=Mark.CROSS, headline=tr("本场考试已经结束"), detail=tr("请举手询问监考老师。")
        )
    return Saying(
        mark=Mark.TICK,
        headline=tr("已确认到场，等待开考"),
        detail=tr("监考老师宣布开考后，试卷自动打开并开始计时。"),
    )


def close_reason_text(reason: SubmitReason | None) -> str:
    """Why the session ended."""
    if reason is None:
        return tr("本次考试已经结束")
    return {
        SubmitReason.CANDIDATE: tr("您已交卷"),
        SubmitReason.TIME_UP: tr("考试时间到，系统已自动交卷"),
        SubmitReason.PROCTOR: tr("监考老师已结束您的考试"),
    }[reason]


def receipt_lines(receipt: str) -> str:
    """The receipt in groups of four, five groups a line, as it is read aloud and written down."""
    digits = "".join(receipt.split())
    groups = [
        digits[start : start + _RECEIPT_GROUP] for start in range(0, len(digits), _RECEIPT_GROUP)
    ]
    return "\n".join(" ".join(groups[start : start + 5]) for start in range(0, len(groups), 5))


def duration_text(duration_ms: int) -> str:
    """A duration as a candidate says it."""
    minutes, rest_ms = divmod(duration_ms, 60_000)
    if rest_ms:
        seconds = -(-rest_ms // 1000)
        return (
            (tr("%1 分 %2 秒") if minutes else tr("%2 秒"))
            .replace("%1", str(minutes))
            .replace("%2", str(seconds))
        )
    return tr("%1 分钟").replace("%1", str(minutes))


def numbers_text(count: int) -> str:
    """So many items."""
    return tr("%1 题").replace("%1", str(count))
