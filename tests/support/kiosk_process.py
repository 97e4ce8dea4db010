"""A kiosk's session and the room's model with a cuttable line between them, all in one thread.

Messages wait on the line until a test delivers them; cutting it loses what is under way, as a
pulled cable does. Killing the process keeps what files show; losing power keeps what is synced.
"""

import hashlib
import random
from collections import deque
from pathlib import Path

from exam_client.config import DataFolder, KioskConfig
from exam_client.journal import SessionJournal
from exam_client.package_cache import PackageCache
from exam_client.session.attempt import SessionPorts
from exam_client.session.checkpoint_gate import CheckpointGate
from exam_client.session.core import SessionCore
from exam_client.session.keeping import Keeping
from exam_client.session.order_gate import OrderGate
from exam_client.session.resume import Resume, ResumeFile, Stage
from exam_core.crypto.signing import public_key_of
from exam_core.formats.paper_package import PaperPackage, verify_package
from exam_core.formats.resume_file import resume_code
from exam_core.model.identifiers import AdmissionNumber, CentreId, FormNumber, SeatId
from exam_core.model.states import SittingState
from exam_core.protocol import messages, orders
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.room_model import JOURNAL_SECRET, RoomModel, SessionModel

FOLDER = DataFolder(Path("/kiosk"))
PACKAGE_BYTES = builders.package()
PACKAGE = verify_package(PACKAGE_BYTES, builders.root())
PACKAGE_SHA256 = hashlib.sha256(PACKAGE_BYTES).hexdigest()
DEVICE_KEY = builders.GRADING_IDENTITY
CONFIG = KioskConfig(
    folder=FOLDER,
    kiosk_url="https://room:1",
    console_url="https://room:2",
    seat_id=SeatId("A01"),
    root=builders.root(),
    centre=builders.centre(),
)


class KioskProcess:
    """One seat whose process can die and whose line can break.

    Attributes:
        room: The room's side.
        session: This candidate's session in the room.
        files: The machine's disk.
        now_ms: The machine's monotonic clock, moved by tests.
        core: The process that runs now.
        keeping: Its files beside the journal.
        boots: How often the machine was switched on.
        disk_alarms: What could not be written, by code.
        gate_alarms: What was wrong with the record of orders.
        refusals: Codes that the server refused with, as the candidate was told.
        asked_for_pending: How often typed text was asked for.
    """

    def __init__(
        self,
        *,
        stage: Stage = Stage.RULES_READ,
        package: PaperPackage | None = PACKAGE,
        collects: bool = False,
    ) -> None:
        self.room = RoomModel()
        self.session = SessionModel(
            session_id=builders.SESSION_ID,
            form_number=FormNumber(1),
            form_identity=builders.FORM_IDENTITY,
        )
        self.room.sessions[builders.SESSION_ID] = self.session
        self.files = MemoryFiles()
        self.files.put(FOLDER.device_key, DEVICE_KEY.encode())
        self.files.put(FOLDER.package / f"{PACKAGE_SHA256}.exampkg", PACKAGE_BYTES)
        self.boots = 1
        self.disk_alarms: list[str] = []
        self.now_ms = 0
        self.package = package
        self.refusals: list[str] = []
        self.gate_alarms: list[str] = []
        self.asked_for_pending = 0
        self._collects = collects
        self._up: deque[messages.KioskMessage] = deque()
        self._down: deque[messages.ServerMessage] = deque()
        self._is_connected = False
        resume = Resume(
            sitting_id=builders.SITTING_ID,
            session_id=builders.SESSION_ID,
            token=self.session.token,
            admission_number=AdmissionNumber("20260001"),
            name="考生1",
            unit="福州市人社局",
            team="第1队",
            stage=stage,
        )
        ResumeFile(self.files, FOLDER).save(resume)
        self.core = self._start()

    # The process

    def kill(self) -> None:
        """SIGKILL, and the program is started again; the machine stayed on."""
        self.cut()
        self.core = self._start()

    def lose_power(self, rng: random.Random) -> None:
        """The plug is pulled, and the machine starts again."""
        self.cut()
        self.boots += 1
        self.files = self.files.power_off(rng)
        self.core = self._start()

    def _start(self) -> SessionCore:
        cache = PackageCache(self.files, CONFIG)
        self.keeping = Keeping(self.files, CONFIG, cache, self._alarm)
        self.keeping.package_sha256 = PACKAGE_SHA256
        resume = self.keeping.load()
        assert resume is not None
        journal = SessionJournal(
            self.files,
            FOLDER.session(resume.session_id),
            clock_ms=lambda: self.now_ms,
            signer=builders.KIOSK,
            earlier=resume.segments,
        )
        ports = SessionPorts(
            seat_id=SeatId("A01"),
            clock_ms=lambda: self.now_ms,
            boot_id=f"boot {self.boots}",
            keep_resume=self.keeping.keep_keys,
            drop_resume=self.keeping.drop_keys,
            keep_evidence=self.keeping.keep_evidence,
            save_resume=self.keeping.save,
            collect_pending=self._collect if self._collects else None,
            refuse=lambda code, _message: self.refusals.append(code),
            centre_key=public_key_of(builders.CENTRE_KEY),
            orders=OrderGate(
                self.files,
                FOLDER,
                centre_key=public_key_of(builders.CENTRE_KEY),
                seat_id=self.session.seat_id,
                alarm=lambda code, _message: self.gate_alarms.append(code),
            ),
            checkpoints=CheckpointGate(
                centre_key=public_key_of(builders.CENTRE_KEY), centre_id=CentreId("C01")
            ),
        )
        return SessionCore(resume, journal, package=self.package, ports=ports)

    def go_on_alone(self, code: str) -> None:
        """A resume code is typed while the server is away."""
        unlocked = self.keeping.unlock(code)
        self.core.attempt.package_arrived(unlocked.package)
        self.core.go_on_alone(unlocked.keys, codes_used=unlocked.code_number)

    def resume_code(self, number: int) -> str:
        """What stands on the proctor's sheet for this seat."""
        return resume_code(
            JOURNAL_SECRET, sitting_id=builders.SITTING_ID, seat_id=SeatId("A01"), number=number
        )

    def _alarm(self, code: str, _message: str) -> None:
        self.disk_alarms.append(code)

    def _collect(self) -> None:
        self.asked_for_pending += 1

    # The line

    def cut(self) -> None:
        """The connection breaks; what was under way is lost."""
        if self._is_connected:
            self._is_connected = False
            self._up.clear()
            self._down.clear()
            self.core.on_disconnected()

    def connect(self) -> None:
        """A connection is made and the kiosk attaches."""
        self.cut()
        self._is_connected = True
        attach = self.core.attach_message()
        _, replies = self.room.attach(attach)
        self._down.extend(replies)

    def send_up(self, most: int = 1_000) -> int:
        """The kiosk says what it has to say; so many messages arrive."""
        if not self._is_connected:
            return 0
        while (message := self.core.next_message()) is not None:
            self._up.append(message)
        count = min(most, len(self._up))
        for _ in range(count):
            self._down.extend(self.room.take(self.session, self._up.popleft()))
        return count

    def send_down(self, most: int = 1_000) -> int:
        """So many of the server's messages arrive."""
        count = 0
        while self._is_connected and self._down and count < most:
            self.core.on_message(self._down.popleft())
            count += 1
            if self.core.wants_reattach:
                self.connect()
        return count

    def say(self, *spoken: messages.ServerMessage) -> None:
        """The server says something, and all of it arrives."""
        self._down.extend(spoken)
        self.settle()

    def order(self, *what: orders.What) -> None:
        """The server orders something, and all of it arrives."""
        self.say(*(self.room.order(self.session, one) for one in what))

    def settle(self) -> None:
        """Deliver everything, until nobody has anything to say."""
        for _ in range(1_000):
            if not self.send_up() + self.send_down():
                return
        raise AssertionError("kiosk and room talk for ever")

    # The room

    def begin(self) -> None:
        """Presence is confirmed and the sitting runs; all is delivered."""
        self.session.is_present = True
        self.room.state = SittingState.RUNNING
        if not self._is_connected:
            self.connect()
            self.settle()
        else:
            self.say(*self.room.begin(self.session), self.room.clock(self.session))

    def advance(self, duration_ms: int) -> None:
        """Time passes here; the room's clock stands."""
        self.now_ms += duration_ms
        self.core.attempt.tick()
