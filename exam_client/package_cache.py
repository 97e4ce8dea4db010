"""The sealed paper on this machine: verified against the root, then kept, then trusted.

What is on disk is ciphertext. It is verified again each time a program starts, and what is used
of it is compared with its digest again. A download goes to a file of its own, goes on where it
was cut off, and gets its name only when all of it holds.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exam_client import limits
from exam_client.config import CLIENT_DISK, KioskConfig
from exam_client.journal.files import FileSystem, JournalFile
from exam_core.errors import ExamError, IntegrityError, StorageError, declare
from exam_core.formats.byte_source import ByteSource, digest_of
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.paper_package import PACKAGE_SEQUENCE, PaperPackage, verify_package
from exam_core.model.identifiers import SittingId

PACKAGE_OTHER = declare(
    "package.other", "下载的试卷包与服务器公布的不同，已丢弃；程序会自动重新下载。"
)

_PACKAGE, _PART = ".exampkg", ".part"
_SEQUENCES = "sequences.json"


class _Sequences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The highest sequence of each sitting that was ever accepted here."""

    highest: dict[SittingId, int] = {}


class Download:
    """A package on its way in; what has arrived stays when the connection is cut.

    Attributes:
        start: How many bytes are here already.
    """

    def __init__(self, files: FileSystem, path: Path) -> None:
        self._files = files
        self._path = path
        self._file: JournalFile | None = None
        try:
            self.start = files.source(path).size
        except OSError:
            self.start = 0

    def restart(self) -> None:
        """Forget what is here: the room sends the file from its beginning.

        Raises:
            StorageError: `client.disk`.
        """
        self.close()
        self.start = 0
        with _disk_errors():
            self._files.remove(self._path)

    def write(self, data: bytes) -> None:
        """Append what arrived.

        Raises:
            StorageError: `client.disk`.
        """
        with _disk_errors():
            if self._file is None:
                self._file = self._files.append(self._path)
            self._file.write(data)

    def finish(self) -> None:
        """Everything has arrived: bring it to the disk.

        Raises:
            StorageError: `client.disk`.
        """
        with _disk_errors():
            if self._file is not None:
                self._file.sync()
        self.close()

    def close(self) -> None:
        """Let go of the file; never raises."""
        if self._file is not None:
            self._file.close()
            self._file = None


class PackageCache:
    """The package folder of one kiosk.

    Args:
        files: How files are read and written.
        config: Whose root verifies packages.
    """

    def __init__(self, files: FileSystem, config: KioskConfig) -> None:
        self._files = files
        self._folder = config.folder.package
        self._root = config.root
        self._refused: dict[str, ExamError] = {}

    def load(self, sha256: str, *, sitting_id: SittingId) -> PaperPackage | None:
        """The package with this digest, if it is here and holds; None otherwise."""
        try:
            return self._verified(
                self._folder / f"{sha256}{_PACKAGE}", sha256=sha256, sitting_id=sitting_id
            )
        except (OSError, ExamError):
            return None  # whatever is wrong with the copy, it is fetched again

    def download(self, sha256: str) -> Download:
        """Begin or go on with the download of this package; what else is half here goes.

        Raises:
            InputError, IntegrityError: This very file was refused before: fetching it again
                would change nothing.
            StorageError: `client.disk`.
        """
        if sha256 in self._refused:
            raise self._refused[sha256]
        part = self._folder / f"{sha256}{_PART}"
        with _disk_errors():
            self._files.make_folder(self._folder)
            self._remove_others(keep={part.name}, suffixes=(_PART,))
        return Download(self._files, part)

    def accept(self, sha256: str, *, sitting_id: SittingId) -> PaperPackage:
        """Verify what was downloaded and keep it, whole or not at all.

        Former packages are removed. The room must not go back: the highest sequence of each
        sitting is remembered here as well.

        Raises:
            InputError, IntegrityError: It does not hold; it was removed.
            StorageError: `client.disk`; the package could not be kept.
        """
        part = self._folder / f"{sha256}{_PART}"
        try:
            package = self._verified(part, sha256=sha256, sitting_id=sitting_id)
        except (OSError, ExamError) as error:
            if isinstance(error, ExamError) and self._digest(part) == sha256:
                self._refused[sha256] = error
            with contextlib.suppress(OSError):  # the refusal is what matters
                self._files.remove(part)
            if isinstance(error, OSError):
                raise _disk_error(error) from error
            raise
        path = self._folder / f"{sha256}{_PACKAGE}"
        with _disk_errors():
            self._remember(sitting_id, package.manifest.sequence)
            self._files.rename(part, path)
            self._remove_others(keep={path.name}, suffixes=(_PART, _PACKAGE))
            return dataclasses.replace(package, source=_KioskSource(self._files.source(path)))

    def _verified(self, path: Path, *, sha256: str, sitting_id: SittingId) -> PaperPackage:
        source = _KioskSource(self._files.source(path))
        if source.size > limits.package_bytes_max:
            raise IntegrityError(PACKAGE_OTHER, "试卷包过大")
        package = verify_package(source, self._root)
        if package.sha256 != sha256:
            raise IntegrityError(PACKAGE_OTHER, "试卷包的摘要与公布的不同")
        if package.manifest.sitting_id != sitting_id:
            raise IntegrityError(PACKAGE_OTHER, "试卷包属于另一场次")
        seen = self._sequences().highest.get(sitting_id, 0)
        if package.manifest.sequence < seen:
            raise IntegrityError(
                PACKAGE_SEQUENCE,
                f"试卷包序号 {package.manifest.sequence} 低于本机见过的 {seen}",
                sequence=package.manifest.sequence,
                seen=seen,
            )
        return package

    def _digest(self, path: Path) -> str:
        try:
            return digest_of(_KioskSource(self._files.source(path)))
        except (OSError, ExamError):
            return ""

    def _sequences(self) -> _Sequences:
        try:
            data = self._files.read(self._folder / _SEQUENCES, limits.config_bytes_max)
            return decode_canonical(data, _Sequences, CLIENT_DISK, "序号记录")
        except (OSError, ExamError):
            # None yet, or damaged: who can damage it could also remove it. The server's memory
            # is the one that counts; this one is a second.
            return _Sequences()

    def _remember(self, sitting_id: SittingId, sequence: int) -> None:
        highest = self._sequences().highest
        others = [(name, seen) for name, seen in highest.items() if name != sitting_id]
        latest = dict([*others, (sitting_id, sequence)][-limits.sittings_remembered_max :])
        if latest != highest:
            self._files.replace(
                self._folder / _SEQUENCES, encode_canonical(_Sequences(highest=latest))
            )

    def _remove_others(self, *, keep: set[str], suffixes: tuple[str, ...]) -> None:
        for name in self._files.names(self._folder):
            if name.endswith(suffixes) and name not in keep:
                self._files.remove(self._folder / name)


class _KioskSource:
    """A source whose disk errors are ours."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    @property
    def size(self) -> int:
        return self._source.size

    def read_at(self, offset: int, size: int) -> bytes:
        with _disk_errors():
            return self._source.read_at(offset, size)


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _disk_error(error) from error


def _disk_error(error: OSError) -> StorageError:
    return StorageError(CLIENT_DISK, "试卷包无法读写", errno=error.errno)
