"""Staff bring journal files from the disk of a machine that does not start any more."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from exam_core.formats.journal import segment_header
from exam_core.model.identifiers import SeatId, SegmentId
from exam_core.protocol.messages import Refused
from tests.stateful.room.test_swaps import go_on, responses, swap
from tests.support import builders
from tests.support.audit_logs import read_entries
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom
from tests.support.room_world import RoomWorld, make_room
from tests.support.scenes import run, until

B01 = SeatId("B01")
PATH = "/staff/journals"


@pytest.fixture
def world(tmp_path: Path) -> RoomWorld:
    """A room with a spare seat."""
    return make_room(tmp_path / "data", spare_seats=("B01",))


def file_of(driver: KioskDriver) -> bytes:
    """What the driver's kiosk has on its disk."""
    return segment_header(driver.segment_id) + b"".join(driver.frames[driver.segment_id])


async def bring(live: LiveRoom, *contents: bytes, name: str = "zhang") -> httpx2.Response:
    """Upload these files as the page does."""
    async with live.signed_in(name) as http:
        files = [("journals", (f"{n}.exj", one)) for n, one in enumerate(contents, 1)]
        return await http.post(PATH, files=files)


def test_the_answers_of_a_dead_machine_count(world: RoomWorld) -> None:
    """What only its disk had is in the results; brought twice it is known already."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        dead = await live.writing()
        await dead.close()
        dead.append(builders.response_recorded("i1.1", "C"))
        dead.append(builders.response_recorded("i2.1", "C"))
        torn = file_of(dead) + b"\xe5JRC\x00\x01"

        first, again = (await bring(live, torn)).json(), (await bring(live, torn)).json()

        shown = {"name": "1.exj", "seat_id": "A01", "frames": 3, "refusals": []}
        assert first == {"ok": True, "files": [{**shown, "added": 2}]}
        assert again == {"ok": True, "files": [{**shown, "added": 0}]}
        wanted = builders.response_recorded("i1.1", "C"), builders.response_recorded("i2.1", "C")
        assert responses(live, dead) == {one.part_id: one.response for one in wanted}
        lines = [
            one for one in read_entries(live.room.trail.lines()) if one.action == "journal_uploaded"
        ]
        assert [(one.actors, one.subject) for one in lines] == 2 * [(("zhang",), "A01")]
        assert [one.details["added"] for one in lines] == ["2", "0"]

    run(world, scene)


def test_a_hand_in_that_only_the_dead_machine_knew_closes_the_session(world: RoomWorld) -> None:
    """The candidate had handed in and saw it kept on the machine: it counts."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        dead = await live.writing()
        await dead.close()
        dead.append(builders.session_submitted())

        await bring(live, file_of(dead))

        session = live.room.hub.state.seats[SeatId("A01")].session
        assert session is not None
        await until(lambda: bool(session.receipt))

    run(world, scene)


def test_the_machine_where_the_candidate_went_on_has_the_word(world: RoomWorld) -> None:
    """Answers given later stay, what the dead machine alone has is added, its hand-in is not."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        dead, new = await live.writing(), await live.kiosk_at(B01)
        await dead.close()
        dead.append(builders.response_recorded("i1.1", "C"))
        dead.append(builders.response_recorded("i2.1", "C"))
        dead.append(builders.session_submitted())
        await swap(live)
        await go_on(live, new)
        await new.save(builders.response_recorded("i1.1", "B"))

        (brought,) = (await bring(live, file_of(dead))).json()["files"]

        assert (brought["added"], brought["frames"]) == (2, 4)
        assert [one["code"] for one in brought["refusals"]] == ["deliver.submit"]
        wanted = builders.response_recorded("i1.1", "B"), builders.response_recorded("i2.1", "C")
        assert responses(live, new) == {one.part_id: one.response for one in wanted}
        assert await new.submit()
        assert not [one for one in new.seen if isinstance(one, Refused)]

    run(world, scene)


def test_files_that_are_none_are_answered_one_by_one(world: RoomWorld) -> None:
    """Unknown segment, foreign bytes, altered frame: each has its code; the rest is taken."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.close()
        driver.append(builders.response_recorded("i1.1", "C"))
        good = file_of(driver)
        altered = bytearray(good)
        altered[-1] ^= 1
        unknown = segment_header(SegmentId("ab" * 16)) + good[20:]

        reply = (await bring(live, unknown, b"PK\x03\x04", bytes(altered), good)).json()

        assert [
            ([one["code"] for one in file["refusals"]], file["added"]) for file in reply["files"]
        ] == [
            (["upload.unknown"], 0),
            (["journal.malformed"], 0),
            (["journal.frame"], 0),
            ([], 1),
        ]

    run(world, scene)


def test_an_upload_needs_files_an_open_paper_and_a_role(world: RoomWorld) -> None:
    """Each refusal is one sentence with a code, and nothing is kept."""

    async def scene(live: LiveRoom) -> None:
        shut = await bring(live, b"x")
        assert (shut.status_code, shut.json()["code"]) == (507, "saving.paper_shut")
        none = await bring(live)
        assert (none.status_code, none.json()["code"]) == (400, "upload.files")
        denied = await bring(live, b"x", name="wang")
        assert (denied.status_code, denied.json()["code"]) == (403, "access.denied")
        async with live.signed_in("zhang") as http:
            page = await http.get(PATH, headers={"Accept": "text/html"})
            assert "补传作答文件" in page.text
            sent = await http.post(
                PATH, files=[("journals", ("a.exj", b"x"))], headers={"Accept": "text/html"}
            )
            assert (sent.status_code, "saving.paper_shut" in sent.text) == (507, True)
        await live.open()
        async with live.signed_in("zhang") as http:
            sent = await http.post(
                PATH, files=[("journals", ("a.exj", b"x"))], headers={"Accept": "text/html"}
            )
            assert (sent.status_code, "journal.malformed" in sent.text) == (200, True)

    run(world, scene)


def test_two_people_who_bring_the_same_file_at_once_add_it_once(world: RoomWorld) -> None:
    """Uploads follow each other; nothing is kept twice and nothing conflicts."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        dead = await live.writing()
        await dead.close()
        for _ in range(600):
            dead.append(builders.response_recorded("i1.1", "C"))
        replies = await asyncio.gather(*(bring(live, file_of(dead)) for _ in range(2)))
        added = [reply.json()["files"][0]["added"] for reply in replies]
        assert sorted(added) == [0, 600]
        assert not live.room.hub.state.alarms

    run(world, scene)
