"""Time left and saved state: right, honest and calm."""

import pytest

from exam_client.itemview.marks import Mark
from exam_client.session.snapshot import Connection, KioskSnapshot, SavedState
from exam_client.ui import object_names as names
from exam_client.ui.building_blocks import SayingView
from exam_client.ui.time_left import TimeLeft
from exam_client.ui.wording import (
    Urgency,
    clock_text,
    connection_saying,
    duration_text,
    receipt_lines,
    saved_saying,
    time_caption,
    urgency,
)
from exam_core.model.identifiers import ChoiceId, PartId
from exam_core.model.responses import ChoiceResponse
from tests.ui.conftest import Kiosk, commit
from tests.ui.scripted_engine import paper_snapshot

ANSWERED = {PartId("i1p"): ChoiceResponse(choice_ids=(ChoiceId("i1p-1"),))}


def time_left(kiosk: Kiosk) -> TimeLeft:
    """The clock of the header."""
    found = kiosk.find(names.PAPER_TIME_LEFT)
    assert isinstance(found, TimeLeft)
    return found


def saved(kiosk: Kiosk) -> str:
    """What the header says of the answers."""
    found = kiosk.find(names.PAPER_SAVED)
    assert isinstance(found, SayingView)
    assert found.saying is not None
    return found.saying.headline


def test_the_clock_follows_the_monotonic_deadline(kiosk: Kiosk) -> None:
    """The widget asks the clock; no timer counts."""
    kiosk.show(paper_snapshot())
    assert time_left(kiosk).text == "1:30:00"

    kiosk.clock.now_ms = 1
    assert time_left(kiosk).text == "1:30:00"
    kiosk.clock.now_ms = 29 * 60_000 + 1_000
    assert time_left(kiosk).text == "1:00:59"
    kiosk.clock.now_ms = 99 * 60_000
    assert time_left(kiosk).text == "0:00:00"


@pytest.mark.parametrize(
    ("left_ms", "level"),
    [
        (5 * 60_000 + 1, Urgency.CALM),
        (5 * 60_000, Urgency.AMBER),
        (60_001, Urgency.AMBER),
        (60_000, Urgency.RED),
        (0, Urgency.RED),
    ],
)
def test_the_clock_changes_its_colour_and_its_words(
    kiosk: Kiosk, left_ms: int, level: Urgency
) -> None:
    """Amber from five minutes, red from one; the caption says it in words."""
    kiosk.show(paper_snapshot())
    kiosk.clock.now_ms = 90 * 60_000 - left_ms

    assert time_left(kiosk).urgency is level
    assert len({time_caption(each) for each in Urgency}) == len(Urgency)


def test_a_standing_clock_is_said(kiosk: Kiosk) -> None:
    """While the sitting is held the time left does not change."""
    kiosk.show(paper_snapshot(deadline_monotonic_ms=None, frozen_time_left_ms=61_000))
    kiosk.clock.now_ms = 10_000_000

    assert time_left(kiosk).text == "0:01:01"
    assert time_left(kiosk).urgency is Urgency.FROZEN


def test_extra_time_is_shown_at_once(kiosk: Kiosk) -> None:
    """A later deadline replaces the old one."""
    kiosk.show(paper_snapshot(deadline_monotonic_ms=30_000))
    kiosk.show(paper_snapshot(deadline_monotonic_ms=630_000))

    assert time_left(kiosk).text == "0:10:30"
    assert time_left(kiosk).urgency is Urgency.CALM


def test_the_words_of_a_begun_second_and_of_durations() -> None:
    """0:00:00 is shown only when time is up."""
    assert [clock_text(ms) for ms in (0, 1, 1000, 1001, 7_200_000)] == [
        "0:00:00",
        "0:00:01",
        "0:00:01",
        "0:00:02",
        "2:00:00",
    ]
    assert [duration_text(ms) for ms in (45_000, 60_000, 90_000, 7_200_000)] == [
        "45 秒",
        "1 分钟",
        "1 分 30 秒",
        "120 分钟",
    ]
    assert urgency(1, is_frozen=True) is Urgency.FROZEN
    assert receipt_lines("0123456789abcdef" * 2 + "01234567") == (
        "0123 4567 89ab cdef 0123\n4567 89ab cdef 0123 4567"
    )


@pytest.mark.parametrize(
    ("snapshot", "is_typing", "headline", "detail"),
    [
        (paper_snapshot(), False, "尚未作答", "作答后自动保存"),
        (paper_snapshot(responses=ANSWERED), False, "已保存到服务器", "作答自动保存"),
        (paper_snapshot(responses=ANSWERED), True, "正在录入", "停顿后自动保存"),
        (
            paper_snapshot(responses=ANSWERED, saved=SavedState.KEPT_HERE),
            False,
            "已保存到本机",
            "正在上传服务器",
        ),
        (
            paper_snapshot(
                responses=ANSWERED, saved=SavedState.KEPT_HERE, connection=Connection.AWAY
            ),
            False,
            "已保存到本机",
            "网络恢复后自动上传",
        ),
        (
            paper_snapshot(responses=ANSWERED, saved=SavedState.NOT_KEPT),
            False,
            "未保存",
            "请立即举手报告",
        ),
        (
            paper_snapshot(responses=ANSWERED, saved=SavedState.NOT_KEPT),
            True,
            "未保存",
            "请立即举手报告",
        ),
    ],
)
def test_the_saved_state_is_honest(
    snapshot: KioskSnapshot, is_typing: bool, headline: str, detail: str
) -> None:
    """Three levels, what to do, and nothing better than it is."""
    saying = saved_saying(snapshot, is_typing=is_typing)

    assert (saying.headline, saying.detail) == (headline, detail)


def test_typing_is_not_called_saved(kiosk: Kiosk) -> None:
    """From the first keystroke until the engine has it, the header does not say saved."""
    kiosk.show(paper_snapshot(responses=ANSWERED))
    assert saved(kiosk) == "已保存到服务器"
    kiosk.click("navigator_5")

    commit(kiosk.find("text_i5p"), "甲")

    assert saved(kiosk) == "正在录入"


def test_bad_news_comes_at_once_and_good_news_when_it_holds(kiosk: Kiosk) -> None:
    """The line does not flicker while somebody types, and never says too much."""
    kiosk.show(paper_snapshot(responses=ANSWERED))
    kiosk.show(paper_snapshot(responses=ANSWERED, saved=SavedState.NOT_KEPT))
    assert saved(kiosk) == "未保存"
    kiosk.show(paper_snapshot(responses=ANSWERED))
    assert saved(kiosk) == "未保存"

    kiosk.qtbot.waitUntil(lambda: saved(kiosk) == "已保存到服务器", timeout=5000)


def test_good_news_that_does_not_hold_is_not_said(kiosk: Kiosk) -> None:
    """Better for a moment and worse again stays worse."""
    kept_here = paper_snapshot(responses=ANSWERED, saved=SavedState.KEPT_HERE)
    kiosk.show(kept_here)
    kiosk.show(paper_snapshot(responses=ANSWERED))
    kiosk.show(kept_here)
    seen: list[str] = []

    def look() -> bool:
        seen.append(saved(kiosk))
        return len(seen) > 80

    kiosk.qtbot.waitUntil(look, timeout=10_000)

    assert set(seen) == {"已保存到本机"}


def test_the_connection_has_a_sign_and_words() -> None:
    """A cut cable is said, with what to do: go on."""
    assert connection_saying(Connection.ONLINE).mark is Mark.TICK
    away = connection_saying(Connection.AWAY)
    assert (away.mark, away.headline, away.detail) == (Mark.CROSS, "网络断开", "请继续作答")


def test_the_header_does_not_move(kiosk: Kiosk) -> None:
    """Whatever it says, every block of the header stays where it is."""
    kiosk.show(paper_snapshot(responses=ANSWERED))

    def places() -> list[object]:
        blocks = (names.PAPER_SAVED, names.PAPER_CONNECTION, names.PAPER_TIME_LEFT)
        return [kiosk.find(name).geometry() for name in blocks]

    before = places()
    kiosk.show(
        paper_snapshot(responses=ANSWERED, saved=SavedState.KEPT_HERE, connection=Connection.AWAY)
    )
    kiosk.clock.now_ms = 89 * 60_000 + 30_000
    kiosk.show(paper_snapshot(responses=ANSWERED, saved=SavedState.NOT_KEPT))

    assert places() == before
