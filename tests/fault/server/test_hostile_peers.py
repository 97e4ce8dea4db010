"""While somebody on the LAN attacks, every honest kiosk's saves go on, and newcomers get in.

One room for all attacks. Its time limits are shortened and its paces slowed, so that a test sees
them pass on any machine; sizes and numbers of connections are the product's.
"""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_socket
import uvloop

from exam_server import limits
from exam_server.pacing import Pace
from exam_server.room.web import kiosk_api
from exam_server.web import sign_in
from tests.support import builders, hostile_peer
from tests.support.hostile_peer import (
    answer,
    closing,
    drop,
    opened,
    plain,
    pour,
    tls,
    web_socket,
    ws_frame,
)
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom, live_room
from tests.support.room_world import make_room
from tests.support.scenes import code_of, until

pytestmark = pytest.mark.faults

HONEST = 20
ROGUE, NEWCOMER, SPARES = 21, 22, 24
SAVES_EACH = 5
"""The least that each honest kiosk gets acknowledged while an attack runs."""

_SHORT = {
    "first_byte_wait_s": 1.0,
    "handshake_wait_s": 1.0,
    "request_head_wait_s": 1.0,
    "request_body_wait_s": 1.0,
    "answer_stall_s": 1.0,
    "attach_wait_ms_max": 1_000,
    "strike_life_s": 1.0,
}


@dataclass
class Siege:
    """The room under attack, with those who write in it."""

    runner: asyncio.Runner
    live: LiveRoom
    honest: list[KioskDriver]
    rogue: KioskDriver
    spare: KioskDriver
    saves: list[int] = field(default_factory=lambda: [0] * HONEST)
    waits_ms: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Everybody honest saves for the length of the block, and a while longer if it is short.

        Each goes on over the connection it had before, and each save is acknowledged.
        """
        before = [one.socket for one in self.honest]
        self.saves = [0] * HONEST
        self.waits_ms.clear()
        stop = asyncio.Event()
        writing = [
            asyncio.create_task(self._write(place, one, stop))
            for place, one in enumerate(self.honest)
        ]
        try:
            yield
            await until(lambda: min(self.saves) >= SAVES_EACH or any(w.done() for w in writing))
        finally:
            stop.set()
            await asyncio.gather(*writing)
        waits = sorted(self.waits_ms)
        print(f"saves {len(waits)}, p50 {waits[len(waits) // 2]:.0f} ms, max {waits[-1]:.0f} ms")  # noqa: T201  for -rP
        assert [one.socket for one in self.honest] == before
        assert min(self.saves) >= SAVES_EACH

    async def _write(self, place: int, driver: KioskDriver, stop: asyncio.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            await driver.save(builders.response_recorded("i1.1", "ABCD"[self.saves[place] % 4]))
            self.waits_ms.append((time.monotonic() - began) * 1000)
            self.saves[place] += 1
            await asyncio.sleep(0.02)

    def alarms(self) -> set[tuple[str, str]]:
        """What the proctor sees: (seat, code)."""
        return {(one.seat_id, one.code) for one in self.live.room.hub.state.alarms}

    def refused(self, code: str) -> int:
        """How often something was refused with this code."""
        counts = self.live.room.hub.misconduct.counts
        return sum(count for (_, one), count in counts.items() if one == code)

    async def newcomer(self) -> None:
        """A kiosk that was not there yet is enrolled, logs in and attaches."""
        driver = await self.live.logged_in(NEWCOMER)
        await driver.attach()
        await driver.close()
        session = self.live.room.hub.state.seats[driver.seat_id].session
        assert session
        await until(lambda: session.connection is None)


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """Twenty candidates write; the kiosk of seat A21 is the attacker's."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    world = make_room(tmp_path_factory.mktemp("siege") / "data", seats=SPARES)
    with (
        pytest.MonkeyPatch.context() as patch,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for name, value in _SHORT.items():
            patch.setattr(limits, name, value)
        patch.setattr(kiosk_api, "SEAT", Pace("seat", 60, 1.0))
        patch.setattr(kiosk_api, "ENROL", Pace("enrol", 100, 1.0))
        patch.setattr(sign_in, "SIGN_IN", Pace("sign_in", 20, 1.0))
        room = live_room(world)
        live = runner.run(room.__aenter__())
        runner.run(live.start())

        async def seat_all() -> list[KioskDriver]:
            return [await live.writing(serial) for serial in range(1, HONEST + 1)]

        honest = runner.run(seat_all())
        rogue, spare = runner.run(live.logged_in(ROGUE)), runner.run(live.kiosk(SPARES))
        yield Siege(runner, live, honest, rogue, spare)
        runner.run(room.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert [one.getMessage() for one in caplog.records if one.exc_info] == []
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_connections_that_say_nothing_keep_nobody_out(siege: Siege) -> None:
    """500 at both ports, silent or stuck in TLS; a newcomer gets in at once; all are let go."""

    async def attack() -> None:
        live = siege.live
        hello = hostile_peer.client_hello(siege.rogue.context)
        async with siege.going_on():
            silent, _ = await opened(200, lambda: plain(live.kiosk_url))
            silent += (await opened(200, lambda: plain(live.console_url)))[0]
            stuck, _ = await opened(100, lambda: plain(live.kiosk_url))
            for _, writer in stuck:
                writer.write(hello)
            await siege.newcomer()
            for one in silent + stuck:
                await answer(one)
                await drop(one)
        assert siege.refused("net.handshake") >= 500
        await until(lambda: ("", "net.handshake") in siege.alarms())

    siege.runner.run(attack())


def test_garbage_and_strangers_are_refused(siege: Siege) -> None:
    """Bytes that are no TLS, and TLS without a certificate; an address that goes on is slowed."""

    async def stranger() -> hostile_peer.Streams:
        context = ssl.create_default_context(cafile=siege.live.world.folder.authority_file)
        streams = await tls(siege.live.kiosk_url, context)
        streams[1].write(b"GET /v1/room HTTP/1.1\r\nHost: room\r\n\r\n")
        assert await answer(streams) == b""
        return streams

    async def attack() -> None:
        before = siege.refused("net.handshake")
        async with siege.going_on():
            garbage, _ = await opened(60, lambda: plain(siege.live.kiosk_url))
            for number, (_, writer) in enumerate(garbage):
                writer.write(bytes([number, 255 - number]) * 200)
            strangers, _ = await opened(10, stranger)
            for one in garbage:
                await answer(one)
            await drop(*garbage, *strangers)
        assert siege.refused("net.handshake") >= before + 70

    siege.runner.run(attack())


def test_requests_that_never_end_do(siege: Siege) -> None:
    """Heads and bodies byte by byte, endless heads, endless bodies: all are closed."""
    head = b"POST /v1/log-in HTTP/1.1\r\nHost: room\r\n"
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    endless = b"".join(b"X-%d: y\r\n" % number for number in range(20_000))
    cases: list[tuple[list[bytes], bytes]] = [
        ([bytes([one]) for one in head[:12]], b"408"),
        ([head, b"Content-Length: 9\r\n\r\n", b"{"], b""),
        ([head, *[endless] * 50], b"431"),
        ([b"GET /" + b"x" * 200_000], b"431"),
        ([head, b"A: " + b"b" * 200_000], b"431"),
        ([b"\x00\x01 nothing\r\n\r\n"], b"400"),
        ([head + b"Content-Length: 70000\r\n\r\n", b"x" * 70_000], b"413"),
        ([head + b"Content-Length: 1073741824\r\n\r\n", *[b"x" * 65536] * 400], b"413"),
        (
            [
                head + b"Transfer-Encoding: chunked\r\n\r\n",
                *[chunk] * 80,
            ],
            b"413",
        ),
        ([b"GET /v1/room HTTP/1.1\r\nHost: room\r\n\r\n" * 500], b""),
    ]

    async def one_case(pieces: list[bytes], status: bytes) -> None:
        streams = await tls(siege.live.kiosk_url, siege.rogue.context)
        sending = asyncio.create_task(pour(streams[1], pieces))
        got = await answer(streams)
        sending.cancel()
        await drop(streams)
        assert got[9:12] == status or (not status and got[9:12] in (b"", b"200")), got[:300]
        if status:
            assert b'{"code":"' in got

    async def attack() -> None:
        before = siege.refused("net.request")
        async with siege.going_on():
            for case in cases:
                await one_case(*case)
            for _ in range(6):
                for pieces, status in cases[2:5]:
                    await one_case(pieces, status)
        assert siege.refused("net.request") >= before + 20
        await until(lambda: ("A21", "net.request") in siege.alarms())

    siege.runner.run(attack())


def test_one_certificate_has_few_connections(siege: Siege) -> None:
    """Of 100 idle ones with one certificate eight stay; those at the console port end by time."""

    async def attack() -> None:
        live = siege.live
        bare = ssl.create_default_context(cafile=live.world.folder.authority_file)
        async with siege.going_on():
            own, _ = await opened(60, lambda: tls(live.kiosk_url, siege.rogue.context))
            other, _ = await opened(130, lambda: tls(live.console_url, bare))
            open_ones = [one for one in own if not one[0].at_eof()]
            assert len(open_ones) <= limits.connections_certificate_max + 1
            await siege.newcomer()
            for one in own + other:
                await answer(one)
            await drop(*own, *other)
        assert siege.refused("net.connections") >= 40
        await until(lambda: ("A21", "net.connections") in siege.alarms())

    siege.runner.run(attack())


def test_floods_of_requests_are_slowed_by_seat_and_address(siege: Siege) -> None:
    """Log-ins of one kiosk, enrolments, sign-ins: 429 with a code; another seat logs in at once."""

    async def flood(url: str, path: str, body: bytes, kind: str) -> set[int]:
        seen: set[int] = set()
        lines = f"POST {path} HTTP/1.1\r\nHost: room\r\nContent-Type: {kind}\r\n"
        request = f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for _ in range(4):
            streams = await tls(url, siege.rogue.context)
            for _ in range(60):
                await pour(streams[1], [request])
                status = await streams[0].readuntil(b"\r\n")
                size = 0
                while (line := await streams[0].readline()).strip():
                    if line.lower().startswith(b"content-length"):
                        size = int(line.split(b":")[1])
                await streams[0].readexactly(size)
                seen.add(int(status.split()[1]))
                if 429 in seen:
                    await drop(streams)
                    return seen
            await drop(streams)
        return seen

    async def attack() -> None:
        live = siege.live
        log_in = {"admission_number": "1", "id_number": "2", "room_code": "3"}
        body = str(log_in).replace("'", '"').encode()
        async with siege.going_on():
            assert await flood(live.kiosk_url, "/v1/log-in", body, "application/json") == {
                400,
                409,
                429,
            }
            await siege.newcomer()
            assert 429 in await flood(live.console_url, "/v1/enrol", b"{}", "application/json")
            form = b"name=nobody&password=x&next=/"
            kind = "application/x-www-form-urlencoded"
            assert 429 in await flood(live.console_url, "/log-in", form, kind)
        assert siege.refused("net.pace") >= 3

    siege.runner.run(attack())


def test_web_sockets_that_break_the_rules_are_closed(siege: Siege) -> None:
    """Pings, fragments, compressed, oversized, text, byte by byte, handshakes without end."""
    rogue = siege.spare  # the other one was slowed down before
    good_ping = ws_frame(9, b"x" * 100)
    cases: list[list[bytes]] = [
        [good_ping] * 2_000,
        [ws_frame(9, b"x" * 126)],
        [ws_frame(2, b"x", flags=0x40)],
        [ws_frame(1, b"text")],
        [ws_frame(2, b"x" * (2 << 20))],
        [ws_frame(2, b"x", fin=False), *[ws_frame(0, b"", fin=False)] * 3_000],
        [ws_frame(2, b"x", fin=False), *[ws_frame(0, b"x" * 65_536, fin=False)] * 20],
        [ws_frame(0, b"no beginning")],
        [ws_frame(3, b"unknown")],
        [bytes([one]) for one in ws_frame(2, b"x" * 40)[:20]],
        [ws_frame(8, b"\x03")],
        [],
    ]

    async def one_case(pieces: list[bytes]) -> None:
        streams = await web_socket(siege.live.kiosk_url, rogue.context)
        await pour(streams[1], pieces)
        await closing(streams)
        await drop(streams)

    async def attack() -> None:
        async with siege.going_on():
            for at in range(0, len(cases), 6):  # a certificate has eight connections
                await asyncio.gather(*(one_case(case) for case in cases[at : at + 6]))
            several, _ = await opened(40, lambda: web_socket(siege.live.kiosk_url, rogue.context))
            await asyncio.gather(*(closing(one) for one in several))
            await drop(*several)

    siege.runner.run(attack())


def test_ranges_of_the_package_are_few_and_one_at_a_time(siege: Siege) -> None:
    """Many ranges, reversed and other units: refused with a code; beyond the end: 416."""

    async def attack() -> None:
        many = ",".join(f"{at}-{at}" for at in range(0, 4_000, 2))
        driver = siege.spare
        async with siege.going_on():
            for wanted in (f"bytes={many[:15_000]}", "bytes=0-0,-1", "bytes=5-2", "lines=1-2", "-"):
                reply = await driver.get("/v1/package", {"Range": wanted})
                assert (reply.status_code, code_of(reply)) == (400, "package.range")
            size = len(siege.live.world.delivery.package)
            beyond = await driver.get("/v1/package", {"Range": f"bytes={size}-"})
            assert (beyond.status_code, code_of(beyond)) == (416, "package.end")
            assert (await driver.get("/v1/package", {"Range": "bytes=0-0"})).status_code == 206

    siege.runner.run(attack())


def test_who_does_not_read_the_package_is_let_go(siege: Siege) -> None:
    """A download that nobody reads ends, and the server's memory of it is bounded meanwhile."""
    room = siege.live.room
    package = room.folder.package_file(room.hub.state.package_sha256)
    size = package.stat().st_size

    async def attack() -> None:
        before = siege.refused("net.request")
        async with siege.going_on():
            streams = await tls(siege.live.kiosk_url, siege.honest[0].context)
            streams[1].transport.pause_reading()  # type: ignore[attr-defined]  # a stream's can
            await pour(streams[1], [b"GET /v1/package HTTP/1.1\r\nHost: room\r\n\r\n"])
            await until(lambda: siege.refused("net.request") > before)
            await drop(streams)

    os.truncate(package, 256 << 20)
    try:
        siege.runner.run(attack())
    finally:
        os.truncate(package, size)
