"""The sealed paper on this machine: verified each time, and kept whole or not at all."""

import errno
import hashlib
from pathlib import Path

import pytest

from exam_client import limits
from exam_client.config import DataFolder, KioskConfig
from exam_client.journal.files import RealFileSystem
from exam_client.package_cache import PackageCache
from exam_core.errors import ExamError, IntegrityError, StorageError
from exam_core.formats.paper_package import PaperPackage
from exam_core.model.identifiers import FormNumber, SeatId, SittingId
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.refusals import refuses

PACKAGE = builders.package()
SHA256 = hashlib.sha256(PACKAGE).hexdigest()
SITTING_ID = builders.SITTING_ID
FOLDER = DataFolder(Path("/kiosk"))


def _cache(files: MemoryFiles | RealFileSystem, folder: DataFolder = FOLDER) -> PackageCache:
    config = KioskConfig(
        folder=folder,
        kiosk_url="https://x",
        console_url="https://x",
        seat_id=SeatId("A01"),
        root=builders.root(),
        centre=builders.centre(),
    )
    return PackageCache(files, config)


def _fetch(
    cache: PackageCache,
    data: bytes = PACKAGE,
    *,
    sha256: str | None = None,
    sitting_id: SittingId = SITTING_ID,
) -> PaperPackage:
    """Download what is missing, then accept."""
    digest = sha256 or hashlib.sha256(data).hexdigest()
    download = cache.download(digest)
    download.write(data[download.start :])
    download.finish()
    return cache.accept(digest, sitting_id=sitting_id)


def _files(files: MemoryFiles) -> set[str]:
    return {path.name for path in files.contents()}


def test_a_stored_package_is_loaded_and_verified() -> None:
    """The package that was stored comes back after a power loss; none for another digest."""
    files = MemoryFiles()
    stored = _fetch(_cache(files))

    loaded = _cache(files.power_off(files.rng)).load(SHA256, sitting_id=SITTING_ID)

    assert loaded is not None
    assert loaded.manifest == stored.manifest
    assert loaded.sealed_form(FormNumber(1)) == stored.sealed_form(FormNumber(1))
    assert _cache(files).load("ab" * 32, sitting_id=SITTING_ID) is None


def test_an_altered_copy_is_not_used() -> None:
    """A copy that was changed on disk is as good as none, also after it was verified."""
    files = MemoryFiles()
    package = _fetch(_cache(files))
    files.put(FOLDER.package / f"{SHA256}.exampkg", PACKAGE[:-1] + b"x")

    assert _cache(files).load(SHA256, sitting_id=SITTING_ID) is None
    with refuses(IntegrityError, "package.altered"):
        package.sealed_form(FormNumber(1))


def test_what_does_not_hold_is_not_kept() -> None:
    """A package other than announced, of another sitting, or signed by strangers leaves no file."""
    files = MemoryFiles()
    forged = builders.package(keys=[builders.SETTER, builders.STRANGER])

    with refuses(IntegrityError, "package.other"):
        _fetch(_cache(files), sha256="ab" * 32)
    with refuses(IntegrityError, "package.other"):
        _fetch(_cache(files), sitting_id=SittingId("S-OTHER"))
    with refuses(IntegrityError, "signature.unknown_key"):
        _fetch(_cache(files), forged)

    assert files.contents() == {}


def test_a_refused_package_is_not_fetched_again() -> None:
    """What was refused as it was announced stays refused; a bad transfer may be tried again."""
    files = MemoryFiles()
    forged = builders.package(keys=[builders.SETTER, builders.STRANGER])
    cache = _cache(files)

    with refuses(IntegrityError, "signature.unknown_key"):
        _fetch(cache, forged)
    with refuses(IntegrityError, "signature.unknown_key"):
        cache.download(hashlib.sha256(forged).hexdigest())
    with pytest.raises(ExamError):
        _fetch(cache, PACKAGE[:-1] + b"x", sha256=SHA256)
    assert _fetch(cache).sha256 == SHA256


def test_a_cut_download_goes_on_where_it_stopped() -> None:
    """Also in another program start; half of another package is removed."""
    files = MemoryFiles()
    files.put(FOLDER.package / "0f.part", b"half")
    first = _cache(files).download(SHA256)
    first.write(PACKAGE[:1000])
    first.close()

    second = _cache(files).download(SHA256)

    assert second.start == 1000
    assert _files(files) == {f"{SHA256}.part"}
    assert _fetch(_cache(files)).sha256 == SHA256
    assert _files(files) == {f"{SHA256}.exampkg", "sequences.json"}


def test_a_download_can_begin_anew() -> None:
    """What was here before is forgotten."""
    files = MemoryFiles()
    files.put(FOLDER.package / f"{SHA256}.part", b"of another file")
    download = _cache(files).download(SHA256)
    download.restart()
    assert download.start == 0
    download.write(PACKAGE)
    download.finish()
    assert _cache(files).accept(SHA256, sitting_id=SITTING_ID).sha256 == SHA256


def test_a_lower_sequence_is_refused() -> None:
    """A room cannot go back to an older package, also when the newer one has vanished here."""
    files = MemoryFiles()
    newer = builders.package(sequence=7)
    _fetch(_cache(files), newer)
    files.remove(FOLDER.package / f"{hashlib.sha256(newer).hexdigest()}.exampkg")

    with refuses(IntegrityError, "package.sequence") as caught:
        _fetch(_cache(files))
    assert caught.value.facts == {"sequence": 1, "seen": 7}
    other = builders.package(sitting_id=SittingId("S2"))
    assert _fetch(_cache(files), other, sitting_id=SittingId("S2")).manifest.sequence == 1


def test_a_newer_package_replaces_the_former(monkeypatch: pytest.MonkeyPatch) -> None:
    """One package is kept; the memory of sequences is bounded and survives damage."""
    monkeypatch.setattr(limits, "sittings_remembered_max", 2)
    files = MemoryFiles()
    for number in range(4):
        sitting_id = SittingId(f"S{number}")
        _fetch(_cache(files), builders.package(sitting_id=sitting_id), sitting_id=sitting_id)
    assert len(_files(files)) == 2
    assert files.read(FOLDER.package / "sequences.json", 999) == b'{"highest":{"S2":1,"S3":1}}'

    files.put(FOLDER.package / "sequences.json", b"damaged")
    assert _fetch(_cache(files)).sha256 == SHA256


@pytest.mark.parametrize("call", ["make_folder", "append", "write", "sync", "replace", "rename"])
def test_a_full_disk_is_said(call: str) -> None:
    """A package that could not be written is a storage error, not a success."""
    files = MemoryFiles()
    files.fault = lambda _call, name, _path: OSError(errno.ENOSPC, "full") if name == call else None

    with refuses(StorageError, "client.disk"):
        _fetch(_cache(files))
    assert _cache(files).load(SHA256, sitting_id=SITTING_ID) is None


def test_a_package_that_cannot_be_read_or_is_too_large_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failing disk is said as such; a file over the limit is not read at all."""
    files = MemoryFiles()
    with refuses(StorageError, "client.disk"):
        _cache(files).accept(SHA256, sitting_id=SITTING_ID)
    monkeypatch.setattr(limits, "package_bytes_max", 10)
    with refuses(IntegrityError, "package.other"):
        _fetch(_cache(files))


def test_real_files_do_the_same(tmp_path: Path) -> None:
    """On a real disk a cut download is finished, verified and renamed."""
    cache = _cache(RealFileSystem(), DataFolder(tmp_path))
    half = cache.download(SHA256)
    half.write(PACKAGE[:777])
    half.close()

    package = _fetch(cache)

    assert cache.download(SHA256).start == 0
    assert package.source.size == len(PACKAGE)
    assert cache.load(SHA256, sitting_id=SITTING_ID) is not None
    assert sorted(path.name for path in (tmp_path / "package").iterdir()) == [
        f"{SHA256}.exampkg",
        "sequences.json",
    ]


def test_a_disk_that_fails_while_a_package_is_verified_is_said() -> None:
    """It is no judgement on the package: the next download is tried again."""
    files = MemoryFiles()
    cache = _cache(files)
    download = cache.download(SHA256)
    download.write(PACKAGE)
    download.finish()
    files.fault = lambda _call, name, path: (
        OSError(errno.EIO, "failing") if name == "read" and path.suffix == ".part" else None
    )
    with refuses(StorageError, "client.disk"):
        cache.accept(SHA256, sitting_id=SITTING_ID)
    files.fault = None

    assert _fetch(cache).sha256 == SHA256


def test_a_download_to_which_nothing_came_can_be_finished_and_begun_anew() -> None:
    """Closing, finishing and beginning anew are harmless at any time."""
    files = MemoryFiles()
    download = _cache(files).download(SHA256)
    download.finish()
    download.close()
    download.write(b"x")
    download.write(b"y")
    download.restart()
    assert _files(files) == set()


def test_the_same_package_again_is_remembered_once() -> None:
    """The memory of sequences is written when it changes."""
    files = MemoryFiles()
    _fetch(_cache(files))
    before = files.calls
    _fetch(_cache(files))
    assert files.read(FOLDER.package / "sequences.json", 999) == b'{"highest":{"S2026-1":1}}'
    assert files.calls > before
