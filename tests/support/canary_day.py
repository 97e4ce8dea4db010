"""The exam of the canary tests: a demo whose centre is an image, with a swap and three kills more.

Used by `tests/canary`; the programs are the real ones, the people are the demo's.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from deploy.demo import candidates as seats
from deploy.demo import headquarters, marking, room
from deploy.demo.candidates import Seating
from deploy.demo.folders import Folders
from deploy.demo.people import make_roster
from deploy.demo.processes import start, stop, wait_ready, wait_until
from deploy.demo.progress import Steps
from deploy.demo.settings import DemoSettings
from exam_core.formats.opening_bundle import OpeningBundle
from paper_builder.assembly.draft import PaperDraft
from tests.support import canaries, disk_scan

ROOT = Path(__file__).resolve().parents[2]
SITTING_S = 30
SPARE = "S01"
SWAP_S = 20
_OWN_FOLDERS = {
    "TMPDIR": "tmp",
    "HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_RUNTIME_DIR": "run",
}


class CentreOnImage(Folders):
    """Room, logs and cores on the image; headquarters, scripts and the grading site elsewhere."""

    image: Path

    @property
    def room(self) -> Path:
        """The exam centre's server."""
        return self.image / "room"

    @property
    def logs(self) -> Path:
        """What the programs said."""
        return self.image / "logs"

    @property
    def swapped(self) -> Path:
        """What the kiosk at the spare seat reports."""
        return self.seats / f"window-{SPARE}.report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What headquarters and the centre made before the exam."""

    settings: DemoSettings
    folders: CentreOnImage
    canaries: dict[str, str]
    draft: PaperDraft
    centre: Path
    sealed: headquarters.Sealed
    bundle: OpeningBundle
    passwords: dict[str, str]


@contextlib.contextmanager
def own_folders(mount: Path) -> Iterator[None]:
    """Whatever a program writes for itself goes to the image: temporary files, caches, sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        for name, folder in _OWN_FOLDERS.items():
            (mount / folder).mkdir(mode=0o700)
            patch.setenv(name, str(mount / folder))
        yield


def prepare(folders: CentreOnImage) -> Day:
    """As in the demo, with a bank full of canaries and a spare seat."""
    settings = DemoSettings(
        seed="ca" * 32, sitting_s=SITTING_S, teams=1, pictures=False, out=folders.out
    )
    steps = Steps(Console(quiet=True))
    with pytest.MonkeyPatch.context() as patch:
        for name in _OWN_FOLDERS:
            patch.delenv(name)  # headquarters has a disk of its own, and the paper on it
        planted = canaries.draw_canaries()
        bank = folders.out / "bank.xlsx"
        canaries.plant(headquarters.SAMPLE_BANK, bank, planted)
        headquarters.import_bank(folders, steps, bank)
        draft = headquarters.draw_paper(settings, folders, steps)
        root = headquarters.make_keys(folders)
        unsigned = room.set_up_centre(folders, root)
        recipient = marking.set_up_site(folders, root)
        centre = headquarters.sign_centre(folders, unsigned)
        sealed = headquarters.seal(folders, centre, recipient)
    bundle = canaries.read_bundle(
        sealed.bundle,
        folders.usb / "opening-key.age",
        passphrase=(folders.usb / "passphrase.txt").read_text().strip(),
        code=sealed.opening_code,
        root=root,
    )
    roster = make_roster(settings.seed, settings.teams)
    for seat_id in (*(person.seat_id for person in roster), SPARE):
        (folders.image / "seats" / seat_id).mkdir(parents=True, mode=0o700)
        (folders.seats / seat_id).symlink_to(folders.image / "seats" / seat_id)
    passwords = room.add_accounts(folders)
    room.import_exam(settings, folders, centre, sealed, roster, spare_seats=SPARE)
    return Day(
        settings=settings,
        folders=folders,
        canaries=planted,
        draft=draft,
        centre=centre,
        sealed=sealed,
        bundle=bundle,
        passwords=passwords,
    )


def hold(day: Day) -> tuple[bytes, list[dict[str, Any]]]:
    """The day; returns the server's memory in the middle of it, and what the kiosks report."""
    folders, code = day.folders, day.sealed.opening_code
    with contextlib.ExitStack() as stack:
        running = room.start_room(folders, day.passwords)
        servers = [running.process]
        stack.callback(lambda: stop(servers[-1]))
        seating = Seating(
            settings=day.settings,
            folders=folders,
            room=running,
            roster=make_roster(day.settings.seed, day.settings.teams),
            items=day.draft.items,
            centre=day.centre,
        )
        people = seats.seat_everybody(seating)
        stack.callback(seats.stop_everybody, people)
        room.wait_for_log_ins(running, day.settings.candidates, seats.LOG_IN_S)
        codes, room_code = room.join_codes(running)
        seats.enrol_kiosk(seating, SPARE, codes[SPARE])
        room.open_paper(running, folders, code)
        room.confirm_presence_and_start(running)
        seats.kill_one_window(people)
        memory = disk_scan.memory_of(running.process.pid)
        _swap(seating, people, room_code)
        for by in (signal.SIGABRT, signal.SIGKILL):
            servers[-1].send_signal(by)
            servers[-1].wait()
            servers.append(_start_again(running, folders))
            room.open_paper(running, folders, code)
            _wait_for_more(folders, 3)
        steps = Steps(Console(quiet=True))
        within_s = SITTING_S + SWAP_S + seats.AFTER_END_S
        seats.wait_for_receipts(people, steps, day.settings.candidates, within_s)
        room.end_sitting(running)
        reports = seats.reports(people)
    os.sync()
    return memory, reports


def _swap(seating: Seating, people: seats.Candidates, room_code: str) -> None:
    """The second window's machine breaks; its candidate goes on at the spare one."""
    broken = people.windows[1]
    seats.kill_window(broken, signal.SIGABRT)
    room.swap_machine(seating.room, broken.seat, SPARE, "主机断电")
    people.windows[1] = seats.open_window(seating, seating.roster[1], SPARE, room_code)
    people.windows[1].kills = broken.kills
    with seating.room.person("监考") as proctor:
        # Nobody is present at a seat before logging in there.
        wait_until(
            lambda: (
                proctor.post("/proctor/present", {"all": "1"}, page="/proctor") is not None
                and seats.said(people.windows[1].report, "recorded") > 0
            ),
            SWAP_S,
            "the candidate did not go on at the spare machine",
        )


def _wait_for_more(folders: CentreOnImage, answers: int) -> None:
    """Until the swapped candidate has answered so many more parts, or has handed in."""
    before = seats.said(folders.swapped, "recorded")
    wait_until(
        lambda: (
            seats.said(folders.swapped, "is_done") > 0
            or seats.said(folders.swapped, "recorded") >= before + answers
        ),
        SWAP_S,
        "the candidate at the spare machine did not go on",
    )


def _start_again(running: room.Room, folders: CentreOnImage) -> "subprocess.Popen[bytes]":
    ready = folders.room / "run" / "ready.json"
    ready.unlink()
    ports = [str(urlsplit(url).port) for url in (running.kiosk_url, running.console_url)]
    command = ("exam-server", "serve", "--data", folders.room, "--kiosk-port", ports[0])
    log = folders.logs / "room-again.log"
    process = start((*command, "--console-port", ports[1]), log=log)
    wait_ready(process, ready, log)
    return process
