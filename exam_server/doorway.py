"""Lets connections in: who may begin TLS, in which order, and who must make room for others.

Owns everything before and around a connection, and knows nothing of HTTP. Addresses take turns:
whoever opens thousands of connections waits behind itself, never before others. An address whose
handshakes break again and again gets a few a second from then on; nobody is shut out for good,
since a whole room may stand behind one address.
"""

import asyncio
import contextlib
import hashlib
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from exam_core.errors import declare
from exam_server import limits
from exam_server.pacing import NET_PACE, Pace, Pacer

NET_HANDSHAKE = declare(
    "net.handshake", "有设备反复连接而不出示有效证书；请技术人员按地址找到并断开该设备。"
)
NET_CROWDED = declare("net.crowded", "同一地址的未完成连接过多；请技术人员按地址找到并断开该设备。")
NET_CONNECTIONS = declare(
    "net.connections", "同一机位或地址的连接过多，已断开其中最早的；请技术人员核查该机位。"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whom something came from: an address, and the SHA-256 of its certificate if it showed one."""

    address: str
    fingerprint: str = ""


Reporter = Callable[[Source, str], None]
"""Told who was refused, with the code; returns at once."""


class Visitor:
    """One connection as the doorway knows it."""

    def __init__(self, door: "Doorway", sock: socket.socket, address: str) -> None:
        self.source = Source(address=address)
        self.sock = sock
        self.wait: asyncio.TimerHandle | None = None
        self._door = door

    def known_as(self, certificate_der: bytes | None) -> None:
        """TLS stands: from now on the connection counts among those of its certificate."""
        if certificate_der is not None:
            fingerprint = hashlib.sha256(certificate_der).hexdigest()
            self.source = Source(address=self.source.address, fingerprint=fingerprint)
        self._door.settle(self)

    def strike(self, code: str) -> None:
        """It was refused something that no honest peer asks for."""
        self._door.strike(self.source, code)

    def keeps_pace(self, pace: Pace) -> bool:
        """Whether it, or others of its certificate or address, may do this once more now."""
        if self._door.pacer.take(self.source.fingerprint or self.source.address, pace):
            return True
        self.strike(NET_PACE)
        return False


@dataclass(slots=True)
class _Address:
    """What one address has under way."""

    silent: dict[Visitor, None] = field(default_factory=dict)
    waiting: deque[Visitor] = field(default_factory=deque)
    running: int = 0
    is_in_turn: bool = False
    strikes: int = 0
    strikes_from: float = 0.0
    next_at: float = 0.0

    @property
    def arriving(self) -> int:
        """How many are not through TLS."""
        return len(self.silent) + len(self.waiting) + self.running


class Doorway:
    """Accepts at one listening socket until closed. Event loop only."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        make_protocol: Callable[[Visitor], asyncio.Protocol],
        report: Reporter,
    ) -> None:
        self._listening = listening
        self._context = context
        self._make_protocol = make_protocol
        self._report = report
        self._loop = asyncio.get_running_loop()
        self.pacer = Pacer(self._loop.time)
        self._addresses: dict[str, _Address] = {}
        self._turns: deque[str] = deque()
        self._running = 0
        self._arriving = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled: dict[str, deque[socket.socket]] = {}
        self._settled_count = 0
        listening.setblocking(False)
        self._loop.add_reader(listening, self._accept)

    # Closing, as an asyncio server does it

    def close(self) -> None:
        """Take no more, and let go of whoever is not through TLS."""
        self._loop.remove_reader(self._listening)
        for address in self._addresses.values():
            for visitor in [*address.silent, *address.waiting]:
                self._let_go(visitor)
            address.silent.clear()
            address.waiting.clear()
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait for the handshakes that were under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Before TLS

    def _accept(self) -> None:
        for _ in range(limits.accepts_at_once_max):
            try:
                sock, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._run_short(error)
                return
            sock.setblocking(False)
            self._arrive(Visitor(self, sock, address_of(peer[0])))

    def _run_short(self, error: OSError) -> None:
        """No descriptors: whoever has most under way gives one back, and accepting waits."""
        _log.error("accept_failed", extra={"reason": str(error)})
        self._loop.remove_reader(self._listening)
        self._loop.call_later(limits.descriptor_wait_s, self._accept_again)
        self._shed()

    def _accept_again(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._accept)

    def _arrive(self, visitor: Visitor) -> None:
        self._of(visitor).silent[visitor] = None
        self._arriving += 1
        visitor.wait = self._loop.call_later(limits.first_byte_wait_s, self._stay_silent, visitor)
        self._loop.add_reader(visitor.sock, self._speak, visitor)
        if self._arriving > limits.arriving_max:
            self._shed()

    def _stay_silent(self, visitor: Visitor) -> None:
        self._of(visitor).silent.pop(visitor, None)
        self._let_go(visitor)
        self.strike(visitor.source, NET_HANDSHAKE)

    def _speak(self, visitor: Visitor) -> None:
        self._loop.remove_reader(visitor.sock)
        if visitor.wait:
            visitor.wait.cancel()
        visitor.wait = self._loop.call_later(limits.turn_wait_s, self._wait_in_vain, visitor)
        address = self._of(visitor)
        address.silent.pop(visitor, None)
        address.waiting.append(visitor)
        self._queue_up(visitor.source.address, address)
        self._start_next()

    def _wait_in_vain(self, visitor: Visitor) -> None:
        self._of(visitor).waiting.remove(visitor)
        self._let_go(visitor)

    def _queue_up(self, name: str, address: _Address) -> None:
        has_work = bool(address.waiting) and address.running < limits.handshakes_address_max
        if has_work and not address.is_in_turn:
            address.is_in_turn = True
            self._turns.append(name)

    def _start_next(self) -> None:
        while self._turns and self._running < limits.handshakes_max:
            name = self._turns.popleft()
            address = self._addresses[name]
            address.is_in_turn = False
            if not address.waiting:
                continue
            if self._is_suspect(address):
                now = self._loop.time()
                if now < address.next_at:
                    address.is_in_turn = True
                    self._loop.call_later(address.next_at - now, self._return_to_turn, name)
                    continue
                address.next_at = now + limits.suspect_interval_s
            self._running += 1
            address.running += 1
            visitor = address.waiting.popleft()
            if visitor.wait:
                visitor.wait.cancel()
            task = self._loop.create_task(self._shake(visitor, name, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._queue_up(name, address)

    def _return_to_turn(self, name: str) -> None:
        self._turns.append(name)
        self._start_next()

    async def _shake(self, visitor: Visitor, name: str, address: _Address) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make_protocol(visitor),
                visitor.sock,
                ssl=self._context,
                ssl_handshake_timeout=limits.handshake_wait_s,
                ssl_shutdown_timeout=limits.stop_wait_s,
            )
        except OSError:  # also of TLS; the socket is the transport's, which closed it
            self.strike(visitor.source, NET_HANDSHAKE)
        finally:
            self._running -= 1
            self._arriving -= 1
            address.running -= 1
            self._queue_up(name, address)
            self._start_next()

    def _shed(self) -> None:
        """The address with most connections under way loses its newest that is not in TLS yet."""
        name, address = max(
            self._addresses.items(), key=lambda one: len(one[1].silent) + len(one[1].waiting)
        )
        if address.waiting:
            visitor = address.waiting.pop()
        elif address.silent:
            visitor, _ = address.silent.popitem()
        else:
            return
        self._let_go(visitor)
        self.strike(Source(address=name), NET_CROWDED)

    def _let_go(self, visitor: Visitor) -> None:
        if visitor.wait:
            visitor.wait.cancel()
        self._loop.remove_reader(visitor.sock)
        visitor.sock.close()
        self._arriving -= 1

    # After TLS

    def settle(self, visitor: Visitor) -> None:
        """Count a connection that is through TLS; the oldest of too many is closed.

        The oldest, because a kiosk whose cable was pulled leaves dead ones behind: the newest is
        the one that lives.
        """
        source = visitor.source
        most = (
            limits.connections_certificate_max
            if source.fingerprint
            else limits.connections_address_max
        )
        own = self._settled.setdefault(source.fingerprint or source.address, deque())
        before = len(own)
        _forget_closed(own)
        own.append(visitor.sock)
        self._settled_count += len(own) - before
        if len(own) > most:
            self._end_oldest(own)
            self.strike(source, NET_CONNECTIONS)
        if self._settled_count > limits.connections_max:
            self._count_settled()
            if self._settled_count > limits.connections_max:
                self._end_oldest(max(self._settled.values(), key=len))

    def _end_oldest(self, own: deque[socket.socket]) -> None:
        self._settled_count -= 1
        oldest = own.popleft()
        with contextlib.suppress(OSError):  # it is gone already
            oldest.shutdown(socket.SHUT_RDWR)  # its transport sees the end and closes

    def _count_settled(self) -> None:
        for key, own in list(self._settled.items()):
            _forget_closed(own)
            if not own:
                del self._settled[key]
        self._settled_count = sum(map(len, self._settled.values()))

    # Addresses

    def strike(self, source: Source, code: str) -> None:
        """Note against an address that it was refused something, and tell who wants to know."""
        address = self._addresses.setdefault(source.address, _Address())
        now = self._loop.time()
        if now - address.strikes_from > limits.strike_life_s:
            address.strikes, address.strikes_from = 0, now
        address.strikes += 1
        self._report(source, code)

    def _is_suspect(self, address: _Address) -> bool:
        is_recent = self._loop.time() - address.strikes_from <= limits.strike_life_s
        return is_recent and address.strikes >= limits.strikes_max

    def _of(self, visitor: Visitor) -> _Address:
        if len(self._addresses) > limits.addresses_max:
            self._forget_idle()
        return self._addresses.setdefault(visitor.source.address, _Address())

    def _forget_idle(self) -> None:
        for name, address in list(self._addresses.items()):
            if not address.arriving and not address.is_in_turn:
                del self._addresses[name]


def address_of(host: str) -> str:
    """Whom an IP address stands for: of IPv6 the network, since each machine has all of one."""
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    if packed[:12] == b"\x00" * 10 + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"


def _forget_closed(own: deque[socket.socket]) -> None:
    for _ in range(len(own)):
        sock = own.popleft()
        if sock.fileno() >= 0:
            own.append(sock)
