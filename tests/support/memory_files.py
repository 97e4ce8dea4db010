"""A file system in memory that can fail at any call and lose power at any moment.

It keeps apart what a program sees and what is on the platter. After a power loss only synced bytes
and synced names are sure; anything written later may be there whole, in part, as zeros, as
garbage, or not at all, in units of sectors.
"""

import errno
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

_SECTOR_BYTES = 512


class PowerLost(BaseException):
    """The machine is off; nothing after this call happened."""


@dataclass(slots=True)
class _Node:
    """One file: the bytes that a program sees, and how many from the start are on the platter."""

    seen: bytearray = field(default_factory=bytearray)
    synced: int = 0
    is_name_synced: bool = False


Fault = Callable[[int, str, Path], OSError | None]
"""Given the number of the call from 1, its name and its path: the error to raise, or none."""


class MemoryFiles:
    """See the module.

    Attributes:
        calls: How many calls that change something were made.
        fault: Decides which of them fails.
        power_lost_at: The call before which the machine goes off.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.fault: Fault | None = None
        self.power_lost_at: int | None = None
        self.rng = random.Random(0)  # noqa: S311  repeatable damage, no secret
        self._nodes: dict[Path, _Node] = {}

    # What the product calls

    def create(self, path: Path) -> "MemoryFile":
        """A new empty file."""
        self._step("create", path)
        if path in self._nodes:
            raise FileExistsError(errno.EEXIST, "exists")
        node = self._nodes[path] = _Node()
        return MemoryFile(self, path, node)

    def make_folder(self, path: Path) -> None:
        """Folders need no making here, but making them can fail."""
        self._step("make_folder", path)

    def sync_folder(self, path: Path) -> None:
        """All names in the folder are on the platter."""
        self._step("sync_folder", path)
        for one, node in self._nodes.items():
            if one.parent == path:
                node.is_name_synced = True

    def read(self, path: Path, size_max: int) -> bytes:
        """The bytes that a program sees."""
        error = self.fault(0, "read", path) if self.fault else None
        if error:
            raise error
        if path not in self._nodes:
            raise FileNotFoundError(errno.ENOENT, "missing")
        if len(self._nodes[path].seen) > size_max:
            raise OSError(errno.EFBIG, "too large")
        return bytes(self._nodes[path].seen)

    def names(self, folder: Path) -> list[str]:
        """The names that a program sees."""
        error = self.fault(0, "names", folder) if self.fault else None
        if error:
            raise error
        return sorted(path.name for path in self._nodes if path.parent == folder)

    def replace(self, path: Path, data: bytes) -> None:
        """Whole or not at all."""
        self._step("replace", path)
        self._nodes[path] = _Node(bytearray(data), len(data), is_name_synced=True)

    def append(self, path: Path) -> "MemoryFile":
        """A file to go on with; made when it is missing."""
        self._step("append", path)
        return MemoryFile(self, path, self._nodes.setdefault(path, _Node()))

    def source(self, path: Path) -> "MemorySource":
        """A file to read at any place."""
        if path not in self._nodes:
            raise FileNotFoundError(errno.ENOENT, "missing")
        return MemorySource(self, path)

    def rename(self, path: Path, to: Path) -> None:
        """Another name, on the platter."""
        self._step("rename", path)
        node = self._nodes[to] = self._nodes.pop(path)
        node.is_name_synced = True

    def remove(self, path: Path) -> None:
        """The file is gone for the program; its name may come back after a power loss."""
        self._step("remove", path)
        self._nodes.pop(path, None)

    # What tests do

    def power_off(self, rng: random.Random) -> "MemoryFiles":
        """One state in which the platter may be found."""
        found = MemoryFiles()
        for path, node in self._nodes.items():
            if node.is_name_synced or rng.random() < 0.5:
                content = _after_power_loss(node, rng)
                found._nodes[path] = _Node(bytearray(content), len(content), is_name_synced=True)
        return found

    def survivors(self) -> "MemoryFiles":
        """What the next program finds after this one was killed; the machine stayed on."""
        found = MemoryFiles()
        for path, node in self._nodes.items():
            found._nodes[path] = replace(node, seen=bytearray(node.seen))
        return found

    def put(self, path: Path, data: bytes) -> None:
        """A file that was there before the test."""
        self._nodes[path] = _Node(bytearray(data), len(data), is_name_synced=True)

    def contents(self) -> dict[Path, bytes]:
        """Every file as a program sees it."""
        return {path: bytes(node.seen) for path, node in self._nodes.items()}

    def _step(self, name: str, path: Path) -> None:
        self.calls += 1
        if self.power_lost_at is not None and self.calls >= self.power_lost_at:
            raise PowerLost
        error = self.fault(self.calls, name, path) if self.fault else None
        if error:
            raise error


class MemorySource:
    """A file read by its path, whatever is there now."""

    def __init__(self, files: MemoryFiles, path: Path) -> None:
        self._files = files
        self._path = path

    @property
    def size(self) -> int:
        """How many bytes a program sees."""
        return len(self._files._nodes[self._path].seen)

    def read_at(self, offset: int, size: int) -> bytes:
        """So many bytes, as a program sees them."""
        data = self._files.read(self._path, sys.maxsize)
        return data[offset : offset + size]


class MemoryFile:
    """A file opened for appending."""

    def __init__(self, files: MemoryFiles, path: Path, node: _Node) -> None:
        self._files = files
        self._path = path
        self._node = node
        self.is_open = True

    def write(self, data: bytes) -> None:
        """Append; a failing write leaves a part, as real ones do."""
        assert self.is_open
        try:
            self._files._step("write", self._path)
        except (OSError, PowerLost):
            self._node.seen += data[: self._files.rng.randrange(len(data) + 1)]
            raise
        self._node.seen += data

    def sync(self) -> None:
        """A failing sync loses the pages and never says so again."""
        assert self.is_open
        try:
            self._files._step("sync", self._path)
        except OSError:
            kept = self._node.synced
            self._node.seen[kept:] = bytes(len(self._node.seen) - kept)
            raise
        self._node.synced = len(self._node.seen)

    def close(self) -> None:
        """Let go."""
        self.is_open = False


def _after_power_loss(node: _Node, rng: random.Random) -> bytes:
    synced, seen = node.synced, bytes(node.seen)
    image = bytearray(seen)
    for sector in range(synced // _SECTOR_BYTES * _SECTOR_BYTES, len(seen), _SECTOR_BYTES):
        start, end = max(sector, synced), min(sector + _SECTOR_BYTES, len(seen))
        match rng.randrange(4):
            case 0:
                image[start:end] = bytes(end - start)
            case 1:
                image[start:end] = rng.randbytes(end - start)
            case _:
                pass  # it got there in time
    if rng.random() < 0.5:
        image = image[: rng.randrange(synced, len(image) + 1)]
    return bytes(image)
