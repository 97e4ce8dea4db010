"""The page of one item: heading, case, blanks in their sentence, fonts."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from exam_client.itemview import FontStep, ItemPage, OwnClipboard, font_step_stylesheet
from exam_client.itemview.answer_box import AnswerBox
from exam_client.itemview.choice_row import ChoiceRow
from exam_client.itemview.text_flow import TextFlow
from exam_client.itemview.wording import points_text, shown_stem, split_at_blanks
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.items import Item, ItemType, Part
from exam_core.model.responses import ChoiceResponse, Response, TextResponse
from tests.ui import sample_form


def shown(item: Item, qtbot: QtBot) -> tuple[ItemPage, list[tuple[str, Response]]]:
    """A page on the screen, and what it reports."""
    page = ItemPage(item, 96, clipboard=OwnClipboard())
    given: list[tuple[str, Response]] = []
    page.response_given.connect(lambda part_id, response: given.append((part_id, response)))
    qtbot.addWidget(page)
    page.resize(1076, 616)
    with qtbot.waitExposed(page):
        page.show()
    page.activateWindow()
    page.focus_first()
    return page, given


def test_the_heading_says_number_type_and_points(qtbot: QtBot) -> None:
    """Number, type and points of all parts stand above the item."""
    page, _ = shown(sample_form.case("c"), qtbot)
    heading = page.findChild(QLabel, "item_heading")

    assert isinstance(heading, QLabel)
    assert heading.text() == "第 96 题　案例分析题（9 分）"


def test_the_flag_is_said_in_the_heading(qtbot: QtBot) -> None:
    """A flagged item says so beside its heading."""
    page, _ = shown(sample_form.single("i"), qtbot)
    flag = page.findChild(QWidget, "item_flag")
    assert isinstance(flag, QWidget)

    assert not flag.isVisible()
    page.show_flag(is_flagged=True)
    assert flag.isVisible()


def test_a_case_shows_its_material_beside_its_parts(qtbot: QtBot) -> None:
    """Material and parts stand side by side; both sides stay visible."""
    page, _ = shown(sample_form.case("c"), qtbot)
    splitter = page.findChild(QSplitter, "case_splitter")

    assert isinstance(splitter, QSplitter)
    assert min(splitter.sizes()) > 300
    assert not splitter.childrenCollapsible()
    material = splitter.findChild(QScrollArea, "case_material")
    assert isinstance(material, QScrollArea)
    assert material.findChildren(TextFlow)[0].accessibleName() == sample_form.MATERIAL


def test_keys_in_a_case_mean_the_part_with_the_focus(qtbot: QtBot) -> None:
    """Letters answer the part in which the candidate is, and the first choice part otherwise."""
    page, given = shown(sample_form.case("c"), qtbot)
    second = page.findChild(ChoiceRow, "choice_cp2-1")
    assert isinstance(second, ChoiceRow)

    QTest.keyClick(page.focusWidget(), Qt.Key.Key_D)
    second.setFocus()
    QTest.keyClick(second, Qt.Key.Key_B)
    page.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    page.setFocus()
    QTest.keyClick(page, Qt.Key.Key_1)

    assert [part_id for part_id, _ in given] == ["cp1", "cp2", "cp1"]


def test_every_part_of_a_case_is_reported_by_itself(qtbot: QtBot) -> None:
    """Typing in one part does not repeat the others."""
    page, given = shown(sample_form.case("c"), qtbot)
    box = page.findChild(AnswerBox, "text_cp3")
    assert isinstance(box, AnswerBox)
    page.show_responses({PartId("cp1"): ChoiceResponse(choice_ids=())})

    QTest.keyClicks(box, "x")
    page.report_pending()

    assert given == [("cp3", TextResponse(text="x"))]


def test_blanks_stand_in_their_sentence(qtbot: QtBot) -> None:
    """The fields are inside the text, on its lines, and never over each other."""
    page, _ = shown(sample_form.blanks("i", 1), qtbot)
    page.resize(640, 500)
    QApplication.processEvents()
    flow = page.findChild(TextFlow)
    assert isinstance(flow, TextFlow)
    boxes = page.findChildren(AnswerBox)

    for box in boxes:
        assert box.parentWidget() is flow
        assert flow.rect().contains(box.geometry())
    assert not boxes[0].geometry().intersects(boxes[1].geometry())


def test_hidden_blanks_get_their_fields_below(qtbot: QtBot) -> None:
    """A stem without brackets still has a field for every blank."""
    part = Part(
        part_id=PartId("p"),
        item_type=ItemType.FILL_BLANK,
        stem="写出社会保险的两个险种。",
        points_milli=1000,
        blank_count=2,
    )
    item = Item(item_id=ItemId("i"), item_type=ItemType.FILL_BLANK, parts=(part,))

    page, _ = shown(item, qtbot)

    assert len(page.findChildren(AnswerBox)) == 2
    assert all(box.isVisible() for box in page.findChildren(AnswerBox))


@pytest.mark.parametrize("step", list(FontStep))
@pytest.mark.parametrize("index", range(6))
def test_nothing_is_cut_off_at_any_font_size(qtbot: QtBot, step: FontStep, index: int) -> None:
    """Every text has the height that its width asks for, at all four sizes."""
    item = sample_form.one_of_each().items[index]
    page, _ = shown(item, qtbot)
    page.setStyleSheet(font_step_stylesheet(step))
    qtbot.waitUntil(
        lambda: all(
            flow.height() >= flow.heightForWidth(flow.width())
            for flow in page.findChildren(TextFlow)
        ),
        timeout=5000,
    )

    assert {flow.fontInfo().pixelSize() for flow in page.findChildren(TextFlow)} == {int(step)}
    for scroll in page.findChildren(QScrollArea):
        content = scroll.widget()
        assert content is not None
        assert content.width() <= scroll.viewport().width()


def test_a_short_item_does_not_scroll(qtbot: QtBot) -> None:
    """A bar that has nothing to scroll is not shown."""
    page, _ = shown(sample_form.single("i", 1), qtbot)
    bars = [scroll.verticalScrollBar() for scroll in page.findChildren(QScrollArea)]

    assert [bar.maximum() for bar in bars] == [0]


def test_font_steps_end_at_both_ends() -> None:
    """Four steps; the ends stay."""
    assert len(FontStep) == 4
    assert FontStep.LARGEST.next_larger() is FontStep.LARGEST
    assert FontStep.STANDARD.next_smaller() is FontStep.STANDARD
    assert FontStep.STANDARD.next_larger().next_smaller() is FontStep.STANDARD
    assert min(FontStep) >= 16


def test_points_have_no_needless_digits() -> None:
    """Thousandths are shown as people write points."""
    assert [points_text(n) for n in (2000, 500, 1250, 1)] == ["2", "0.5", "1.25", "0.001"]


def test_stems_are_split_at_both_kinds_of_brackets() -> None:
    """Full-width and half-width brackets, empty or with spaces, are blanks; filled ones are not."""
    assert split_at_blanks("甲（）乙( )丙（　　）。", 3) == ["甲", "乙", "丙", "。"]
    assert split_at_blanks("甲（试行）乙（）。", 1) == ["甲（试行）乙", "。"]
    assert split_at_blanks("甲（）。", 2) is None
    assert shown_stem("方针是（）。") == "方针是（　　）。"
