"""A disk that remembers every write and every flush, so that the power can be cut afterwards.

A file that we serve ourselves (FUSE) stands behind a loop device with ext4 on it. What reaches the
file is logged in order, together with the marks of a test that was told something is kept. At a
cut, writes before the last flush are on the disk; of those after it each survives or not, and
some in part: sectors are whole, nothing else is promised.

Run as a module it is the process that serves the file.
"""

import errno
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DISK_BYTES = 48 << 20
_SECTOR_BYTES = 512
_HEAD = struct.Struct("<cQI")  # kind, place, length
WRITE, FLUSH, MARK = b"w", b"f", b"m"
_SURVIVES = 0.5
_TORN_ONE_IN = 4


@dataclass(frozen=True, slots=True)
class Event:
    """Something that reached the disk, or the word of a test."""

    kind: bytes
    at: int
    data: bytes


class PowerDisk:
    """The mounted disk; its log can be read when it is unmounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._served = folder / "served"
        self.mount = folder / "disk"
        self._log = folder / "log"

    def mark(self, word: str) -> None:
        """Note in the log, after all that reached the disk so far, that a test was told this."""
        with (self._served / "mark").open("r+b", buffering=0) as file:
            file.write(word.encode())

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """A fresh ext4 for the block."""
        self._served.mkdir()
        self.mount.mkdir()
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.power_disk", str(self._served), str(self._log)]
        )
        loop = ""
        try:
            image = self._served / "disk.img"
            _wait_for(image, server)
            _run("mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0", str(image))
            loop = _run("losetup", "-f", "--show", "--direct-io=on", str(image))
            _run("mount", "-o", "nodiscard", loop, str(self.mount))
            yield
        finally:
            with suppress(subprocess.CalledProcessError):
                _run("umount", str(self.mount))
            if loop:
                _run("losetup", "-d", loop)
            _run("umount", str(self._served))
            server.wait(20)

    def sync(self) -> None:
        """All that was written until now is on the disk."""
        _run("sync", "-f", str(self.mount))

    def events(self) -> list[Event]:
        """The log."""
        data = self._log.read_bytes()
        events, at = [], 0
        while at < len(data):
            kind, place, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            events.append(Event(kind, place, data[at : at + length]))
            at += length
        return events


class Cuts:
    """Images of the disk as a power cut may leave it, in the order of their moments."""

    def __init__(self, events: list[Event], folder: Path, seed: int) -> None:
        self._events = events
        self._dice = random.Random(seed)  # noqa: S311  what survives, the same every run
        self._base = folder / "base.img"
        self._made = 0
        self.mount = folder / "cut"
        self.mount.mkdir()
        self._applied = 0
        with self._base.open("wb") as file:
            file.truncate(DISK_BYTES)

    def moments(self, count: int) -> list[int]:
        """So many moments between the first mark and the last, ascending; some come twice."""
        marks = [place for place, event in enumerate(self._events) if event.kind == MARK]
        span = range(marks[0] + 1, marks[-1] + 2)
        return sorted(self._dice.choice(span) for _ in range(count))

    def words_before(self, moment: int) -> list[str]:
        """What tests were told before this moment."""
        return [one.data.decode() for one in self._events[:moment] if one.kind == MARK]

    @contextmanager
    def mounted(self, moment: int) -> Iterator[None]:
        """The disk as found after a cut at this moment; ask for moments in ascending order."""
        # A name of its own: under the same one a loop device that is not yet gone is used again,
        # with the blocks that it remembers of the cut before.
        self._made += 1
        image = self._base.with_name(f"cut-{self._made}.img")
        self._make_image(moment, image)
        _run("mount", "-o", "loop", str(image), str(self.mount))
        try:
            yield
        finally:
            _run("umount", str(self.mount))
            image.unlink()

    def _make_image(self, moment: int, path: Path) -> None:
        flushes = [at for at in range(moment) if self._events[at].kind == FLUSH]
        flushed = flushes[-1] if flushes else 0
        with self._base.open("r+b") as base:
            for event in self._events[self._applied : flushed]:
                if event.kind == WRITE:
                    base.seek(event.at)
                    base.write(event.data)
            self._applied = max(self._applied, flushed)
        shutil.copyfile(self._base, path)
        with path.open("r+b") as image:
            for event in self._events[flushed:moment]:
                if event.kind == WRITE:
                    self._let_survive(image, event)

    def _let_survive(self, image: Any, event: Event) -> None:
        if self._dice.random() < _SURVIVES:
            return
        is_torn = self._dice.randrange(_TORN_ONE_IN) == 0
        for at in range(0, len(event.data), _SECTOR_BYTES):
            if not is_torn or self._dice.random() < _SURVIVES:
                image.seek(event.at + at)
                image.write(event.data[at : at + _SECTOR_BYTES])


def why_impossible() -> str:
    """What this machine lacks for power cuts; empty when nothing."""
    if os.geteuid() != 0:
        return "power cuts need root: they mount file systems"
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not Path(device).exists():
            return f"power cuts need {device}"
    return ""


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _wait_for(image: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while not image.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise AssertionError("the disk is not served")
        time.sleep(0.01)


class _Served:
    """Two files: the disk, and where marks are written; called by FUSE."""

    use_ns = True

    def __init__(self, log: str) -> None:
        self._disk = bytearray(DISK_BYTES)
        self._log = open(log, "wb")  # noqa: PTH123, SIM115  open as long as the process

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """What is there."""
        del fh
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        sizes = {"/disk.img": DISK_BYTES, "/mark": 4096}
        if path not in sizes:
            raise OSError(errno.ENOENT, path)
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": sizes[path]}

    def readdir(self, _path: str, _fh: int) -> list[str]:
        """The names."""
        return [".", "..", "disk.img", "mark"]

    def open(self, _path: str, _flags: int) -> int:
        """Anybody may."""
        return 0

    def read(self, _path: str, size: int, offset: int, _fh: int) -> bytes:
        """Of the disk."""
        return bytes(self._disk[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, _fh: int) -> int:
        """Logged before it is answered."""
        if path == "/mark":
            self._note(MARK, 0, data)
        else:
            self._disk[offset : offset + len(data)] = data
            self._note(WRITE, offset, data)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        """Sizes are fixed."""

    def fsync(self, path: str, _datasync: int, _fh: int) -> int:
        """What the loop device makes of a flush."""
        if path == "/disk.img":
            self._note(FLUSH, 0, b"")
        return 0

    def flush(self, _path: str, _fh: int) -> int:
        """A file was closed: no promise."""
        return 0

    def destroy(self, _path: str) -> None:
        """Unmounted."""
        self._log.close()

    def _note(self, kind: bytes, at: int, data: bytes) -> None:
        self._log.write(_HEAD.pack(kind, at, len(data)) + data)


def _serve(folder: str, log: str) -> None:
    import mfusepy  # type: ignore[import-untyped]  # noqa: PLC0415  loads libfuse, only here

    served = type("Served", (_Served, mfusepy.Operations), {})
    mfusepy.FUSE(served(log), folder, foreground=True, nothreads=True)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
