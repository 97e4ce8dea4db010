"""Speaks the LAN protocol to a real server, for tests: no screen, no disk, no product client.

It keeps its journal in memory and checks what the server says: heads, receipts, epochs.
"""

import asyncio
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TypeVar

import httpx2
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import ClientConnection

from exam_core.crypto.signing import Signer, generate_signing_key, public_key_of
from exam_core.formats.journal import SegmentWriter, first_head, next_head, receipt_of
from exam_core.formats.journal_entries import Entry, SegmentStarted, SubmitReason, encode_entry
from exam_core.formats.paper_package import PaperPackage, open_form, verify_package
from exam_core.formats.trust_root import TrustRoot
from exam_core.model.identifiers import SeatId, SegmentId
from exam_core.model.items import Form
from exam_core.model.roster import Candidate
from exam_core.protocol import VERSION
from exam_core.protocol.acknowledgements import Acknowledged, check_proof
from exam_core.protocol.enrolment import prove_signing_key
from exam_core.protocol.http import (
    EnrolReply,
    EnrolRequest,
    LogInReply,
    LogInRequest,
    RoomReply,
    decode_body,
    encode_body,
)
from exam_core.protocol.messages import (
    Attach,
    Attached,
    CommitProof,
    Deliver,
    Heartbeat,
    HeldFrames,
    KioskMessage,
    Ordered,
    Save,
    Saved,
    ServerMessage,
    Stage,
    Submit,
    decode_server_message,
    encode_message,
)
from exam_core.protocol.orders import (
    NO_ORDER,
    Begin,
    Order,
    OrderMark,
    Submitted,
    What,
    check_order,
    open_order,
)
from exam_server.room.folder import RoomFolder
from tests.support import builders

WAIT_S = 20.0
_M = TypeVar("_M", bound=ServerMessage | What)


class KioskDriver:
    """One kiosk at one seat."""

    def __init__(self, seat_id: SeatId, folder: RoomFolder) -> None:
        self.seat_id = seat_id
        self._authority_file = folder.authority_file
        self._centre_key = folder.centre().signing_key
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.signing_key = generate_signing_key()
        self.claimed_key = public_key_of(self.signing_key)
        self.context = _context(self._authority_file)
        self.kiosk_url = ""
        self.certificate_pem = ""
        self.log_in_reply: LogInReply | None = None
        self.socket: ClientConnection | None = None
        self.attached: Attached | None = None
        self.begin: Begin | None = None
        self.form: Form | None = None
        self.writer: SegmentWriter | None = None
        self.frames: dict[SegmentId, list[bytes]] = {}
        self.saved: dict[SegmentId, Saved] = {}
        self.seen: list[ServerMessage | What] = []
        self.last_order: Order | None = None
        self._mark: OrderMark = NO_ORDER
        self.segment_id = SegmentId("")
        self.package: PaperPackage | None = None

    # HTTP

    def request_pem(self) -> str:
        """A certificate request for this kiosk's TLS key."""
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        signed = request.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def proof_of(self, csr_pem: str) -> str:
        """The proof that this kiosk holds its signing key."""
        return prove_signing_key(csr_pem, self.signing_key)

    async def post(self, path: str, body: dict[str, object]) -> httpx2.Response:
        """A JSON request to the port."""
        async with httpx2.AsyncClient(verify=self.context) as http:
            return await http.post(f"{self.kiosk_url}{path}", json=body)

    async def enrol(self, console_url: str, join_code: str) -> httpx2.Response:
        """Ask for the seat's certificate; afterwards the kiosk port can be used."""
        csr_pem = self.request_pem()
        body = EnrolRequest(
            protocol=VERSION,
            seat_id=self.seat_id,
            join_code=join_code,
            csr_pem=csr_pem,
            signing_key=self.claimed_key,
            signing_proof=self.proof_of(csr_pem),
        )
        async with httpx2.AsyncClient(verify=_context(self._authority_file)) as http:
            reply = await http.post(f"{console_url}/v1/enrol", content=encode_body(body))
        if reply.status_code == 200:
            self.use_certificate(decode_body(reply.content, EnrolReply).certificate_pem)
        return reply

    def use_certificate(self, certificate_pem: str) -> None:
        """Use this certificate from now on."""
        self.certificate_pem = certificate_pem
        key_pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.context = _context(self._authority_file)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(key_pem + certificate_pem.encode())
            file.flush()
            self.context.load_cert_chain(file.name)

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        """A request to the kiosk port."""
        async with httpx2.AsyncClient(verify=self.context) as http:
            return await http.get(f"{self.kiosk_url}{path}", headers=headers)

    async def room(self) -> RoomReply:
        """GET /v1/room."""
        return decode_body((await self.get("/v1/room")).content, RoomReply)

    async def fetch_package(self, root: TrustRoot) -> None:
        """GET /v1/package, verified."""
        self.package = verify_package((await self.get("/v1/package")).content, root)

    async def try_log_in(self, **fields: str) -> httpx2.Response:
        """POST /v1/log-in with these fields."""
        body = encode_body(LogInRequest(**fields))  # type: ignore[arg-type]  # a test may send any text
        async with httpx2.AsyncClient(verify=self.context) as http:
            return await http.post(f"{self.kiosk_url}/v1/log-in", content=body)

    async def log_in(self, candidate: Candidate, room_code: str) -> httpx2.Response:
        """Log a candidate in; the reply is kept when it succeeds."""
        reply = await self.try_log_in(
            admission_number=candidate.admission_number,
            id_number=candidate.id_number,
            room_code=room_code,
        )
        if reply.status_code == 200:
            self.log_in_reply = decode_body(reply.content, LogInReply)
        return reply

    # WebSocket

    async def attach(self, *, segment_id: SegmentId | None = None) -> Attached:
        """Connect and attach with a new segment, or the one given, holding all earlier ones."""
        assert self.log_in_reply is not None
        if segment_id is not None:
            self.segment_id = segment_id
        elif not self.segment_id or self.writer is not None:
            self.segment_id = SegmentId(_random_hex())
            self.writer = None
        await self._connect()
        await self.send(
            Attach(
                protocol=VERSION,
                session_id=self.log_in_reply.session_id,
                token=self.log_in_reply.token,
                segment_id=self.segment_id,
                held=tuple(self._held(one) for one in self.frames if one != self.segment_id),
            )
        )
        self.attached = await self.expect(Attached)
        for held, proof in zip(self.attached.held, self.attached.proofs, strict=True):
            self._check(held, proof)
        return self.attached

    async def deliver(self) -> Attached:
        """Connect as a former machine, and send what the server lacks of the own segments."""
        assert self.log_in_reply is not None
        await self._connect()
        await self.send(Deliver(protocol=VERSION, session_id=self.log_in_reply.session_id))
        attached = await self.expect(Attached)
        for held, proof in zip(attached.held, attached.proofs, strict=True):
            self._check(held, proof)
            if held.frames < len(self.frames[held.segment_id]):
                await self.send_frames(held.segment_id, held.frames)
        return attached

    async def _connect(self) -> None:
        self.socket = await websockets.connect(
            f"{self.kiosk_url.replace('https', 'wss')}/v1/session",
            ssl=self.context,
            compression=None,
            max_size=2**21,
        )

    async def reattach(self) -> Attached:
        """Connect again with the same segment, as after a cut line, and send what is missing."""
        attached = await self.attach(segment_id=self.segment_id)
        for held in attached.held:
            own = self.frames.get(held.segment_id, [])
            if held.frames < len(own):
                await self.send_frames(held.segment_id, held.frames)
        return attached

    async def wait_begin(self) -> Form:
        """Wait for Begin, open the form, and start the segment."""
        assert self.package is not None
        assert self.log_in_reply is not None
        self.begin = await self.expect(Begin)
        self.form = open_form(
            self.package.sealed_form(self.begin.form_number),
            self.begin.form_identity,
            paper_id=self.package.manifest.paper_id,
            form_number=self.begin.form_number,
        )
        self.writer = SegmentWriter(
            self.begin.journal_key, self.segment_id, Signer(self.signing_key)
        )
        self.frames[self.segment_id] = []
        self.append(
            SegmentStarted(
                at_ms=0,
                session_id=self.log_in_reply.session_id,
                manifest_sha256=self.package.manifest_sha256,
                form_number=self.begin.form_number,
                seat_id=self.seat_id,
                kiosk_key=public_key_of(self.signing_key),
            )
        )
        return self.form

    def append(self, entry: Entry) -> int:
        """Put an entry into the journal; returns its sequence number."""
        assert self.writer is not None
        self.frames[self.segment_id].append(self.writer.append(encode_entry(entry)))
        return self.writer.seq - 1

    async def send_frames(self, segment_id: SegmentId, first: int) -> None:
        """Send the frames from `first` on."""
        frames = self.frames[segment_id]
        for at in range(first, len(frames), 200):
            await self.send(
                Save(segment_id=segment_id, first_seq=at, frames=tuple(frames[at : at + 200]))
            )

    async def save(self, *entries: Entry) -> Saved:
        """Append entries, send what is not acknowledged, and wait until all is durable."""
        for entry in entries:
            self.append(entry)
        known = self.saved.get(self.segment_id)
        await self.send_frames(self.segment_id, known.frames if known else 0)
        return await self.wait_saved()

    async def wait_saved(self) -> Saved:
        """Wait until every frame of the own segment is acknowledged."""
        assert self.writer is not None
        while True:
            saved = await self.expect(Saved)
            self._check(
                HeldFrames(segment_id=saved.segment_id, frames=saved.frames, head=saved.head),
                saved.proof,
            )
            self.saved[saved.segment_id] = saved
            if saved.segment_id == self.segment_id and saved.frames == self.writer.seq:
                assert saved.head == self.writer.head
                return saved

    async def submit(self, reason: SubmitReason = SubmitReason.CANDIDATE) -> str:
        """Append the submit entry, save it, submit, and return the receipt the server confirms."""
        await self.save(builders.session_submitted(reason=reason))
        return await self.send_submit()

    async def send_submit(self) -> str:
        """Send Submit for the last frame and wait for the receipt."""
        assert self.writer is not None
        frame = self.frames[self.segment_id][-1]
        receipt = receipt_of(frame)
        await self.send(
            Submit(segment_id=self.segment_id, seq=self.writer.seq - 1, receipt=receipt)
        )
        assert (await self.expect(Submitted)).receipt == receipt
        return receipt

    async def stage(self, stage: str) -> None:
        """The candidate went on."""
        await self.send(Stage(stage=stage))

    async def heartbeat(self, unsynced: int = 0) -> None:
        """Alive."""
        await self.send(Heartbeat(unsynced=unsynced))

    async def send(self, message: KioskMessage) -> None:
        """Send one message."""
        assert self.socket is not None
        await self.socket.send(encode_message(message))

    async def expect(self, kind: type[_M]) -> _M:
        """The next message of this kind; others before it are kept in `seen`."""
        assert self.socket is not None
        async with asyncio.timeout(WAIT_S):
            while True:
                data = await self.socket.recv()
                assert isinstance(data, bytes)
                message = self._obeyed(decode_server_message(data))
                if isinstance(message, kind):
                    return message
                self.seen.append(message)

    async def close(self) -> None:
        """Close the connection."""
        if self.socket:
            await self.socket.close()

    def _obeyed(self, message: ServerMessage) -> ServerMessage | What:
        """What an order says, once it is found to be for us and new; other messages as they are."""
        if not isinstance(message, Ordered):
            return message
        assert self.log_in_reply is not None
        order = self.last_order = open_order(message, self._centre_key)
        check_order(
            order,
            sitting_id=builders.SITTING_ID,
            seat_id=self.seat_id,
            session_id=self.log_in_reply.session_id,
            last=self._mark,
        )
        self._mark = order.mark
        return order.what

    def _check(self, held: HeldFrames, proof: CommitProof) -> None:
        assert self.log_in_reply is not None
        check_proof(
            proof,
            Acknowledged(self.log_in_reply.session_id, held),
            sitting_id=builders.SITTING_ID,
            centre_key=self._centre_key,
        )

    def _held(self, segment_id: SegmentId) -> HeldFrames:
        head = first_head(segment_id)
        for frame in self.frames[segment_id]:
            head = next_head(head, frame)
        return HeldFrames(segment_id=segment_id, frames=len(self.frames[segment_id]), head=head)


def _context(authority_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _random_hex() -> str:
    return secrets.token_hex(16)
