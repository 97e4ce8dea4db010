"""Text boxes: grouped typing, what an input method holds, the exam's own clipboard, limits."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from exam_client.itemview import FontStep, ItemPage, OwnClipboard, font_step_stylesheet
from exam_client.itemview.answer_box import AnswerBox
from exam_client.itemview.typing_group import GROUP_MS, TypingGroup
from exam_core import limits
from exam_core.model.identifiers import PartId
from exam_core.model.items import Item
from exam_core.model.responses import BlanksResponse, Response, TextResponse, check_fits
from tests.ui import sample_form
from tests.ui.conftest import commit, compose, leave

Opened = tuple[ItemPage, list[AnswerBox], list[tuple[str, Response]]]


@pytest.fixture
def open_page(qtbot: QtBot) -> Callable[[Item], Opened]:
    """Shows an item and collects what it reports."""
    clipboard = OwnClipboard()

    def opened(item: Item) -> Opened:
        page = ItemPage(item, 1, clipboard=clipboard)
        given: list[tuple[str, Response]] = []
        page.response_given.connect(lambda part_id, response: given.append((part_id, response)))
        qtbot.addWidget(page)
        page.resize(1000, 600)
        with qtbot.waitExposed(page):
            page.show()
        page.activateWindow()
        page.focus_first()
        qtbot.waitUntil(lambda: page.focusWidget() is not None, timeout=5000)
        return page, page.findChildren(AnswerBox), given

    return opened


def test_typing_is_reported_once_within_the_group_time(
    open_page: Callable[[Item], Opened], qtbot: QtBot
) -> None:
    """Several keystrokes make one response, at most 250 ms after the first."""
    page, (box,), given = open_page(sample_form.short("i"))

    QTest.keyClicks(box, "abc")
    assert (given, page.is_pending) == ([], True)
    qtbot.waitUntil(lambda: bool(given), timeout=5000)

    assert (given, page.is_pending) == ([("ip", TextResponse(text="abc"))], False)
    assert GROUP_MS <= 250


def test_a_running_group_is_not_made_longer(qtbot: QtBot) -> None:
    """Somebody who never pauses is still saved: the time counts from the first keystroke."""
    group = TypingGroup(group_ms=40)
    dues: list[int] = []
    keys: list[int] = []
    group.due.connect(lambda: dues.append(len(keys)))

    def type_on() -> bool:
        keys.append(1)
        group.add()
        return bool(dues)

    qtbot.waitUntil(type_on, timeout=5000)

    assert len(dues) >= 1


def test_the_focus_loss_reports_at_once(open_page: Callable[[Item], Opened]) -> None:
    """A click elsewhere does not wait for the group."""
    _, (box,), given = open_page(sample_form.short("i"))

    QTest.keyClicks(box, "x")
    leave(box)

    assert given == [("ip", TextResponse(text="x"))]


def test_report_pending_reports_exactly_once(open_page: Callable[[Item], Opened]) -> None:
    """Navigation, focus loss and time-up after each other give one entry."""
    page, (box,), given = open_page(sample_form.short("i"))

    QTest.keyClicks(box, "x")
    page.report_pending()
    page.report_pending()
    leave(box)

    assert given == [("ip", TextResponse(text="x"))]


def test_typing_and_taking_back_reports_nothing_new(
    open_page: Callable[[Item], Opened],
) -> None:
    """A response equal to the one reported last is not recorded again."""
    page, (box,), given = open_page(sample_form.short("i"))
    page.show_responses({PartId("ip"): TextResponse(text="甲")})

    QTest.keyClicks(box, "x")
    QTest.keyClick(box, Qt.Key.Key_Backspace)
    page.report_pending()

    assert given == []


def test_showing_a_stored_text_reports_nothing(
    open_page: Callable[[Item], Opened], qtbot: QtBot
) -> None:
    """Restoring, resizing and another font are no edits."""
    page, boxes, given = open_page(sample_form.blanks("i"))

    page.show_responses({PartId("ip"): BlanksResponse(texts=("优先扶持", "岗位"))})
    page.setStyleSheet("* { font-size: 31px; }")
    page.resize(700, 500)
    QApplication.processEvents()
    page.report_pending()

    assert [box.text() for box in boxes] == ["优先扶持", "岗位"]
    assert given == []
    assert not page.is_pending
    assert qtbot is not None


def test_an_old_snapshot_does_not_undo_typing(open_page: Callable[[Item], Opened]) -> None:
    """A snapshot that is behind leaves the text as it was typed."""
    page, (box,), _ = open_page(sample_form.short("i"))
    page.show_responses({PartId("ip"): TextResponse(text="甲")})

    QTest.keyClicks(box, "b")
    page.show_responses({PartId("ip"): TextResponse(text="甲")})

    assert box.text() == "甲b"


@pytest.mark.parametrize("make", [sample_form.short, sample_form.blanks])
def test_composing_is_kept_when_the_page_is_left(
    open_page: Callable[[Item], Opened], make: Callable[[str], Item]
) -> None:
    """What is being composed when the candidate turns the page becomes part of the response."""
    page, boxes, given = open_page(make("i"))

    QTest.keyClicks(boxes[0], "x")
    compose(boxes[0], "你好")
    assert page.is_pending
    page.report_pending()

    assert boxes[0].text() == "x你好"
    assert len(given) == 1
    assert not page.is_pending


def test_composing_is_kept_when_the_focus_goes(open_page: Callable[[Item], Opened]) -> None:
    """The input method drops its text just before the focus goes; the box puts it in."""
    _, (box,), given = open_page(sample_form.short("i"))

    compose(box, "社会")
    compose(box, "")  # as ibus and fcitx5 do, in the same turn of the event loop
    leave(box)

    assert box.text() == "社会"
    assert given == [("ip", TextResponse(text="社会"))]


def test_composing_without_a_clearing_event_is_kept_too(
    open_page: Callable[[Item], Opened],
) -> None:
    """An input method that says nothing at a focus loss loses nothing."""
    _, (box,), given = open_page(sample_form.short("i"))

    compose(box, "保险")
    leave(box)

    assert given == [("ip", TextResponse(text="保险"))]


def test_a_cancelled_composition_stays_cancelled(
    open_page: Callable[[Item], Opened], qtbot: QtBot
) -> None:
    """Escape takes the text away; a later focus loss does not bring it back."""
    page, (box,), given = open_page(sample_form.short("i"))

    compose(box, "错")
    compose(box, "")
    qtbot.waitUntil(lambda: not box.__dict__.get("_vanished"), timeout=5000)
    leave(box)
    page.report_pending()

    assert box.text() == ""
    assert given == []


def test_a_committed_text_is_not_put_in_twice(open_page: Callable[[Item], Opened]) -> None:
    """A commit by the input method is the end of the composition."""
    page, (box,), given = open_page(sample_form.short("i"))

    compose(box, "ni hao")
    commit(box, "你好")
    leave(box)
    page.report_pending()

    assert box.text() == "你好"
    assert given == [("ip", TextResponse(text="你好"))]


def test_an_input_method_that_commits_on_reset_is_not_doubled(
    open_page: Callable[[Item], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some input methods commit when told to stop; then nothing is inserted by us."""
    page, (box,), _ = open_page(sample_form.short("i"))

    class CommittingInputMethod:
        def reset(self) -> None:
            commit(box, "你好")

    compose(box, "你好")
    monkeypatch.setattr(QGuiApplication, "inputMethod", CommittingInputMethod)
    page.report_pending()

    assert box.text() == "你好"


def test_the_candidate_is_told_of_a_composition(open_page: Callable[[Item], Opened]) -> None:
    """A line below the box says that the input method still holds text."""
    page, (box,), _ = open_page(sample_form.short("i"))
    hint = page.findChild(QLabel, "composing_hint")
    assert isinstance(hint, QLabel)

    compose(box, "pin")
    assert "还没有上屏" in hint.text()
    compose(box, "")
    assert hint.text() == ""


def test_letters_in_a_text_box_are_text(open_page: Callable[[Item], Opened]) -> None:
    """A to H, digits and F are typed, not taken as keys."""
    page, (box,), _ = open_page(sample_form.short("i"))

    QTest.keyClicks(box, "abF12")
    page.report_pending()

    assert box.text() == "abF12"


def test_blanks_are_reported_together_and_return_goes_on(
    open_page: Callable[[Item], Opened],
) -> None:
    """Every response carries all blanks; Return moves to the next."""
    page, boxes, given = open_page(sample_form.blanks("i"))
    assert boxes[0].hasFocus()

    QTest.keyClicks(boxes[0], "a")
    QTest.keyClick(boxes[0], Qt.Key.Key_Return)
    assert boxes[1].hasFocus()
    QTest.keyClicks(boxes[1], "b")
    page.report_pending()

    assert [response for _, response in given] == [
        BlanksResponse(texts=("a", "")),
        BlanksResponse(texts=("a", "b")),
    ]
    for _, response in given:
        check_fits(sample_form.blanks("i").parts[0], response)


def test_a_blank_grows_with_its_text(open_page: Callable[[Item], Opened]) -> None:
    """A long answer can be read whole in its blank."""
    _, boxes, _ = open_page(sample_form.blanks("i"))
    before = boxes[0].width()

    commit(boxes[0], "在法定劳动年龄内的家庭人员均处于失业状况")
    QApplication.processEvents()

    assert boxes[0].width() > before
    assert boxes[0].width() >= boxes[0].fontMetrics().horizontalAdvance(boxes[0].text())


def test_no_text_is_longer_than_the_limit(open_page: Callable[[Item], Opened]) -> None:
    """What is over the limit is not taken, counted in characters and not in halves of them."""
    page, boxes, given = open_page(sample_form.blanks("i"))

    commit(boxes[0], "𠮷" * (limits.blank_text_chars_max + 3))
    page.report_pending()

    assert boxes[0].text() == "𠮷" * limits.blank_text_chars_max
    check_fits(sample_form.blanks("i").parts[0], given[-1][1])


def test_the_counter_counts_characters(open_page: Callable[[Item], Opened]) -> None:
    """White space is not counted; near the limit the rest is told."""
    page, (box,), _ = open_page(sample_form.short("i"))
    counter = page.findChild(QLabel, "counter_ip")
    assert isinstance(counter, QLabel)

    commit(box, "社会 保险\n法")
    assert counter.text() == "已写 5 字"
    commit(box, "字" * (limits.response_text_chars_max - 107))
    assert "还可写 100 字" in counter.text()


def test_the_counter_is_never_cut(open_page: Callable[[Item], Opened]) -> None:
    """It has room for its whole text in the very moment in which the text grows."""
    page, (box,), _ = open_page(sample_form.short("i"))
    counter = page.findChild(QLabel, "counter_ip")
    assert isinstance(counter, QLabel)

    for _ in range(12):
        commit(box, "字")
        assert counter.width() >= counter.sizeHint().width(), counter.text()


def test_a_hint_on_composing_does_not_push_the_page_out(
    open_page: Callable[[Item], Opened],
) -> None:
    """The longest hint at the largest font wraps beside a case's material."""
    page, _, _ = open_page(sample_form.case("i"))
    page.setStyleSheet(font_step_stylesheet(FontStep.LARGEST))
    box = next(one for one in page.findChildren(AnswerBox) if not one.property("single_line"))

    compose(box, "shehui")
    QTest.qWait(50)

    area = page.findChild(QScrollArea, "case_parts")
    assert isinstance(area, QScrollArea)
    inner = area.widget()
    assert inner is not None
    assert inner.width() <= area.viewport().width()


def test_copy_and_paste_stay_inside_the_exam(open_page: Callable[[Item], Opened]) -> None:
    """Nothing goes to the machine's clipboard, nothing comes from it."""
    system = QGuiApplication.clipboard()
    system.setText("从外面带来的答案")
    _, (box,), _ = open_page(sample_form.short("i"))
    _, (other,), _ = open_page(sample_form.short("j"))

    QTest.keyClick(box, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert box.text() == ""
    commit(box, "甲乙")
    QTest.keyClick(box, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(box, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(other, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(box, Qt.Key.Key_X, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(box, Qt.Key.Key_Insert, Qt.KeyboardModifier.ShiftModifier)

    assert other.text() == "甲乙"
    assert box.text() == "甲乙"
    assert system.text() == "从外面带来的答案"


def test_the_middle_button_and_drops_bring_nothing_in(
    open_page: Callable[[Item], Opened],
) -> None:
    """X11's selection and drag and drop are closed, both ways."""
    system = QGuiApplication.clipboard()
    system.setText("外来")
    _, (box,), _ = open_page(sample_form.short("i"))
    commit(box, "甲")

    QTest.mouseClick(box.viewport(), Qt.MouseButton.MiddleButton)
    box.selectAll()
    box.paste()

    assert box.text() == "甲"
    assert not box.acceptDrops()
    assert not box.createMimeDataFromSelection().hasText()


def test_a_broken_half_character_does_not_break_the_record(
    open_page: Callable[[Item], Opened],
) -> None:
    """A lone surrogate from an input method never reaches a response."""
    page, (box,), given = open_page(sample_form.short("i"))

    commit(box, "甲\ud842乙")
    page.report_pending()

    response = given[0][1]
    assert isinstance(response, TextResponse)
    assert response.text.encode().decode().replace("?", "") == "甲乙"  # PySide 6.7 makes it a ?
