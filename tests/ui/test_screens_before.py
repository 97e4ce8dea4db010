"""Start-up, log-in, confirm, rules, waiting: what each shows and what each lets through."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QScrollArea, QWidget

from exam_client.session.snapshot import Connection, Refusal, Screen
from exam_client.ui import object_names as names
from exam_client.ui.machine_checks import check_machine
from exam_core.model.states import SittingState
from tests.ui.conftest import Kiosk
from tests.ui.scripted_engine import SITTING, snapshot_at

ADMISSION = "202406150107"
ID_NUMBER = "11010519491231002X"  # the standard's own example
CODE = "482913"


def words(kiosk: Kiosk, screen: str) -> str:
    """All texts that can be seen on a screen."""
    labels = kiosk.find(screen).findChildren(QLabel)
    return "\n".join(label.text() for label in labels if label.isVisible())


def fill(kiosk: Kiosk, admission: str, id_number: str, code: str) -> None:
    """Type into the three fields."""
    for name, text in (
        (names.LOG_IN_ADMISSION_NUMBER, admission),
        (names.LOG_IN_ID_NUMBER, id_number),
        (names.LOG_IN_ROOM_CODE, code),
    ):
        field = kiosk.find(name)
        assert isinstance(field, QLineEdit)
        field.clear()
        QTest.keyClicks(field, text)


def test_start_up_says_what_is_missing(kiosk: Kiosk) -> None:
    """While the server is away the check says so, and what to do."""
    kiosk.show(
        snapshot_at(Screen.STARTING, sitting=None, connection=Connection.AWAY, has_package=False)
    )
    seen = words(kiosk, names.SCREEN_STARTING)
    assert "A07" in seen
    assert "正在连接" in seen

    kiosk.show(snapshot_at(Screen.STARTING))
    assert "已连接" in words(kiosk, names.SCREEN_STARTING)
    assert "签名有效" in words(kiosk, names.SCREEN_STARTING)


def test_the_machine_check_finds_the_chinese_font(qapp: QApplication) -> None:
    """Fonts are looked at, not assumed."""
    fonts, screen = check_machine()

    assert qapp is not None
    assert fonts.is_good, "install fonts-noto-cjk"
    assert not screen.is_good  # the offscreen platform has 800 × 800
    assert "800" in screen.finding


def test_a_machine_without_certificate_says_what_to_do(kiosk: Kiosk) -> None:
    """A technician reads the command."""
    kiosk.show(snapshot_at(Screen.NOT_ENROLLED, sitting=None))
    screen = kiosk.find(names.SCREEN_NOT_ENROLLED)

    assert screen.isVisible()
    texts = [child.accessibleName() for child in screen.findChildren(QWidget)]
    assert any("exam-client enrol" in text for text in texts)


def test_an_unenrolled_machine_shows_the_number_to_compare(kiosk: Kiosk) -> None:
    """Seat and digits large, with what staff do; without a number they are not there."""
    kiosk.show(snapshot_at(Screen.NOT_ENROLLED, sitting=None))
    assert not kiosk.find(names.ENROL_NUMBER).isVisible()

    kiosk.show(snapshot_at(Screen.NOT_ENROLLED, sitting=None, enrol_number="048213"))

    assert kiosk.text(names.ENROL_NUMBER) == "A07　048 213"
    texts = [
        child.accessibleName()
        for child in kiosk.find(names.SCREEN_NOT_ENROLLED).findChildren(QWidget)
    ]
    assert any("相符" in text for text in texts)


def test_log_in_sends_what_was_typed(kiosk: Kiosk) -> None:
    """All three, the X as a capital letter."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    fill(kiosk, ADMISSION, ID_NUMBER.lower(), CODE)

    kiosk.click(names.LOG_IN_BUTTON)

    assert kiosk.engine.commands[-1] == ("log_in", ADMISSION, ID_NUMBER, CODE)
    assert kiosk.text(names.LOG_IN_SEAT) == "A07"


def test_log_in_works_by_keyboard_alone(kiosk: Kiosk) -> None:
    """Return goes from field to field and then logs in."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    kiosk.qtbot.waitUntil(
        lambda: kiosk.find(names.LOG_IN_ADMISSION_NUMBER).hasFocus(), timeout=5000
    )

    for text in (ADMISSION, ID_NUMBER, CODE):
        kiosk.key(Qt.Key.Key_unknown, text)
        kiosk.key(Qt.Key.Key_Return)

    assert kiosk.engine.commands[-1] == ("log_in", ADMISSION, ID_NUMBER, CODE)


@pytest.mark.parametrize(
    ("admission", "id_number", "code", "hint", "field"),
    [
        ("", ID_NUMBER, CODE, "请输入准考证号", names.LOG_IN_ADMISSION_NUMBER),
        (ADMISSION, ID_NUMBER[:17], CODE, "现在是 17 位", names.LOG_IN_ID_NUMBER),
        (ADMISSION, "110105194912310021", CODE, "最后一位", names.LOG_IN_ID_NUMBER),
        (ADMISSION, ID_NUMBER, "48291", "6 位数字", names.LOG_IN_ROOM_CODE),
    ],
)
def test_a_mistype_costs_no_try(
    kiosk: Kiosk, *, admission: str, id_number: str, code: str, hint: str, field: str
) -> None:
    """What cannot be right is pointed out here and not sent."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    fill(kiosk, admission, id_number, code)

    kiosk.click(names.LOG_IN_BUTTON)

    assert all(command[0] != "log_in" for command in kiosk.engine.commands)
    assert hint in kiosk.text("log_in_hint")
    assert kiosk.find(field).hasFocus()


def test_the_check_digit_is_pointed_out_while_typing(kiosk: Kiosk) -> None:
    """The eighteenth character shows at once whether the number can be right."""
    kiosk.show(snapshot_at(Screen.LOG_IN))

    fill(kiosk, ADMISSION, "110105194912310021", "")
    assert "最后一位" in kiosk.text("log_in_hint")
    fill(kiosk, ADMISSION, ID_NUMBER, "")
    assert "最后一位" not in kiosk.text("log_in_hint")


def test_an_identity_number_does_not_go_to_the_clipboard(kiosk: Kiosk) -> None:
    """Copying out of the log-in fields does nothing."""
    clipboard = QApplication.clipboard()
    clipboard.setText("before")
    kiosk.show(snapshot_at(Screen.LOG_IN))
    fill(kiosk, ADMISSION, ID_NUMBER, CODE)
    field = kiosk.find(names.LOG_IN_ID_NUMBER)

    for key in (Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_X, Qt.Key.Key_V):
        QTest.keyClick(field, key, Qt.KeyboardModifier.ControlModifier)

    assert clipboard.text() == "before"
    assert field.property("text") == ID_NUMBER


def test_while_a_log_in_is_answered_nothing_is_sent_again(kiosk: Kiosk) -> None:
    """The button waits for the answer."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    fill(kiosk, ADMISSION, ID_NUMBER, CODE)
    button = kiosk.find(names.LOG_IN_BUTTON)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.keyClick(kiosk.find(names.LOG_IN_ROOM_CODE), Qt.Key.Key_Return)
    assert [c[0] for c in kiosk.engine.commands] == ["start", "log_in"]
    kiosk.show(snapshot_at(Screen.LOG_IN, connection=Connection.AWAY))
    assert not button.isEnabled()
    kiosk.show(snapshot_at(Screen.LOG_IN, is_logging_in=True))

    assert not kiosk.find(names.LOG_IN_BUTTON).isEnabled()
    assert "核对" in kiosk.text(names.LOG_IN_BUTTON)


def test_a_refusal_is_said_with_its_advice(kiosk: Kiosk) -> None:
    """The sentence of the server is shown; only the room code is to be typed again."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    fill(kiosk, ADMISSION, ID_NUMBER, CODE)
    refusal = Refusal(number=1, code="login.refused", message="证件不符", advice="请核对")
    kiosk.show(snapshot_at(Screen.LOG_IN, refusal=refusal))

    assert kiosk.text(names.LOG_IN_REFUSAL) == "证件不符。\n请核对"
    assert kiosk.text(names.LOG_IN_ADMISSION_NUMBER) == ADMISSION
    assert kiosk.text(names.LOG_IN_ROOM_CODE) == ""


def test_a_repeated_snapshot_does_not_clear_what_is_typed(kiosk: Kiosk) -> None:
    """A heartbeat's snapshot with the old refusal leaves the new room code alone."""
    refusal = Refusal(number=1, code="login.refused", message="证件不符", advice="请核对")
    kiosk.show(snapshot_at(Screen.LOG_IN, refusal=refusal))
    fill(kiosk, ADMISSION, ID_NUMBER, CODE)
    kiosk.show(snapshot_at(Screen.LOG_IN, refusal=refusal, connection=Connection.AWAY))

    assert kiosk.text(names.LOG_IN_ROOM_CODE) == CODE


def test_a_locked_seat_waits_for_the_proctor(kiosk: Kiosk) -> None:
    """Nothing can be typed until somebody says that the seat was unlocked."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    locked = Refusal(number=5, code="login.seat_locked", message="已锁定", advice="请举手")
    kiosk.show(snapshot_at(Screen.LOG_IN, refusal=locked))

    assert not kiosk.find(names.LOG_IN_ID_NUMBER).isEnabled()
    assert not kiosk.find(names.LOG_IN_BUTTON).isVisible()
    kiosk.click(names.LOG_IN_RETRY)
    assert kiosk.find(names.LOG_IN_ID_NUMBER).isEnabled()
    kiosk.show(snapshot_at(Screen.LOG_IN, refusal=locked, connection=Connection.AWAY))
    assert kiosk.find(names.LOG_IN_ID_NUMBER).isEnabled()
    kiosk.show(snapshot_at(Screen.LOG_IN, refusal=replace(locked, number=6)))
    assert not kiosk.find(names.LOG_IN_ID_NUMBER).isEnabled()


def test_the_next_person_finds_empty_fields(kiosk: Kiosk) -> None:
    """After “not me” nothing of the person before is on the screen."""
    kiosk.show(snapshot_at(Screen.LOG_IN))
    fill(kiosk, ADMISSION, ID_NUMBER, CODE)
    kiosk.show(snapshot_at(Screen.CONFIRM))
    kiosk.click(names.CONFIRM_NO)
    assert kiosk.engine.commands[-1] == ("not_me",)
    kiosk.show(snapshot_at(Screen.LOG_IN))

    for name in (names.LOG_IN_ADMISSION_NUMBER, names.LOG_IN_ID_NUMBER, names.LOG_IN_ROOM_CODE):
        assert kiosk.text(name) == ""


def test_confirm_shows_the_person(kiosk: Kiosk) -> None:
    """Name, unit, team, admission number and seat; a double click answers once."""
    kiosk.show(snapshot_at(Screen.CONFIRM))
    seen = words(kiosk, names.SCREEN_CONFIRM)
    for fact in ("林婉清", "莆田市代表队", ADMISSION, "A07", "人社窗口"):
        assert fact in seen

    button = kiosk.find(names.CONFIRM_YES)
    QTest.mouseDClick(button, Qt.MouseButton.LeftButton)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    assert kiosk.engine.commands.count(("confirm",)) == 1


def test_the_rules_must_be_read_to_the_end(kiosk: Kiosk) -> None:
    """The button works only once the last line has been on the screen."""
    kiosk.show(snapshot_at(Screen.RULES))
    scroll = kiosk.find(names.RULES_TEXT)
    assert isinstance(scroll, QScrollArea)
    bar = scroll.verticalScrollBar()
    kiosk.qtbot.waitUntil(lambda: bar.maximum() > 0, timeout=5000)
    assert not kiosk.find(names.RULES_READ).isEnabled()

    bar.setValue(bar.maximum() // 2)
    assert not kiosk.find(names.RULES_READ).isEnabled()
    kiosk.qtbot.waitUntil(scroll.hasFocus, timeout=5000)
    kiosk.key(Qt.Key.Key_Space)
    kiosk.key(Qt.Key.Key_End)
    kiosk.click(names.RULES_READ)

    assert kiosk.engine.commands[-1] == ("rules_read",)


def test_rules_that_fit_the_screen_need_no_scrolling(kiosk: Kiosk) -> None:
    """On a large screen all of it is shown at once."""
    kiosk.app.window.resize(1920, 1400)
    kiosk.show(snapshot_at(Screen.RULES))

    kiosk.qtbot.waitUntil(lambda: kiosk.find(names.RULES_READ).isEnabled(), timeout=5000)


def test_the_rules_say_this_sitting(kiosk: Kiosk) -> None:
    """Duration and scoring note come from the sitting."""
    kiosk.show(snapshot_at(Screen.RULES, sitting=replace(SITTING, duration_ms=45_000)))
    texts = [
        child.accessibleName() for child in kiosk.find(names.SCREEN_RULES).findChildren(QWidget)
    ]

    assert any("答题时间 45 秒" in text for text in texts)
    assert any("多选题少选、错选、多选均不得分" in text for text in texts)


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({}, "等待监考老师确认到场"),
        ({"is_present": True}, "已确认到场，等待开考"),
        ({"is_present": True, "has_package": False}, "正在接收加密试卷"),
        ({"is_present": True, "sitting_state": SittingState.HELD}, "考试暂停"),
        ({"is_present": True, "sitting_state": SittingState.RUNNING}, "正在打开试卷"),
        ({"is_present": True, "sitting_state": SittingState.ENDED}, "本场考试已经结束"),
        ({"is_present": True, "connection": Connection.AWAY}, "网络暂时断开"),
    ],
)
def test_waiting_says_for_what(kiosk: Kiosk, changes: dict[str, object], headline: str) -> None:
    """One sentence for each state of the room."""
    kiosk.show(snapshot_at(Screen.WAITING, **changes))

    assert kiosk.text(names.WAITING_STATE) == headline
    assert "林婉清" in words(kiosk, names.SCREEN_WAITING)
