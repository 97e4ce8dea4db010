"""The centre's opening key on a USB stick: an age identity under a passphrase.

Specified in `docs/spec/opening-bundle.md`, "Opening key".
"""

from exam_core.crypto.sealing import (
    SealingIdentity,
    seal_with_passphrase,
    unseal_with_passphrase,
)
from exam_core.errors import IntegrityError, declare

OPENING_KEY = declare(
    "opening.key",
    "考点启封密钥或其口令不对，或密钥是另一个考点的；请核对密钥文件和口令后重试，试卷没有打开。",
)


def seal_opening_key(identity: SealingIdentity, passphrase: str) -> bytes:
    """The centre's opening key as a file that the passphrase opens."""
    return seal_with_passphrase(identity.encode(), passphrase)


def open_opening_key(data: bytes, passphrase: str) -> SealingIdentity:
    """The centre's opening key from its file.

    Raises:
        IntegrityError: `opening.key`.
    """
    try:
        return SealingIdentity(unseal_with_passphrase(data, passphrase).decode("ascii"))
    except (IntegrityError, UnicodeDecodeError) as error:
        raise IntegrityError(OPENING_KEY, "启封密钥文件或其口令不对") from error
