"""Whatever is sent to the room is answered with a declared code; nothing breaks, nothing hangs.

Requests are made from the protocol's own types, with true values among false ones, and then
damaged. One room for all; its paces are off, since here everything comes from one seat.
"""

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_socket
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed

from deploy.tools.lan_http import KIOSK, OPERATIONS
from exam_core.errors import CODES
from exam_core.model.identifiers import SegmentId
from exam_core.protocol import VERSION, messages
from exam_core.protocol.http import Problem, decode_body
from exam_core.protocol.messages import Refused, Submit
from exam_server.accounts.people import People
from exam_server.pacing import Pacer
from exam_server.room.web.applications import build_console_application, build_kiosk_application
from exam_server.room.web.context import RoomContext
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom, live_room
from tests.support.room_world import CHEAP, make_room
from tests.support.scale import short_or_long

pytestmark = pytest.mark.faults

REQUESTS = short_or_long(1_500, 100_000)
CONVERSATIONS = short_or_long(150, 10_000)
MESSAGES_EACH = 8
CLOSES = {1000, 1001, 1002, 1007, 1008, 1009, 1012, 1013, 4400, 4403, 4409}


@dataclass
class Target:
    """The room, a kiosk to be abused, and one that must not notice."""

    runner: asyncio.Runner
    live: LiveRoom
    abused: KioskDriver
    honest: KioskDriver
    dice: random.Random

    def truths(self) -> list[Any]:
        """Values that mean something in this room."""
        reply = self.abused.log_in_reply
        assert reply
        candidate = self.live.candidate()
        return [
            reply.session_id,
            reply.token,
            self.abused.segment_id,
            self.honest.segment_id,
            self.abused.seat_id,
            candidate.admission_number,
            candidate.id_number,
            self.live.room_code,
            VERSION,
            self.abused.claimed_key,
            *self.abused.frames[self.abused.segment_id][-3:],
        ]

    def value(self, truths: list[Any], depth: int = 0) -> Any:
        """Any value that JSON or MessagePack can say."""
        dice = self.dice
        if dice.random() < 0.5:
            return dice.choice(truths)
        plain: list[Any] = [
            None,
            True,
            0,
            -1,
            dice.choice((1, 2**31, 2**53, 2**63, -(2**63))),
            dice.random() * 1e308,
            "",
            "\x00\ud7ff\U0001f600" * dice.choice((1, 30)),
            "x" * dice.choice((1, 40, 5_000)),
            "' OR 1=1 --",
        ]
        if depth < 3 and dice.random() < 0.3:
            several = [self.value(truths, depth + 1) for _ in range(dice.randrange(4))]
            return several if dice.random() < 0.5 else {str(one)[:20]: one for one in several}
        return dice.choice(plain)

    def fields(
        self, kind: type[msgspec.Struct], truths: list[Any], *, well_typed: float = 0.8
    ) -> dict[str, Any]:
        """A body or message of this kind, mostly with values of the right types."""
        described = msgspec.inspect.type_info(kind)
        assert isinstance(described, msgspec.inspect.StructType)
        if self.dice.random() < well_typed:
            return {one.name: self.typed(one.type, truths) for one in described.fields}
        made = {
            one.name: self.value(truths) for one in described.fields if self.dice.random() < 0.9
        }
        if self.dice.random() < 0.2:
            made["more"] = self.value(truths)
        return made

    def typed(self, kind: msgspec.inspect.Type, truths: list[Any]) -> Any:
        """A value of this type, true or false."""
        dice = self.dice
        match kind:
            case msgspec.inspect.IntType():
                return dice.choice((VERSION, 0, 1, 2, 3, 50, kind.le or 2**40))
            case msgspec.inspect.StrType():
                strings = [one for one in truths if isinstance(one, str)]
                return dice.choice((*strings, "", "0" * 40, "f" * 32, "rules_read"))
            case msgspec.inspect.BytesType():
                frames = [one for one in truths if isinstance(one, bytes)]
                return dice.choice((*frames, b"", dice.randbytes(dice.choice((1, 32, 200)))))
            case msgspec.inspect.VarTupleType():
                return [self.typed(kind.item_type, truths) for _ in range(dice.randrange(1, 5))]
            case msgspec.inspect.StructType():
                return {one.name: self.typed(one.type, truths) for one in kind.fields}
            case _:
                return self.value(truths)

    def damaged(self, data: bytes) -> bytes:
        """Some bytes changed, cut or doubled, one time in ten."""
        dice = self.dice
        if not data or dice.random() < 0.9:
            return data
        at = dice.randrange(len(data))
        return dice.choice(
            (
                data[:at],
                data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :],
                data[:at] + data[at:] * 2,
                data * dice.choice((1, 3, 2_000)) if len(data) < 200 else data,
            )
        )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A room in which two candidates write."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    world = make_room(tmp_path_factory.mktemp("fuzz") / "data")
    with (
        pytest.MonkeyPatch.context() as patch,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        patch.setattr(Pacer, "take", lambda *_: True)
        room = live_room(world)
        live = runner.run(room.__aenter__())
        runner.run(live.start())
        abused, honest = runner.run(live.writing(1)), runner.run(live.writing(2))
        yield Target(runner, live, abused, honest, random.Random(4))  # noqa: S311  replays
        runner.run(room.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    assert [one.getMessage() for one in caplog.records if one.exc_info] == []


def _ports(target: Target) -> tuple[httpx2.AsyncClient, httpx2.AsyncClient]:
    """Both applications without a network: the kiosk port with the abused kiosk's certificate."""
    room: RoomContext = target.live.room
    kiosk = build_kiosk_application(room)
    people = People(room.store, room.clock, CHEAP)
    der = _certificate(target)

    async def with_certificate(scope: Scope, receive: Receive, send: Send) -> None:
        await kiosk({**scope, "state": {"peer_certificate": der}}, receive, send)

    def client(application: Any) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=application)
        return httpx2.AsyncClient(transport=transport, base_url="https://room")

    return client(with_certificate), client(build_console_application(room, people))


def _certificate(target: Target) -> bytes:
    pem = target.abused.certificate_pem
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)


def test_http_requests_end_in_a_declared_code(target: Target) -> None:
    """Any method, path, header and body: no 5xx, each refusal is a Problem with its code."""
    dice = target.dice

    def request(client: httpx2.AsyncClient, path: str, kind: Any, method: str) -> httpx2.Request:
        truths = target.truths()
        body = b""
        if kind is not None or dice.random() < 0.1:
            made = target.fields(kind, truths) if kind else target.value(truths)
            body = target.damaged(json.dumps(made, default=str).encode("utf-8", "replace"))
        headers = {"content-type": dice.choice(("application/json", "text/html", "x"))}
        if dice.random() < 0.3:
            tag = f'"{target.live.room.hub.state.package_sha256}"'
            name = dice.choice(("range", "if-range", "if-none-match", "accept", "cookie"))
            ranges = (
                "bytes=0-9",
                "bytes=9-0",
                "bytes=-5",
                "bytes=0-,1-",
                "x=1-2",
                "bytes=99999999-",
            )
            headers[name] = dice.choice((tag, *ranges, "W/x", "*", "text/html"))
        if dice.random() < 0.1:
            method = dice.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"))
        if dice.random() < 0.1:
            path += dice.choice(("/", "/..", "%00", "%2e%2e/", "?a=%ff", "é", ";x", "//x"))
        return client.build_request(method, path, content=body, headers=headers)

    async def play() -> int:
        kiosk, console = _ports(target)
        refused = 0
        async with kiosk, console:
            for _ in range(REQUESTS):
                one = dice.choice(OPERATIONS)
                client = kiosk if one.port == KIOSK else console
                sent = request(client, one.path, one.body, one.method)
                reply = await client.send(sent)
                assert reply.status_code < 500, (sent.method, sent.url, sent.content)
                if reply.status_code >= 400 and sent.method != "HEAD":
                    refused += 1
                    if "html" not in reply.headers["content-type"]:
                        assert decode_body(reply.content, Problem).code in CODES
        return refused

    assert target.runner.run(play()) > REQUESTS // 4
    print(f"campaign http_fuzz {REQUESTS}")  # noqa: T201  the runner reads it


LAST = Submit(segment_id=SegmentId("f" * 32), seq=77_777, receipt="")
"""Sent after all else: its refusal shows that the connection goes on."""

KINDS = (
    *(messages.Save, messages.Submit, messages.Stage, messages.Heartbeat) * 20,
    messages.Attach,
    messages.Deliver,
    messages.Saved,
)


def test_messages_end_in_a_declared_code_or_go_on(target: Target) -> None:
    """Any messages after a sound Attach: refused with a code, closed cleanly, or still talking."""
    dice = target.dice

    def message() -> bytes:
        truths = target.truths()
        kind = dice.choice(KINDS)
        made = {"type": kind.__struct_config__.tag, **target.fields(kind, truths, well_typed=0.97)}
        if dice.random() < 0.02:
            del made["type"]
        try:
            data = msgspec.msgpack.encode(made)
        except (OverflowError, TypeError, UnicodeEncodeError):
            data = b"\xc1"
        return target.damaged(data) if dice.random() < 0.3 else data

    whole = 0

    async def converse() -> int:
        nonlocal whole
        driver = target.abused
        await driver.reattach()
        assert driver.socket
        code, refusals = 1000, list[Refused]()
        try:
            for _ in range(MESSAGES_EACH):
                await driver.socket.send(message())
            await driver.send(LAST)
            while (one := await driver.expect(Refused)).seq != LAST.seq:
                refusals.append(one)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 0
        assert code in CLOSES
        whole += code == 1000
        driver.seen.clear()
        assert all(one.code in CODES for one in refusals)
        return len(refusals)

    async def play() -> None:
        refused = 0
        for number in range(CONVERSATIONS):
            refused += await converse()
            if number % 20 == 0:
                letter = "ABCD"[number // 20 % 4]
                await target.honest.save(builders.response_recorded("i1.1", letter))
        assert refused >= CONVERSATIONS
        assert whole >= CONVERSATIONS // 10
        await target.abused.close()
        await target.abused.reattach()
        await target.abused.save(builders.response_recorded("i1.1", "A"))

    target.runner.run(play())
    print(f"campaign message_fuzz {CONVERSATIONS * MESSAGES_EACH}")  # noqa: T201  as above
