"""The kiosk's own signing key: it signs what this machine writes.

Made once, at the first enrolment, and kept over later ones: frames that it signed stay this
machine's. The server learns its public half with the seat's certificate.
"""

from exam_client import limits
from exam_client.config import CLIENT_DISK, DataFolder
from exam_client.journal.files import FileSystem
from exam_core.crypto.signing import PrivateSigningKey, generate_signing_key, public_key_of
from exam_core.errors import InputError, StorageError, declare

KIOSK_KEY = declare("client.signing_key", "本机的签名密钥无法使用，请技术人员重新登记本机。")


def kiosk_signing_key(files: FileSystem, folder: DataFolder) -> PrivateSigningKey:
    """The key of an enrolled kiosk.

    Raises:
        StorageError: `client.signing_key`, when it is missing or damaged.
    """
    try:
        key = PrivateSigningKey(files.read(folder.signing_key, limits.config_bytes_max).decode())
        public_key_of(key)
    except (OSError, UnicodeDecodeError, InputError) as error:
        raise StorageError(KIOSK_KEY, "签名密钥缺失或已损坏") from error
    return key


def ensure_signing_key(files: FileSystem, folder: DataFolder) -> PrivateSigningKey:
    """The kiosk's key; a new one, on disk on return, where there is none that can be used.

    Raises:
        StorageError: `client.disk`.
    """
    try:
        return kiosk_signing_key(files, folder)
    except StorageError:
        pass  # the first enrolment, or a damaged file: the enrolment tells the server the new key
    key = generate_signing_key()
    try:
        files.replace(folder.signing_key, key.encode())
    except OSError as error:
        raise StorageError(CLIENT_DISK, "签名密钥无法写入磁盘", errno=error.errno) from error
    return key
