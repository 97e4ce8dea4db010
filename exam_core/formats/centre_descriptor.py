"""What headquarters vouches for about an exam centre: its keys and the CA of its LAN.

A kiosk that has `root.json` and the signed descriptor trusts nothing at first sight.
"""

import msgspec

from exam_core.crypto.sealing import Recipient
from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey
from exam_core.errors import declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.officials import Official, check_officials, require_officials
from exam_core.formats.trust_root import TrustRoot, verify_by_root
from exam_core.model.identifiers import CentreId

CENTRE_MALFORMED = declare("centre.malformed", "考点文件格式不对，请由考点重新生成后送总部签名。")

_PAYLOAD_TYPE = "application/vnd.gongyuan.centre.v1+json"


class CentreDescriptor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Public facts of one centre.

    `opening_recipient` seals opening bundles to the centre; `signing_key` verifies its results;
    `ca_certificate` (PEM) issues the certificates of its server and its kiosks; two of the
    `officials` must sign the results beside the centre. Before headquarters signs there may be
    fewer.
    """

    centre_id: CentreId
    name: str
    opening_recipient: Recipient
    signing_key: PublicSigningKey
    ca_certificate: str
    officials: tuple[Official, ...]

    def __post_init__(self) -> None:
        check_officials(self.officials, self.signing_key)


def encode_centre(centre: CentreDescriptor) -> bytes:
    """The unsigned descriptor, as the centre sends it to headquarters."""
    return encode_canonical(centre)


def parse_centre(data: bytes) -> CentreDescriptor:
    """The descriptor from its unsigned bytes.

    Raises:
        InputError: `centre.malformed`, `centre.officials`.
    """
    return decode_canonical(data, CentreDescriptor, CENTRE_MALFORMED, "考点文件")


def sign_centre(centre: CentreDescriptor, keys: list[PrivateSigningKey]) -> bytes:
    """The descriptor signed by headquarters.

    Raises:
        InputError: `centre.officials`, when there are too few to sign results.
    """
    require_officials(centre.officials)
    return sign_envelope(encode_centre(centre), _PAYLOAD_TYPE, keys)


def verify_centre(data: bytes, root: TrustRoot) -> CentreDescriptor:
    """The descriptor, once headquarters' signatures hold.

    Raises:
        InputError: `signature.malformed`, `signature.type`, `centre.malformed`, `centre.officials`.
        IntegrityError: `signature.*`.
    """
    centre = parse_centre(verify_by_root(data, _PAYLOAD_TYPE, root).payload)
    require_officials(centre.officials)
    return centre
