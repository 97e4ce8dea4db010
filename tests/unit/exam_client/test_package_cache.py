"""The sealed paper on this machine: verified each time, and kept whole or not at all."""

import errno
import hashlib
from pathlib import Path

from exam_client.config import DataFolder, KioskConfig
from exam_client.package_cache import PackageCache
from exam_core.errors import IntegrityError, StorageError
from exam_core.model.identifiers import SeatId, SittingId
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.refusals import refuses

PACKAGE = builders.package()
SHA256 = hashlib.sha256(PACKAGE).hexdigest()
SITTING_ID = builders.SITTING_ID
FOLDER = DataFolder(Path("/kiosk"))


def _cache(files: MemoryFiles) -> PackageCache:
    config = KioskConfig(
        folder=FOLDER,
        kiosk_url="https://x",
        console_url="https://x",
        seat_id=SeatId("A01"),
        root=builders.root(),
        centre=builders.centre(),
    )
    return PackageCache(files, config)


def test_a_stored_package_is_loaded_and_verified() -> None:
    """The package that was stored comes back; none for another digest."""
    files = MemoryFiles()
    stored = _cache(files).store(PACKAGE, sha256=SHA256, sitting_id=SITTING_ID)

    loaded = _cache(files.power_off(files.rng)).load(SHA256, sitting_id=SITTING_ID)

    assert loaded == stored
    assert _cache(files).load("ab" * 32, sitting_id=SITTING_ID) is None


def test_an_altered_copy_is_not_used() -> None:
    """A copy that was changed on disk is as good as none."""
    files = MemoryFiles()
    _cache(files).store(PACKAGE, sha256=SHA256, sitting_id=SITTING_ID)
    files.put(FOLDER.package / f"{SHA256}.exampkg", PACKAGE[:-1] + b"x")

    assert _cache(files).load(SHA256, sitting_id=SITTING_ID) is None


def test_what_does_not_hold_is_not_kept() -> None:
    """A package other than announced, of another sitting, or signed by strangers leaves no file."""
    files = MemoryFiles()
    forged = builders.package(keys=[builders.SETTER, builders.STRANGER])

    with refuses(IntegrityError, "package.other"):
        _cache(files).store(PACKAGE, sha256="ab" * 32, sitting_id=SITTING_ID)
    with refuses(IntegrityError, "package.other"):
        _cache(files).store(PACKAGE, sha256=SHA256, sitting_id=SittingId("S-OTHER"))
    with refuses(IntegrityError, "signature.threshold"):
        _cache(files).store(
            forged, sha256=hashlib.sha256(forged).hexdigest(), sitting_id=SITTING_ID
        )

    assert files.contents() == {}


def test_a_full_disk_is_said() -> None:
    """A package that could not be written is a storage error, not a success."""
    files = MemoryFiles()
    files.fault = lambda _call, _name, _path: OSError(errno.ENOSPC, "full")

    with refuses(StorageError, "client.disk"):
        _cache(files).store(PACKAGE, sha256=SHA256, sitting_id=SITTING_ID)
