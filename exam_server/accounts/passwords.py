"""Password hashes: Argon2id in PHC form, slow by design.

Source: RFC 9106, section 4, second recommended option.
"""

import os
import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from exam_core.errors import InputError, declare
from exam_server import limits

ACCOUNT_PASSWORD = declare("account.password", "请换一个更长的密码，例如几个不相干的词连在一起。")

_HASH_BYTES = 32
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordProfile:
    """What one check costs."""

    iterations: int
    lanes: int
    memory_kib: int


STANDARD = PasswordProfile(iterations=3, lanes=4, memory_kib=64 * 1024)

_checks = threading.BoundedSemaphore(limits.password_checks_at_once_max)


def check_password_shape(password: str) -> None:
    """Refuse a new password that is too short or too long.

    Raises:
        InputError: `account.password`.
    """
    if len(password) < limits.password_chars_min:
        raise InputError(ACCOUNT_PASSWORD, f"密码至少 {limits.password_chars_min} 个字符")
    if len(password.encode()) > limits.password_bytes_max:
        raise InputError(ACCOUNT_PASSWORD, "密码过长")


def hash_password(password: str, profile: PasswordProfile) -> str:
    """The hash to store; it names its own parameters and salt."""
    kdf = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=profile.iterations,
        lanes=profile.lanes,
        memory_cost=profile.memory_kib,
    )
    with _checks:
        return kdf.derive_phc_encoded(password.encode())


def password_matches(password: str, phc: str) -> bool:
    """Whether the password made this hash; few run at once, so that guessing starves nobody."""
    if len(password.encode()) > limits.password_bytes_max:
        return False
    with _checks:
        try:
            Argon2id.verify_phc_encoded(password.encode(), phc)
        except InvalidKey:
            return False
    return True
