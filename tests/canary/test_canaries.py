"""Between import and close nothing of the paper or its key lies in the clear at the centre.

A whole exam with real processes, whose room, kiosks, logs and core folder stand on an ext4 image of
their own, so that the raw scan also sees blocks that were freed. Server and kiosks are killed with
SIGABRT and SIGKILL with core files allowed. What is looked for is every stem, material, explanation
and marking point, in every spelling that a program of ours could give it.
"""

import base64
import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from deploy.demo import candidates as seats
from deploy.demo import conductor, room
from deploy.demo.folders import Folders
from deploy.demo.processes import start, stop, wait_ready
from deploy.demo.progress import Steps
from deploy.demo.settings import DemoSettings
from paper_builder.assembly.draft import PaperDraft

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
IMAGE_BYTES = 256 * 2**20
SITTING_S = 25
NEEDLE_CHARS = 12
"""So much of a text is looked for: enough to be itself, little enough to survive a page's end."""
CONTROL = "对照金丝雀：这一句写在盘上又被删去"


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


@dataclass(frozen=True, slots=True)
class Held:
    """An exam that was held: its paper, its disk, and what was in the server's memory."""

    draft: PaperDraft
    folder: Path
    disk: bytes
    is_image: bool
    memory: bytes
    submitted: int


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, bool]]:
    """A mounted ext4 image with its file, or a plain folder where that is not allowed."""
    base = tmp_path_factory.mktemp("centre")
    image, mount = base / "disk.img", base / "disk"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    # Without discard, what was freed stays where it was.
    made = subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True, check=False)
    mounted = made.returncode == 0 and (
        subprocess.run(
            ["mount", "-o", "loop,nodiscard", str(image), str(mount)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    yield image, mount, mounted
    if mounted:
        subprocess.run(["umount", "-l", str(mount)], check=False)


@pytest.fixture(scope="module")
def held(disk: tuple[Path, Path, bool], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """The exam: everybody writes, two kiosks and the server are killed, everybody hands in."""
    image, mount, is_image = disk
    folders = CentreOnImage(tmp_path_factory.mktemp("exam") / "out")
    object.__setattr__(folders, "image", mount)
    cores = mount / "cores"
    for folder in (folders.usb, folders.seats, folders.vault, folders.logs, cores):
        folder.mkdir(parents=True, exist_ok=True)
    settings = DemoSettings(
        seed="ca" * 32, sitting_s=SITTING_S, teams=1, pictures=False, out=folders.out
    )
    steps = Steps(Console(quiet=True))
    prepared = conductor._prepare(settings, folders, steps)
    _plant_control(mount)
    for person in prepared.roster:
        (mount / "seats" / person.seat_id).mkdir(parents=True, mode=0o700)
        (folders.seats / person.seat_id).symlink_to(mount / "seats" / person.seat_id)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    before, path = Path.cwd(), os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    os.chdir(cores)
    try:
        memory, reports = _hold(settings, folders, steps, prepared)
        yield Held(
            draft=prepared.draft,
            folder=mount,
            disk=_raw(image) if is_image else _files(mount),
            is_image=is_image,
            memory=memory,
            submitted=sum(bool(one.get("receipt")) for one in reports),
        )
    finally:
        os.chdir(before)
        resource.setrlimit(resource.RLIMIT_CORE, limits)
        if path is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = path


def _hold(
    settings: DemoSettings,
    folders: CentreOnImage,
    steps: Steps,
    prepared: conductor.Prepared,
) -> tuple[bytes, list[dict[str, Any]]]:
    """The day; returns the server's memory in the middle of it, and what the kiosks report."""
    running = room.start_room(folders, prepared.room_passwords)
    people = seats.seat_everybody(
        seats.Seating(
            settings=settings,
            folders=folders,
            room=running,
            roster=prepared.roster,
            items=prepared.draft.items,
            centre=prepared.centre,
        )
    )
    server = running.process
    try:
        room.wait_for_log_ins(running, settings.candidates, seats.LOG_IN_S)
        room.open_paper(running, folders, prepared.sealed.opening_code)
        room.confirm_presence_and_start(running)
        seats.kill_one_window(people)
        other = people.windows[1]
        other.process.send_signal(signal.SIGABRT)
        other.process.wait()
        other.process = seats._start_robot(other.data, other.plan, other.report, other.log)
        memory = _memory_of(server.pid)
        server.send_signal(signal.SIGABRT)
        server.wait()
        server = _start_again(running, folders)
        room.open_paper(running, folders, prepared.sealed.opening_code)
        seats.wait_for_receipts(people, steps, settings.candidates, SITTING_S + seats.AFTER_END_S)
        room.end_sitting(running)
        reports = seats.reports(people)
    finally:
        seats.stop_everybody(people)
        stop(server)
    os.sync()
    return memory, reports


def _start_again(running: room.Room, folders: CentreOnImage) -> "subprocess.Popen[bytes]":
    ready = folders.room / "run" / "ready.json"
    ready.unlink()
    ports = [str(urlsplit(url).port) for url in (running.kiosk_url, running.console_url)]
    command = ("exam-server", "serve", "--data", folders.room, "--kiosk-port", ports[0])
    log = folders.logs / "room-again.log"
    process = start((*command, "--console-port", ports[1]), log=log)
    wait_ready(process, ready, log)
    return process


def _plant_control(mount: Path) -> None:
    planted = mount / "control"
    planted.write_bytes(b"\n".join(spellings(CONTROL).values()))
    os.sync()
    planted.unlink()
    os.sync()


def spellings(text: str) -> dict[str, bytes]:
    """The ways in which a text could lie on a disk or in memory, each long enough to be told."""
    start = text[:NEEDLE_CHARS]
    raw = start.encode()
    found = {
        "UTF-8": raw,
        "UTF-16": start.encode("utf-16-le"),
        "UTF-32": start.encode("utf-32-le"),
        "JSON escapes": json.dumps(start)[1:-1].encode(),
        "hex": raw.hex().encode(),
    }
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + raw)
        found[f"base64 at {offset}"] = coded[4 if offset else 0 : len(coded) // 4 * 4 - 4]
    return found


def _memory_of(pid: int) -> bytes:
    """Every readable, writable mapping of a process, without its empty pages."""
    pieces = []
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            place, access, *_ = line.split()
            if not access.startswith("rw"):
                continue
            first, end = (int(part, 16) for part in place.split("-"))
            try:
                memory.seek(first)
                pieces.append(memory.read(end - first))
            except (OSError, OverflowError):
                continue  # the kernel's own pages
    return _without_empty_pages(b"\0".join(pieces))


def _without_empty_pages(data: bytes) -> bytes:
    pages = (data[at : at + 4096] for at in range(0, len(data), 4096))
    return b"".join(page for page in pages if page.strip(b"\0"))


def _raw(image: Path) -> bytes:
    """Every page of the image that is not empty; those of deleted files are among them."""
    with image.open("rb") as file:
        pages = iter(partial(file.read, 4096), b"")
        return b"".join(page for page in pages if page.strip(b"\0"))


def _files(folder: Path) -> bytes:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return b"\0".join(path.read_bytes() for path in files)


def _say_where(held: Held, hits: list[str]) -> str:
    """The hits, and the files that have texts in the clear, for who has to find out why."""
    text = hits[0].partition(" as ")[0] if hits else ""
    named = [
        path.relative_to(held.folder).as_posix()
        for path in sorted(held.folder.rglob("*"))
        if text
        and path.is_file()
        and any(one in path.read_bytes() for one in spellings(text).values())
    ]
    return f"{len(hits)} hits, the first {hits[:3]}, in {named or 'freed blocks'}"


def _stems(draft: PaperDraft) -> Iterator[str]:
    for item in draft.items:
        yield from (text for text in (item.material,) if text)
        yield from (part.stem for part in item.parts)


def _key_texts(draft: PaperDraft, *, with_points: bool = True) -> Iterator[str]:
    """What only the key holds; short ones could stand anywhere."""
    for item in draft.items:
        yield item.explanation
        for part in item.parts:
            points: tuple[Any, ...] = getattr(part.key, "marking_points", ())
            yield from (point.text for point in points if with_points)


def _hits(texts: Iterator[str], data: bytes) -> list[str]:
    wanted = {text for text in texts if len(text) >= NEEDLE_CHARS}
    assert len(wanted) > 50, "there is something to look for"
    return [
        f"{text[:NEEDLE_CHARS]} as {name}"
        for text in sorted(wanted)
        for name, spelling in spellings(text).items()
        if spelling in data
    ]


def test_the_scan_finds_what_was_planted(held: Held) -> None:
    """Every spelling of a control that was written and deleted is found on the raw image."""
    found = [name for name, one in spellings(CONTROL).items() if one in held.disk]

    assert held.submitted == 4, "the exam was a whole one"
    assert not held.is_image or found == list(spellings(CONTROL))


def test_no_stem_lies_on_a_disk_of_the_centre(held: Held) -> None:
    """Neither stems nor materials, in no spelling, also not in freed blocks or core files."""
    hits = _hits(_stems(held.draft), held.disk)

    assert not hits, _say_where(held, hits)


def test_no_key_content_lies_on_a_disk_of_the_centre(held: Held) -> None:
    """Neither explanations nor marking points, which some candidates write as their answers."""
    hits = _hits(_key_texts(held.draft), held.disk)

    assert not hits, _say_where(held, hits)


def test_no_key_content_is_in_the_servers_memory(held: Held) -> None:
    """While everybody writes, the room's process holds no explanation of any item.

    Marking points are left out: candidates write them, and the room checks what they write.
    """
    assert held.memory
    assert _hits(_key_texts(held.draft, with_points=False), held.memory) == []
