"""The record sheet: what two people sign, with the log's heads in full and no answer on it."""

import re
from http import HTTPStatus

import httpx2

from exam_core.model.states import SittingEvent
from exam_server.accounts.people import People
from exam_server.room.web.applications import build_console_application
from exam_server.web.permissions import COOKIE
from tests.support import builders
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import CHEAP, PASSWORD, RoomWorld
from tests.support.scenes import run

ORIGIN = "https://room.test"


async def page(live: LiveRoom, path: str, who: str = "zhao") -> httpx2.Response:
    """What somebody is shown."""
    people = People(live.room.store, live.room.clock, CHEAP)
    application = build_console_application(live.room, people)
    _, token = people.sign_in(who, PASSWORD, "test")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=application),
        base_url=ORIGIN,
        cookies={COOKIE: token},
        headers={"Accept": "text/html"},
    ) as http:
        return await http.get(path)


def plain(html: str) -> str:
    """The text without white space, as people compare digits."""
    return re.sub(r"\s+", "", html)


def test_the_sheet_has_the_course_the_incidents_and_the_log_in_full(world: RoomWorld) -> None:
    """Times and people, holds and grants, both checkpoints and the head; no receipt, no answer."""

    async def scene(live: LiveRoom) -> None:
        room = live.room
        await live.start()
        await room.hub.core.finish()
        driver = await live.writing()
        await room.hub.steering.grant_extra_time(
            WANG, driver.seat_id, extra_ms=300_000, reason="键盘<故障>"
        )
        await room.hub.course.change_sitting(SittingEvent.HOLD, WANG)
        await room.hub.course.change_sitting(SittingEvent.RESUME, WANG)
        await driver.submit()
        await room.hub.core.finish()
        await room.hub.course.change_sitting(SittingEvent.END, WANG)
        await room.hub.core.finish()

        html = (await page(live, "/staff/record-sheet")).text

        text = plain(html)
        assert "补时" in html
        assert "5 分钟" in html
        assert "键盘&lt;故障&gt;" in html
        for words in (
            "两人启封试卷",
            "li、zhang",
            "开考",
            "结束考试",
            "启封时的检查点",
            "结束时的检查点",
        ):
            assert words in html
        assert room.trail.head in text
        assert room.hub.state.package_sha256 in text
        opening, ending = html.split("结束时的检查点")
        notes = room.trail.checkpoints()
        assert "启封时的检查点" in opening
        shown = re.findall(r"<pre>(.+?)</pre>", html, re.DOTALL)
        assert len(shown) == 2
        assert all(note.strip() in {one.strip() for one in notes} for note in shown)
        assert shown[1].strip() == notes[-1].strip()
        for note in shown:
            assert plain(note.split("head ")[1].split("\n")[0]) in text
        session = next(iter(room.hub.state.sessions.values()))
        assert session.receipt
        assert session.receipt not in text
        assert session.admission_number not in text
        assert ending

    run(world, scene)


def test_before_the_opening_the_sheet_says_that_there_is_nothing_yet(world: RoomWorld) -> None:
    """No checkpoint of opening or end, and no incident."""

    async def scene(live: LiveRoom) -> None:
        html = (await page(live, "/staff/record-sheet")).text
        assert "尚无启封或结束时的检查点" in html
        assert "缺考" not in html

    run(world, scene)


def test_the_checkpoints_can_be_taken_away(world: RoomWorld) -> None:
    """As they are on disk; and by those only who read the log."""

    async def scene(live: LiveRoom) -> None:
        await live.open()
        reply = await page(live, "/staff/checkpoints.txt")
        assert reply.text == "".join(live.room.trail.checkpoints())
        assert reply.text.startswith(f"gongyuan/{builders.CENTRE_ID}/")
        denied = await page(live, "/staff/checkpoints.txt", "wang")
        assert denied.status_code == HTTPStatus.FORBIDDEN

    run(world, scene)
