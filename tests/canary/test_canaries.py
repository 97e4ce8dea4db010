"""Between import and close nothing of the paper or its key lies in the clear at the centre.

A whole exam with real processes, whose room, kiosks, logs, temporary files, caches and core folder
stand on an ext4 image of their own, so that the raw scan also sees blocks that were freed. A
kiosk's process is killed, another's is killed and its candidate goes on at a spare machine, the
server is killed twice; core files are allowed. Every text of the bank begins and ends with a
random canary of its kind; they are looked for in every spelling that a program of ours could give
them, and so is every key that opens a form or a journal.
"""

import contextlib
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.candidates import said
from exam_core.model.identifiers import SessionId
from tests.support import canaries
from tests.support.canaries import KEY_KINDS, SHOWN_KINDS, spellings
from tests.support.canary_day import CentreOnImage, Day, hold, own_folders, prepare
from tests.support.disk_scan import all_files, raw_pages

pytestmark = pytest.mark.e2e

IMAGE_BYTES = 256 * 2**20
CONTROL = "对照金丝雀：这一句写在盘上又被删去"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An exam that was held: its paper, its disk, and what was in the server's memory."""

    day: Day
    folder: Path
    disk: bytes
    is_image: bool
    memory: bytes
    reports: list[dict[str, Any]]
    sessions: list[SessionId]


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
def held(disk: tuple[Path, Path, bool], tmp_path_factory: pytest.TempPathFactory) -> Held:
    """The exam: everybody writes, kiosks and the server are killed, everybody hands in."""
    image, mount, is_image = disk
    folders = CentreOnImage(tmp_path_factory.mktemp("exam") / "out")
    object.__setattr__(folders, "image", mount)
    cores = mount / "cores"
    for folder in (folders.usb, folders.seats, folders.vault, folders.logs, cores):
        folder.mkdir(parents=True, exist_ok=True)
    _plant_control(mount)
    with own_folders(mount):
        day = prepare(folders)
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
        try:
            with contextlib.chdir(cores):
                memory, reports = hold(day)
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, limits)
    with sqlite3.connect(f"file:{folders.room}/room.db?mode=ro", uri=True) as database:
        sessions = [SessionId(one) for (one,) in database.execute("SELECT session_id FROM session")]
    return Held(
        day=day,
        folder=mount,
        disk=raw_pages(image) if is_image else all_files(mount),
        is_image=is_image,
        memory=memory,
        reports=reports,
        sessions=sessions,
    )


def _plant_control(mount: Path) -> None:
    planted = mount / "control"
    planted.write_bytes(b"\n".join(spellings(CONTROL).values()))
    os.sync()
    planted.unlink()
    os.sync()


def _say_where(held: Held, hits: list[str]) -> str:
    """The hits, and the files that have texts in the clear, for who has to find out why."""
    text = hits[0].partition(" (")[0] if hits else ""
    named = [
        path.relative_to(held.folder).as_posix()
        for path in sorted(held.folder.rglob("*"))
        if text
        and path.is_file()
        and any(one in path.read_bytes() for one in spellings(text).values())
    ]
    return f"{len(hits)} hits, the first {hits[:3]}, in {named or 'freed blocks'}"


def _canary_hits(held: Held, kinds: tuple[str, ...], data: bytes) -> list[str]:
    return [
        f"{held.day.canaries[kind]} ({kind}) as {name}"
        for kind in kinds
        for name, spelling in spellings(held.day.canaries[kind]).items()
        if spelling in data
    ]


def test_the_exam_was_a_whole_one(held: Held) -> None:
    """Everybody handed in, one of them at the spare machine; nothing kept was lost at a kill."""
    log = (held.folder / "room" / "audit.jsonl").read_text()

    assert sum(bool(one.get("receipt")) for one in held.reports) == 4
    assert all(one.get("lost_at_restart", 0) == 0 for one in held.reports)
    assert log.count('"action":"machine_swapped"') == 1
    assert said(held.day.folders.swapped, "is_done") == 1
    assert len(held.sessions) == 4


def test_every_kind_of_text_has_its_canary(held: Held) -> None:
    """Every text that was drawn, sealed and shown begins and ends with the canary of its kind."""
    drawn = (held.day.folders.hq / "draw" / "paper.draft").read_text()

    for kind in (*SHOWN_KINDS, *KEY_KINDS):
        assert drawn.count(held.day.canaries[kind]) >= 5, kind
    texts = {
        "stem": [part.stem for item in held.day.draft.items for part in item.parts],
        "explanation": [item.explanation for item in held.day.draft.items if item.explanation],
    }
    for kind, ones in texts.items():
        canary = held.day.canaries[kind]
        assert all(one.startswith(canary) and one.endswith(canary) for one in ones), kind


def test_the_scan_finds_what_was_planted(held: Held) -> None:
    """Every spelling of a control that was written and deleted is found on the raw image."""
    found = [name for name, one in spellings(CONTROL).items() if one in held.disk]

    assert not held.is_image or found == list(spellings(CONTROL))


def test_no_text_of_a_form_lies_on_a_disk_of_the_centre(held: Held) -> None:
    """Neither stems, materials nor choices, also not in freed blocks or core files."""
    hits = _canary_hits(held, SHOWN_KINDS, held.disk)

    assert not hits, _say_where(held, hits)


def test_no_key_content_lies_on_a_disk_of_the_centre(held: Held) -> None:
    """Neither explanations, marking points nor accepted blanks, which candidates write, too."""
    hits = _canary_hits(held, KEY_KINDS, held.disk)

    assert not hits, _say_where(held, hits)


def test_no_key_of_a_form_or_a_journal_lies_on_a_disk_of_the_centre(held: Held) -> None:
    """Neither the identity of a form nor a journal's key or secret, as bytes or as text."""
    looked_for = dict(canaries.secrets_of(held.day.bundle, held.sessions))
    hits = [
        f"{what} as {name}"
        for what, ways in looked_for.items()
        for name, spelling in ways.items()
        if spelling in held.disk
    ]

    assert len(looked_for) == len(held.day.bundle.identities) + 1 + len(held.sessions)
    assert hits == []


def test_no_key_content_is_in_the_servers_memory(held: Held) -> None:
    """While everybody writes, the room's process holds no explanation of any item.

    Marking points and blanks are left out: candidates write them, and the room checks them.
    """
    assert held.memory
    assert _canary_hits(held, ("explanation",), held.memory) == []
