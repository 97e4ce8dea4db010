"""The record sheet: what two people sign, with the log's heads in full and no answer on it."""

import hashlib
import re
from http import HTTPStatus

import httpx2

from exam_core.formats.audit_log import AuditEntry
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SittingEvent
from exam_server.accounts.people import People
from exam_server.room.services.kiosk_count import count_kiosks
from exam_server.room.web.applications import build_console_application
from exam_server.web.permissions import COOKIE
from tests.support import builders
from tests.support.audit_logs import read_entries
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
        assert "结束时登记的考生机" in html
        assert "打印时登记的考生机" not in html
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


def test_kiosks_are_counted_on_paper_and_late_ones_are_incidents(world: RoomWorld) -> None:
    """At the opening and at the end; two that differ say that one came in between."""

    async def scene(live: LiveRoom) -> None:
        room = live.room
        await live.kiosk_at(SeatId("A01"))
        assert "登记的考生机" not in (await page(live, "/staff/record-sheet")).text
        await live.open()
        before = (await page(live, "/staff/record-sheet")).text
        assert "启封时登记的考生机（1 台）" in before
        assert "打印时登记的考生机（1 台）" in before
        assert "机位登记" not in before
        await live.kiosk_at(SeatId("A02"))

        after = (await page(live, "/staff/record-sheet")).text

        assert "启封时登记的考生机（1 台）" in after
        assert "打印时登记的考生机（2 台）" in after
        assert "机位登记" in after
        entries = read_entries(room.trail.lines())
        keys = {
            one.subject: one.details["signing_key"]
            for one in entries
            if one.action == "kiosk_enrolled"
        }
        assert f"公钥 {keys['A02'][:16]}…" in after
        listed = "".join(f"{seat} {key}\n" for seat, key in sorted(keys.items()))
        assert hashlib.sha256(listed.encode()).hexdigest() in plain(after)
        assert hashlib.sha256(f"A01 {keys['A01']}\n".encode()).hexdigest() in plain(after)

    run(world, scene)


def test_a_revoked_kiosk_is_not_counted() -> None:
    """Unless another one was enrolled at its seat since then."""
    one = {"fingerprint": "aa", "signing_key": "11" * 32}
    two = {"fingerprint": "bb", "signing_key": "22" * 32}
    entries = [
        AuditEntry(
            n=number,
            at_utc_ms=0,
            actors=("wang",),
            role="",
            action=action,
            subject="A01",
            details=details,
            previous="",
        )
        for number, (action, details) in enumerate(
            [
                ("kiosk_revoked", one),  # of a log that was set aside
                ("kiosk_enrolled", one),
                ("kiosk_enrolled", two),
                ("kiosk_revoked", one),
                ("kiosk_revoked", two),
            ],
            1,
        )
    ]

    assert [count_kiosks(entries[:n]).count for n in range(6)] == [0, 0, 1, 1, 1, 0]
