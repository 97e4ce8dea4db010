"""Submit check, receipt, problem: nobody submits by mistake, nobody is told too much."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from exam_client.itemview import ItemPage
from exam_client.session.snapshot import Alarm, Connection, Refusal, SavedState, Screen
from exam_client.ui import object_names as names
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import ChoiceId, ItemId, PartId
from exam_core.model.responses import BlanksResponse, ChoiceResponse
from tests.ui.conftest import Kiosk, commit
from tests.ui.scripted_engine import paper_snapshot, snapshot_at

RECEIPT = "3f9c21d07be84a65c1d2908ee4f7ab5630c98d1e"
RESPONSES = {
    PartId("i1p"): ChoiceResponse(choice_ids=(ChoiceId("i1p-1"),)),
    PartId("i4p"): BlanksResponse(texts=("甲", "")),
}


def listed(kiosk: Kiosk, group: str) -> list[int]:
    """The numbers in one group of the check."""
    cells = kiosk.find(names.CHECK).findChildren(QWidget)
    prefix = f"check_{group}_"
    return sorted(
        int(cell.objectName().removeprefix(prefix))
        for cell in cells
        if cell.objectName().startswith(prefix) and cell.isVisible()
    )


def spoken(kiosk: Kiosk, screen: str) -> str:
    """All that a screen says."""
    widgets = kiosk.find(screen).findChildren(QWidget)
    texts = [str(w.property("text") or w.accessibleName()) for w in widgets if w.isVisible()]
    return "\n".join(texts)


def test_the_check_lists_what_is_open(kiosk: Kiosk) -> None:
    """Unanswered, partly answered and flagged items, each by number."""
    kiosk.show(paper_snapshot(responses=RESPONSES, flagged=frozenset({ItemId("i1"), ItemId("i6")})))

    kiosk.click(names.PAPER_SUBMIT)

    assert listed(kiosk, "unanswered") == [2, 3, 5, 6]
    assert listed(kiosk, "partial") == [4]
    assert listed(kiosk, "flagged") == [1, 6]
    assert kiosk.text("check_headline") == "还有 5 题没有答完"
    assert kiosk.find(names.PAPER_TIME_LEFT).isVisible()


def test_what_was_just_typed_is_recorded_before_the_check(kiosk: Kiosk) -> None:
    """The list counts the last keystrokes too."""
    kiosk.engine.echoes = True
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_5")
    commit(kiosk.find("text_i5p"), "甲")

    kiosk.click(names.PAPER_SUBMIT)
    kiosk.qtbot.waitUntil(lambda: listed(kiosk, "unanswered") == [1, 2, 3, 4, 6], timeout=5000)


def test_a_number_leads_back_to_its_item(kiosk: Kiosk) -> None:
    """From the list straight to the item that is open."""
    kiosk.show(paper_snapshot(responses=RESPONSES))
    kiosk.click(names.PAPER_SUBMIT)

    kiosk.click("check_unanswered_3")

    pages = [page for page in kiosk.app.window.findChildren(ItemPage) if page.isVisible()]
    assert [page.item_id for page in pages] == ["i3"]


def test_submitting_takes_two_confirmations(kiosk: Kiosk) -> None:
    """Only the second one submits, and a double click submits once."""
    kiosk.show(paper_snapshot())
    kiosk.click(names.PAPER_SUBMIT)
    kiosk.click(names.CHECK_SUBMIT)
    assert ("submit",) not in kiosk.engine.commands

    button = kiosk.find(names.CHECK_REALLY)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    assert kiosk.engine.commands.count(("submit",)) == 1


def test_hammering_one_spot_or_return_submits_nothing(kiosk: Kiosk) -> None:
    """The safe button has the focus and the place on both pages."""
    kiosk.show(paper_snapshot())
    kiosk.click(names.PAPER_SUBMIT)
    place = kiosk.find(names.CHECK_SUBMIT).mapTo(
        kiosk.app.window, kiosk.find(names.CHECK_SUBMIT).rect().center()
    )

    for _ in range(2):
        child = kiosk.app.window.childAt(place)
        assert child is not None
        QTest.mouseClick(child, Qt.MouseButton.LeftButton)
    assert ("submit",) not in kiosk.engine.commands
    for _ in range(4):
        kiosk.key(Qt.Key.Key_Return)
    assert ("submit",) not in kiosk.engine.commands


@pytest.mark.parametrize("way_back", [names.CHECK_BACK, names.CHECK_NOT_YET])
def test_the_way_back_leads_to_the_item(kiosk: Kiosk, way_back: str) -> None:
    """From either page the candidate goes on where they were, and can try again."""
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_2")
    kiosk.click(names.PAPER_SUBMIT)
    if way_back == names.CHECK_NOT_YET:
        kiosk.click(names.CHECK_SUBMIT)

    kiosk.click(way_back)
    pages = [page for page in kiosk.app.window.findChildren(ItemPage) if page.isVisible()]
    assert [page.item_id for page in pages] == ["i2"]

    kiosk.click(names.PAPER_SUBMIT)
    assert kiosk.find(names.CHECK_BACK).isVisible()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"saved": SavedState.NOT_KEPT}, "尚未保存"),
        ({"connection": Connection.AWAY}, "封存在本机"),
    ],
)
def test_the_check_warns_of_what_is_not_safe(
    kiosk: Kiosk, changes: dict[str, Any], words: str
) -> None:
    """Before submitting the candidate knows where the answers are."""
    kiosk.show(paper_snapshot(**changes))
    kiosk.click(names.PAPER_SUBMIT)

    assert words in kiosk.text("check_unsaved")


def test_a_complete_paper_says_so(kiosk: Kiosk) -> None:
    """With nothing open the check says that all is answered."""
    form = paper_snapshot().form
    assert form is not None
    one = type(form)(
        paper_id=form.paper_id, form_number=form.form_number, title="卷", items=form.items[:1]
    )
    kiosk.show(paper_snapshot(one, responses=RESPONSES))
    kiosk.click(names.PAPER_SUBMIT)

    assert kiosk.text("check_headline") == "1 题全部作答完毕"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unsynced": 4}, "最后 4 条"),
        ({"unsynced": 0}, "等待服务器确认"),
        ({"connection": Connection.AWAY}, "封存在本机"),
    ],
)
def test_submitting_says_what_it_waits_for(
    kiosk: Kiosk, changes: dict[str, Any], words: str
) -> None:
    """The moments before the receipt are explained."""
    kiosk.show(snapshot_at(Screen.SUBMITTING, **changes))

    assert words in spoken(kiosk, names.SCREEN_SUBMITTING)


@pytest.mark.parametrize(
    ("reason", "headline"),
    [
        (SubmitReason.CANDIDATE, "您已交卷"),
        (SubmitReason.TIME_UP, "考试时间到，系统已自动交卷"),
        (SubmitReason.PROCTOR, "监考老师已结束您的考试"),
        (None, "本次考试已经结束"),
    ],
)
def test_the_receipt_is_shown_in_groups_of_four(
    kiosk: Kiosk, reason: SubmitReason | None, headline: str
) -> None:
    """Forty hex digits, five groups a line, with the reason of the end."""
    kiosk.show(snapshot_at(Screen.RECEIPT, receipt=RECEIPT, close_reason=reason))

    assert kiosk.text(names.RECEIPT_TEXT) == "3f9c 21d0 7be8 4a65 c1d2\n908e e4f7 ab56 30c9 8d1e"
    assert kiosk.text("receipt_headline") == headline
    assert "服务器已收到" in kiosk.text(names.RECEIPT_STATE)


def test_the_digits_of_a_receipt_are_equally_wide(kiosk: Kiosk) -> None:
    """Groups stand under groups, so that two receipts are compared at a glance."""
    kiosk.show(snapshot_at(Screen.RECEIPT, receipt=RECEIPT))

    metrics = kiosk.find(names.RECEIPT_TEXT).fontMetrics()

    assert len({metrics.horizontalAdvance(digit) for digit in "0123456789abcdef "}) == 1


def test_a_receipt_closed_offline_is_honest(kiosk: Kiosk) -> None:
    """Not yet on the server is said until the server has it."""
    kiosk.show(snapshot_at(Screen.RECEIPT, receipt=RECEIPT, is_closed_offline=True))
    assert "尚未传到服务器" in kiosk.text(names.RECEIPT_STATE)
    assert kiosk.find(names.RECEIPT_STATE).property("notice") == "warn"

    kiosk.show(snapshot_at(Screen.RECEIPT, receipt=RECEIPT))
    assert "服务器已收到" in kiosk.text(names.RECEIPT_STATE)
    assert kiosk.find(names.RECEIPT_STATE).property("notice") == "good"


def test_without_a_submission_there_is_no_receipt(kiosk: Kiosk) -> None:
    """A session ended elsewhere shows no empty receipt and claims nothing."""
    kiosk.show(snapshot_at(Screen.RECEIPT))

    assert not kiosk.find(names.RECEIPT_TEXT).isVisible()
    assert "已收到" not in kiosk.text(names.RECEIPT_STATE)


def test_a_problem_is_said_with_advice_and_code(kiosk: Kiosk) -> None:
    """The candidate reads what to do, the technician reads the code."""
    alarm = Alarm(code="package.altered", message="试卷包被改动", advice="停止使用")
    kiosk.show(snapshot_at(Screen.PROBLEM, alarms=(alarm,)))
    assert "试卷包被改动。停止使用（package.altered）" in spoken(kiosk, names.SCREEN_PROBLEM)

    refusal = Refusal(number=1, code="session.unknown", message="没有该场次", advice="请举手")
    kiosk.show(snapshot_at(Screen.PROBLEM, refusal=refusal))
    assert "没有该场次。请举手（session.unknown）" in spoken(kiosk, names.SCREEN_PROBLEM)
    kiosk.show(snapshot_at(Screen.PROBLEM))
    assert "原因不明" in spoken(kiosk, names.SCREEN_PROBLEM)
