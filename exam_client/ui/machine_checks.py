"""Looks at this machine once, when the program starts."""

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication, QRawFont

from exam_client.itemview import style
from exam_client.ui.start_up import MachineCheck

_WIDTH_MIN_PX = 1366
_HEIGHT_MIN_PX = 768
_SAMPLE = "贡院考试：社会保险、劳动关系（龘）"


def check_machine() -> list[MachineCheck]:
    """What a candidate needs of this machine: Chinese fonts and a large enough screen."""
    return [_check_fonts(), _check_screen()]


def _check_fonts() -> MachineCheck:
    installed = set(QFontDatabase.families())
    found = [family for family in style.FONT_FAMILIES if family in installed]
    missing = [c for c in _SAMPLE if found and not _has(found[0], c)]
    if found and not missing:
        finding = found[0]
    else:
        finding = _tr("缺少中文字体，请技术人员安装 Noto Sans CJK SC 或文泉驿微米黑")
    return MachineCheck(
        subject=_tr("中文字体"), finding=finding, is_good=bool(found) and not missing
    )


def _check_screen() -> MachineCheck:
    size = QGuiApplication.primaryScreen().size()
    is_good = size.width() >= _WIDTH_MIN_PX and size.height() >= _HEIGHT_MIN_PX
    finding = f"{size.width()} × {size.height()}"
    if not is_good:
        finding += _tr("，低于 1366 × 768，部分内容需要滚动查看")
    return MachineCheck(subject=_tr("屏幕分辨率"), finding=finding, is_good=is_good)


def _has(family: str, character: str) -> bool:
    return QRawFont.fromFont(QFont(family, 12)).supportsCharacter(ord(character))


def _tr(text: str) -> str:
    return QCoreApplication.translate("machine_checks", text)
