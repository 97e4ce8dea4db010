"""Makes a room of any size in one process: package, roster, certificates, log-ins, begun sessions.

Everything goes through the services that the server itself calls; only the five thousand HTTP
requests are left out. All kiosks share one TLS key, each has its own certificate.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.bench.opening import bench_roster
from deploy.bench.server.paper import Paper, make_paper, make_root
from deploy.bench.server.plan import Plan, PlannedKiosk, write_plan
from deploy.demo.people import write_roster
from exam_core.crypto.signing import generate_signing_key, public_key_of
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import CentreId, FormNumber, SegmentId, SessionId, SittingId
from exam_core.model.roster import Candidate
from exam_core.model.states import SittingEvent
from exam_core.protocol.enrolment import prove_signing_key
from exam_core.protocol.http import LogInRequest
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.audit_draft import AuditDraft
from exam_server.accounts.passwords import PasswordProfile
from exam_server.accounts.people import People, Person
from exam_server.accounts.roles import Role
from exam_server.clock import SystemClock, read_clocks
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services import admission, conduct, imports, set_up
from exam_server.room.services.enrolment import KioskRequest, issue_certificate
from exam_server.room.services.sitting_authority import ensure_sitting_authority
from exam_server.store import room as tables
from exam_server.store.engine import Store

PASSPHRASE = "eight words that no bench would guess"  # noqa: S105  of a room that lives for minutes
PASSWORD = "a long enough password"  # noqa: S105  the same
PEOPLE = {"it": Role.IT, "chief": Role.CHIEF, "proctor": Role.PROCTOR, "auditor": Role.AUDITOR}
_PROCTOR = Person(
    account_id=1,
    name="proctor",
    roles=frozenset({Role.PROCTOR}),
    session_key="bench",
    csrf_token="",
)
_CHEAP = PasswordProfile(iterations=1, lanes=1, memory_kib=8)  # passwords are not what we measure


class Until(IntEnum):
    """How far the day has come when the server is started."""

    ENROLLED = 1  # kiosks have certificates
    PRESENT = 2  # everybody logged in and was found present; the paper is shut
    BEGUN = 3  # the sitting runs, every session was begun


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRoom:
    """A room that is ready to serve, and what opens its paper."""

    folder: RoomFolder
    plan_file: Path
    opening_key: bytes
    opening_code: str
    kiosks: int


def make_room(
    at: Path, *, kiosks: int, until: Until, database_url: str = set_up.DEFAULT_DATABASE
) -> BenchRoom:
    """A room of so many kiosks in the new folder `at`."""
    at.mkdir(parents=True)
    clock, key_file = SystemClock(), at / "opening-key.age"
    set_up.initialise(
        at / "room",
        centre_id=CentreId("C01"),
        name="测量考点",
        root_bytes=encode_root(make_root()),
        addresses=["127.0.0.1"],
        opening_key_out=key_file,
        passphrase=PASSPHRASE,
        database_url=database_url,
        machine=at / "machine",
        clock=clock,
    )
    folder = RoomFolder(at / "room")
    paper = make_paper(folder.centre(), forms=kiosks)
    roster = bench_roster(kiosks)
    store = open_store(folder)
    try:
        making = _Making(folder, store, AuditTrail(folder.audit_file, clock))
        making.import_files(at, paper, roster)
        people = People(store, clock, _CHEAP)
        for name, role in PEOPLE.items():
            people.add(name, PASSWORD, frozenset({role}))
        plan = making.plan(paper, roster, until)
    finally:
        store.close()
    write_plan(at / "plan.msgpack", plan)
    return BenchRoom(
        folder=folder,
        plan_file=at / "plan.msgpack",
        opening_key=key_file.read_bytes(),
        opening_code=paper.opening_code,
        kiosks=kiosks,
    )


@dataclass(frozen=True, slots=True)
class _Making:
    """A room's data folder, open."""

    folder: RoomFolder
    store: Store
    trail: AuditTrail

    def import_files(self, at: Path, paper: Paper, roster: list[Candidate]) -> None:
        """What headquarters and the centre's staff bring."""
        package_file, roster_file = at / "paper.exampkg", at / "roster.xlsx"
        package_file.write_bytes(paper.package)
        write_roster(roster_file, roster)
        imports.import_package(
            self.store, self.folder, self.trail, package=package_file, opening=paper.opening
        )
        ensure_sitting_authority(self.folder, paper.sitting_id, SystemClock())
        imports.import_roster(
            self.store,
            self.folder,
            self.trail,
            roster=roster_file.read_bytes(),
            seed_hex=secrets.token_hex(32),
        )

    def plan(self, paper: Paper, roster: list[Candidate], until: Until) -> Plan:
        """Bring the day so far, and note what kiosks know of it."""
        with self.store.transaction() as db:
            sitting = tables.find_sitting(db)
            assert sitting is not None  # noqa: S101  just imported
            room_code, package_sha256 = sitting.room_code, sitting.package_sha256
            forms = {row.admission_number: row.form_number for row in tables.list_candidates(db)}
        key = ec.generate_private_key(ec.SECP256R1())
        kiosks = [self._enrol(key, one) for one in roster]
        if until >= Until.PRESENT:
            kiosks = self._log_in(kiosks, room_code, forms)
            conduct.mark_present(self.store, self.trail, _PROCTOR, seat_id=None)
        if until >= Until.BEGUN:
            self._begin([one.session_id for one in kiosks])
        return Plan(
            sitting_id=SittingId(paper.sitting_id),
            centre_key=self.folder.centre().signing_key,
            authority_file=str(self.folder.authority_file),
            package_file=str(self.folder.package_file(package_sha256)),
            root_file=str(self.folder.path / "root.json"),
            manifest_sha256=paper.manifest_sha256,
            room_code=room_code,
            journal_secret=paper.journal_secret,
            tls_key_pem=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            kiosks=tuple(kiosks),
        )

    def _enrol(self, key: ec.EllipticCurvePrivateKey, candidate: Candidate) -> PlannedKiosk:
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        signed = request.sign(key, hashes.SHA256())
        csr_pem = signed.public_bytes(serialization.Encoding.PEM).decode()
        signing_key = generate_signing_key()
        certificate_pem, _ = issue_certificate(
            self.store,
            self.folder,
            self.trail,
            SystemClock(),
            request=KioskRequest(
                seat_id=candidate.seat_id,
                csr_pem=csr_pem,
                signing_key=public_key_of(signing_key),
                signing_proof=prove_signing_key(csr_pem, signing_key),
            ),
            enrolled_by="it",
        )
        return PlannedKiosk(
            seat_id=candidate.seat_id,
            admission_number=candidate.admission_number,
            id_number=candidate.id_number,
            certificate_pem=certificate_pem,
            signing_key=signing_key,
            segment_id=SegmentId(secrets.token_hex(16)),
        )

    def _log_in(
        self, kiosks: list[PlannedKiosk], room_code: str, forms: Mapping[str, int]
    ) -> list[PlannedKiosk]:
        log, logged_in = AuditDraft(), []
        with self.store.transaction() as db:
            for one in kiosks:
                request = LogInRequest(
                    admission_number=one.admission_number,
                    id_number=one.id_number,
                    room_code=room_code,
                )
                admitted = admission.log_in(db, log, request, seat_id=one.seat_id, is_active=False)
                assert isinstance(admitted, admission.Admitted)  # noqa: S101  the plan's own facts
                logged_in.append(
                    msgspec.structs.replace(
                        one,
                        session_id=admitted.reply.session_id,
                        token=admitted.reply.token,
                        form_number=FormNumber(forms[one.admission_number]),
                    )
                )
            self.trail.append(log)
        return logged_in

    def _begin(self, session_ids: list[SessionId]) -> None:
        reading = read_clocks(SystemClock())
        for event in (SittingEvent.OPEN, SittingEvent.START):
            conduct.change_sitting(
                self.store, self.trail, event, person=_PROCTOR, elapsed_ms=0, reading=reading
            )
        log = AuditDraft()
        with self.store.transaction() as db:
            conduct.begin_sessions(db, log, session_ids, at_ms=0)
            self.trail.append(log)
