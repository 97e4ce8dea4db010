"""The kiosk's program brings what a machine still owes after a swap, against the real room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exam_client import limits
from exam_client.config import DataFolder, KioskConfig, KioskFacts, install
from exam_client.journal.files import RealFileSystem
from exam_client.journal.recovery import content_of
from exam_client.session.delivering import Delivering
from exam_client.session.resume import Resume
from exam_core.crypto.signing import Signer
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.journal import receipt_of
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import SeatId, SegmentId
from tests.stateful.room.test_swaps import go_on, responses, swap
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom
from tests.support.room_world import RoomWorld, make_room
from tests.support.scenes import run, until

FILES = RealFileSystem()
A01, B01 = SeatId("A01"), SeatId("B01")


@pytest.fixture
def world(tmp_path: Path) -> RoomWorld:
    """A room with a spare seat."""
    return make_room(tmp_path / "data", spare_seats=("B01",))


@pytest.fixture(autouse=True)
def _try_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "reconnect_first_s", 0.02)
    monkeypatch.setattr(limits, "reconnect_most_s", 0.02)


class Machine:
    """The disk of a former machine, and what its screen was told."""

    def __init__(self, live: LiveRoom, driver: KioskDriver, folder: Path) -> None:
        facts = KioskFacts(
            kiosk_url=live.kiosk_url, console_url=live.console_url, seat_id=driver.seat_id
        )
        centre = sign_centre(live.room.folder.centre(), [builders.SETTER, builders.APPROVER])
        self.config: KioskConfig = install(
            FILES, DataFolder(folder), facts, root=encode_root(builders.root()), centre=centre
        )
        self.driver = driver
        self.told: list[str] = []
        self.alarms: dict[str, str] = {}

    def write(self, segment_id: SegmentId) -> None:
        """Put a segment of the driver on the disk."""
        assert self.driver.log_in_reply is not None
        folder = self.config.folder.session(self.driver.log_in_reply.session_id)
        folder.mkdir(parents=True, exist_ok=True)
        content = content_of(segment_id, self.driver.frames[segment_id])
        (folder / f"{segment_id}.1.exj").write_bytes(content)

    def program(self) -> Delivering:
        """The program, started anew."""
        return Delivering(
            FILES,
            self.config,
            clock_ms=lambda: 0,
            tell=lambda code, _message: self.told.append(code),
            alarm=self.alarms.__setitem__,
        )

    def owe(self) -> None:
        """The program notices that its token is void."""
        reply = self.driver.log_in_reply
        assert reply is not None
        self.program().owe(
            Resume(
                sitting_id=builders.SITTING_ID,
                session_id=reply.session_id,
                token="",
                admission_number=reply.admission_number,
                name=reply.name,
                unit=reply.unit,
                team=reply.team,
            )
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The program works, from what is on disk alone."""
        signer = Signer(self.driver.signing_key)
        work = asyncio.create_task(self.program().run(self.driver.context, signer))
        try:
            yield
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def test_what_was_written_without_a_network_is_in_the_results(
    world: RoomWorld, tmp_path: Path
) -> None:
    """Cut off, answered, swapped, switched off and on: the answers come in and it says so."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, new = await live.writing(), await live.kiosk_at(B01)
        await old.save(builders.response_recorded("i1.1", "A"))
        await old.close()
        old.append(builders.response_recorded("i1.1", "C"))
        old.append(builders.response_recorded("i2.1", "C"))
        old.append(builders.session_submitted())
        machine = Machine(live, old, tmp_path / "kiosk")
        machine.write(old.segment_id)
        unknown = SegmentId("ab" * 16)  # begun alone, so the server never heard of it
        old.frames[unknown] = []
        machine.write(unknown)
        machine.owe()

        async with machine.running():  # before the swap the server refuses, and it tries again
            await swap(live)
            await go_on(live, new)
            await new.save(builders.response_recorded("i1.1", "B"))
            await until(lambda: "session.delivered" in machine.told)

        assert machine.told == ["session.moved", "session.delivered"]
        wanted = builders.response_recorded("i1.1", "B"), builders.response_recorded("i2.1", "C")
        assert responses(live, new) == {one.part_id: one.response for one in wanted}
        assert b'"sessions":[]' in machine.config.folder.deliver.read_bytes()
        assert await new.submit()

    run(world, scene)


def test_a_hand_in_at_a_machine_that_was_swapped_away_and_back_counts(
    world: RoomWorld, tmp_path: Path
) -> None:
    """Handed in while cut off, seated elsewhere and here again: nobody logs in, yet it comes in.

    Found by the simulation (seed 146): the token was void, so the machine could not attach; the
    candidate sat there, so it could not deliver; and it showed a receipt, so nobody logged in.
    """

    async def scene(live: LiveRoom) -> None:
        await live.start()
        old, _ = await live.writing(), await live.kiosk_at(B01)
        await old.save(builders.response_recorded("i1.1", "A"))
        await old.close()
        old.append(builders.response_recorded("i2.1", "C"))
        old.append(builders.session_submitted())
        receipt = receipt_of(old.frames[old.segment_id][-1])
        machine = Machine(live, old, tmp_path / "kiosk")
        machine.write(old.segment_id)
        await swap(live)
        await swap(live, B01, A01)
        machine.owe()

        async with machine.running():
            await until(lambda: "session.delivered" in machine.told)

        (session,) = live.room.hub.state.sessions.values()
        await until(lambda: session.receipt == receipt)
        assert session.tally.answered == 2

    run(world, scene)


def test_a_machine_at_which_nobody_wrote_owes_nothing(world: RoomWorld, tmp_path: Path) -> None:
    """It was logged in there and swapped away before the paper: it stops asking at once."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        machine = Machine(live, await live.logged_in(), tmp_path / "kiosk")
        machine.owe()

        async with machine.running():
            await until(lambda: "session.delivered" in machine.told)

        assert b'"sessions":[]' in machine.config.folder.deliver.read_bytes()

    run(world, scene)


def test_damaged_debt_is_an_alarm(world: RoomWorld, tmp_path: Path) -> None:
    """The kiosk goes on, and somebody is told to keep the machine."""

    async def scene(live: LiveRoom) -> None:
        machine = Machine(live, await live.logged_in(), tmp_path / "kiosk")
        machine.config.folder.deliver.write_bytes(b"{")
        machine.owe()
        assert list(machine.alarms) == ["client.deliver"]
        assert b'"sessions":["' in machine.config.folder.deliver.read_bytes()

    run(world, scene)
