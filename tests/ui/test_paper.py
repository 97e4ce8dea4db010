"""The paper: turning, keys, navigator, marks, font, restoring, pause, alarms."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from exam_client.itemview import ItemPage
from exam_client.itemview.answer_box import AnswerBox
from exam_client.itemview.choice_row import ChoiceRow
from exam_client.session.snapshot import Alarm, KioskSnapshot, Refusal, Screen
from exam_client.ui import object_names as names
from exam_client.ui.navigator import NumberCell
from exam_client.ui.progress import Progress, form_progress, item_progress
from exam_core.model.identifiers import ChoiceId, FormNumber, ItemId, PartId
from exam_core.model.items import Form, Item, ItemType
from exam_core.model.responses import BlanksResponse, ChoiceResponse, Response, TextResponse
from exam_core.model.states import SittingState
from tests.ui import sample_form
from tests.ui.conftest import Kiosk, commit, compose
from tests.ui.scripted_engine import paper_snapshot, snapshot_at


def current(kiosk: Kiosk) -> ItemPage:
    """The page that can be seen."""
    pages = [page for page in kiosk.app.window.findChildren(ItemPage) if page.isVisible()]
    assert len(pages) == 1
    return pages[0]


def cell(kiosk: Kiosk, number: int) -> NumberCell:
    """A number in the navigator."""
    found = kiosk.find(f"navigator_{number}")
    assert isinstance(found, NumberCell)
    return found


def box(kiosk: Kiosk, name: str) -> AnswerBox:
    """A text box."""
    found = kiosk.find(name)
    assert isinstance(found, AnswerBox)
    return found


def choice(*choice_ids: str) -> ChoiceResponse:
    """A response of these choices."""
    return ChoiceResponse(choice_ids=tuple(ChoiceId(c) for c in choice_ids))


def test_page_keys_turn_the_pages(kiosk: Kiosk) -> None:
    """PgDn and PgUp turn, also out of a text box, and stop at the ends."""
    kiosk.show(paper_snapshot())
    assert current(kiosk).item_id == "i1"

    kiosk.key(Qt.Key.Key_PageUp)
    assert current(kiosk).item_id == "i1"
    for expected in ("i2", "i3", "i4", "i5", "i6", "i6"):
        kiosk.key(Qt.Key.Key_PageDown)
        assert current(kiosk).item_id == expected
    kiosk.key(Qt.Key.Key_PageUp)
    assert current(kiosk).item_id == "i5"


def test_buttons_turn_the_pages(kiosk: Kiosk) -> None:
    """Next and previous work by mouse; the ends are disabled."""
    kiosk.show(paper_snapshot())
    assert not kiosk.find(names.PAPER_PREVIOUS).isEnabled()

    for _ in range(5):
        kiosk.click(names.PAPER_NEXT)
    assert current(kiosk).item_id == "i6"
    assert not kiosk.find(names.PAPER_NEXT).isEnabled()
    kiosk.click(names.PAPER_PREVIOUS)
    assert current(kiosk).item_id == "i5"


def test_all_six_types_are_answered_by_keyboard(kiosk: Kiosk) -> None:
    """Somebody without a mouse answers everything, and each response is recorded once."""
    kiosk.engine.echoes = True
    kiosk.show(paper_snapshot())

    kiosk.key(Qt.Key.Key_B)
    kiosk.key(Qt.Key.Key_PageDown)
    kiosk.key(Qt.Key.Key_A)
    kiosk.key(Qt.Key.Key_2)
    kiosk.key(Qt.Key.Key_PageDown)
    kiosk.key(Qt.Key.Key_1)
    kiosk.key(Qt.Key.Key_PageDown)
    kiosk.key(Qt.Key.Key_unknown, "fu")
    kiosk.key(Qt.Key.Key_Return)
    kiosk.key(Qt.Key.Key_unknown, "gang")
    kiosk.key(Qt.Key.Key_PageDown)
    kiosk.key(Qt.Key.Key_unknown, "da")
    kiosk.key(Qt.Key.Key_PageDown)
    kiosk.key(Qt.Key.Key_4)
    for _ in range(4):
        kiosk.key(Qt.Key.Key_Tab)
    QApplication.processEvents()
    kiosk.key(Qt.Key.Key_C)
    kiosk.app.window.paper.report_pending()

    recorded = kiosk.engine.recorded()
    assert ("i1p", choice("i1p-2")) in recorded
    assert [r for part, r in recorded if part == "i2p"][-1] == choice("i2p-1", "i2p-2")
    assert ("i3p", choice("i3p-1")) in recorded
    assert [r for part, r in recorded if part == "i4p"][-1] == BlanksResponse(texts=("fu", "gang"))
    assert ("i5p", TextResponse(text="da")) in recorded
    assert ("i6p1", choice("i6p1-4")) in recorded
    assert ("i6p2", choice("i6p2-3")) in recorded
    assert len(recorded) == len(set(recorded))


def test_turning_records_what_is_composed(kiosk: Kiosk) -> None:
    """Pinyin in composition is not lost by PgDn, a button or a number."""
    kiosk.show(paper_snapshot())

    turns: tuple[Callable[[], None], ...] = (
        lambda: kiosk.key(Qt.Key.Key_PageDown),
        lambda: kiosk.click(names.PAPER_NEXT),
        lambda: kiosk.click("navigator_6"),
        lambda: kiosk.click(names.PAPER_SUBMIT),
    )
    for turn in turns:
        kiosk.click("navigator_5")
        compose(box(kiosk, "text_i5p"), "社保")
        turn()

    assert [response for _, response in kiosk.engine.recorded()] == [
        TextResponse(text="社保" * times) for times in (1, 2, 3, 4)
    ]


def test_time_up_collects_what_is_typed_and_says_so(kiosk: Kiosk) -> None:
    """The engine asks from its own thread; typed and composed text comes first, then the word."""
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_5")
    text = box(kiosk, "text_i5p")
    commit(text, "按月给予")
    compose(text, "补偿")

    kiosk.collect_pending()
    kiosk.qtbot.waitUntil(lambda: ("pending_collected",) in kiosk.engine.commands, timeout=5000)

    assert kiosk.engine.commands[-2:] == [
        ("record", "i5p", TextResponse(text="按月给予补偿")),
        ("pending_collected",),
    ]


def test_a_screen_that_comes_over_the_paper_loses_nothing(kiosk: Kiosk) -> None:
    """When the session ends under the hand, what was typed is recorded first."""
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_5")
    compose(box(kiosk, "text_i5p"), "义务")

    kiosk.show(snapshot_at(Screen.SUBMITTING))

    assert kiosk.engine.recorded() == [("i5p", TextResponse(text="义务"))]


def test_f_marks_for_review_and_takes_it_back(kiosk: Kiosk) -> None:
    """F, the button, the heading, the navigator and the engine agree."""
    kiosk.engine.echoes = True
    kiosk.show(paper_snapshot())

    kiosk.key(Qt.Key.Key_F)
    kiosk.qtbot.waitUntil(lambda: cell(kiosk, 1).is_flagged, timeout=5000)
    assert kiosk.find("item_flag").isVisible()
    kiosk.click(names.PAPER_FLAG)
    kiosk.qtbot.waitUntil(lambda: not cell(kiosk, 1).is_flagged, timeout=5000)

    assert [c for c in kiosk.engine.commands if c[0] == "flag"] == [
        ("flag", "i1", True),
        ("flag", "i1", False),
    ]


def test_an_old_snapshot_does_not_undo_a_mark(kiosk: Kiosk) -> None:
    """Two quick presses give on and off, however late the engine answers."""
    kiosk.show(paper_snapshot())

    kiosk.key(Qt.Key.Key_F)
    kiosk.show(paper_snapshot(unsynced=1))
    kiosk.key(Qt.Key.Key_F)

    assert [c[2] for c in kiosk.engine.commands if c[0] == "flag"] == [True, False]


def test_f_picks_the_sixth_choice_where_there_is_one(kiosk: Kiosk) -> None:
    """With six choices F is a choice; the button still marks."""
    part = sample_form.choice_part(
        "p", ItemType.MULTIPLE_CHOICE, "题干（）。", tuple("甲乙丙丁戊己")
    )
    item = Item(item_id=ItemId("i"), item_type=ItemType.MULTIPLE_CHOICE, parts=(part,))
    kiosk.show(paper_snapshot(sample_form.form_of(item)))

    kiosk.key(Qt.Key.Key_F)
    kiosk.click(names.PAPER_FLAG)

    assert kiosk.engine.commands[-2:] == [
        ("record", "p", choice("p-6")),
        ("flag", "i", True),
    ]


def test_keys_work_after_a_click_in_the_navigator(kiosk: Kiosk) -> None:
    """Letters pick even when the focus is outside the item."""
    kiosk.show(paper_snapshot())
    kiosk.find(names.PAPER_NEXT).setFocus()

    kiosk.key(Qt.Key.Key_C)

    assert kiosk.engine.recorded() == [("i1p", choice("i1p-3"))]


def test_shortcuts_with_control_do_nothing(kiosk: Kiosk) -> None:
    """Ctrl+A is not an answer."""
    kiosk.show(paper_snapshot())

    QTest.keyClick(
        kiosk.app.window.focusWidget(), Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier
    )
    QTest.keyClick(kiosk.find(names.PAPER_NEXT), Qt.Key.Key_F, Qt.KeyboardModifier.AltModifier)

    assert [c for c in kiosk.engine.commands if c[0] in {"record", "flag"}] == []


def test_the_navigator_shows_every_state(kiosk: Kiosk) -> None:
    """Unanswered, partly answered, answered, flagged, current: in words for a screen reader too."""
    responses = {
        PartId("i1p"): choice("i1p-1"),
        PartId("i2p"): choice(),
        PartId("i4p"): BlanksResponse(texts=("甲", " ")),
        PartId("i6p1"): choice("i6p1-1"),
    }
    kiosk.show(paper_snapshot(responses=responses, flagged=frozenset({ItemId("i4")})))

    states = {n: cell(kiosk, n).progress for n in range(1, 7)}
    assert states == {
        1: Progress.ANSWERED,
        2: Progress.UNANSWERED,
        3: Progress.UNANSWERED,
        4: Progress.PARTIAL,
        5: Progress.UNANSWERED,
        6: Progress.PARTIAL,
    }
    assert cell(kiosk, 4).accessibleName() == "第 4 题 未答完 待检查"
    assert kiosk.text("navigator_counts") == "已答 1 / 6　待检查 1"


def test_the_navigator_leads_to_any_item(kiosk: Kiosk) -> None:
    """A number brings its item to the front and is marked as current."""
    kiosk.show(paper_snapshot(sample_form.whole_form()))

    kiosk.click("navigator_4")
    assert current(kiosk).item_id == "q4"
    assert cell(kiosk, 4).is_current
    assert not cell(kiosk, 1).is_current


def test_everything_is_restored_after_a_crash(kiosk: Kiosk) -> None:
    """A fresh window shows what the journal held and opens at the first unanswered item."""
    responses = {
        PartId("i1p"): choice("i1p-2"),
        PartId("i2p"): choice("i2p-3", "i2p-1"),
        PartId("i4p"): BlanksResponse(texts=("优先", "岗位")),
        PartId("i5p"): TextResponse(text="一、范围\n二、期限"),
        PartId("i6p2"): choice("i6p2-1", "i6p2-2"),
        PartId("i6p3"): TextResponse(text="用人单位"),
    }
    kiosk.show(paper_snapshot(responses=responses, flagged=frozenset({ItemId("i5")})))
    assert current(kiosk).item_id == "i3"

    for number in range(1, 7):
        kiosk.click(f"navigator_{number}")
    checked = [
        row.objectName() for row in kiosk.app.window.findChildren(ChoiceRow) if row.isChecked()
    ]
    assert sorted(checked) == [
        f"choice_{c}" for c in ("i1p-2", "i2p-1", "i2p-3", "i6p2-1", "i6p2-2")
    ]
    assert [box(kiosk, f"blank_i4p_{n}").text() for n in (1, 2)] == ["优先", "岗位"]
    assert box(kiosk, "text_i5p").text() == "一、范围\n二、期限"
    assert box(kiosk, "text_i6p3").text() == "用人单位"
    assert cell(kiosk, 5).is_flagged
    assert kiosk.engine.recorded() == []


def test_late_restored_responses_appear_on_an_open_page(kiosk: Kiosk) -> None:
    """Frames that come from the server after the paper opened are shown where nobody typed."""
    kiosk.show(paper_snapshot())
    kiosk.show(paper_snapshot(responses={PartId("i1p"): choice("i1p-4")}))

    rows = [row for row in current(kiosk).findChildren(ChoiceRow) if row.isChecked()]
    assert [row.choice_id for row in rows] == ["i1p-4"]


def test_a_snapshot_does_not_move_the_candidate(kiosk: Kiosk) -> None:
    """Saves and heartbeats leave item, focus and text cursor where they are."""
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_5")
    text = box(kiosk, "text_i5p")
    commit(text, "甲乙")
    QTest.keyClick(text, Qt.Key.Key_Left)

    kiosk.show(paper_snapshot(unsynced=3))

    assert current(kiosk).item_id == "i5"
    assert text.hasFocus()
    assert text.textCursor().position() == 1


def test_the_font_has_four_steps(kiosk: Kiosk) -> None:
    """Three times larger ends at the largest; the item follows, the header does not."""
    kiosk.show(paper_snapshot())
    sizes = [current(kiosk).fontInfo().pixelSize()]
    for _ in range(3):
        kiosk.click(names.PAPER_FONT_LARGER)
        sizes.append(current(kiosk).fontInfo().pixelSize())

    assert sizes == [19, 22, 26, 31]
    assert not kiosk.find(names.PAPER_FONT_LARGER).isEnabled()
    assert kiosk.find(names.PAPER_NEXT).fontInfo().pixelSize() == 17
    kiosk.click(names.PAPER_FONT_SMALLER)
    assert kiosk.find(names.PAPER_FONT_LARGER).isEnabled()


@pytest.mark.parametrize(
    ("state", "who"),
    [(SittingState.HELD, "全场"), (SittingState.RUNNING, "本机位")],
)
def test_a_pause_covers_the_paper_and_says_why(kiosk: Kiosk, state: SittingState, who: str) -> None:
    """While the clock stands the item is hidden; afterwards the same item is back."""
    kiosk.show(paper_snapshot())
    kiosk.click("navigator_5")
    compose(box(kiosk, "text_i5p"), "期限")
    frozen: dict[str, Any] = {"deadline_monotonic_ms": None, "frozen_time_left_ms": 60_000}

    kiosk.show(paper_snapshot(sitting_state=state, **frozen))

    paused = kiosk.find(names.PAPER_PAUSED)
    assert paused.isVisible()
    assert any(who in child.accessibleName() for child in paused.findChildren(QWidget))
    assert kiosk.engine.recorded() == [("i5p", TextResponse(text="期限"))]
    kiosk.key(Qt.Key.Key_PageDown)
    kiosk.show(paper_snapshot())
    assert current(kiosk).item_id == "i5"
    assert box(kiosk, "text_i5p").text() == "期限"


def test_an_alarm_stands_above_the_paper(kiosk: Kiosk) -> None:
    """A full disk or a refused response is said with its advice until it is over."""
    alarm = Alarm(code="client.disk", message="磁盘已满", advice="请举手")
    refusal = Refusal(number=1, code="response.misfit", message="未被接受", advice="请报告")
    kiosk.show(paper_snapshot(alarms=(alarm,), refusal=refusal))
    assert kiosk.text(names.PAPER_ALARM) == "磁盘已满。请举手\n未被接受。请报告"

    kiosk.show(paper_snapshot())
    assert not kiosk.find(names.PAPER_ALARM).isVisible()


def test_every_control_has_a_name(kiosk: Kiosk) -> None:
    """Whatever takes the focus has an object name and an accessible name."""
    kiosk.show(paper_snapshot())
    for number in range(1, 7):
        kiosk.click(f"navigator_{number}")
        nameless = [
            widget
            for widget in kiosk.app.window.findChildren(QWidget)
            if widget.isVisible()
            and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
            and not (widget.objectName() and widget.accessibleName())
        ]
        assert [type(widget).__name__ for widget in nameless] == []


def test_the_paper_is_forgotten_after_the_receipt(kiosk: Kiosk) -> None:
    """No item is left in the window once the session has ended."""
    kiosk.show(paper_snapshot())
    kiosk.show(snapshot_at(Screen.RECEIPT, receipt="0" * 40))
    QApplication.sendPostedEvents()
    kiosk.qtbot.waitUntil(lambda: kiosk.app.window.findChildren(ItemPage) == [], timeout=5000)


def test_progress_of_items() -> None:
    """Every part and every blank counts; white space is nothing."""
    case, blanks = sample_form.case("c"), sample_form.blanks("b")
    done: dict[PartId, Response] = {
        PartId("cp1"): choice("cp1-1"),
        PartId("cp2"): choice("cp2-1"),
        PartId("cp3"): TextResponse(text="甲"),
    }
    form = sample_form.form_of(case, blanks)
    progress = form_progress(form, done, frozenset({ItemId("b")}))

    assert item_progress(case, done) is Progress.ANSWERED
    assert (
        item_progress(case, {**done, PartId("cp3"): TextResponse(text=" \n")}) is Progress.PARTIAL
    )
    assert (
        item_progress(blanks, {PartId("bp"): BlanksResponse(texts=("", ""))}) is Progress.UNANSWERED
    )
    assert (progress.answered_count, progress.unanswered, progress.flagged) == (1, (2,), (2,))


def test_another_form_replaces_the_first(kiosk: Kiosk) -> None:
    """A form of another number starts anew."""
    first: KioskSnapshot = paper_snapshot()
    kiosk.show(first)
    assert first.form is not None
    other = sample_form.form_of(sample_form.single("x1"))

    kiosk.show(
        replace(
            first,
            form=Form(
                paper_id=other.paper_id,
                form_number=FormNumber(8),
                title="乙卷",
                items=other.items,
            ),
        )
    )

    assert current(kiosk).item_id == "x1"
