"""Simulated kiosks against the real exam server, both killed in the middle: nothing is lost."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from exam_client.simulate.knowledge import response_sha256
from exam_core.formats.centre_descriptor import sign_centre
from exam_core.formats.journal import derive_journal_key, open_chain
from exam_core.formats.journal_entries import decode_entry
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import SegmentId, SessionId
from tests.support import builders
from tests.support.kiosk_room import wait_until
from tests.support.room_world import Console, RoomWorld, open_paper, running, sign_in

KNOWLEDGE = [
    {"stem": "下列哪一项正确（i1.1）", "pick": ["选项B"]},
    {"stem": "下列哪一项正确（i2.1）", "pick": ["选项A", "选项C"]},
    {"stem": "下列哪一项正确（i3.1）", "pick": ["选项A"]},
    {"stem": "下列哪一项正确（i4.1）", "blanks": ["劳动关系"]},
    {"stem": "下列哪一项正确（i5.1）", "text": "其一，主体适格；其二，意思真实。"},
    {"stem": "下列哪一项正确（i6.1）", "pick": ["选项D"]},
    {"stem": "下列哪一项正确（i6.2）", "text": "公司应当支付两倍工资。"},
]
JSON = {"Accept": "application/json"}


def _plan(world: RoomWorld, folder: Path, urls: tuple[str, str], codes: dict[str, str]) -> Path:
    descriptor = world.folder.centre()
    (folder / "root.json").write_bytes(encode_root(builders.root()))
    signed = sign_centre(descriptor, [builders.SETTER, builders.APPROVER])
    (folder / "centre.signed").write_bytes(signed)
    plan = {
        "kiosk_url": urls[0],
        "console_url": urls[1],
        "root": "root.json",
        "centre": "centre.signed",
        "seed": "3",
        "report": "report.json",
        "candidates": [
            {
                "seat_id": one.seat_id,
                "join_code": codes[one.seat_id],
                "admission_number": one.admission_number,
                "id_number": one.id_number,
                "room_code": codes["room"],
                "knowledge": KNOWLEDGE,
                "think_ms": [250, 500],
                "order_seed": serial,
            }
            for serial, one in enumerate(world.roster)
        ],
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan, ensure_ascii=False))
    return path


def _simulate(plan: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "exam_client.cli", "simulate", "--plan", str(plan)]
    return subprocess.Popen(command)


def _seats(console: Console) -> list[dict[str, Any]]:
    seats: list[dict[str, Any]] = console.get("/proctor/state").json()["seats"]
    return seats


def _answered(console: Console) -> int:
    return sum(seat["answered"] for seat in _seats(console))


def _contents(world: RoomWorld) -> dict[str, tuple[str, dict[str, str]]]:
    """Receipt and digests of the responses of every candidate, from the server's database."""
    found = {}
    with contextlib.closing(sqlite3.connect(world.folder.path / "room.db")) as db:
        sessions = db.execute("SELECT session_id, admission_number, receipt FROM session")
        for session_id, admission_number, receipt in sessions.fetchall():
            key = derive_journal_key(world.delivery.journal_secret, SessionId(session_id))
            placed = []
            segments = "SELECT segment_id, epoch, signing_key FROM segment WHERE session_id = ?"
            for segment_id, epoch, signing_key in db.execute(segments, (session_id,)).fetchall():
                frames = (
                    "SELECT frame FROM frame JOIN segment USING (segment_no)"
                    " WHERE segment_id = ? ORDER BY seq"
                )
                rows = [bytes(row[0]) for row in db.execute(frames, (segment_id,))]
                payloads = open_chain(key, SegmentId(segment_id), rows, signing_key)
                placed += [
                    PlacedEntry(epoch, seq, decode_entry(one)) for seq, one in enumerate(payloads)
                ]
            content = merge_entries(placed)
            digests = {part: response_sha256(one) for part, one in content.responses.items()}
            found[admission_number] = (receipt, {str(part): one for part, one in digests.items()})
        assert db.execute("SELECT COUNT(*) FROM refused_frame").fetchone() == (0,)
    return found


def _codes_on_sheet(chief: Console) -> dict[str, list[str]]:
    """The codes of every seat, as the chief's printed page has them."""
    page = chief.http.post("/opening/resume-sheet", data={"csrf_token": chief.csrf_token}).text
    rows = re.findall(r'<th scope="row">([^<]+)</th>(.*?)</tr>', page)
    return {seat: re.findall(r"<td[^>]*>([0-9 ]+)</td>", codes) for seat, codes in rows}


def test_kiosks_that_start_while_the_server_is_away_go_on_with_the_printed_codes(
    world: RoomWorld, tmp_path: Path
) -> None:
    """Killed with the server down, opened from the sheet, finished, and brought to the server."""
    with running(world.folder) as server:
        proctor = sign_in(server, world, "wang")
        it = sign_in(server, world, "li")
        made = it.http.post(
            "/proctor/join-codes", data={"csrf_token": it.csrf_token, "all": "1"}, headers=JSON
        )
        codes = made.json()["codes"] | {"room": proctor.get("/proctor/state").json()["room_code"]}
        plan = _plan(world, tmp_path, (server.kiosk_url, server.console_url), codes)
        open_paper(server, world)
        chief = sign_in(server, world, "zhang")
        sheet = _codes_on_sheet(chief)
        content = json.loads(plan.read_text())
        for candidate in content["candidates"]:
            candidate["resume_codes"] = sheet[candidate["seat_id"]]
        plan.write_text(json.dumps(content, ensure_ascii=False))
        simulator = _simulate(plan)
        wait_until(lambda: all(seat["is_connected"] for seat in _seats(proctor)), what="log-in")
        assert proctor.post("/proctor/present", {"all": "1"}).status_code == 200
        assert proctor.post("/proctor/start").status_code == 200
        wait_until(lambda: _answered(proctor) >= 3, what="first answers")
        ports = [int(url.rsplit(":", 1)[1]) for url in (server.kiosk_url, server.console_url)]
        for console in (proctor, it, chief):
            console.close()

        server.kill()
        os.kill(simulator.pid, signal.SIGKILL)
        simulator.wait()
        simulator = _simulate(plan)
        sealed = [
            tmp_path / "kiosks" / one["seat_id"] / "resume.age" for one in content["candidates"]
        ]
        wait_until(lambda: not any(path.exists() for path in sealed), what="all handed in alone")
        assert simulator.poll() is None, "it waits for the server's confirmation"
        server.start(kiosk_port=ports[0], console_port=ports[1])
        open_paper(server, world)
        assert simulator.wait(60) == 0
        assert server.stop() == 0
    report = json.loads((tmp_path / "report.json").read_text())
    contents = _contents(world)
    for record in report["candidates"]:
        receipt, digests = contents[record["admission_number"]]
        reported = {part: one["response_sha256"] for part, one in record["responses"].items()}
        assert record["problem"] is None
        assert (record["receipt"], reported) == (receipt, digests)
        assert len(digests) == len(KNOWLEDGE)


def test_kiosks_and_server_are_killed_and_nothing_is_lost(world: RoomWorld, tmp_path: Path) -> None:
    """Kiosks killed, server killed and opened again: reports, receipts and database agree."""
    with running(world.folder) as server:
        proctor = sign_in(server, world, "wang")
        it = sign_in(server, world, "li")
        made = it.http.post(
            "/proctor/join-codes", data={"csrf_token": it.csrf_token, "all": "1"}, headers=JSON
        )
        codes = made.json()["codes"] | {"room": proctor.get("/proctor/state").json()["room_code"]}
        plan = _plan(world, tmp_path, (server.kiosk_url, server.console_url), codes)
        open_paper(server, world)
        simulator = _simulate(plan)
        wait_until(lambda: all(seat["is_connected"] for seat in _seats(proctor)), what="log-in")
        assert proctor.post("/proctor/present", {"all": "1"}).status_code == 200
        assert proctor.post("/proctor/start").status_code == 200
        wait_until(lambda: _answered(proctor) >= 3, what="first answers")

        os.kill(simulator.pid, signal.SIGKILL)
        simulator.wait()
        simulator = _simulate(plan)
        answered = _answered(proctor)
        wait_until(lambda: _answered(proctor) > answered, what="answers after the kill")
        ports = [int(url.rsplit(":", 1)[1]) for url in (server.kiosk_url, server.console_url)]
        server.kill()
        server.start(kiosk_port=ports[0], console_port=ports[1])
        open_paper(server, world)

        assert simulator.wait(60) == 0
        proctor.close()
        it.close()
        assert server.stop() == 0
    report = json.loads((tmp_path / "report.json").read_text())
    contents = _contents(world)
    for record in report["candidates"]:
        receipt, digests = contents[record["admission_number"]]
        reported = {part: one["response_sha256"] for part, one in record["responses"].items()}
        assert record["problem"] is None
        assert (record["receipt"], reported) == (receipt, digests)
        assert len(digests) == len(KNOWLEDGE)
        assert record["unsynced"] == 0
