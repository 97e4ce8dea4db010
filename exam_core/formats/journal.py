"""The response journal: encrypted, chained, signed frames, appended by one start of one kiosk.

A segment is a file: magic, segment id, frames. A frame is marker, length, sequence number and an
AEAD whose plaintext is the head of the chain before it, the kiosk's signature and the payload.
Each segment has its own key, so no key and nonce meet twice, whatever is cloned or rolled back.
The associated data leaves the chain out, so damage in the middle costs only the frames it hit.
The server knows the keys of the encryption; what it cannot make is the kiosk's signature. Bytes
only: who writes and syncs them is elsewhere. Specified in `docs/spec/response-journal.md`.
"""

import hashlib
import re
import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey, Signer, signature_holds
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.model.identifiers import SegmentId, SessionId

JOURNAL_MALFORMED = declare("journal.malformed", "这不是作答记录文件，请检查选择的文件。")
JOURNAL_FRAME = declare("journal.frame", "作答记录校验不符，原始记录已保留；请技术人员检查该机位。")
JOURNAL_CHAIN = declare("journal.chain", "作答记录前后不连续，原始记录已保留；请技术人员核查。")
JOURNAL_SIGNATURE = declare(
    "journal.signature", "作答记录不是该机位的考生机签名的，未予采用，已保留备查；请技术人员核查。"
)

MAGIC = b"EXJ1"
SEGMENT_ID_BYTES = 16
HEADER_BYTES = len(MAGIC) + SEGMENT_ID_BYTES
KEY_BYTES = 32
HEAD_BYTES = 32
SIGNATURE_BYTES = 64
MARKER = b"\xe5\x4aRC"
FRAME_HEAD = struct.Struct("<4sIQ")
"""Marker, length of what is sealed, sequence number."""

SEALED_BYTES_MIN = HEAD_BYTES + SIGNATURE_BYTES + 16  # the AEAD's tag
_SIGNED_FROM = HEAD_BYTES + SIGNATURE_BYTES
_SIGNATURE_LABEL = b"gongyuan/frame/v1\n"
_SEGMENT_ID_TEXT = re.compile(r"[0-9a-f]{32}")


class OpenedFrame(NamedTuple):
    """What is sealed in a frame."""

    head: bytes  # of the chain before this frame
    signature: bytes
    payload: bytes


def derive_journal_key(journal_secret: bytes, session_id: SessionId) -> bytes:
    """The journal key of one session, from the secret in the opening bundle.

    Source: RFC 5869, HKDF-SHA256.
    """
    info = b"gongyuan/journal/v1/" + session_id.encode()
    return HKDF(hashes.SHA256(), KEY_BYTES, None, info).derive(journal_secret)


def first_head(segment_id: SegmentId) -> bytes:
    """The head of a segment that has no frame yet."""
    return hashlib.sha256(segment_header(segment_id)).digest()


def next_head(head: bytes, frame: bytes) -> bytes:
    """The head after `frame` was appended."""
    return hashlib.sha256(head + frame).digest()


def segment_header(segment_id: SegmentId) -> bytes:
    """The first bytes of a segment file."""
    return MAGIC + _segment_bytes(segment_id)


def frame_sequence(frame: bytes) -> int:
    """The sequence number that a frame claims, without opening it.

    Raises:
        InputError: `journal.frame`, when it is no whole frame.
    """
    if len(frame) < FRAME_HEAD.size:
        raise InputError(JOURNAL_FRAME, "作答记录帧不完整")
    marker, size, seq = FRAME_HEAD.unpack_from(frame)
    is_whole = marker == MARKER and len(frame) == FRAME_HEAD.size + size
    if not is_whole or not SEALED_BYTES_MIN <= size <= limits.journal_frame_bytes_max:
        raise InputError(JOURNAL_FRAME, "作答记录帧不完整")
    return int(seq)


class SegmentCipher:
    """Seals and opens the frames of one segment; knows nothing of files and of kiosks' keys."""

    def __init__(self, journal_key: bytes, segment_id: SegmentId) -> None:
        self.segment_id = segment_id
        self._raw_id = _segment_bytes(segment_id)
        key = HKDF(hashes.SHA256(), KEY_BYTES, self._raw_id, b"exj1/segment").derive(journal_key)
        self._aead = ChaCha20Poly1305(key)

    def seal(self, seq: int, head: bytes, payload: bytes, signer: Signer) -> bytes:
        """The frame number `seq` (from 0) holding `payload`, chained to `head` and signed.

        Raises:
            InputError: `journal.frame`, when the payload is too large.
        """
        if len(payload) > limits.journal_payload_bytes_max:
            raise InputError(JOURNAL_FRAME, "作答记录过长")
        signature = signer.sign(self._signed(seq, head, payload))
        plain = head + signature + payload
        sealed = self._aead.encrypt(_nonce(seq), plain, self._associated(seq))
        return FRAME_HEAD.pack(MARKER, len(sealed), seq) + sealed

    def open(self, frame: bytes) -> OpenedFrame:
        """What is in a frame; whose signature it bears is not looked at.

        Raises:
            InputError: `journal.frame`, when it is no whole frame.
            IntegrityError: `journal.frame`, when it was altered or belongs elsewhere.
        """
        seq = frame_sequence(frame)
        opened = self.try_open(seq, memoryview(frame)[FRAME_HEAD.size :])
        if opened is None:
            raise IntegrityError(JOURNAL_FRAME, "作答记录校验不符", seq=seq)
        return opened

    def try_open(self, seq: int, sealed: bytes | memoryview) -> OpenedFrame | None:
        """What is in the sealed bytes of frame `seq`, at least the shortest; None if altered."""
        try:
            plain = self._aead.decrypt(_nonce(seq), sealed, self._associated(seq))
        except InvalidTag:
            return None
        return OpenedFrame(plain[:HEAD_BYTES], plain[HEAD_BYTES:_SIGNED_FROM], plain[_SIGNED_FROM:])

    def is_signed(self, seq: int, opened: OpenedFrame, kiosk_key: PublicSigningKey) -> bool:
        """Whether the kiosk with this key made frame `seq`, and so everything up to it.

        Raises:
            InputError: `signing.key`.
        """
        message = self._signed(seq, opened.head, opened.payload)
        return signature_holds(message, opened.signature, kiosk_key)

    def _signed(self, seq: int, head: bytes, payload: bytes) -> bytes:
        return b"".join((_SIGNATURE_LABEL, self._raw_id, seq.to_bytes(8, "big"), head, payload))

    def _associated(self, seq: int) -> bytes:
        return self._raw_id + seq.to_bytes(8, "little")


class SegmentWriter:
    """The next frame of a segment, in order; the caller writes and syncs it.

    Attributes:
        seq: Number of frames made so far, which is the next frame's sequence number.
        head: Head of the chain after the last frame made.
    """

    def __init__(self, journal_key: bytes, segment_id: SegmentId, signer: Signer) -> None:
        self._cipher = SegmentCipher(journal_key, segment_id)
        self._signer = signer
        self.segment_id = segment_id
        self.seq = 0
        self.head = first_head(segment_id)

    def append(self, payload: bytes) -> bytes:
        """The frame for `payload`; the chain has advanced when this returns."""
        frame = self._cipher.seal(self.seq, self.head, payload, self._signer)
        self.head = next_head(self.head, frame)
        self.seq += 1
        return frame


def segment_id_of(data: bytes) -> SegmentId:
    """The segment id in a segment's header.

    Raises:
        InputError: `journal.malformed`.
    """
    if len(data) < HEADER_BYTES or data[: len(MAGIC)] != MAGIC:
        raise InputError(JOURNAL_MALFORMED, "作答记录文件头不对")
    return SegmentId(data[len(MAGIC) : HEADER_BYTES].hex())


def open_chain(
    journal_key: bytes, segment_id: SegmentId, frames: list[bytes], kiosk_key: PublicSigningKey
) -> list[bytes]:
    """The payloads of frames that must be whole, in order from 0, chained, and signed by a kiosk.

    Raises:
        InputError: `journal.frame`, `signing.key`.
        IntegrityError: `journal.frame`, `journal.chain`, `journal.signature`, with the sequence
            number.
    """
    if len(frames) > limits.journal_frames_max:
        raise InputError(JOURNAL_FRAME, "作答记录条数过多")
    cipher = SegmentCipher(journal_key, segment_id)
    head = first_head(segment_id)
    payloads = []
    for seq, frame in enumerate(frames):
        opened = cipher.open(frame)
        if frame_sequence(frame) != seq or opened.head != head:
            raise IntegrityError(JOURNAL_CHAIN, f"作答记录在第 {seq} 条处不连续", seq=seq)
        if not cipher.is_signed(seq, opened, kiosk_key):
            raise IntegrityError(JOURNAL_SIGNATURE, f"第 {seq} 条的签名不符", seq=seq)
        head = next_head(head, frame)
        payloads.append(opened.payload)
    return payloads


def receipt_of(submit_frame: bytes) -> str:
    """The candidate's receipt: 40 hex digits in groups of four, from the submit entry's frame."""
    digits = hashlib.sha256(submit_frame).hexdigest()[:40]
    return " ".join(digits[at : at + 4] for at in range(0, 40, 4))


def _nonce(seq: int) -> bytes:
    return seq.to_bytes(12, "big")


def _segment_bytes(segment_id: SegmentId) -> bytes:
    # One spelling only: two spellings of one id would be two segments with one key and nonce.
    if not _SEGMENT_ID_TEXT.fullmatch(segment_id):
        raise InputError(JOURNAL_MALFORMED, "作答记录段编号不对")
    return bytes.fromhex(segment_id)
