"""Where a kiosk keeps `resume.age` and the device key that opens its outer layer.

The device key is made at install and never leaves the machine; without the one-time code from the
proctor's sealed sheet it opens nothing that matters.
"""

from exam_client import limits
from exam_client.config import DataFolder
from exam_client.journal.files import FileSystem
from exam_core.crypto.sealing import SealingIdentity, recipient_of
from exam_core.formats.resume_file import (
    LockedResume,
    ResumeKeys,
    ResumeTicket,
    open_device_layer,
    seal_resume,
)


class ResumeVault:
    """The one resume file of this machine; every method may raise OSError.

    Args:
        files: How files are read and written.
        folder: The kiosk's data folder.
    """

    def __init__(self, files: FileSystem, folder: DataFolder) -> None:
        self._files = files
        self._folder = folder

    def keep(self, keys: ResumeKeys, ticket: ResumeTicket) -> None:
        """Put a file for this ticket's code in place of the one before, which is gone on return.

        Raises:
            InputError: `seal.key`, when the device key or a recipient is none.
        """
        sealed = seal_resume(keys, ticket, recipient_of(self._device_key()))
        self._files.replace(self._folder.sealed_resume, sealed)

    def load(self) -> LockedResume | None:
        """The file with its outer layer off; None when there is none.

        Raises:
            IntegrityError: `resume.device`.
            InputError: `resume.malformed`, `seal.key`.
        """
        try:
            data = self._files.read(self._folder.sealed_resume, limits.resume_bytes_max)
        except FileNotFoundError:
            return None
        return open_device_layer(data, self._device_key())

    def remove(self) -> None:
        """Nothing of the session can be opened here any more without the server."""
        self._files.remove(self._folder.sealed_resume)

    def _device_key(self) -> SealingIdentity:
        data = self._files.read(self._folder.device_key, limits.config_bytes_max)
        return SealingIdentity(data.decode("ascii", "replace"))
