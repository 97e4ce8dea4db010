"""The cable between the kiosks and the server: messages take time, connections break or hang.

Below it the product's own code runs on both sides: the kiosk's `Link` and `RoomHttp`, the server's
ASGI application. A connection is two rows of messages; what is under way when it breaks is lost,
as with TCP, and either side may hear of that late.
"""

import asyncio
import random
from collections.abc import Callable, MutableMapping
from typing import Any

import httpx2
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from exam_core.protocol import messages
from tests.simulation.loop import Process
from tests.simulation.world import SeatTrust

ASGIMessage = MutableMapping[str, Any]

PING_S = 10.0
"""After so long the kiosk's pings have shown that a connection hangs (see `exam_client.limits`)."""

_OPEN_S = 8.0


class Conditions:
    """How the network is at this moment.

    Attributes:
        latency_s: The longest way of one message.
        cut_off: Machines whose cable is out, each with the time when it is in again.
        loses_answers: The share of HTTP answers that never arrive.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.latency_s = 0.005
        self.cut_off: dict[str, float] = {}
        self.loses_answers = 0.0

    def is_cut(self, machine: str, now: float) -> bool:
        """Whether nothing comes through."""
        return self.cut_off.get(machine, 0.0) > now

    def way_s(self) -> float:
        """How long the next message takes."""
        return 0.0005 + self.rng.random() * self.latency_s


class Pipe:
    """One direction of a connection: in order, each message some time under way."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._arrives = 0.0
        self.arrived: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, item: Any) -> None:
        """Send; it arrives unless the line breaks before, and not before the cable is in."""
        line = self._line
        now = line.loop.time()
        held_until = line.conditions.cut_off.get(line.machine, 0.0)
        arrives = max(now, held_until, self._arrives) + line.conditions.way_s()
        self._arrives = arrives
        line.loop.call_at(arrives, self._arrive, item)

    def _arrive(self, item: Any) -> None:
        line = self._line
        if line.is_broken:
            return
        held_until = line.conditions.cut_off.get(line.machine, 0.0)
        if held_until > line.loop.time():  # the cable went out meanwhile: TCP sends it again
            self._arrives = max(self._arrives, held_until + line.conditions.way_s())
            line.loop.call_at(self._arrives, self._arrive, item)
            return
        self.arrived.put_nowait(item)


class _Gone:
    """The connection is over; nothing follows."""

    def __init__(self, code: int | None = None) -> None:
        self.code = code


class Line:
    """One WebSocket connection.

    Attributes:
        is_broken: Nothing moves any more.
        to_server: The kiosk's messages.
        to_kiosk: The server's.
    """

    def __init__(
        self, machine: str, conditions: Conditions, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.machine = machine
        self.conditions = conditions
        self.loop = loop
        self.is_broken = False
        self.is_known_to_server = False
        self.to_server = Pipe(self)
        self.to_kiosk = Pipe(self)

    def break_off(self, *, kiosk_after_s: float = 0.0, server_after_s: float = 0.0) -> None:
        """What is under way is lost; each side hears of it after so long."""
        if not self.is_broken:
            self.is_broken = True
            self.loop.call_later(kiosk_after_s, self.to_kiosk.arrived.put_nowait, _Gone())
            self.loop.call_later(server_after_s, self.to_server.arrived.put_nowait, _Gone())

    @property
    def hangs(self) -> bool:
        """Whether the cable is out."""
        return self.conditions.is_cut(self.machine, self.loop.time())


Watch = Callable[[str, str, bytes], None]
"""Told of each message when it is sent: direction, machine, bytes."""


class KioskSocket:
    """What `websockets` would give the kiosk."""

    def __init__(self, line: Line, watch: Watch) -> None:
        self._line = line
        self._watch = watch
        self._gone: _Gone | None = None

    async def send(self, data: bytes) -> None:
        """Send one message; a broken connection says so once this side knows."""
        if self._gone:
            raise self._error(self._gone)
        self._watch("up", self._line.machine, data)
        self._line.to_server.put(data)

    async def recv(self) -> bytes:
        """The next message."""
        while self._gone is None:
            try:
                async with asyncio.timeout(PING_S):
                    item = await self._line.to_kiosk.arrived.get()
            except TimeoutError:
                if self._line.hangs:  # pings were not answered
                    item = _Gone()
                else:
                    continue
            if isinstance(item, _Gone):
                self._gone = item
            else:
                data: bytes = item
                return data
        raise self._error(self._gone)

    async def close(self) -> None:
        """Say good-bye, if the line still carries it."""
        if self._gone is None:
            self._gone = _Gone()
            self._line.to_server.put(_Gone(1000))

    def _error(self, gone: _Gone) -> ConnectionClosedError:
        received = None if gone.code is None else Close(gone.code, "")
        return ConnectionClosedError(received, None)


class ServerSocket:
    """What an ASGI server would give the application for one WebSocket."""

    def __init__(self, line: Line, watch: Watch) -> None:
        self._line = line
        self._watch = watch
        self._has_connected = False
        self._is_closed = False

    async def receive(self) -> ASGIMessage:
        """The next ASGI message."""
        if not self._has_connected:
            self._has_connected = True
            return {"type": "websocket.connect"}
        item = await self._line.to_server.arrived.get()
        if isinstance(item, _Gone):
            self._is_closed = True
            return {"type": "websocket.disconnect", "code": item.code or 1006}
        return {"type": "websocket.receive", "bytes": item}

    async def send(self, message: ASGIMessage) -> None:
        """Take an ASGI message."""
        match message["type"]:
            case "websocket.send":
                if self._is_closed:
                    raise OSError("the peer is gone")
                self._watch("down", self._line.machine, message["bytes"])
                self._line.to_kiosk.put(message["bytes"])
            case "websocket.close":
                self._is_closed = True
                self._line.to_kiosk.put(_Gone(message["code"]))
            case _:
                pass  # accepted


class Network:
    """Who can reach the server, and how well."""

    def __init__(self, rng: random.Random, loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
        self.conditions = Conditions(rng)
        self.lines: list[Line] = []
        self.application: Any = None
        self.server: Process | None = None
        self._loop = loop
        self._rng = rng
        self._watch = watch

    def serve(self, application: Any, server: Process) -> None:
        """From now on this program answers."""
        self.application, self.server = application, server

    def server_gone(self, *, kiosks_after_s: Callable[[], float]) -> None:
        """Nobody answers any more; open connections break."""
        self.application = self.server = None
        for line in self.lines:
            line.break_off(kiosk_after_s=kiosks_after_s())
        self.lines.clear()

    def machine_gone(self, machine: str, *, server_after_s: float) -> None:
        """A machine's program or power is gone."""
        for line in self.lines_of(machine):
            line.break_off(server_after_s=server_after_s)

    def lines_of(self, machine: str) -> list[Line]:
        """The open connections of a machine."""
        self.lines = [line for line in self.lines if not line.is_broken]
        return [line for line in self.lines if line.machine == machine]

    # WebSocket

    async def connect(self, trust: SeatTrust) -> KioskSocket:
        """Open a connection.

        Raises:
            OSError: Nobody answers.
        """
        server, application = await self._reach(trust.machine, _OPEN_S)
        line = Line(trust.machine, self.conditions, self._loop)
        self.lines.append(line)
        socket = ServerSocket(line, self._watch)
        scope = self._scope("websocket", "/v1/session", trust)
        server.spawn(self._answer(application, scope, socket))
        return KioskSocket(line, self._watch)

    async def _answer(self, application: Any, scope: ASGIMessage, socket: ServerSocket) -> None:
        await application(scope, socket.receive, socket.send)
        await socket.send({"type": "websocket.close", "code": 1006})

    # HTTP

    def client(self, trust: SeatTrust) -> httpx2.AsyncClient:
        """A client whose requests go through this network."""
        return httpx2.AsyncClient(
            base_url="https://room:1",
            transport=_Transport(self, trust),
            headers={"accept": "application/json"},
        )

    async def request(self, trust: SeatTrust, request: httpx2.Request) -> httpx2.Response:
        """One request and its answer.

        Raises:
            httpx2.ConnectError: Nobody answered; the server may have done all the same.
        """
        try:
            server, application = await self._reach(trust.machine, _OPEN_S)
        except OSError as error:
            raise httpx2.ConnectError("nobody answers") from error
        scope = self._scope("http", request.url.path, trust)
        scope["method"] = request.method
        scope["http_version"] = "1.1"
        scope["headers"] = [
            (name.lower().encode(), value.encode()) for name, value in request.headers.items()
        ]
        body = request.content
        status, parts = 0, [b""]

        async def receive() -> ASGIMessage:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: ASGIMessage) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        doing = server.spawn(application(scope, receive, send))
        await asyncio.wait({doing}, timeout=10)
        await asyncio.sleep(self.conditions.way_s())
        is_lost = self._rng.random() < self.conditions.loses_answers
        is_cut = self.conditions.is_cut(trust.machine, self._loop.time())
        if is_lost or is_cut or not doing.done() or doing.cancelled():
            raise httpx2.ReadError("the answer is lost")
        doing.result()
        return httpx2.Response(status, content=b"".join(parts), request=request)

    async def _reach(self, machine: str, wait_s: float) -> tuple[Process, Any]:
        await asyncio.sleep(self.conditions.way_s())
        until = self._loop.time() + wait_s
        if self.conditions.is_cut(machine, self._loop.time()):
            in_again = self.conditions.cut_off[machine]
            await asyncio.sleep(min(in_again, until) - self._loop.time())
            if self.conditions.is_cut(machine, self._loop.time()):
                raise OSError("no answer")
        if self.server is None:
            raise ConnectionRefusedError
        return self.server, self.application

    def _scope(self, kind: str, path: str, trust: SeatTrust) -> ASGIMessage:
        return {
            "type": kind,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "headers": [],
            "query_string": b"",
            "subprotocols": [],
            "state": {"peer_certificate": trust.certificate_der},
        }


class _Transport(httpx2.AsyncBaseTransport):
    def __init__(self, network: Network, trust: SeatTrust) -> None:
        self._network = network
        self._trust = trust

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._network.request(self._trust, request)


def message_of(data: bytes) -> messages.ServerMessage:
    """A message of the server, decoded."""
    return messages.decode_server_message(data)
