"""Enrolment by comparing a number: kiosk and server show the same six digits, a person looks.

The kiosk commits to its nonce and keys before it learns the server's nonce, and reveals them
after. Both compute the number from everything that was said. Whoever stands between them must
settle on all own values before the other side's are known, so two different sets of keys show the
same number once in a million tries; the server bounds the tries.
Source: Vaudenay, Secure Communications over Insecure Channels Based on Short Authenticated Strings
(CRYPTO 2005), section 4.
"""

import hashlib
import hmac

import msgspec

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import SeatId

_COMMIT_LABEL = b"gongyuan/compare/commit/v1\n"
_NUMBER_LABEL = b"gongyuan/compare/number/v1\n"


class Revealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kiosk commits to; `nonce` is 32 random bytes in hex."""

    seat_id: SeatId
    csr_pem: str
    signing_key: PublicSigningKey
    nonce: str


def commitment_to(revealed: Revealed) -> str:
    """The commitment, 64 hex digits."""
    return hashlib.sha256(_COMMIT_LABEL + encode_canonical(revealed)).hexdigest()


def is_committed(commitment: str, revealed: Revealed) -> bool:
    """Whether this is what was committed to."""
    return hmac.compare_digest(commitment.encode(), commitment_to(revealed).encode())


def comparison_number(revealed: Revealed, *, ca_certificate_pem: str, server_nonce: str) -> str:
    """The six digits that both sides show."""
    said = {
        "ca_sha256": hashlib.sha256(ca_certificate_pem.encode()).hexdigest(),
        "csr_pem": revealed.csr_pem,
        "kiosk_nonce": revealed.nonce,
        "seat_id": revealed.seat_id,
        "server_nonce": server_nonce,
        "signing_key": revealed.signing_key,
    }
    digest = hashlib.sha256(_NUMBER_LABEL + encode_canonical(said)).digest()
    # 256 bits over a million: no digit is likelier than another by more than 2^-236.
    number = int.from_bytes(digest) % 10**limits.compare_digits
    return f"{number:0{limits.compare_digits}d}"
