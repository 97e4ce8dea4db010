"""The response journal: encrypted, chained frames, appended by one start of one kiosk.

A segment is a file: magic, segment id, frames. A frame is marker, length, sequence number and an
AEAD whose plaintext begins with the head of the chain before it. Each segment has its own key, so
no key and nonce meet twice, whatever is cloned or rolled back. The associated data leaves the
chain out, so damage in the middle costs only the frames it hit. Bytes only: who writes and syncs
them is elsewhere. Specified in `docs/spec/response-journal.md`.
"""

import hashlib
import re
import struct
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exam_core import limits
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.model.identifiers import SegmentId, SessionId

JOURNAL_MALFORMED = declare("journal.malformed", "这不是作答记录文件，请检查选择的文件。")
JOURNAL_FRAME = declare("journal.frame", "作答记录校验不符，原始记录已保留；请技术人员检查该机位。")
JOURNAL_CHAIN = declare("journal.chain", "作答记录前后不连续，原始记录已保留；请技术人员核查。")

MAGIC = b"EXJ1"
SEGMENT_ID_BYTES = 16
HEADER_BYTES = len(MAGIC) + SEGMENT_ID_BYTES
KEY_BYTES = 32
HEAD_BYTES = 32
_MARKER = b"\xe5\x4aRC"
_FRAME_HEAD = struct.Struct("<4sIQ")
_TAG_BYTES = 16
_UNWRITTEN_ZEROS_MIN = 4  # fewer zeros at the end of a frame may well be what was written
_SEGMENT_ID_TEXT = re.compile(r"[0-9a-f]{32}")
_SEALED_BYTES_MIN = HEAD_BYTES + _TAG_BYTES


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
    if len(frame) < _FRAME_HEAD.size:
        raise InputError(JOURNAL_FRAME, "作答记录帧不完整")
    marker, size, seq = _FRAME_HEAD.unpack_from(frame)
    is_whole = marker == _MARKER and len(frame) == _FRAME_HEAD.size + size
    if not is_whole or not _SEALED_BYTES_MIN <= size <= limits.journal_frame_bytes_max:
        raise InputError(JOURNAL_FRAME, "作答记录帧不完整")
    return int(seq)


class SegmentCipher:
    """Seals and opens the frames of one segment; knows nothing of files."""

    def __init__(self, journal_key: bytes, segment_id: SegmentId) -> None:
        self.segment_id = segment_id
        self._raw_id = _segment_bytes(segment_id)
        key = HKDF(hashes.SHA256(), KEY_BYTES, self._raw_id, b"exj1/segment").derive(journal_key)
        self._aead = ChaCha20Poly1305(key)

    def seal(self, seq: int, head: bytes, payload: bytes) -> bytes:
        """The frame number `seq` (from 0) holding `payload`, chained to `head`.

        Raises:
            InputError: `journal.frame`, when the payload is too large.
        """
        if len(payload) > limits.journal_payload_bytes_max:
            raise InputError(JOURNAL_FRAME, "作答记录过长")
        sealed = self._aead.encrypt(_nonce(seq), head + payload, self._associated(seq))
        return _FRAME_HEAD.pack(_MARKER, len(sealed), seq) + sealed

    def open(self, frame: bytes) -> tuple[bytes, bytes]:
        """The head before this frame, and its payload.

        Raises:
            InputError: `journal.frame`, when it is no whole frame.
            IntegrityError: `journal.frame`, when it was altered or belongs elsewhere.
        """
        seq = frame_sequence(frame)
        try:
            plain = self._aead.decrypt(
                _nonce(seq), frame[_FRAME_HEAD.size :], self._associated(seq)
            )
        except InvalidTag as error:
            raise IntegrityError(JOURNAL_FRAME, "作答记录校验不符", seq=seq) from error
        return plain[:HEAD_BYTES], plain[HEAD_BYTES:]

    def _associated(self, seq: int) -> bytes:
        return self._raw_id + seq.to_bytes(8, "little")


class SegmentWriter:
    """The next frame of a segment, in order; the caller writes and syncs it.

    Attributes:
        seq: Number of frames made so far, which is the next frame's sequence number.
        head: Head of the chain after the last frame made.
    """

    def __init__(self, journal_key: bytes, segment_id: SegmentId) -> None:
        self._cipher = SegmentCipher(journal_key, segment_id)
        self.segment_id = segment_id
        self.seq = 0
        self.head = first_head(segment_id)

    def append(self, payload: bytes) -> bytes:
        """The frame for `payload`; the chain has advanced when this returns."""
        frame = self._cipher.seal(self.seq, self.head, payload)
        self.head = next_head(self.head, frame)
        self.seq += 1
        return frame


class Health(StrEnum):
    """What reading a segment found."""

    CLEAN = "clean"
    TORN_TAIL = "torn_tail"  # the last write was cut short: the beginning of one frame, or zeros
    DAMAGED = "damaged"  # anything else that is wrong: keep all, alarm, never cut


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredSegment:
    """All that can be read of a segment.

    Attributes:
        frames: Good frames in the order of the file.
        payloads: Their payloads, by position.
        good_bytes: Length of the file up to the end of the last good frame.
        head: Head of the chain after the last good frame.
    """

    segment_id: SegmentId
    health: Health
    good_bytes: int
    head: bytes
    frames: list[bytes] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)


def segment_id_of(data: bytes) -> SegmentId:
    """The segment id in a segment's header.

    Raises:
        InputError: `journal.malformed`.
    """
    if len(data) < HEADER_BYTES or data[: len(MAGIC)] != MAGIC:
        raise InputError(JOURNAL_MALFORMED, "作答记录文件头不对")
    return SegmentId(data[len(MAGIC) : HEADER_BYTES].hex())


def recover_segment(data: bytes, journal_key: bytes) -> RecoveredSegment:
    """Read every good frame of a segment, past any damage.

    Raises:
        InputError: `journal.malformed`, when not even the header is whole.
    """
    segment_id = segment_id_of(data)
    cipher = SegmentCipher(journal_key, segment_id)
    frames: list[bytes] = []
    payloads: list[bytes] = []
    head = first_head(segment_id)
    position = good = HEADER_BYTES
    last_seq = -1
    is_damaged = False
    while position < len(data):
        frame = _frame_at(data, position)
        opened = _try_open(cipher, frame, last_seq)
        if frame is None or opened is None:
            found = data.find(_MARKER, position + 1)
            position = len(data) if found < 0 else found
            continue
        before, payload = opened
        seq = frame_sequence(frame)
        if position != good or seq != last_seq + 1 or before != head:
            is_damaged = True
        frames.append(frame)
        payloads.append(payload)
        head, last_seq = next_head(before, frame), seq
        position = good = position + len(frame)
    return RecoveredSegment(
        segment_id=segment_id,
        health=_health(data[good:], is_damaged=is_damaged),
        good_bytes=good,
        head=head,
        frames=frames,
        payloads=payloads,
    )


def open_chain(journal_key: bytes, segment_id: SegmentId, frames: list[bytes]) -> list[bytes]:
    """The payloads of frames that must be whole, in order from 0, and chained.

    Raises:
        InputError: `journal.frame`.
        IntegrityError: `journal.frame`, `journal.chain`, with the sequence number.
    """
    if len(frames) > limits.journal_frames_max:
        raise InputError(JOURNAL_FRAME, "作答记录条数过多")
    cipher = SegmentCipher(journal_key, segment_id)
    head = first_head(segment_id)
    payloads = []
    for seq, frame in enumerate(frames):
        before, payload = cipher.open(frame)
        if frame_sequence(frame) != seq or before != head:
            raise IntegrityError(JOURNAL_CHAIN, f"作答记录在第 {seq} 条处不连续", seq=seq)
        head = next_head(head, frame)
        payloads.append(payload)
    return payloads


def receipt_of(submit_frame: bytes) -> str:
    """The candidate's receipt: 40 hex digits in groups of four, from the submit entry's frame."""
    digits = hashlib.sha256(submit_frame).hexdigest()[:40]
    return " ".join(digits[at : at + 4] for at in range(0, 40, 4))


def _health(tail: bytes, *, is_damaged: bool) -> Health:
    if is_damaged:
        return Health.DAMAGED
    if not tail:
        return Health.CLEAN
    return Health.TORN_TAIL if _is_cut_short(tail) else Health.DAMAGED


def _is_cut_short(tail: bytes) -> bool:
    """Whether one append that never finished explains these bytes.

    A file may have grown before its data came to disk, so zeros count as not written. Whole
    frames that do not open were finished once: that is damage, also at the end.
    """
    written = tail.rstrip(b"\0")
    if not _MARKER.startswith(written[: len(_MARKER)]) or tail.find(_MARKER, 1) >= 0:
        return False
    if len(written) < _FRAME_HEAD.size:
        return True
    _, size, _ = _FRAME_HEAD.unpack_from(tail)
    end = _FRAME_HEAD.size + size
    is_finished = len(tail) >= end and len(written) > end - _UNWRITTEN_ZEROS_MIN
    return size <= limits.journal_frame_bytes_max and not is_finished


def _frame_at(data: bytes, position: int) -> bytes | None:
    if position + _FRAME_HEAD.size > len(data):
        return None
    marker, size, _ = _FRAME_HEAD.unpack_from(data, position)
    end = position + _FRAME_HEAD.size + size
    if marker != _MARKER or size > limits.journal_frame_bytes_max or end > len(data):
        return None
    return data[position:end]


def _try_open(
    cipher: SegmentCipher, frame: bytes | None, last_seq: int
) -> tuple[bytes, bytes] | None:
    if frame is None:
        return None
    try:
        return cipher.open(frame) if frame_sequence(frame) > last_seq else None
    except (InputError, IntegrityError):
        return None


def _nonce(seq: int) -> bytes:
    return seq.to_bytes(12, "big")


def _segment_bytes(segment_id: SegmentId) -> bytes:
    # One spelling only: two spellings of one id would be two segments with one key and nonce.
    if not _SEGMENT_ID_TEXT.fullmatch(segment_id):
        raise InputError(JOURNAL_MALFORMED, "作答记录段编号不对")
    return bytes.fromhex(segment_id)
