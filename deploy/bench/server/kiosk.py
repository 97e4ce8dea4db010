"""One kiosk of the load generator: real frames, made before the measured time; lean while it runs.

It says what a kiosk says and believes what a kiosk believes: heads at once, proofs afterwards.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass, field

import picows

from deploy.bench.server.paper import ESSAY_PART
from deploy.bench.server.plan import Plan, PlannedKiosk
from exam_core.crypto.signing import Signer, public_key_of
from exam_core.formats.journal import SegmentWriter, derive_journal_key, first_head, receipt_of
from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
    encode_entry,
)
from exam_core.model.responses import TextResponse
from exam_core.protocol import VERSION
from exam_core.protocol.messages import (
    Attach,
    Attached,
    Heartbeat,
    Ordered,
    Refused,
    Save,
    Saved,
    Submit,
    decode_server_message,
    encode_message,
)

_HEARTBEAT = encode_message(Heartbeat(unsynced=0))


@dataclass(slots=True)
class Tally:
    """What all kiosks of a generator saw in the measured time.

    Attributes:
        latencies_s: From send to acknowledgement, one for each save.
        refused: Codes of refusals, with how often.
        lost: Connections that ended without being asked to.
        wrong_heads: Acknowledgements that named another head than the kiosk's own.
        saved: Acknowledgements to be checked afterwards, each with its kiosk.
    """

    latencies_s: array[float] = field(default_factory=lambda: array("d"))
    refused: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    wrong_heads: int = 0
    saved: list[tuple[BenchKiosk, Saved]] = field(default_factory=list)


class BenchKiosk(picows.WSListener):
    """The listener of one connection after another.

    Attributes:
        messages: Encoded Save messages, one a save; `ends[n]` is how many frames stand on the
            server once message n is acknowledged, `heads` the chain's head after so many frames.
        sent: How many of the messages were sent.
        acked: How many frames were acknowledged.
    """

    def __init__(self, plan: Plan, planned: PlannedKiosk, tally: Tally) -> None:
        self.planned = planned
        self.tally = tally
        self.messages: list[bytes] = []
        self.ends: list[int] = []
        self.heads: list[bytes] = [first_head(planned.segment_id)]
        self.sent = 0
        self.acked = 0
        self.sent_at = 0.0
        self.submit = b""
        self.receipt = ""
        self.transport: picows.WSTransport | None = None
        self.attached: asyncio.Future[None] | None = None
        self.begun_at = 0.0
        self.submitted_at = 0.0
        self.begin: Ordered | None = None
        self.is_closed_loop = False
        self.waits_for_begin = False
        self._plan = plan
        key = derive_journal_key(plan.journal_secret, planned.session_id)
        self._writer = SegmentWriter(key, planned.segment_id, Signer(planned.signing_key))

    # Frames

    def prepare(self, saves: int, payload_bytes: int) -> None:
        """Make so many more saves of one response, its entry of this size."""
        for number in range(saves):
            entries: list[Entry] = [] if self.heads[1:] else [self._started()]
            entries.append(response_of(payload_bytes, number))
            self._message(entries)

    def prepare_submit(self, payload_bytes: int) -> None:
        """Make the last save: a response of this size with the submit entry; and the submit."""
        entries: list[Entry] = [] if self.heads[1:] else [self._started()]
        entries.append(response_of(payload_bytes, 0))
        entries.append(
            SessionSubmitted(at_ms=0, reason=SubmitReason.CANDIDATE, heads={}, nonce="0f" * 16)
        )
        last = self._message(entries)
        self.receipt = receipt_of(last)
        self.submit = encode_message(
            Submit(
                segment_id=self.planned.segment_id, seq=self._writer.seq - 1, receipt=self.receipt
            )
        )

    def _message(self, entries: list[Entry]) -> bytes:
        first = self._writer.seq
        frames = []
        for entry in entries:
            frames.append(self._writer.append(encode_entry(entry)))
            self.heads.append(self._writer.head)
        self.messages.append(
            encode_message(
                Save(segment_id=self.planned.segment_id, first_seq=first, frames=tuple(frames))
            )
        )
        self.ends.append(self._writer.seq)
        return frames[-1]

    def _started(self) -> SegmentStarted:
        return SegmentStarted(
            at_ms=0,
            session_id=self.planned.session_id,
            manifest_sha256=self._plan.manifest_sha256,
            form_number=self.planned.form_number,
            seat_id=self.planned.seat_id,
            kiosk_key=public_key_of(self.planned.signing_key),
        )

    # Sending

    @property
    def is_settled(self) -> bool:
        """Whether all that was sent is acknowledged."""
        return not self.sent or self.acked >= self.ends[self.sent - 1]

    @property
    def is_exhausted(self) -> bool:
        """Whether every prepared save was sent."""
        return self.sent >= len(self.messages)

    def send_next(self) -> None:
        """Send the next save, if one is left."""
        if self.sent < len(self.messages) and self.transport is not None:
            self.sent_at = time.perf_counter()
            self.transport.send(picows.WSMsgType.BINARY, self.messages[self.sent])
            self.sent += 1

    def beat(self) -> None:
        """Say that we are alive."""
        if self.transport is not None:
            self.transport.send(picows.WSMsgType.BINARY, _HEARTBEAT)

    def forget_sent(self) -> None:
        """Free the messages that will not be sent again."""
        self.messages[: self.sent] = [b""] * self.sent

    def rewind(self) -> None:
        """Disconnect, and begin anew with the same frames: at a server that has none of them."""
        self.disconnect()
        self.sent = self.acked = 0

    def attach_message(self) -> bytes:
        """The first message of a connection."""
        return encode_message(
            Attach(
                protocol=VERSION,
                session_id=self.planned.session_id,
                token=self.planned.token,
                segment_id=self.planned.segment_id,
                held=(),
            )
        )

    # What picows calls

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Say who we are."""
        self.transport = transport
        transport.send(picows.WSMsgType.BINARY, self.attach_message())

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Take one message."""
        if frame.msg_type != picows.WSMsgType.BINARY:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.disconnect()
            return
        message = decode_server_message(frame.get_payload_as_bytes())
        if type(message) is Saved:
            self._take_saved(message)
        elif type(message) is Attached:
            self._take_attached(message)
        elif type(message) is Ordered:
            if self.waits_for_begin and b'"begin"' in message.order:
                self.waits_for_begin = False
                self.begin, self.begun_at = message, time.perf_counter()
            elif self.receipt and not self.submitted_at and b'"submitted"' in message.order:
                self.submitted_at = time.perf_counter()
        elif type(message) is Refused:
            self.tally.refused[message.code] = self.tally.refused.get(message.code, 0) + 1

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """The connection is gone."""
        if self.transport is transport:
            self.tally.lost += 1
            self.transport = None
        if self.attached is not None and not self.attached.done():
            self.attached.set_exception(ConnectionError("closed before it was attached"))

    def disconnect(self) -> None:
        """End the connection from here."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.disconnect()

    def _take_saved(self, saved: Saved) -> None:
        if saved.frames <= self.acked:
            return  # a repeated save is answered again
        tally = self.tally
        tally.latencies_s.append(time.perf_counter() - self.sent_at)
        self.acked = saved.frames
        if saved.head != self.heads[saved.frames]:
            tally.wrong_heads += 1
        tally.saved.append((self, saved))
        if self.is_closed_loop and saved.frames == self.ends[self.sent - 1]:
            self.send_next()

    def _take_attached(self, attached: Attached) -> None:
        for held in attached.held:
            if held.segment_id == self.planned.segment_id:
                if held.frames < self.acked or held.head != self.heads[held.frames]:
                    self.tally.wrong_heads += 1  # what was acknowledged must be there
                self.acked = held.frames
                self.sent = sum(end <= held.frames for end in self.ends)
        if self.attached is not None and not self.attached.done():
            self.attached.set_result(None)


def response_of(payload_bytes: int, number: int) -> ResponseRecorded:
    """A response whose canonical entry has exactly this size."""
    empty = ResponseRecorded(at_ms=number, part_id=ESSAY_PART, response=TextResponse(text=""))
    missing = payload_bytes - len(encode_entry(empty))
    if missing < 0:
        message = f"an entry has at least {payload_bytes - missing} bytes"
        raise ValueError(message)
    text = f"{number} " + "x" * missing
    return ResponseRecorded(
        at_ms=number, part_id=ESSAY_PART, response=TextResponse(text=text[:missing])
    )
