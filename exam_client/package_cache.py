"""The sealed paper on this machine: verified against the root, then kept, then trusted.

What is on disk is ciphertext, and it is verified again each time it is read.
"""

import hashlib

from exam_client import limits
from exam_client.config import CLIENT_DISK, KioskConfig
from exam_client.journal.files import FileSystem
from exam_core.errors import ExamError, IntegrityError, StorageError, declare
from exam_core.formats.paper_package import PaperPackage, verify_package
from exam_core.model.identifiers import SittingId

PACKAGE_OTHER = declare(
    "package.other", "下载的试卷包与服务器公布的不同，已丢弃；程序会自动重新下载。"
)


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

    def load(self, sha256: str, *, sitting_id: SittingId) -> PaperPackage | None:
        """The package with this digest, if it is here and holds; None otherwise."""
        path = self._folder / f"{sha256}.exampkg"
        try:
            data = self._files.read(path, limits.package_bytes_max)
            return self._verified(data, sha256=sha256, sitting_id=sitting_id)
        except (OSError, ExamError):
            return None  # whatever is wrong with the copy, it is fetched again

    def store(self, data: bytes, *, sha256: str, sitting_id: SittingId) -> PaperPackage:
        """Verify a package and keep it, whole or not at all.

        Raises:
            InputError, IntegrityError: It does not hold; nothing was written.
            StorageError: `client.disk`; the package holds but could not be kept.
        """
        package = self._verified(data, sha256=sha256, sitting_id=sitting_id)
        try:
            self._files.make_folder(self._folder)
            self._files.replace(self._folder / f"{sha256}.exampkg", data)
        except OSError as error:
            raise StorageError(CLIENT_DISK, "试卷包无法写入磁盘", errno=error.errno) from error
        return package

    def _verified(self, data: bytes, *, sha256: str, sitting_id: SittingId) -> PaperPackage:
        if hashlib.sha256(data).hexdigest() != sha256:
            raise IntegrityError(PACKAGE_OTHER, "试卷包的摘要与公布的不同")
        package = verify_package(data, self._root)
        if package.manifest.sitting_id != sitting_id:
            raise IntegrityError(PACKAGE_OTHER, "试卷包属于另一场次")
        return package
