"""The screen that asks for a resume code: wrong groups at once, one code, no try wasted."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from exam_client.session.snapshot import Connection, KioskSnapshot, Refusal, Screen
from exam_client.ui import object_names as names
from exam_core.crypto.opening_code import GROUPS, write_code
from tests.ui.conftest import Kiosk
from tests.ui.scripted_engine import snapshot_at

CODE = write_code(123_456_789_012_345_678_901_234)


def asking(number: int = 2, refusal: Refusal | None = None) -> KioskSnapshot:
    """The kiosk was started again and the server cannot be reached."""
    return snapshot_at(
        Screen.RESUME_CODE,
        sitting=None,
        connection=Connection.AWAY,
        resume_code_number=number,
        refusal=refusal,
    )


def group(kiosk: Kiosk, number: int) -> QLineEdit:
    """One of the six fields."""
    field = kiosk.find(names.resume_code_group(number))
    assert isinstance(field, QLineEdit)
    return field


def text_of(kiosk: Kiosk, name: str) -> str:
    """What a label says."""
    found = kiosk.find(name)
    assert isinstance(found, QLabel)
    return found.text()


def fill(kiosk: Kiosk, code: str) -> None:
    """Type the groups of a code, each into its own field."""
    for number, digits in enumerate(code.split(" "), 1):
        field = group(kiosk, number)
        field.clear()
        QTest.keyClicks(field, digits)


def test_it_says_which_code_of_which_seat_is_wanted(kiosk: Kiosk) -> None:
    """And that the proctor types it."""
    kiosk.show(asking(2))

    assert text_of(kiosk, names.RESUME_CODE_REQUEST).startswith("机位 A07，第 2 个恢复码")
    seen = kiosk.find(names.SCREEN_RESUME_CODE).findChildren(QLabel)
    assert any("监考老师拆封" in one.text() for one in seen)
    assert not kiosk.find(names.RESUME_CODE_BUTTON).isEnabled()


def test_a_whole_code_goes_to_the_engine_once(kiosk: Kiosk) -> None:
    """The button works when every check digit fits; Return does the same."""
    kiosk.show(asking())
    fill(kiosk, CODE)

    assert kiosk.find(names.RESUME_CODE_BUTTON).isEnabled()
    QTest.keyClick(group(kiosk, GROUPS), Qt.Key.Key_Return)
    assert kiosk.engine.commands[1:] == [("resume_with_code", CODE)]
    QTest.mouseClick(kiosk.find(names.RESUME_CODE_BUTTON), Qt.MouseButton.LeftButton)
    assert kiosk.engine.commands[2:] == [("resume_with_code", CODE)]


def test_wrong_groups_are_named_while_typing(kiosk: Kiosk) -> None:
    """Nothing is sent, and nothing that is right has to be typed again."""
    kiosk.show(asking())
    groups = CODE.split(" ")
    groups[1] = groups[1][:4] + str((int(groups[1][4]) + 1) % 10)
    groups[4] = groups[4][1] + groups[4][0] + groups[4][2:]
    fill(kiosk, " ".join(groups))

    assert text_of(kiosk, names.RESUME_CODE_HINT).startswith("第 2、5 组有误")
    assert group(kiosk, 2).property("alert")
    assert not group(kiosk, 1).property("alert")
    QTest.keyClick(group(kiosk, GROUPS), Qt.Key.Key_Return)
    assert kiosk.engine.commands == [("start",)]


def test_only_digits_go_in_and_backspace_goes_back(kiosk: Kiosk) -> None:
    """Letters are ignored; an empty group hands the deletion to the one before."""
    kiosk.show(asking())
    first, second = group(kiosk, 1), group(kiosk, 2)
    first.setFocus()
    QTest.keyClicks(first, "1a2b")

    assert first.text() == "12"
    second.setFocus()
    QTest.keyClick(second, Qt.Key.Key_Backspace)
    assert first.hasFocus()


def test_a_refusal_is_shown_and_the_screen_forgets_what_was_typed(kiosk: Kiosk) -> None:
    """Once the paper is open nothing of the code stays in the window."""
    refusal = Refusal(number=1, code="resume.code", message="恢复码打不开", advice="请核对")
    kiosk.show(asking(refusal=refusal))
    fill(kiosk, CODE)

    assert "恢复码打不开" in text_of(kiosk, names.RESUME_CODE_REFUSAL)
    kiosk.show(asking())
    assert text_of(kiosk, names.RESUME_CODE_REFUSAL) == ""
    kiosk.show(snapshot_at(Screen.WAITING))
    kiosk.show(asking())
    assert group(kiosk, 1).text() == ""
