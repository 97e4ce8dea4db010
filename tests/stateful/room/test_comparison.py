"""Enrolment by comparing a number, against the real room: kiosk's program, console's pages."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from exam_client import limits as client_limits
from exam_client.config import DataFolder, KioskConfig, KioskFacts, install
from exam_client.enrolment import enrol_by_comparison, is_enrolled
from exam_client.journal.files import RealFileSystem
from exam_client.session.engine import SessionEngine
from exam_client.session.snapshot import Screen
from exam_client.sync.room_http import RoomHttp
from exam_client.sync.tls import kiosk_trust
from exam_core.errors import ExamError, InputError, StateError
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import SeatId
from exam_core.protocol import VERSION
from exam_core.protocol.comparison import Revealed, commitment_to
from exam_server import limits
from exam_server.room.services.comparison import Comparisons
from exam_server.room.services.enrolment import KioskRequest
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import code_of, run, until

FILES = RealFileSystem()
A01 = SeatId("A01")


@pytest.fixture(autouse=True)
def _ask_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_limits, "room_poll_s", 0.02)
    monkeypatch.setattr(client_limits, "compare_pause_s", 0.02)


def installed(live: LiveRoom, folder: Path) -> KioskConfig:
    """A kiosk at seat A01 that is not enrolled."""
    facts = KioskFacts(kiosk_url=live.kiosk_url, console_url=live.console_url, seat_id=A01)
    centre = sign_centre(live.room.folder.centre(), [builders.SETTER, builders.APPROVER])
    return install(
        FILES, DataFolder(folder), facts, root=encode_root(builders.root()), centre=centre
    )


async def waiting(http: httpx2.AsyncClient) -> dict[str, Any]:
    """The one kiosk that waits, as the page has it."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not found:
            found = (await http.get("/kiosks/waiting")).json()["waiting"]
            await asyncio.sleep(0.01)
    return found[0]


def test_staff_compare_and_the_kiosk_is_enrolled(world: RoomWorld, tmp_path: Path) -> None:
    """Both sides show the same digits; with a press the kiosk gets its certificate."""

    async def scene(live: LiveRoom) -> None:
        config = installed(live, tmp_path / "kiosk")
        numbers: list[str] = []
        work = asyncio.create_task(enrol_by_comparison(FILES, config, numbers.append))
        async with live.signed_in("li") as http:
            one = await waiting(http)
            assert numbers == [one["number"]]
            assert (one["seat_id"], one["is_enrolled"]) == ("A01", False)
            html = (await http.get("/kiosks", headers={"Accept": "text/html"})).text
            assert f"{one['number'][:3]} {one['number'][3:]}" in html
            wrong = {"request_id": one["request_id"], "number": "x"}
            assert code_of(await http.post("/kiosks/agree", data=wrong)) == "compare.number"
            fields = {"request_id": one["request_id"], "number": one["number"]}
            assert (await http.post("/kiosks/agree", data=fields)).status_code == 200
            await work
            assert code_of(await http.post("/kiosks/agree", data=fields)) == "compare.gone"
        assert is_enrolled(FILES, config)
        trust = kiosk_trust(config.centre.ca_certificate, config.folder.credential)
        async with RoomHttp(config.kiosk_url, trust) as room:
            assert (await room.room()).seat_id == A01
        (kiosk,) = live.room.hub.state.kiosks.values()
        assert kiosk.enrolled_by == "li"

    run(world, scene)


def test_a_number_that_differs_enrols_nobody(world: RoomWorld, tmp_path: Path) -> None:
    """The kiosk is told, and the log says who refused it."""

    async def scene(live: LiveRoom) -> None:
        config = installed(live, tmp_path / "kiosk")
        work = asyncio.create_task(enrol_by_comparison(FILES, config, lambda _number: None))
        async with live.signed_in("wang") as http:
            one = await waiting(http)
            fields = {"request_id": one["request_id"]}
            assert (await http.post("/kiosks/differ", data=fields)).status_code == 200
            agree = await http.post("/kiosks/agree", data={**fields, "number": one["number"]})
            assert code_of(agree) == "compare.gone"
        with pytest.raises(StateError, match=r"compare\.refused"):
            await work
        assert not is_enrolled(FILES, config)
        assert live.room.hub.state.kiosks == {}
        assert any(b'"kiosk_refused"' in line for line in live.room.trail.lines())

    run(world, scene)


def test_the_kiosk_program_offers_it_by_itself(world: RoomWorld, tmp_path: Path) -> None:
    """An unenrolled kiosk shows its number on the screen and goes on once staff agreed."""

    async def scene(live: LiveRoom) -> None:
        config = installed(live, tmp_path / "kiosk")
        engine = SessionEngine(config, on_change=lambda _snapshot: None)
        engine.start()
        try:
            async with live.signed_in("wang") as http:
                one = await waiting(http)
                await until(lambda: engine.snapshot.enrol_number == one["number"])
                assert engine.snapshot.screen is Screen.NOT_ENROLLED
                await http.post("/kiosks/differ", data={"request_id": one["request_id"]})
                await until(lambda: bool(engine.snapshot.alarms))
                again = await waiting(http)
                assert again["request_id"] != one["request_id"]
                fields = {"request_id": again["request_id"], "number": again["number"]}
                assert (await http.post("/kiosks/agree", data=fields)).status_code == 200
            await until(lambda: engine.snapshot.screen is Screen.LOG_IN)
            assert engine.snapshot.enrol_number == ""
        finally:
            await asyncio.to_thread(engine.stop)

    run(world, scene)


def request_of(driver: KioskDriver) -> tuple[Revealed, KioskRequest]:
    """What a kiosk would reveal."""
    csr_pem = driver.request_pem()
    revealed = Revealed(
        seat_id=driver.seat_id, csr_pem=csr_pem, signing_key=driver.claimed_key, nonce="01" * 32
    )
    request = KioskRequest(
        seat_id=driver.seat_id,
        csr_pem=csr_pem,
        signing_key=driver.claimed_key,
        signing_proof=driver.proof_of(csr_pem),
    )
    return revealed, request


def test_each_step_is_taken_once_and_in_order(world: RoomWorld) -> None:
    """Another reveal, a second one, an old request and a stranger's are refused."""
    clock = FakeClock()
    comparisons = Comparisons(clock, world.folder.centre().ca_certificate)
    revealed, request = request_of(KioskDriver(A01, world.folder))

    def refused(code: str, *step: Any) -> bool:
        with pytest.raises(ExamError) as caught:
            step[0](*step[1:])
        return caught.value.code == code

    def begun() -> str:
        return comparisons.commit(A01, commitment_to(revealed))[0]

    with pytest.raises(InputError, match=r"enrol\.request"):
        comparisons.commit(A01, "no commitment")
    assert refused("compare.gone", comparisons.reveal, "00", request, revealed.nonce)
    one = begun()
    assert refused("compare.gone", comparisons.agreed, one, "")
    assert refused("compare.commitment", comparisons.reveal, one, request, "02" * 32)
    assert refused("compare.gone", comparisons.reveal, one, request, revealed.nonce)
    one = begun()
    comparisons.reveal(one, request, revealed.nonce)
    assert refused("compare.commitment", comparisons.reveal, one, request, revealed.nonce)
    one = begun()
    false = KioskRequest(
        seat_id=A01,
        csr_pem=request.csr_pem,
        signing_key=request.signing_key,
        signing_proof="00" * 64,
    )
    assert refused("enrol.request", comparisons.reveal, one, false, revealed.nonce)
    first, second = begun(), begun()
    assert refused("compare.gone", comparisons.certificate, first)
    comparisons.reveal(second, request, revealed.nonce)
    (shown,) = comparisons.to_compare()
    assert comparisons.certificate(second) == ""
    assert comparisons.agreed(second, shown.number) == request
    clock.advance(600_001)
    assert comparisons.to_compare() == []
    assert refused("compare.gone", comparisons.agreed, second, shown.number)


def test_the_waiting_are_limited(world: RoomWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills the memory; a seat that begins again takes its own place."""
    monkeypatch.setattr(limits, "comparisons_max", 2)
    comparisons = Comparisons(FakeClock(), world.folder.centre().ca_certificate)
    for seat in ("A01", "A02", "A02"):
        comparisons.commit(SeatId(seat), "00" * 32)

    with pytest.raises(StateError, match=r"compare\.many"):
        comparisons.commit(SeatId("A03"), "00" * 32)


def test_who_begins_again_and_again_is_shown_to_people(world: RoomWorld) -> None:
    """The eleventh is refused, the page warns, the log has one line."""

    async def scene(live: LiveRoom) -> None:
        driver = KioskDriver(A01, live.room.folder)
        driver.kiosk_url = live.console_url
        body = {"protocol": VERSION, "seat_id": "A01", "commitment": "00" * 32}
        replies = [await driver.post("/v1/enrol/commit", body) for _ in range(12)]
        assert [one.status_code for one in replies] == [200] * 10 + [409] * 2
        assert code_of(replies[-1]) == "compare.many"
        async with live.signed_in("wang") as http:
            assert (await http.get("/kiosks/waiting")).json()["too_many"] == "A01"
            assert "<b>A01</b> 10 分钟内核对的次数过多" in (await http.get("/kiosks")).text
        assert sum(b'"comparisons_many"' in line for line in live.room.trail.lines()) == 1

    run(world, scene)


def test_requests_are_checked(world: RoomWorld) -> None:
    """An unknown seat, another protocol, and a body that is none."""

    async def scene(live: LiveRoom) -> None:
        driver = KioskDriver(A01, live.room.folder)
        driver.kiosk_url = live.console_url
        body = {"protocol": VERSION, "seat_id": "Z9", "commitment": "00" * 32}
        for change, code in (
            ({}, "seat.unknown"),
            ({"protocol": VERSION + 1}, "protocol.version"),
            ({"more": 1}, "protocol.malformed"),
        ):
            reply = await driver.post("/v1/enrol/commit", {**body, **change})
            assert code_of(reply) == code
        gone = await driver.post("/v1/enrol/result", {"request_id": "00"})
        assert code_of(gone) == "compare.gone"

    run(world, scene)
