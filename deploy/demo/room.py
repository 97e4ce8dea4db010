"""The exam centre in the demo: set-up on the command line, the day itself through the pages."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.accounts import make_accounts
from deploy.demo.browser import Person
from deploy.demo.folders import Folders
from deploy.demo.headquarters import Sealed
from deploy.demo.people import write_roster
from deploy.demo.processes import run, start, stop, wait_ready, wait_until
from deploy.demo.settings import DemoSettings
from exam_core.model.roster import Candidate

CENTRE = "C01"
CENTRE_NAME = "示范考点"
ACCOUNTS = {"技术员": "it", "主考": "chief", "监考": "proctor", "考务": "staff", "监督": "auditor"}
OFFICIALS = {"王建国": "主考", "李秀英": "考务负责人"}
_ENDED = {"ended", "sealed", "closed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The running exam server and the people who work with it."""

    process: subprocess.Popen[bytes]
    kiosk_url: str
    console_url: str
    ca: Path
    passwords: dict[str, str]

    def person(self, name: str) -> Person:
        """One of the staff, signed in at a browser of their own."""
        return Person(self.console_url, self.ca, name=name, password=self.passwords[name])

    def stop(self) -> None:
        """End the server cleanly."""
        stop(self.process)


def set_up_centre(folders: Folders, root: Path) -> Path:
    """Make the centre's keys and data folder; returns the descriptor for headquarters to sign."""
    passphrase = folders.usb / "passphrase.txt"
    passphrase.write_text(secrets.token_urlsafe(18) + "\n")
    passphrase.chmod(0o600)
    run(
        *("exam-server", "init", "--data", folders.room, "--root", root),
        *("--centre-id", CENTRE, "--name", CENTRE_NAME, "--address", "127.0.0.1"),
        *("--opening-key-out", folders.usb / "opening-key.age", "--passphrase-file", passphrase),
        *("--machine", folders.machine),
    )
    for name, office in OFFICIALS.items():
        _add_official(folders, name, office)
    return folders.room / "centre.json"


def _add_official(folders: Folders, name: str, office: str) -> None:
    """A person who will sign the results: key on their own medium, passphrase in their head."""
    secret = folders.usb / f"official-{name}.passphrase"
    secret.write_text(secrets.token_urlsafe(18) + "\n")
    secret.chmod(0o600)
    run(
        *("exam-server", "add-official", "--data", folders.room, "--name", name),
        *("--office", office, "--key-out", folders.usb / f"official-{name}.age"),
        *("--passphrase-file", secret),
    )


def add_accounts(folders: Folders) -> dict[str, str]:
    """Accounts for everybody at the centre; returns their passwords."""
    command = ("exam-server", "add-account", "--data", folders.room)
    return make_accounts(command, ACCOUNTS, folders.usb)


def import_exam(
    settings: DemoSettings,
    folders: Folders,
    centre: Path,
    sealed: Sealed,
    roster: list[Candidate],
    *,
    spare_seats: str = "",
) -> None:
    """Bring in what headquarters sent, and the roster; forms are assigned from a recorded seed.

    `spare_seats` are names with commas between, for swaps of machines.
    """
    people = folders.room.parent / "roster.xlsx"
    write_roster(people, roster)
    data = ("--data", folders.room)
    run("exam-server", "install-centre", *data, centre)
    run("exam-server", "import-package", *data, sealed.package, sealed.bundle)
    # A seed of its own: the draw's seed stays at headquarters until the sitting has closed.
    seed = hashlib.sha256(f"demo/forms/{settings.seed}".encode()).hexdigest()
    spares = ("--spare-seats", spare_seats) if spare_seats else ()
    run("exam-server", "import-roster", *data, people, "--seed", seed, *spares)


def start_room(folders: Folders, passwords: dict[str, str]) -> Room:
    """Start the exam server on loopback, on free ports."""
    log = folders.logs / "room.log"
    command = ("exam-server", "serve", "--data", folders.room, "--kiosk-port", "0")
    process = start((*command, "--console-port", "0"), log=log)
    ready = wait_ready(process, folders.room / "run" / "ready.json", log)
    return Room(
        process=process,
        kiosk_url=ready["kiosk_url"],
        console_url=ready["console_url"],
        ca=folders.room / "ca.pem",
        passwords=passwords,
    )


def join_codes(room: Room) -> tuple[dict[str, str], str]:
    """A one-time code for every seat, and the room's code, as the proctor reads them out."""
    with room.person("监考") as proctor:
        codes = proctor.post_json("/proctor/join-codes", {"all": "1"}, page="/proctor")["codes"]
        return codes, proctor.get_json("/proctor/state")["room_code"]


def open_paper(room: Room, folders: Folders, opening_code: str) -> None:
    """Two people, two accounts: one brings key and passphrase, the other types the code."""
    key = folders.usb / "opening-key.age"
    passphrase = (folders.usb / "passphrase.txt").read_text().strip()
    with room.person("技术员") as technician, room.person("主考") as chief:
        technician.post(
            "/opening/key",
            {"passphrase": passphrase},
            files={"key_file": (key.name, key.read_bytes())},
            page="/opening",
        )
        chief.post("/opening/code", {"code": opening_code}, page="/opening")


def wait_for_log_ins(room: Room, candidates: int, within_s: float) -> None:
    """Until every candidate has logged in and read the rules."""
    with room.person("监考") as proctor:
        wait_until(
            lambda: proctor.get_json("/proctor/state")["room"]["logged_in"] >= candidates,
            within_s,
            "not every candidate logged in",
        )


def confirm_presence_and_start(room: Room) -> None:
    """The proctor has compared everybody's face, and starts the sitting."""
    with room.person("监考") as proctor:
        proctor.post("/proctor/present", {"all": "1"}, page="/proctor")
        proctor.post("/proctor/start", page="/proctor")


def swap_machine(room: Room, seat_id: str, to_seat_id: str, reason: str) -> None:
    """A machine failed: its candidate goes on at a spare seat whose kiosk is enrolled.

    The candidate then logs in there, and presence is confirmed again.
    """
    fields = {"seat_id": seat_id, "to_seat_id": to_seat_id, "reason": reason}
    with room.person("监考") as proctor:
        proctor.post("/proctor/swap", fields, page="/proctor")


def end_sitting(room: Room) -> None:
    """The proctor ends the sitting."""
    with room.person("监考") as proctor:
        if proctor.get_json("/proctor/state")["room"]["state"] not in _ENDED:
            proctor.post("/proctor/end", {"confirm": "end"}, page="/proctor")


def export_results(room: Room, folders: Folders) -> Path:
    """The results are fixed, two officials sign what both see, staff fetch the file."""
    with room.person("主考") as chief, room.person("考务") as staff:
        chief.post_json("/results/fix", {}, page="/results")
        for person, name in zip((chief, staff), OFFICIALS, strict=True):
            key = folders.usb / f"official-{name}.age"
            person.post(
                "/results/sign",
                {
                    "digest": str(person.get_json("/results")["digest"]),
                    "passphrase": key.with_suffix(".passphrase").read_text().strip(),
                },
                files={"key_file": (key.name, key.read_bytes())},
                page="/results",
            )
        bundle = staff.post_for_file("/results/export", {}, page="/results")
    file = folders.room.parent / "room.examresults"
    file.write_bytes(bundle)
    return file


def save_audit_log(room: Room, folders: Folders) -> None:
    """The auditor takes the log away."""
    with room.person("监督") as auditor:
        (folders.out / "audit.jsonl").write_text(auditor.get("/staff/audit.jsonl"))
