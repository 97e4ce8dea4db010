"""The kiosk's worker: asks the room, logs in, keeps the WebSocket up, turns all into snapshots.

Everything here runs in one asyncio loop of one thread, which alone touches the session and its
journal. The network may come and go for ever; only a dead certificate or a session that was
taken over elsewhere stops the work.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable

from exam_client import limits
from exam_client.config import KioskConfig
from exam_client.journal import SessionJournal
from exam_client.journal.files import FileSystem
from exam_client.package_cache import PackageCache
from exam_client.session.closing import Phase
from exam_client.session.conversation import Conversation, woken
from exam_client.session.core import SessionCore
from exam_client.session.delivering import SESSION_MOVED, Delivering
from exam_client.session.enrolling import Enrolling
from exam_client.session.keeping import Keeping
from exam_client.session.ports import make_ports
from exam_client.session.resume import Resume
from exam_client.session.snapshot import KioskSnapshot, Refusal
from exam_client.session.view import SeatState, make_snapshot
from exam_client.sync.backoff import Backoff
from exam_client.sync.link import SESSION_SUPERSEDED, open_link
from exam_client.sync.room_http import ROOM_STRANGER, RoomHttp
from exam_core.crypto.signing import Signer
from exam_core.errors import CODES, ExamError, StateError, TransportError, declare
from exam_core.formats.paper_package import PaperPackage
from exam_core.model.identifiers import AdmissionNumber
from exam_core.model.states import SESSION_STATE
from exam_core.protocol.http import LogInRequest, RoomReply
from exam_core.protocol.messages import Saved, ServerMessage

_Hook = Callable[[ServerMessage], None]

LOG_IN_FAILED = declare(
    "client.log_in", "本机未能打开考试，稍候可再次登录；再次出现请举手告知监考人员。"
)

_log = logging.getLogger("exam_client.session")

_SESSION_FAMILIES = ("session.", "login.")
_STEADY_MS = int(limits.reconnect_most_s * 1000)


class SessionDriver:
    """Works for one seat until it is cancelled.

    Args:
        config: The kiosk.
        files: How files are written.
        clock_ms: A monotonic clock.
        publish: Called with every new snapshot.
        collect_pending: See `SessionEngine`.
    """

    def __init__(
        self,
        config: KioskConfig,
        *,
        files: FileSystem,
        clock_ms: Callable[[], int],
        publish: Callable[[KioskSnapshot], None],
        collect_pending: Callable[[], None] | None,
    ) -> None:
        self.core: SessionCore | None = None
        self._config = config
        self._files = files
        self._clock_ms = clock_ms
        self._publish = publish
        self._cache = PackageCache(files, config)
        self._seat = SeatState(seat_id=config.seat_id)
        self._keeping = Keeping(files, config, self._cache, self._seat.alarms.__setitem__)
        self._signer: Signer | None = None
        self._ports = make_ports(
            files,
            config,
            self._keeping,
            clock_ms=clock_ms,
            collect_pending=collect_pending,
            refuse=self._refuse,
            alarm=self._seat.alarms.__setitem__,
        )
        self._delivering = Delivering(
            files,
            config,
            clock_ms=clock_ms,
            tell=self._tell_delivery,
            alarm=self._seat.alarms.__setitem__,
        )
        self._log_in_pause = Backoff(random.random)
        self._last: KioskSnapshot | None = None
        self._refusals = 0
        self._attaches = 0
        self._attach_alarm = ""
        self._room: RoomHttp | None = None
        self._wake = asyncio.Event()
        self._log_in_task: asyncio.Task[None] | None = None

    # Commands

    def log_in(self, admission_number: str, id_number: str, room_code: str) -> None:
        """Ask the room; the answer is in a later snapshot."""
        room, facts = self._room, self._seat.room
        if self.core is not None or room is None or facts is None or self._seat.is_logging_in:
            raise StateError(SESSION_STATE, "现在不能登录")
        request = LogInRequest(
            admission_number=AdmissionNumber(admission_number),
            id_number=id_number,
            room_code=room_code,
        )
        self._seat.is_logging_in = True
        self._log_in_task = asyncio.create_task(self._log_in(room, facts, request))

    def not_me(self) -> None:
        """The candidate is another: forget the session here and ask again."""
        core = self._require_core()
        if core.attempt.paper is not None:
            raise StateError(SESSION_STATE, "试卷已经打开，不能更换考生")
        self._drop_session()

    def go_on_alone(self, code: str) -> None:
        """Take the session on this disk up without the server, with a code from the sheet."""
        core = self.core
        if core is not None and (core.is_attached or core.attempt.paper is not None):
            raise StateError(SESSION_STATE, "现在不需要恢复码")
        unlocked = self._keeping.unlock(code)
        self._seat.package = unlocked.package
        if core is None:
            core = self._start_session(unlocked.resume)
        else:
            core.attempt.package_arrived(unlocked.package)
        core.go_on_alone(unlocked.keys, codes_used=unlocked.code_number)
        self._seat.locked = None
        _log.warning("went_on_alone", extra={"code_number": unlocked.code_number})

    def command(self, action: Callable[[SessionCore], None]) -> None:
        """Do something to the session; what is refused is in the next snapshot."""
        action(self._require_core())

    def perform(self, action: Callable[[], None]) -> None:
        """Carry out one command of the engine, and tell what came of it."""
        try:
            action()
        except ExamError as error:
            self._refuse(error.code, error.message)
        else:
            self._seat.refusal = None
        self._changed()

    # Work

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            enrolling = Enrolling(self._files, self._config, self._seat, changed=self._changed)
            trust, self._signer = await enrolling.wait()
            async with RoomHttp(self._config.kiosk_url, trust) as room, asyncio.TaskGroup() as work:
                self._room = room
                work.create_task(self._watch_room(room))
                work.create_task(self._keep_attached(trust))
                work.create_task(self._keep_time())
                work.create_task(self._delivering.run(trust, self._signer))
        finally:
            self._room = None
            if self._log_in_task is not None:
                self._log_in_task.cancel()
            if self.core is not None:
                self.core.journal.close()

    async def _watch_room(self, room: RoomHttp) -> None:
        """Keep asking about the room until a session is attached with its paper here."""
        backoff = Backoff(random.random)
        told: set[str] = set()
        while True:
            delay_s = limits.room_poll_s
            core = self.core
            if core is None or not core.is_attached or core.attempt.wants_package:
                try:
                    await self._ask_room(room)
                except ExamError as error:
                    _log.info("room_not_reached", extra={"code": error.code})
                    is_away = isinstance(error, TransportError)
                    self._seat.is_room_heard = not is_away and error.code != ROOM_STRANGER
                    if not is_away:
                        told.add(error.code)
                        self._seat.alarms[error.code] = error.message
                    elif core is None or core.attempt.paper is None:
                        self._seat.locked = self._keeping.locked()
                    delay_s = backoff.next_delay_s()
                else:
                    self._seat.is_room_heard, self._seat.locked = True, None
                    for code in told:
                        self._seat.alarms.pop(code, None)
                    told.clear()
                    backoff.reset()
            self._changed()
            await asyncio.sleep(delay_s)

    async def _ask_room(self, room: RoomHttp) -> None:
        reply = await room.room()
        if self._seat.room is None:
            self._seat.room = reply
            self._take_up(reply)
        self._seat.room, self._seat.is_room_heard = reply, True
        self._changed()
        package, core = self._seat.package, self.core
        is_wanted = package is None or (core is not None and core.attempt.wants_package)
        if not reply.package_sha256 or not is_wanted:
            return
        package = await asyncio.to_thread(
            self._cache.load, reply.package_sha256, sitting_id=reply.sitting_id
        )
        if package is None:
            package = await self._fetch_package(room, reply)
        self._seat.package = package
        self._keeping.package_sha256 = reply.package_sha256
        if self.core is not None:
            self.core.attempt.package_arrived(package)

    async def _fetch_package(self, room: RoomHttp, reply: RoomReply) -> PaperPackage:
        """Download what is missing of the room's package, verify it, keep it."""
        sha256 = reply.package_sha256
        download = await asyncio.to_thread(self._cache.download, sha256)
        try:
            await room.package(download, sha256=sha256)
            await asyncio.to_thread(download.finish)
        finally:
            download.close()
        return await asyncio.to_thread(self._cache.accept, sha256, sitting_id=reply.sitting_id)

    def _take_up(self, reply: RoomReply) -> None:
        """Go on with the session that is on disk, if it belongs to this sitting."""
        resume = None if self.core is not None else self._keeping.load()
        if resume is not None and resume.sitting_id == reply.sitting_id:
            self._start_session(resume)

    async def _log_in(self, room: RoomHttp, facts: RoomReply, request: LogInRequest) -> None:
        try:
            reply = await room.log_in(request)
            resume = Resume(
                sitting_id=facts.sitting_id,
                session_id=reply.session_id,
                token=reply.token,
                admission_number=reply.admission_number,
                name=reply.name,
                unit=reply.unit,
                team=reply.team,
            )
            self._keeping.save(resume)
            self._start_session(resume)
        except ExamError as error:
            self._refuse(error.code, error.message, advice=error.advice)
        except Exception:  # noqa: BLE001  the seat goes on
            # A mistake of ours: the same log-in at once would end the same, and load the room.
            _log.exception("log_in_failed")
            self._refuse(LOG_IN_FAILED, "本机未能打开考试")
            self._changed()
            await asyncio.sleep(self._log_in_pause.next_delay_s())
        finally:
            self._seat.is_logging_in = False
            self._changed()

    def _start_session(self, resume: Resume) -> SessionCore:
        self._delivering.settle(resume.session_id)
        assert self._signer is not None, "a session starts after enrolment"  # noqa: S101  narrows
        journal = SessionJournal(
            self._files,
            self._config.folder.session(resume.session_id),
            clock_ms=self._clock_ms,
            signer=self._signer,
            earlier=resume.segments,
        )
        self.core = SessionCore(resume, journal, package=self._seat.package, ports=self._ports)
        self._attaches = 0
        self._wake.set()
        return self.core

    def _drop_session(self) -> None:
        if self.core is not None:
            self.core.journal.close()
        self.core = None
        self._keeping.forget()

    # The connection

    async def _keep_attached(self, trust: ssl.SSLContext) -> None:
        backoff = Backoff(random.random)
        while True:
            core = self.core
            if core is None or self._seat.is_lost:
                await woken(self._wake, limits.room_poll_s)
                continue
            try:
                async with open_link(self._config.kiosk_url, trust) as link:
                    await Conversation(
                        link,
                        core,
                        clock_ms=self._clock_ms,
                        wake=self._wake,
                        is_current=lambda core=core: core is self.core,  # type: ignore[misc]  # bound by default
                        on_message=self._heard(core, backoff, self._clock_ms()),
                    ).run()
            except ExamError as error:
                _log.info("link_lost", extra={"code": error.code})
                if not isinstance(error, TransportError):
                    core.attempt.alarm(error.code, error.message)
                self._seat.is_lost = error.code == SESSION_SUPERSEDED
            finally:
                core.on_disconnected()
            self._judge_refusal(core)
            self._changed()
            await asyncio.sleep(backoff.next_delay_s())

    def _heard(self, core: SessionCore, backoff: Backoff, opened_ms: int) -> _Hook:
        was_attached = False

        def hook(message: ServerMessage) -> None:
            nonlocal was_attached
            if core.is_moved and core is self.core:
                self._drop_session()
                self._refuse(SESSION_MOVED, "考生已换到其他机位继续考试")
                self._delivering.owe(core.attempt.resume)
                self._changed()
                return
            if core.is_attached and not was_attached:
                was_attached = True
                core.attempt.alarms.pop(self._attach_alarm, None)
                self._attaches += 1
                self._log_in_pause.reset()
                self._seat.reconnects += self._attaches > 1
                _log.info("session_attached", extra={"attaches": self._attaches})
            # An attach alone is no success: a room whose disk is full lets us in and out again.
            is_kept = isinstance(message, Saved) and not core.wants_reattach
            if is_kept or self._clock_ms() >= opened_ms + _STEADY_MS:
                backoff.reset()
            self._changed()

        return hook

    def _judge_refusal(self, core: SessionCore) -> None:
        """What a refused attach means for this seat.

        A token that does not hold any more sends the candidate back to log-in, which gives the
        same session and finds the same journal. Whoever has submitted stays with the receipt.
        """
        refusal = core.attach_refusal
        if refusal is None or core is not self.core:
            return
        _log.warning("attach_refused", extra={"code": refusal.code})
        is_token_dead = refusal.code.startswith(_SESSION_FAMILIES)
        if is_token_dead:
            self._delivering.owe(
                core.attempt.resume
            )  # nobody could tell us if the candidate goes on at another machine
        if is_token_dead and core.attempt.closing.phase is Phase.OPEN:
            self._drop_session()
            self._refuse(refusal.code, refusal.message)
        else:
            self._attach_alarm = refusal.code
            core.attempt.alarm(refusal.code, refusal.message)

    def _tell_delivery(self, code: str, message: str) -> None:
        if self.core is None or self.core.attempt.closing.phase is not Phase.OPEN:
            self._refuse(code, message)  # the next candidate at this seat is not disturbed
            self._changed()

    # Small things

    async def _keep_time(self) -> None:
        while True:
            if self.core is not None:
                self.core.attempt.tick()
            self._changed()
            await asyncio.sleep(limits.tick_ms / 1000)

    def _require_core(self) -> SessionCore:
        if self.core is None:
            raise StateError(SESSION_STATE, "尚未登录")
        return self.core

    def _refuse(self, code: str, message: str, *, advice: str = "") -> None:
        self._refusals += 1
        advice = advice or CODES.get(code, "")
        self._seat.refusal = Refusal(
            number=self._refusals, code=code, message=message, advice=advice
        )

    def _changed(self) -> None:
        self._wake.set()
        snapshot = make_snapshot(self._seat, self.core, self._clock_ms())
        if snapshot != self._last:
            self._last = snapshot
            self._publish(snapshot)
