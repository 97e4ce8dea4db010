"""What a server says it has on disk, in a way that it cannot take back.

Every acknowledgement of one commit is a leaf of one Merkle tree, and the centre signs the root
once; each kiosk gets its own leaf's way to the root. So a room full of kiosks costs one signature
a commit, and any kiosk can later show to anybody what was acknowledged to it.
Source of the tree: RFC 9162, section 2.1. Specified in `docs/spec/lan-protocol.md`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from exam_core.crypto.merkle import leaf_hash, root_and_proofs, root_from_proof
from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    Signer,
    signature_holds,
)
from exam_core.errors import ExamError, IntegrityError, declare
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import SegmentId, SessionId, SittingId
from exam_core.protocol.messages import CommitProof, HeldFrames

ACK_SIGNATURE = declare(
    "ack.signature",
    "服务器的保存确认没有有效签名，未予承认；作答仍保存在本机并会重连，请技术人员检查服务器和网络。",
)

_leaf_encoder = msgspec.json.Encoder()

_LABEL = b"gongyuan/commit/v1\n"


class Acknowledged(NamedTuple):
    """Frames of one session that are on the server's disk."""

    session_id: SessionId
    held: HeldFrames


class _Leaf(msgspec.Struct):
    """The fields stand in the order of canonical JSON: one is made for every save of the room."""

    frames: int
    head: str
    segment_id: SegmentId
    session_id: SessionId


class _Root(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed; `number` rises with every signature of one start of the server."""

    sitting_id: SittingId
    boot: int
    number: int
    size: int
    root: str


class AckBook:
    """Signs the acknowledgements of one start of the server, one signature for all of a commit.

    Not for several threads at once.

    Args:
        key: The centre's private signing key.
        sitting_id: Of all acknowledgements.
        boot: How often the server was started, this time included.
    """

    def __init__(self, key: PrivateSigningKey, *, sitting_id: SittingId, boot: int) -> None:
        self._signer = Signer(key)
        self._sitting_id = sitting_id
        self._boot = boot
        self._number = 0

    def sign(self, acknowledged: Sequence[Acknowledged]) -> list[CommitProof]:
        """The proof of each of these, in their order; call it only once all are on disk."""
        if not acknowledged:
            return []
        self._number += 1
        boot, number, size = self._boot, self._number, len(acknowledged)
        root, paths = root_and_proofs([_leaf(one) for one in acknowledged])
        signature = self._signer.sign(_signed(self._sitting_id, boot, number, size, root))
        return [
            CommitProof(
                boot=boot, number=number, index=index, size=size, path=path, signature=signature
            )
            for index, path in enumerate(paths)
        ]


def check_proof(
    proof: CommitProof,
    acknowledged: Acknowledged,
    *,
    sitting_id: SittingId,
    centre_key: PublicSigningKey,
) -> None:
    """Refuse an acknowledgement that the centre did not sign for this session and these frames.

    Raises:
        IntegrityError: `ack.signature`.
    """
    try:
        root = root_from_proof(_leaf(acknowledged), proof.index, proof.size, proof.path)
    except ExamError as error:
        raise IntegrityError(ACK_SIGNATURE, "保存确认的证明不对") from error
    message = _signed(sitting_id, proof.boot, proof.number, proof.size, root)
    if not signature_holds(message, proof.signature, centre_key):
        raise IntegrityError(ACK_SIGNATURE, "保存确认的签名不对")


def _leaf(acknowledged: Acknowledged) -> bytes:
    session_id, held = acknowledged
    return leaf_hash(
        _leaf_encoder.encode(_Leaf(held.frames, held.head.hex(), held.segment_id, session_id))
    )


def _signed(sitting_id: SittingId, boot: int, number: int, size: int, root: bytes) -> bytes:
    what = _Root(sitting_id=sitting_id, boot=boot, number=number, size=size, root=root.hex())
    return _LABEL + encode_canonical(what)
