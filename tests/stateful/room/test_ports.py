"""The two ports over real TLS: package, certificates, enrolment, the live seat map."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from exam_client.config import DataFolder, KioskConfig
from exam_client.journal.files import RealFileSystem
from exam_client.package_cache import PackageCache
from exam_client.sync.room_http import RoomHttp
from exam_core.crypto.signing import generate_signing_key, public_key_of
from exam_core.model.identifiers import SeatId
from exam_server import limits
from exam_server.room.loading import load_room
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom
from tests.support.room_world import PASSWORD, RoomWorld
from tests.support.scenes import code_of, run


def test_the_package_is_sent_once_and_known_by_its_digest(world: RoomWorld) -> None:
    """A kiosk that has it gets 304."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.kiosk()
        reply = await driver.get("/v1/package")
        tag = reply.headers["etag"]
        assert reply.content == world.delivery.package
        assert tag == f'"{live.room.hub.state.package_sha256}"'
        assert (await driver.get("/v1/package", {"If-None-Match": tag})).status_code == 304
        assert (await driver.room()).package_sha256 == tag.strip('"')

    run(world, scene)


def test_a_cut_download_of_the_package_is_continued(world: RoomWorld, tmp_path: Path) -> None:
    """The rest of this very package is sent alone; another's rest is not, and beyond is nothing."""
    package = world.delivery.package

    async def scene(live: LiveRoom) -> None:
        driver = await live.kiosk()
        sha256 = live.room.hub.state.package_sha256
        rest = await driver.get("/v1/package", {"Range": "bytes=1000-", "If-Range": f'"{sha256}"'})
        assert (rest.status_code, rest.content) == (206, package[1000:])
        other = await driver.get("/v1/package", {"Range": "bytes=1000-", "If-Range": '"other"'})
        assert (other.status_code, other.content) == (200, package)
        beyond = await driver.get(
            "/v1/package", {"Range": f"bytes={len(package)}-", "If-Range": f'"{sha256}"'}
        )
        assert beyond.status_code == 416

        config = KioskConfig(
            folder=DataFolder(tmp_path),
            kiosk_url=live.kiosk_url,
            console_url=live.console_url,
            seat_id=driver.seat_id,
            root=builders.root(),
            centre=builders.centre(),
        )
        cache = PackageCache(RealFileSystem(), config)
        for _ in range(2):  # cut in the middle once, then to the end; asking again fetches nothing
            download = cache.download(sha256)
            if not download.start:
                download.write(package[:1000])
                download.close()
                download = cache.download(sha256)
            async with RoomHttp(live.kiosk_url, driver.context) as room:
                await room.package(download, sha256=sha256)
            download.finish()
        assert cache.accept(sha256, sitting_id=builders.SITTING_ID).sha256 == sha256

    run(world, scene)


def test_the_kiosk_port_takes_only_allowed_certificates(world: RoomWorld) -> None:
    """No certificate, TLS 1.2, a voided certificate: refused; at the console port none is asked."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.kiosk()
        bare = KioskDriver(driver.seat_id, live.room.folder)
        bare.kiosk_url = live.kiosk_url
        with pytest.raises(httpx2.TransportError):
            await bare.get("/v1/room")
        old = ssl.create_default_context(cafile=live.room.folder.authority_file)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        bare.context = old
        for url in (live.kiosk_url, live.console_url):
            bare.kiosk_url = url
            with pytest.raises(httpx2.TransportError):
                await bare.get("/v1/room")

        newer = await live.kiosk()
        assert (await newer.get("/v1/room")).status_code == 200
        voided = await driver.get("/v1/room")
        assert (voided.status_code, code_of(voided)) == (403, "kiosk.unknown")
        assert code_of(await newer.get("/v1/nothing")) == "page.missing"

    run(world, scene)


@asynccontextmanager
async def watching(live: LiveRoom) -> AsyncIterator[httpx2.AsyncClient]:
    """A proctor's browser, signed in."""
    context = ssl.create_default_context(cafile=live.room.folder.authority_file)
    headers = {"Origin": live.console_url}
    async with httpx2.AsyncClient(
        base_url=live.console_url, verify=context, headers=headers
    ) as http:
        form = {"name": "wang", "password": PASSWORD, "next": "/"}
        assert (await http.post("/log-in", data=form)).status_code == 303
        yield http


def test_the_seat_map_is_told_what_changes(world: RoomWorld) -> None:
    """First everything, then patches with the seats that changed."""

    async def scene(live: LiveRoom) -> None:
        async with watching(live) as http, http.stream("GET", "/proctor/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            patches = patches_of(events)
            first = await anext(patches)
            assert first["room"]["state"] == "prepared"
            assert [seat["seat_id"] for seat in first["seats"]] == ["A01", "A02", "A03", "A04"]
            await live.logged_in(2)
            seats: list[dict[str, Any]] = []
            while not any(seat["has_session"] for seat in seats):
                seats = (await anext(patches)).get("seats", [])
            assert [seat["seat_id"] for seat in seats] == ["A02"]

    run(world, scene)


def test_watching_the_seat_map_keeps_a_proctor_signed_in(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour of watching the first click counts; the life of a session has its end still."""
    monkeypatch.setattr(limits, "event_interval_ms", 10)

    async def scene(live: LiveRoom) -> None:
        async with watching(live) as http, http.stream("GET", "/proctor/events") as events:
            lines = events.aiter_lines()
            for _ in range(4):
                for _ in range(8):  # the stream goes on in rounds
                    await anext(lines)
                live.clock.advance(limits.browser_session_idle_ms_max - 1)
            for _ in range(8):
                await anext(lines)
            assert (await http.get("/proctor/state")).status_code == 200
            live.clock.advance(limits.browser_session_life_ms_max)
            async with asyncio.timeout(20):
                async for _ in lines:
                    pass
            assert (await http.get("/proctor/state")).status_code == 401

    run(world, scene)


def test_the_seat_map_is_told_nothing_after_log_out(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream ends."""
    monkeypatch.setattr(limits, "event_interval_ms", 10)

    async def scene(live: LiveRoom) -> None:
        async with watching(live) as http, http.stream("GET", "/proctor/events") as events:
            lines = events.aiter_lines()
            await anext(lines)
            assert (await http.post("/log-out")).status_code == 303
            async with asyncio.timeout(20):
                async for _ in lines:
                    pass

    run(world, scene)


async def patches_of(events: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """The patches in a stream of events."""
    async for line in events.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_enrolment_needs_the_code_of_the_seat(world: RoomWorld) -> None:
    """A wrong code, another protocol, and a body that is none."""

    async def scene(live: LiveRoom) -> None:
        driver = KioskDriver(builders.candidate(1).seat_id, live.room.folder)
        assert code_of(await driver.enrol(live.console_url, "00000000")) == "enrol.code"
        async with httpx2.AsyncClient(
            verify=ssl.create_default_context(cafile=live.room.folder.authority_file)
        ) as http:
            reply = await http.post(f"{live.console_url}/v1/enrol", content=b"{}")
        assert (reply.status_code, code_of(reply)) == (400, "protocol.malformed")

    run(world, scene)


def test_enrolment_makes_the_kiosk_signing_key_known(world: RoomWorld) -> None:
    """The room has key, seat and who made the code, in memory, on disk and in the log."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.kiosk()
        key = public_key_of(driver.signing_key)
        (kiosk,) = live.room.hub.state.kiosks.values()
        assert (kiosk.seat_id, kiosk.signing_key, kiosk.enrolled_by) == ("A01", key, "wang")
        assert load_room(live.room.store, live.clock).kiosks == live.room.hub.state.kiosks
        (line,) = [one for one in live.room.trail.lines() if b'"kiosk_enrolled"' in one]
        entry = json.loads(line)
        assert entry["actors"] == ["wang"]
        assert entry["details"] == {"fingerprint": kiosk.fingerprint, "signing_key": key}

    run(world, scene)


def test_a_signing_key_that_the_kiosk_does_not_hold_is_refused(world: RoomWorld) -> None:
    """Naming another's key gives no certificate, even with the right code."""

    async def scene(live: LiveRoom) -> None:
        driver = KioskDriver(SeatId("A01"), live.room.folder)
        driver.claimed_key = public_key_of(generate_signing_key())
        code = live.room.codes.make(driver.seat_id, made_by="wang")
        assert code_of(await driver.enrol(live.console_url, code)) == "enrol.request"
        assert live.room.hub.state.kiosks == {}

    run(world, scene)
