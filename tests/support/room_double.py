"""A room on loopback for tests of the kiosk: real TLS 1.3, real HTTP, a real WebSocket.

It speaks `exam_core.protocol` by `RoomModel` and does nothing that a room is there for: no
database, no pages. One thread; every access from a test goes through `call`.
"""

import asyncio
import contextlib
import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol
from websockets.exceptions import InvalidState

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import ExamError, InputError, StateError
from exam_core.model.identifiers import FormNumber, SeatId, SessionId
from exam_core.model.roster import Candidate
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import VERSION, messages, orders
from exam_core.protocol.enrolment import signing_proof_holds
from exam_core.protocol.http import (
    EnrolReply,
    EnrolRequest,
    LogInReply,
    LogInRequest,
    RoomReply,
    decode_body,
    encode_body,
    problem_of,
    status_of,
)
from tests.support import builders
from tests.support.certificates import TestAuthority
from tests.support.room_model import RoomModel, SessionModel, all_violations

ROOM_CODE = "246802"
JOIN_CODE = "12345678"
_T = TypeVar("_T")


class _CertificateProtocol(H11Protocol):
    """Hands the peer's certificate to the application, and is remembered by its room."""

    transports: ClassVar[list[asyncio.Transport]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.transports.append(transport)
        tls = transport.get_extra_info("ssl_object")
        peer = tls.getpeercert() if tls else None
        self.app_state = {**self.app_state, "peer": peer}


class RoomDouble:
    """One room with its CA, a package and a roster; a context manager that serves.

    Attributes:
        model: The room; touch it by `call` while it serves.
        authority: The CA of its certificates.
        package: The package file that kiosks fetch.
    """

    def __init__(
        self,
        candidates: tuple[Candidate, ...],
        *,
        package: bytes,
        duration_ms: int = 5_400_000,
        authority: TestAuthority | None = None,
    ) -> None:
        self.model = RoomModel()
        self.model.time_left_ms = duration_ms
        self.authority = authority or TestAuthority()
        self.package = package
        self.duration_ms = duration_ms
        self.requests: list[str] = []
        self._candidates = {one.admission_number: one for one in candidates}
        self._session_ids: dict[str, SessionId] = {}
        self._sockets: dict[SessionId, WebSocket] = {}
        self._ports = {True: 0, False: 0}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()  # orders go out in the order of their numbers
        self._servers: list[uvicorn.Server] = []
        self._thread: threading.Thread | None = None
        self._folder = Path()
        self._transports: list[asyncio.Transport] = []
        self._protocol = type(
            "RoomProtocol", (_CertificateProtocol,), {"transports": self._transports}
        )

    @property
    def kiosk_url(self) -> str:
        """Where kiosks connect."""
        return f"https://127.0.0.1:{self._ports[True]}"

    @property
    def console_url(self) -> str:
        """Where kiosks enrol."""
        return f"https://127.0.0.1:{self._ports[False]}"

    def session(self, admission_number: str) -> SessionModel:
        """The session of a candidate who logged in."""
        return self.model.sessions[self._session_ids[admission_number]]

    def violations(self) -> list[str]:
        """What kiosks did that a correct kiosk never does."""
        return self.call(lambda: all_violations(list(self.model.sessions.values())))

    # Serving

    @contextlib.contextmanager
    def serving(self, folder: Path) -> Iterator["RoomDouble"]:
        """Serve for the length of the block; certificates are written to `folder`."""
        self._folder = folder
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Accept connections, on the same ports as before."""
        (self._folder / "ca.pem").write_text(self.authority.certificate_pem)
        if not (self._folder / "server.pem").exists():
            (self._folder / "server.pem").write_bytes(self.authority.server())
        self._servers = [self._server(is_kiosk=True), self._server(is_kiosk=False)]
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        if not started.wait(20):
            raise RuntimeError("the room double did not start")

    def stop(self) -> None:
        """Go away, with all connections."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(20)

    def _server(self, *, is_kiosk: bool) -> uvicorn.Server:
        return uvicorn.Server(
            uvicorn.Config(
                self._application(is_kiosk=is_kiosk),
                host="127.0.0.1",
                port=self._ports[is_kiosk],
                http=self._protocol,
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                ssl_context_factory=lambda _config, _default: self._context(is_kiosk=is_kiosk),
                timeout_graceful_shutdown=1,
            )
        )

    def _context(self, *, is_kiosk: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self._folder / "server.pem")
        if is_kiosk:
            context.load_verify_locations(self._folder / "ca.pem")
            context.verify_mode = ssl.CERT_REQUIRED
            # The room's clock is right; a test moves the certificates instead of the kiosk's clock.
            context.verify_flags |= ssl.VerifyFlags(0x200000)
        return context

    def _run(self, started: threading.Event) -> None:
        asyncio.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        work = [asyncio.create_task(_serve(server)) for server in self._servers]
        while not all(server.started for server in self._servers):
            for task in work:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)
        for is_kiosk, server in zip((True, False), self._servers, strict=True):
            self._ports[is_kiosk] = server.servers[0].sockets[0].getsockname()[1]
        started.set()
        await asyncio.gather(*work)
        for transport in self._transports:
            transport.abort()  # uvicorn leaves WebSockets that were under way
        self._transports.clear()
        await asyncio.sleep(0.05)  # the loop lets go of a socket one turn after it was aborted

    # What a test does to the room

    def call(self, action: Callable[[], _T]) -> _T:
        """Run `action` in the room's loop and return what it returns."""

        async def run() -> _T:
            return action()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def present_all(self) -> None:
        """The proctor confirms everybody."""
        for session in list(self.model.sessions.values()):
            self._tell(session.session_id, lambda one: setattr(one, "is_present", True))

    def set_state(self, state: SittingState) -> None:
        """The sitting changes; everybody is told."""
        self.call(lambda: setattr(self.model, "state", state))
        for session_id in list(self.model.sessions):
            self._tell(session_id, lambda _one: None)

    def order(self, session_id: SessionId, what: orders.What) -> None:
        """Order one seat."""
        self._tell(session_id, lambda _one: None, what)

    def end(self, reason: str) -> None:
        """The server ends every session that is not closed."""
        for session_id, session in list(self.model.sessions.items()):
            if session.state is not SessionState.CLOSED:
                self._tell(
                    session_id,
                    lambda one: setattr(one, "state", SessionState.CLOSED),
                    orders.End(reason=reason),
                )

    def cut(self, code: int = 1012) -> None:
        """Break every WebSocket."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._cut(code), self._loop).result(10)

    async def _cut(self, code: int) -> None:
        for socket in list(self._sockets.values()):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(code)

    def _tell(
        self,
        session_id: SessionId,
        change: Callable[[SessionModel], None],
        *more: orders.What,
    ) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(
            self._tell_in_loop(session_id, change, more), self._loop
        ).result(10)

    async def _tell_in_loop(
        self,
        session_id: SessionId,
        change: Callable[[SessionModel], None],
        more: tuple[orders.What, ...],
    ) -> None:
        session = self.model.sessions[session_id]
        async with self._turn:
            change(session)
            socket = self._sockets.get(session_id)
            if socket is None:
                return
            replies: list[messages.ServerMessage] = [
                self.model.order(session, what) for what in more
            ]
            replies += [*self.model.begin(session), self.model.clock(session)]
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                for reply in replies:
                    await socket.send_bytes(messages.encode_message(reply))

    # Routes

    def _application(self, *, is_kiosk: bool) -> Starlette:
        if not is_kiosk:
            return Starlette(routes=[Route("/v1/enrol", self._enrol, methods=["POST"])])
        return Starlette(
            routes=[
                Route("/v1/room", self._room),
                Route("/v1/package", self._package),
                Route("/v1/log-in", self._log_in, methods=["POST"]),
                WebSocketRoute("/v1/session", self._session),
            ]
        )

    async def _enrol(self, request: Request) -> Response:
        body = decode_body(await request.body(), EnrolRequest)
        if body.join_code != JOIN_CODE:
            return _refusal(InputError("enrol.code", "登记码不对"))
        if not signing_proof_holds(body.csr_pem, body.signing_key, body.signing_proof):
            return _refusal(InputError("enrol.request", "签名密钥的证明不对"))
        certificate = self.authority.seat(quote(body.seat_id), body.csr_pem)
        return Response(encode_body(EnrolReply(certificate_pem=certificate)))

    async def _room(self, request: Request) -> Response:
        self.requests.append("room")
        digest = hashlib.sha256(self.package).hexdigest() if self.package else ""
        return Response(
            encode_body(
                RoomReply(
                    protocol=VERSION,
                    centre_id=builders.CENTRE_ID,
                    sitting_id=builders.SITTING_ID,
                    title="业务技能比武",
                    seat_id=_seat_of(request.scope),
                    sitting_state=self.model.state,
                    duration_ms=self.duration_ms,
                    package_sha256=digest,
                )
            )
        )

    async def _package(self, request: Request) -> Response:
        self.requests.append("package")
        begin = request.headers.get("range")
        if begin is None:
            return Response(self.package)
        start = int(begin.removeprefix("bytes=").removesuffix("-"))
        return Response(self.package[start:], status_code=206)

    async def _log_in(self, request: Request) -> Response:
        body = decode_body(await request.body(), LogInRequest)
        candidate = self._candidates.get(body.admission_number)
        is_right = candidate is not None and candidate.id_number == body.id_number
        if candidate is None or not is_right or body.room_code != ROOM_CODE:
            return _refusal(InputError("login.refused", "登录信息不对"))
        if candidate.seat_id != _seat_of(request.scope):
            return _refusal(StateError("login.wrong_seat", "该考生的机位不是这里"))
        number = candidate.admission_number
        serial = list(self._candidates).index(number) + 1
        fresh = SessionModel(
            session_id=SessionId(hashlib.sha256(number.encode()).hexdigest()[:32]),
            form_number=FormNumber(serial),
            form_identity=SealingIdentity(builders.FORM_IDENTITY),
            seat_id=candidate.seat_id,
        )
        session = self.model.sessions.setdefault(fresh.session_id, fresh)
        session.token = fresh.token
        self._session_ids[number] = session.session_id
        return Response(
            encode_body(
                LogInReply(
                    session_id=session.session_id,
                    token=session.token,
                    admission_number=number,
                    name=candidate.name,
                    unit=candidate.unit,
                    team=candidate.team,
                )
            )
        )

    async def _session(self, socket: WebSocket) -> None:
        await socket.accept()
        session: SessionModel | None = None
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            message = messages.decode_kiosk_message(await socket.receive_bytes())
            assert isinstance(message, messages.Attach)
            async with self._turn:
                session, replies = self.model.attach(message)
                for reply in replies:
                    await socket.send_bytes(messages.encode_message(reply))
            if session is None:
                await socket.close(1008)
                return
            self._sockets[session.session_id] = socket
            while True:
                received = messages.decode_kiosk_message(await socket.receive_bytes())
                async with self._turn:
                    for reply in self.model.take(session, received):
                        await socket.send_bytes(messages.encode_message(reply))
        if session is not None and self._sockets.get(session.session_id) is socket:
            del self._sockets[session.session_id]


async def _serve(server: uvicorn.Server) -> None:
    # uvicorn 0.54 fails to stop while a kiosk's closing handshake is under way (InvalidState).
    with contextlib.suppress(InvalidState):
        await server._serve()


def _refusal(error: ExamError) -> Response:
    return Response(encode_body(problem_of(error)), status_code=status_of(error))


def _seat_of(scope: Any) -> SeatId:
    names = scope["state"]["peer"]["subjectAltName"]
    return SeatId(next(text for kind, text in names if kind == "URI").rsplit(":", 1)[1])
