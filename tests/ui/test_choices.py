"""Single choice, multiple choice, true or false: picking, keys, restoring."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from exam_client.itemview import ItemPage, OwnClipboard
from exam_client.itemview.choice_row import ChoiceRow
from exam_core.model.identifiers import ChoiceId, PartId
from exam_core.model.items import Item
from exam_core.model.responses import ChoiceResponse, Response
from tests.ui import sample_form


def page_of(item: Item, qtbot: QtBot) -> tuple[ItemPage, list[tuple[str, Response]]]:
    """A shown page and what it reports."""
    page = ItemPage(item, 1, clipboard=OwnClipboard())
    given: list[tuple[str, Response]] = []
    page.response_given.connect(lambda part_id, response: given.append((part_id, response)))
    qtbot.addWidget(page)
    page.resize(1000, 600)
    with qtbot.waitExposed(page):
        page.show()
    page.activateWindow()
    page.focus_first()
    return page, given


def rows(page: ItemPage) -> list[ChoiceRow]:
    """The choices, in their order."""
    return page.findChildren(ChoiceRow)


def picked(*choice_ids: str) -> ChoiceResponse:
    """A response of these choices."""
    return ChoiceResponse(choice_ids=tuple(ChoiceId(c) for c in choice_ids))


def test_a_click_reports_the_choice_at_once(qtbot: QtBot) -> None:
    """One click gives one response with the choice's own identifier."""
    page, given = page_of(sample_form.single("i"), qtbot)

    QTest.mouseClick(rows(page)[2], Qt.MouseButton.LeftButton)

    assert given == [("ip", picked("ip-3"))]
    assert [row.isChecked() for row in rows(page)] == [False, False, True, False]


def test_a_click_on_the_text_of_a_choice_picks_it(qtbot: QtBot) -> None:
    """The whole row is the button, its text too."""
    page, given = page_of(sample_form.single("i"), qtbot)
    text = rows(page)[0].children()[-1]

    QTest.mouseClick(
        page.window().windowHandle(),
        Qt.MouseButton.LeftButton,
        pos=rows(page)[0].mapTo(page, rows(page)[0].rect().center()),
    )

    assert text is not None
    assert given == [("ip", picked("ip-1"))]


def test_picking_the_same_choice_again_records_nothing_twice(qtbot: QtBot) -> None:
    """In single choice a second click neither clears nor repeats."""
    page, given = page_of(sample_form.single("i"), qtbot)

    for _ in range(3):
        QTest.mouseClick(rows(page)[1], Qt.MouseButton.LeftButton)

    assert given == [("ip", picked("ip-2"))]
    assert rows(page)[1].isChecked()


@pytest.mark.parametrize(
    ("key", "choice"),
    [
        (Qt.Key.Key_A, "ip-1"),
        (Qt.Key.Key_D, "ip-4"),
        (Qt.Key.Key_1, "ip-1"),
        (Qt.Key.Key_3, "ip-3"),
    ],
)
def test_letters_and_digits_pick(qtbot: QtBot, key: Qt.Key, choice: str) -> None:
    """A to H and 1 to 8 mean the choices in their order."""
    page, given = page_of(sample_form.single("i"), qtbot)

    QTest.keyClick(page.focusWidget(), key)

    assert given == [("ip", picked(choice))]


def test_a_letter_beyond_the_choices_does_nothing(qtbot: QtBot) -> None:
    """H on an item with four choices picks nothing."""
    page, given = page_of(sample_form.single("i"), qtbot)

    QTest.keyClick(page.focusWidget(), Qt.Key.Key_H)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_8)

    assert given == []


def test_multiple_choice_keeps_the_order_of_choosing(qtbot: QtBot) -> None:
    """Every pick reports all choices picked; a second pick takes one back."""
    page, given = page_of(sample_form.multiple("i"), qtbot)

    for key in (Qt.Key.Key_C, Qt.Key.Key_A, Qt.Key.Key_C):
        QTest.keyClick(page.focusWidget(), key)
    QTest.mouseClick(rows(page)[0], Qt.MouseButton.LeftButton)

    assert [response for _, response in given] == [
        picked("ip-3"),
        picked("ip-3", "ip-1"),
        picked("ip-1"),
        picked(),
    ]


def test_true_or_false_is_answered_by_one_of_two(qtbot: QtBot) -> None:
    """True and false are exclusive."""
    page, given = page_of(sample_form.true_false("i"), qtbot)

    QTest.keyClick(page.focusWidget(), Qt.Key.Key_1)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_B)

    assert [response for _, response in given] == [picked("ip-1"), picked("ip-2")]
    assert [row.isChecked() for row in rows(page)] == [False, True]


def test_arrows_move_without_picking_and_space_or_return_picks(qtbot: QtBot) -> None:
    """Nobody records a response by looking around with the arrow keys."""
    page, given = page_of(sample_form.single("i"), qtbot)

    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Down)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Down)
    assert given == []
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Space)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Up)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Return)

    assert [response for _, response in given] == [picked("ip-3"), picked("ip-2")]


def test_a_stored_response_is_shown_and_not_reported(qtbot: QtBot) -> None:
    """After a crash the page shows what was recorded, multiple choices too."""
    page, given = page_of(sample_form.multiple("i"), qtbot)

    page.show_responses({PartId("ip"): picked("ip-4", "ip-2")})
    QApplication.processEvents()

    assert [row.isChecked() for row in rows(page)] == [False, True, False, True, False]
    assert given == []
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_A)
    assert given == [("ip", picked("ip-4", "ip-2", "ip-1"))]


def test_an_old_snapshot_does_not_undo_a_pick(qtbot: QtBot) -> None:
    """What is stored runs behind the hand and never overwrites it."""
    page, given = page_of(sample_form.single("i"), qtbot)
    page.show_responses({PartId("ip"): picked("ip-1")})

    QTest.keyClick(page.focusWidget(), Qt.Key.Key_B)
    page.show_responses({PartId("ip"): picked("ip-1")})

    assert rows(page)[1].isChecked()
    assert given == [("ip", picked("ip-2"))]


def test_every_choice_has_names(qtbot: QtBot) -> None:
    """A screen reader reads letter and text; a script finds the row by its choice_id."""
    page, _ = page_of(sample_form.single("i"), qtbot)

    assert rows(page)[0].objectName() == "choice_ip-1"
    assert rows(page)[0].accessibleName() == "A. 广覆盖、保基本、多层次、可持续"


def test_a_long_choice_is_shown_whole(qtbot: QtBot) -> None:
    """A choice that needs two lines gets the height of two lines."""
    page, _ = page_of(sample_form.single("i", 1), qtbot)
    page.resize(600, 600)
    QApplication.processEvents()

    long_row, short_row = rows(page)[2], rows(page)[3]
    assert long_row.height() == long_row.heightForWidth(long_row.width())
    assert long_row.height() > short_row.height()
