"""How long do a thousand candidates wait between the typed code and the opened forms?"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from deploy.bench.table import Row, timed
from deploy.demo.people import make_roster, write_roster
from deploy.demo.processes import run
from exam_core.crypto.age_passphrase import encrypt
from exam_core.formats.opening_locks import OpeningCodes
from exam_core.model.identifiers import AdmissionNumber, SeatId
from exam_core.model.roster import Candidate, id_number_is_valid
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import Person
from exam_server.accounts.roles import Role
from exam_server.clock import SystemClock
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services import opening
from exam_server.room.services.opening_desk import OpeningDesk

_TEAMS_AT_ONCE = 50


def bench_opening(
    folder: RoomFolder, *, usb: Path, codes: OpeningCodes, candidates: int
) -> list[Row]:
    """The second person's part in a room whose package is imported: code in, every form opened."""
    roster_file = usb / "roster.xlsx"
    write_roster(roster_file, bench_roster(candidates))
    run("exam-server", "import-roster", "--data", folder.path, roster_file)
    store, clock = open_store(folder), SystemClock()
    trail, desk = AuditTrail(folder.audit_file, clock), OpeningDesk(clock)
    passphrase = (usb / "passphrase.txt").read_text().strip()
    opening.bring_key(
        store,
        folder,
        trail,
        desk,
        _person(1, Role.IT),
        key_file=(usb / "opening-key.age").read_bytes(),
        passphrase=passphrase,
    )
    seconds, opened = timed(
        lambda: opening.open_paper(
            store, folder, trail, desk, _person(2, Role.CHIEF), codes=codes.opening_code
        )
    )
    store.close()
    peer_s, _ = timed(lambda: encrypt(b"", codes.opening_code))
    return [
        Row(
            name=f"opening: code to {len(opened.identities)} forms",
            value=seconds,
            limit=5,
            unit="s",
            peer=f"the code's scrypt alone: {peer_s:.2f} s",
        )
    ]


def bench_roster(candidates: int) -> list[Candidate]:
    """So many invented people at the seats from S0001 on."""
    made: list[Candidate] = []
    while len(made) < candidates:
        made += make_roster(f"bench {len(made)}", _TEAMS_AT_ONCE)
    return [
        msgspec.structs.replace(
            one,
            admission_number=AdmissionNumber(f"2026{place:05d}"),
            id_number=_id_number(place),
            seat_id=SeatId(f"S{place:04d}"),
            team=f"{place // 4} 队",
        )
        for place, one in enumerate(made[:candidates], 1)
    ]


def _id_number(place: int) -> str:
    # Region code 990000 belongs to no place; each person has a day of birth of their own.
    body = f"990000{dt.date(1975, 1, 1) + dt.timedelta(days=place):%Y%m%d}001"
    return next(body + check for check in "0123456789X" if id_number_is_valid(body + check))


def _person(number: int, role: Role) -> Person:
    return Person(
        account_id=number,
        name=f"person {number}",
        roles=frozenset({role}),
        session_key=f"session {number}",
        csrf_token="",
    )
