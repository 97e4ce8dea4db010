"""Who may talk to the room: TLS on both ports, certificates of this sitting, the allow-list."""

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from exam_core.model.identifiers import SeatId, SittingId
from exam_server import tls
from exam_server.room.folder import RoomFolder
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LI, LiveRoom
from tests.support.room_world import RoomWorld, initialise_room
from tests.support.scenes import closed_with, code_of, run

NOW = dt.datetime.now(dt.UTC)
A01, A02 = SeatId("A01"), SeatId("A02")


def certificate(
    driver: KioskDriver, authority: tls.KeyPair, seat_id: SeatId, sitting_id: str
) -> None:
    """Give the driver a certificate that this CA issues, on no allow-list."""
    pem, _ = tls.issue_seat(
        authority, driver.request_pem(), sitting_id=SittingId(sitting_id), seat_id=seat_id, now=NOW
    )
    driver.use_certificate(pem)


def other_sitting(folder: RoomFolder, driver: KioskDriver) -> None:
    """A kiosk of this centre that was enrolled for another sitting."""
    authority = tls.issue_sitting_authority(folder.authority(), SittingId("S0"), now=NOW)
    certificate(driver, authority, A01, "S0")


def straight_from_the_centre(folder: RoomFolder, driver: KioskDriver) -> None:
    """A certificate that the centre's CA issued itself."""
    certificate(driver, folder.authority(), A01, builders.SITTING_ID)


def not_on_the_list(folder: RoomFolder, driver: KioskDriver) -> None:
    """A certificate of this sitting's CA that nobody enrolled."""
    certificate(driver, folder.sitting_authority(), A01, builders.SITTING_ID)


def wrong_seat(folder: RoomFolder, driver: KioskDriver) -> None:
    """A certificate of this sitting's CA for a seat that is another kiosk's."""
    certificate(driver, folder.sitting_authority(), A02, builders.SITTING_ID)


@pytest.mark.parametrize(
    "enrolled", [other_sitting, straight_from_the_centre, not_on_the_list, wrong_seat]
)
def test_a_kiosk_that_is_not_on_the_list_is_told_so(
    world: RoomWorld, enrolled: Callable[[RoomFolder, KioskDriver], None]
) -> None:
    """Whatever CA of the centre vouches for it; the console port gives it no more."""

    async def scene(live: LiveRoom) -> None:
        await live.kiosk(2)
        driver = KioskDriver(A01, live.room.folder)
        driver.kiosk_url = live.kiosk_url
        enrolled(live.room.folder, driver)
        refused = await driver.get("/v1/room")
        assert (refused.status_code, code_of(refused)) == (403, "kiosk.unknown")
        driver.kiosk_url = live.console_url
        assert (await driver.get("/v1/room")).status_code == 404

    run(world, scene)


def foreign_ca(folder: RoomFolder, driver: KioskDriver) -> None:
    """A certificate of another centre."""
    other, _ = initialise_room(folder.path.with_name("other"))
    certificate(driver, other.authority(), A01, builders.SITTING_ID)


def no_certificate(_folder: RoomFolder, _driver: KioskDriver) -> None:
    """Nothing to show."""


def old_tls(folder: RoomFolder, driver: KioskDriver) -> None:
    """TLS 1.2."""
    driver.context = ssl.create_default_context(cafile=folder.authority_file)
    driver.context.maximum_version = ssl.TLSVersion.TLSv1_2


def plain(_folder: RoomFolder, driver: KioskDriver) -> None:
    """HTTP without TLS."""
    driver.kiosk_url = driver.kiosk_url.replace("https", "http")


@pytest.mark.parametrize("comes", [foreign_ca, no_certificate, old_tls, plain])
@pytest.mark.parametrize("port", ["kiosk", "console"])
def test_a_stranger_gets_no_word(
    world: RoomWorld, comes: Callable[[RoomFolder, KioskDriver], None], port: str
) -> None:
    """The connection ends in the handshake; the console asks for no certificate of a browser."""

    async def scene(live: LiveRoom) -> None:
        driver = KioskDriver(A01, live.room.folder)
        driver.kiosk_url = live.kiosk_url if port == "kiosk" else live.console_url
        comes(live.room.folder, driver)
        if port == "console" and comes in {foreign_ca, no_certificate}:
            assert (await driver.get("/v1/room")).status_code == 404
            return
        with pytest.raises(httpx2.TransportError):
            await driver.get("/v1/room")

    run(world, scene)


def test_a_server_of_another_sitting_is_a_stranger(world: RoomWorld, tmp_path: Path) -> None:
    """The server's certificate comes from the sitting's CA, and the CA names the sitting."""

    async def scene(live: LiveRoom) -> None:
        folder = live.room.folder
        assert tls.names_sitting(folder.sitting_authority(), builders.SITTING_ID)
        for authority, is_trusted in (
            (folder.sitting_authority(), True),
            (tls.issue_sitting_authority(folder.authority(), SittingId("S0"), now=NOW), False),
        ):
            file = tmp_path / "sitting.pem"
            file.write_bytes(authority.certificate_pem)
            driver = await live.kiosk()
            pinned = ssl.create_default_context(cafile=file)
            pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            driver.kiosk_url, driver.context = live.console_url, pinned
            if is_trusted:
                assert (await driver.get("/log-in")).status_code == 200
            else:
                with pytest.raises(httpx2.ConnectError):
                    await driver.get("/log-in")

    run(world, scene)


def test_the_sitting_keeps_its_authority_over_restarts(world: RoomWorld) -> None:
    """What was enrolled before a restart still connects; its files are the owner's only."""
    folder = world.folder
    held: list[bytes] = []

    async def scene(live: LiveRoom) -> None:
        held.append(folder.sitting_authority_file.read_bytes())
        assert (await (await live.kiosk()).get("/v1/room")).status_code == 200

    run(world, scene)
    run(world, scene)

    assert held[0] == held[1]
    for file in (folder.sitting_authority_file, folder.server_certificate_file):
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_revoked_kiosk_is_cut_off_at_once(world: RoomWorld) -> None:
    """Its connection is closed, it cannot come again, and the log says who and why."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        other = await live.writing(2)
        (kiosk,) = [one for one in live.room.hub.state.kiosks.values() if one.seat_id == A01]
        async with live.signed_in("li") as http:
            page = await http.get("/kiosks", headers={"Accept": "text/html"})
            assert kiosk.fingerprint in page.text
            for fields, code in (
                ({"fingerprint": kiosk.fingerprint}, "kiosk.reason"),
                ({"fingerprint": kiosk.fingerprint, "reason": "字" * 101}, "kiosk.reason"),
                ({"fingerprint": "00" * 32, "reason": "丢失"}, "kiosk.unknown"),
            ):
                assert code_of(await http.post("/kiosks/revoke", data=fields)) == code
            fields = {"fingerprint": kiosk.fingerprint, "reason": "机器被换"}
            assert (await http.post("/kiosks/revoke", data=fields)).json()["seat_id"] == A01
            again = await http.post("/kiosks/revoke", data=fields)
            assert code_of(again) == "kiosk.unknown"

        assert await closed_with(driver) == 4403
        assert code_of(await driver.get("/v1/room")) == "kiosk.unknown"
        with pytest.raises(InvalidStatus):
            await driver.attach()
        await other.save(builders.response_recorded("i1.1"))
        (line,) = [one for one in live.room.trail.lines() if b'"kiosk_revoked"' in one]
        assert "机器被换".encode() in line
        assert LI.name.encode() in line
        anew = await live.kiosk()
        assert (await anew.get("/v1/room")).status_code == 200

    run(world, scene)


def test_two_kiosks_cannot_hold_one_seat(world: RoomWorld) -> None:
    """A second enrolment of a seat voids the first, whose connection is closed."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        first = await live.writing()
        second = await live.kiosk()
        assert await closed_with(first) == 4403
        assert code_of(await first.get("/v1/room")) == "kiosk.unknown"
        assert (await second.get("/v1/room")).status_code == 200

    run(world, scene)
