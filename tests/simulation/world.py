"""The centre of every simulated exam, made once by the product's own code and copied for each seed.

The room is enrolled, the paper was opened once; kiosks have their certificates and the package.
"""

import atexit
import functools
import gc
import hashlib
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from exam_client.config import DataFolder, KioskConfig
from exam_core.crypto.sealing import generate_identity
from exam_core.crypto.signing import generate_signing_key, public_key_of
from exam_core.model.identifiers import SeatId
from exam_core.model.roster import Candidate
from exam_core.protocol.enrolment import prove_signing_key
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services.enrolment import KioskRequest, issue_certificate
from exam_server.room.services.opening import OpenedPaper, bring_key, open_paper
from exam_server.room.services.opening_desk import OpeningDesk
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.live_room import LI, ZHANG
from tests.support.memory_files import MemoryFiles
from tests.support.room_world import PASSPHRASE, RoomWorld, make_room

DURATION_MS = 10_000
"""Of every simulated exam: long enough for each fault to meet each step."""

SEATS = 6
SPARE_SEATS = (SeatId("B01"), SeatId("B02"), SeatId("B03"))
FOLDER = DataFolder(Path("/kiosk"))
_MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory, where there is one


@dataclass(frozen=True, kw_only=True)
class SeatTrust:
    """Stands for the TLS context of one machine: the simulated network asks it who connects."""

    machine: str
    certificate_der: bytes

    def as_context(self) -> ssl.SSLContext:
        """As the product passes it on, unopened."""
        return cast("ssl.SSLContext", self)


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One enrolled machine as it leaves the store room."""

    config: KioskConfig
    certificate_der: bytes
    files: dict[Path, bytes]

    def disk(self) -> MemoryFiles:
        """Its disk."""
        files = MemoryFiles()
        for path, content in self.files.items():
            files.put(path, content)
        return files


@dataclass(frozen=True, kw_only=True)
class Centre:
    """What all simulated exams share.

    Attributes:
        roster: Who sits at the first seats; the others are spare.
        opened: What two people brought into the server's memory.
        folder: The room's data folder: `audit.jsonl`, `checkpoints.txt` and `room.db` are put
            back to what they were before each exam.
    """

    roster: tuple[Candidate, ...]
    room_code: str
    seats: dict[SeatId, Seat]
    opened: OpenedPaper
    folder: RoomFolder
    kept: Path

    def fresh_folder(self) -> RoomFolder:
        """The data folder as it was before the exam."""
        for file in self.folder.path.glob("room.db*"):
            file.unlink()
        for file in self.folder.path.glob("audit.torn-*"):
            file.unlink()
        for name in ("room.db", "audit.jsonl", "checkpoints.txt"):
            if (self.kept / name).exists():
                shutil.copyfile(self.kept / name, self.folder.path / name)
            else:
                (self.folder.path / name).unlink(missing_ok=True)
        return self.folder


@functools.cache
def centre() -> Centre:
    """The centre of this process."""
    base = Path(tempfile.mkdtemp(prefix="simulation-", dir=_MEMORY if _MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    world = make_room(base / "data", seats=SEATS, duration_ms=DURATION_MS, spare_seats=SPARE_SEATS)
    package = world.delivery.package
    store = open_store(world.folder)
    trail = AuditTrail(world.folder.audit_file, SystemClock())
    seats = {}
    for seat_id in (*(one.seat_id for one in world.roster), *SPARE_SEATS):
        seats[seat_id] = _enrolled(world, store, trail, seat_id, package)
    opened = _open(world, store, trail)
    with store.connection() as connection:
        code = connection.exec_driver_sql("SELECT room_code FROM sitting").scalar_one()
    store.close()
    kept = base / "kept"
    kept.mkdir()
    for name in ("room.db", "audit.jsonl", "checkpoints.txt"):
        if (world.folder.path / name).exists():
            shutil.copyfile(world.folder.path / name, kept / name)
    gc.freeze()  # what is here now stays; looking through it again would slow every exam
    return Centre(
        roster=world.roster,
        room_code=code,
        seats=seats,
        opened=opened,
        folder=world.folder,
        kept=kept,
    )


def _enrolled(
    world: RoomWorld, store: Store, trail: AuditTrail, seat_id: SeatId, package: bytes
) -> Seat:
    key, signing_key = ec.generate_private_key(ec.SECP256R1()), generate_signing_key()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr_pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    pem, _ = issue_certificate(
        store,
        world.folder,
        trail,
        SystemClock(),
        request=KioskRequest(
            seat_id=seat_id,
            csr_pem=csr_pem,
            signing_key=public_key_of(signing_key),
            signing_proof=prove_signing_key(csr_pem, signing_key),
        ),
        enrolled_by="li",
    )
    digest = hashlib.sha256(package).hexdigest()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return Seat(
        config=KioskConfig(
            folder=FOLDER,
            kiosk_url="https://room:1",
            console_url="https://room:2",
            seat_id=seat_id,
            root=builders.root(),
            centre=world.folder.centre(),
        ),
        certificate_der=certificate.public_bytes(serialization.Encoding.DER),
        files={
            FOLDER.credential: pem.encode(),
            FOLDER.signing_key: signing_key.encode(),
            FOLDER.device_key: generate_identity().encode(),
            FOLDER.package / f"{digest}.exampkg": package,
        },
    )


def _open(world: RoomWorld, store: Store, trail: AuditTrail) -> OpenedPaper:
    desk = OpeningDesk(SystemClock())
    bring_key(
        store,
        world.folder,
        trail,
        desk,
        LI,
        key_file=world.opening_key,
        passphrase=PASSPHRASE,
    )
    return open_paper(store, world.folder, trail, desk, ZHANG, codes=world.delivery.code)
