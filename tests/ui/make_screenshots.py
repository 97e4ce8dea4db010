"""Draws every screen at two sizes into docs/kiosk: `python -m tests.ui.make_screenshots [FOLDER]`.

The pictures show the real widgets on made-up snapshots; look at each as a candidate would.
"""

import os
import sys
import tempfile
from pathlib import Path

# The offscreen platform's own screen is 800 x 800; a file gives it one like a kiosk's.
_SCREEN = Path(tempfile.mkdtemp()) / "screen.json"
_SCREEN.write_text('{"screens": [{"name": "kiosk", "width": 1920, "height": 1080}]}')
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={_SCREEN}"

from PySide6.QtCore import QSize, Qt  # noqa: E402  the platform is chosen first
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QPushButton, QWidget  # noqa: E402

from exam_client.app import KioskApp, build_app  # noqa: E402
from exam_client.session.snapshot import (  # noqa: E402
    Alarm,
    Connection,
    KioskSnapshot,
    Refusal,
    SavedState,
    Screen,
)
from exam_client.ui import object_names as names  # noqa: E402
from exam_core.formats.journal_entries import SubmitReason  # noqa: E402
from exam_core.model.identifiers import ChoiceId, ItemId, PartId  # noqa: E402
from exam_core.model.responses import (  # noqa: E402
    BlanksResponse,
    ChoiceResponse,
    Response,
    TextResponse,
)
from exam_core.model.states import SittingState  # noqa: E402
from tests.ui import sample_form  # noqa: E402
from tests.ui.scripted_engine import (  # noqa: E402
    FakeClock,
    ScriptedEngine,
    config_of_a_test,
    paper_snapshot,
    snapshot_at,
)

SIZES = (QSize(1366, 768), QSize(1920, 1080))
RECEIPT = "3f9c21d07be84a65c1d2908ee4f7ab5630c98d1e"
ANSWER = (
    "一、人员范围：限于用人单位的高级管理人员、高级技术人员和其他负有保密义务的人员。\n"
    "二、期限：在解除或者终止劳动合同后，竞业限制期限不得超过二年。\n"
    "三、义务：在竞业限制期限内按月给予劳动者经济补偿。"
)


class Studio:
    """One window, a scripted engine, and a folder for the pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = FakeClock()
        engines: list[ScriptedEngine] = []

        def make(on_change: object, _collect: object) -> ScriptedEngine:
            engines.append(ScriptedEngine(on_change, snapshot_at(Screen.STARTING)))  # type: ignore[arg-type]  # the bridge's
            return engines[0]

        self.app: KioskApp = build_app(
            config_of_a_test(), is_windowed=True, make_engine=make, clock_ms=self.clock
        )
        self.engine = engines[0]
        self.app.start()

    def show(self, snapshot: KioskSnapshot) -> None:
        """Draw a snapshot in the window."""
        self.app.window.on_snapshot(snapshot)
        self.settle()

    def settle(self) -> None:
        """Let layouts and delayed sayings come to rest."""
        QTest.qWait(750)

    def control(self, name: str) -> QWidget:
        """A control by its object name."""
        found = self.app.window.findChild(QWidget, name)
        assert isinstance(found, QWidget), name
        return found

    def press(self, name: str) -> None:
        """Press a button."""
        control = self.control(name)
        if isinstance(control, QPushButton):
            control.click()
        else:
            QTest.mouseClick(control, Qt.MouseButton.LeftButton)
        self.settle()

    def shoot(self, name: str) -> None:
        """One PNG for each size, few colours, small."""
        for size in SIZES:
            self.app.window.resize(size)
            QTest.qWait(60)
            image = self.app.window.grab().toImage()
            path = self._folder / f"{name}-{size.width()}x{size.height()}.png"
            image.save(str(path))
            _shrink(path)
        self.app.window.resize(SIZES[0])
        QTest.qWait(60)


def main() -> None:
    """Draw all pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/kiosk")
    folder.mkdir(parents=True, exist_ok=True)
    studio = Studio(folder)
    _draw_before(studio)
    _draw_paper(studio)
    _draw_after(studio)
    studio.app.close()


def _draw_before(studio: Studio) -> None:
    studio.show(
        snapshot_at(Screen.STARTING, sitting=None, connection=Connection.AWAY, has_package=False)
    )
    studio.shoot("01-start-up")
    studio.show(snapshot_at(Screen.NOT_ENROLLED, sitting=None))
    studio.shoot("02-not-enrolled")
    studio.show(snapshot_at(Screen.NOT_ENROLLED, sitting=None, enrol_number="048213"))
    studio.shoot("02-compare")
    studio.show(snapshot_at(Screen.LOG_IN))
    _type(studio, names.LOG_IN_ADMISSION_NUMBER, "202406150107")
    _type(studio, names.LOG_IN_ID_NUMBER, "350302199203154427")
    studio.shoot("03-log-in")
    refusal = Refusal(
        number=1,
        code="login.refused",
        message="准考证号、身份证号或考场码不对",
        advice="请逐项核对后重新输入；仍不能登录请举手。",
    )
    studio.show(snapshot_at(Screen.LOG_IN, refusal=refusal))
    studio.shoot("04-log-in-refused")
    locked = Refusal(
        number=2,
        code="login.seat_locked",
        message="本机位连续登录失败 5 次，已锁定",
        advice="请举手，由监考老师核对身份后解锁。",
    )
    studio.show(snapshot_at(Screen.LOG_IN, refusal=locked))
    studio.shoot("05-log-in-locked")
    studio.show(snapshot_at(Screen.CONFIRM))
    studio.shoot("06-confirm")
    studio.show(snapshot_at(Screen.RULES))
    studio.shoot("07-rules")
    studio.show(snapshot_at(Screen.WAITING))
    studio.shoot("08-waiting-presence")
    studio.show(snapshot_at(Screen.WAITING, is_present=True))
    studio.shoot("09-waiting-start")
    studio.show(snapshot_at(Screen.WAITING, is_present=True, connection=Connection.AWAY))
    studio.shoot("10-waiting-network")


def _draw_paper(studio: Studio) -> None:
    form = sample_form.whole_form()
    responses = _some_responses()
    flagged = frozenset({ItemId("q5"), ItemId("q12"), ItemId("q52"), ItemId("q91")})

    def paper(**changes: object) -> KioskSnapshot:
        return paper_snapshot(form, responses=responses, flagged=flagged, **changes)

    studio.clock.now_ms = 12 * 60_000 + 7_000
    studio.show(paper(saved=SavedState.ON_SERVER))
    studio.press("navigator_2")
    studio.shoot("11-single-choice")
    studio.press("navigator_52")
    studio.show(paper(saved=SavedState.KEPT_HERE, connection=Connection.AWAY, unsynced=3))
    studio.shoot("12-multiple-choice-offline")
    studio.show(paper())
    studio.press("navigator_71")
    studio.shoot("13-true-false")
    studio.press("navigator_81")
    studio.shoot("14-fill-blank")
    studio.press("navigator_91")
    studio.shoot("15-short-answer")
    studio.clock.now_ms = 90 * 60_000 - 4 * 60_000 - 12_000
    studio.press("navigator_96")
    studio.shoot("16-case-five-minutes")
    for _ in range(3):
        studio.press(names.PAPER_FONT_LARGER)
    studio.clock.now_ms = 90 * 60_000 - 48_000
    studio.press("navigator_2")
    studio.show(paper(saved=SavedState.NOT_KEPT, alarms=(_full_disk(),)))
    studio.shoot("17-largest-font-one-minute-not-saved")
    for _ in range(3):
        studio.press(names.PAPER_FONT_SMALLER)
    studio.clock.now_ms = 60 * 60_000
    studio.show(paper())
    studio.press(names.PAPER_SUBMIT)
    studio.shoot("18-submit-check")
    studio.press(names.CHECK_SUBMIT)
    studio.shoot("19-submit-really")
    studio.press(names.CHECK_NOT_YET)
    frozen: dict[str, object] = {
        "deadline_monotonic_ms": None,
        "frozen_time_left_ms": 30 * 60_000,
        "sitting_state": SittingState.HELD,
    }
    studio.show(paper(**frozen))
    studio.shoot("20-paused")


def _draw_after(studio: Studio) -> None:
    studio.show(snapshot_at(Screen.SUBMITTING, unsynced=4))
    studio.shoot("21-submitting")
    closed = {"receipt": RECEIPT, "close_reason": SubmitReason.CANDIDATE}
    studio.show(snapshot_at(Screen.RECEIPT, **closed))
    studio.shoot("22-receipt")
    away = {"connection": Connection.AWAY, "is_closed_offline": True}
    timed = {"receipt": RECEIPT, "close_reason": SubmitReason.TIME_UP}
    studio.show(snapshot_at(Screen.RECEIPT, **timed, **away))
    studio.shoot("23-receipt-offline")
    alarm = Alarm(
        code="package.altered",
        message="试卷包内容与签名清单不符",
        advice="停止使用并上报总部。",
    )
    studio.show(snapshot_at(Screen.PROBLEM, alarms=(alarm,)))
    studio.shoot("24-problem")


def _some_responses() -> dict[PartId, Response]:
    given: dict[PartId, Response] = {}
    for n in range(1, 38):
        if n not in {9, 23}:
            given[PartId(f"q{n}p")] = _choice(f"q{n}p-{n % 4 + 1}")
    for n in range(51, 60):
        given[PartId(f"q{n}p")] = _choice(f"q{n}p-1", f"q{n}p-2")
    given[PartId("q71p")] = _choice("q71p-1")
    given[PartId("q81p")] = BlanksResponse(texts=("优先扶持", ""))
    given[PartId("q91p")] = TextResponse(text=ANSWER)
    given[PartId("q96p1")] = _choice("q96p1-4")
    return given


def _choice(*choice_ids: str) -> ChoiceResponse:
    return ChoiceResponse(choice_ids=tuple(ChoiceId(c) for c in choice_ids))


def _full_disk() -> Alarm:
    return Alarm(
        code="client.disk",
        message="本机磁盘已满，新的作答不能保存到本机",
        advice="请举手报告；网络正常时作答仍会上传到服务器。",
    )


def _type(studio: Studio, name: str, text: str) -> None:
    control = studio.control(name)
    assert isinstance(control, QLineEdit | QPlainTextEdit)
    control.setFocus()
    QTest.keyClicks(control, text)


def _shrink(path: Path) -> None:
    from PIL import Image  # noqa: PLC0415  only this script needs it, and only here

    with Image.open(path) as image:
        image.convert("RGB").quantize(200, method=Image.Quantize.MEDIANCUT).save(
            path, optimize=True
        )


if __name__ == "__main__":
    main()
