"""A day of real kiosk engines whose lines break, against the real server; seeds decide how.

Every claim "on the server" is held against the disk when the server is killed, and the end against
what the kiosks show.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exam_client.config import DataFolder, KioskConfig, KioskFacts, install
from exam_client.enrolment import enrol
from exam_client.journal.files import RealFileSystem
from exam_client.session import KioskSnapshot, SavedState, Screen, SessionEngine
from exam_client.session.engine import monotonic_ms
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.journal import derive_journal_key, open_chain
from exam_core.formats.journal_entries import decode_entry
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import ChoiceId, PartId, SegmentId, SessionId
from exam_core.model.responses import ChoiceResponse, Response, TextResponse
from exam_core.model.roster import Candidate
from exam_server.store.engine import Store, sqlite_url
from exam_server.store.frames import RefusedFrameRow, stream_segments
from exam_server.store.room import SessionRow
from tests.support import builders
from tests.support.bad_line import BadLine
from tests.support.fork_server import ForkedServer
from tests.support.hostile_peer import place
from tests.support.room_world import RoomWorld
from tests.support.writing_room import WritingRoom

EXAM_S = 4.0
BREAKS = 4
_WAIT_S = 60.0

FILES = RealFileSystem()
CHOICES = (PartId("i1.1"), PartId("i6.1"))
TEXTS = (PartId("i5.1"), PartId("i6.2"))

Contents = dict[str, tuple[str, Mapping[PartId, Response]]]
"""Receipt and responses by admission number."""


@dataclass
class History:
    """One kiosk with its line, and what the seed does to both."""

    seed: int
    candidate: Candidate
    line: BadLine
    config: KioskConfig
    breaks: int
    clock_ms: Callable[[], int] = monotonic_ms
    recorded: dict[PartId, list[Response]] = field(default_factory=dict)
    claimed: dict[PartId, int] = field(default_factory=dict)
    engine: SessionEngine = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311  a history that replays
        self._count = 0
        self.engine = SessionEngine(self.config, on_change=self._changed, clock_ms=self.clock_ms)

    @property
    def now(self) -> KioskSnapshot:
        """The latest snapshot."""
        return self.engine.snapshot

    async def until(self, holds: Callable[[KioskSnapshot], bool], what: str) -> None:
        """Wait until the snapshot is so."""
        try:
            async with asyncio.timeout(_WAIT_S):
                while not holds(self.now):  # noqa: ASYNC110  another thread makes the snapshots
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"seed {self.seed}: never {what}: {self.now}") from None

    async def sit_down(self, room_code: str) -> None:
        """From start-up to the screen before the paper."""
        self.engine.start()
        await self.until(lambda now: now.screen is Screen.LOG_IN, "log-in")
        self.engine.log_in(
            admission_number=self.candidate.admission_number,
            id_number=self.candidate.id_number,
            room_code=room_code,
        )
        await self.until(lambda now: now.screen is Screen.CONFIRM, "confirm")
        self.engine.confirm()
        await self.until(lambda now: now.screen is Screen.RULES, "rules")
        self.engine.rules_read()
        await self.until(lambda now: now.screen is Screen.WAITING, "waiting")

    async def write(self) -> None:
        """Answer while the line breaks again and again; hand in while it may be broken."""
        breaking = asyncio.create_task(self._break())
        loop = asyncio.get_running_loop()
        ends = loop.time() + EXAM_S
        while loop.time() < ends:
            await asyncio.sleep(self._dice.uniform(0.02, 0.12))
            self.answer()
        self.engine.submit()
        await breaking
        self.line.heal()
        await self.until(lambda now: bool(now.receipt) and not now.is_closed_offline, "receipt")

    def answer(self) -> None:
        """The candidate answers something."""
        self._count += 1
        response: Response
        if self._dice.random() < 0.5:
            part = self._dice.choice(CHOICES)
            letter = self._dice.choice("ABCD")
            response = ChoiceResponse(choice_ids=(ChoiceId(f"{part}-{letter}"),))
        else:
            part = self._dice.choice(TEXTS)
            response = TextResponse(text=f"作答{self._count}")
        self.recorded.setdefault(part, []).append(response)
        self.engine.record(part, response)

    async def _break(self) -> None:
        for _ in range(self.breaks):
            await asyncio.sleep(self._dice.uniform(0.0, 2 * EXAM_S / self.breaks - 0.8))
            lasting_s = self._dice.choice((0.1, 0.3, 1.2))
            match self._dice.choice(("cut", "up", "down", "both", "orphan", "slow", "reset")):
                case "cut":
                    self.line.is_cut = True
                    self.line.cut()
                case "up":
                    self.line.up.clear()
                case "down":
                    self.line.down.clear()
                case "both":
                    self.line.up.clear()
                    self.line.down.clear()
                case "orphan":
                    self.line.orphan()
                case "slow":
                    self.line.delay_s, self.line.in_pieces = 0.08, True
                case "reset":
                    self.line.cut()
            await asyncio.sleep(lasting_s)
            self.line.heal()

    def _changed(self, snapshot: KioskSnapshot) -> None:
        """In the engine's thread: which texts the candidate was told are on the server."""
        for part in TEXTS:
            if snapshot.saved_parts.get(part) is SavedState.ON_SERVER:
                told = snapshot.responses[part]
                self.claimed[part] = self.recorded[part].index(told)


def install_kiosk(world: RoomWorld, folder: Path, facts: KioskFacts) -> KioskConfig:
    """The data folder of a kiosk of this room, not enrolled yet."""
    centre = sign_centre(world.folder.centre(), [builders.SETTER, builders.APPROVER])
    root = encode_root(builders.root())
    return install(FILES, DataFolder(folder), facts, root=root, centre=centre)


class NetworkDay:
    """One room whose kiosks all have bad lines.

    Args:
        world: The room; each of its candidates is one history.
        server: The server, not started.
        folder: An empty one for the kiosks.
        seed: Decides everything.
        breaks: How often each line breaks; without any the kiosks talk to the server directly.
        ports: Where the server listens for kiosks and for people; 0 takes any.
    """

    def __init__(
        self,
        world: RoomWorld,
        server: ForkedServer,
        folder: Path,
        seed: int,
        *,
        breaks: int = BREAKS,
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        self._ports = ports
        self._breaks = breaks
        self.room = WritingRoom(world, server)
        self.world = world
        self._folder = folder
        self._dice = random.Random(seed)  # noqa: S311  moments to kill at
        self._seed = seed
        self.reconnects = 0
        self.histories: list[History] = []

    async def play(self) -> None:
        """The whole day; every claim is held against the disk, and the end against the kiosks."""
        await self._start()
        codes, room_code = await asyncio.to_thread(self.room._join_codes)
        async with self._kiosks(codes):
            await asyncio.gather(*(one.sit_down(room_code) for one in self.histories))
            await self.room.open()
            await self.room.begin()
            for one in self.histories:
                await one.until(lambda now: now.screen is Screen.PAPER, "paper")
            writing = [asyncio.create_task(one.write()) for one in self.histories]
            await asyncio.sleep(self._dice.uniform(0.5, EXAM_S - 1))
            await self._kill()
            await asyncio.gather(*writing)
            self.reconnects = sum(one.now.reconnects for one in self.histories)
            finals = {one.candidate.admission_number: one.now for one in self.histories}
        assert await asyncio.to_thread(self.room.server.stop) == 0
        contents = self._contents()
        for one in self.histories:
            final = finals[one.candidate.admission_number]
            receipt, responses = contents[one.candidate.admission_number]
            assert (receipt, dict(responses)) == (final.receipt, dict(final.responses)), one.seed
            assert final.responses == {part: last[-1] for part, last in one.recorded.items()}
            assert not [alarm.code for alarm in final.alarms], (one.seed, final.alarms)

    @asynccontextmanager
    async def _kiosks(self, codes: Mapping[str, str]) -> AsyncIterator[None]:
        for number, candidate in enumerate(self.world.roster):
            seed = self._seed * 1_000 + number
            line = BadLine(random.Random(seed), self._target)  # noqa: S311  replays
            await line.open()
            facts = KioskFacts(
                kiosk_url=f"https://127.0.0.1:{line.port}"
                if self._breaks
                else self.room.server.kiosk_url,
                console_url=self.room.server.console_url,
                seat_id=candidate.seat_id,
            )
            config = install_kiosk(self.world, self._folder / candidate.seat_id, facts)
            await enrol(FILES, config, codes[candidate.seat_id])
            self.histories.append(
                History(
                    seed=seed, candidate=candidate, line=line, config=config, breaks=self._breaks
                )
            )
        try:
            yield
        finally:
            for one in self.histories:
                await asyncio.to_thread(one.engine.stop)
                await one.line.close()

    def _target(self) -> tuple[str, int]:
        return place(self.room.server.kiosk_url)

    async def _kill(self) -> None:
        """SIGKILL; what kiosks were told is on the disk; start again and open the paper."""
        claims = [dict(one.claimed) for one in self.histories]
        self.room.server.kill()
        contents = self._contents()
        for one, claimed in zip(self.histories, claims, strict=True):
            _, responses = contents[one.candidate.admission_number]
            for part, told in claimed.items():
                held = one.recorded[part].index(responses[part])
                assert held >= told, f"seed {one.seed}: {part} was claimed and is not there"
        server = self.room.server
        self._ports = (place(server.kiosk_url)[1], place(server.console_url)[1])
        await self._start()
        await self.room.open()

    async def _start(self) -> None:
        kiosk_port, console_port = self._ports
        await asyncio.to_thread(
            self.room.server.start, kiosk_port=kiosk_port, console_port=console_port
        )

    def _contents(self) -> Contents:
        scratch = self._folder / "copy"
        scratch.mkdir(exist_ok=True)
        for file in self.world.folder.path.glob("room.db*"):
            if not file.name.endswith("-shm"):
                shutil.copyfile(file, scratch / file.name)
        store = Store(sqlite_url(scratch / "room.db"))
        placed: dict[str, list[PlacedEntry]] = {}
        secret = self.world.delivery.journal_secret
        try:
            with store.transaction() as db:
                assert db.query(RefusedFrameRow).count() == 0
                for row, frames in stream_segments(db):
                    key = derive_journal_key(secret, SessionId(row.session_id))
                    payloads = open_chain(key, SegmentId(row.segment_id), frames, row.signing_key)  # type: ignore[arg-type]  # a text column
                    placed.setdefault(row.session_id, []).extend(
                        PlacedEntry(row.epoch, seq, decode_entry(one))
                        for seq, one in enumerate(payloads)
                    )
                return {
                    row.admission_number: (
                        row.receipt,
                        merge_entries(placed.get(row.session_id, [])).responses,
                    )
                    for row in db.query(SessionRow)
                }
        finally:
            store.close()
            shutil.rmtree(scratch)
