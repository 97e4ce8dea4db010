"""A whole centre for tests: headquarters' files, a room's data folder, accounts, pages.

Everything is made by the product's own code, from keys and seeds that the test can know.
"""

import io
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx2
import msgspec
import pytest
from openpyxl import Workbook

from exam_core import limits as core_limits
from exam_core.crypto.sealing import SealingIdentity, generate_identity, recipient_of
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.opening_bundle import FormIdentity, OpeningBundle, seal_bundle
from exam_core.formats.opening_locks import OpeningCodes, draw_codes
from exam_core.formats.paper_package import build_package, seal_form, verify_package
from exam_core.formats.trust_root import encode_root
from exam_core.model.identifiers import CentreId, FormNumber, SeatId
from exam_core.model.roster import Candidate
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.passwords import PasswordProfile
from exam_server.accounts.people import People
from exam_server.accounts.roles import Role
from exam_server.clock import SystemClock
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services import imports, official_keys, set_up
from exam_server.room.services.roster_file import COLUMNS
from exam_server.room.services.set_up import DEFAULT_DATABASE
from exam_server.room.services.sitting_authority import ensure_sitting_authority
from tests.support import builders

PASSPHRASE = "six words that nobody guesses"
PASSWORD = "a long enough password"
RESERVE_MIB = 0
"""Test rooms are many; and where a test says that the disk is full, it is full at once."""

CHEAP = PasswordProfile(iterations=1, lanes=1, memory_kib=8)
"""Password hashing that costs nothing; for tests that are not about passwords."""

PEOPLE = {
    "zhang": frozenset({Role.CHIEF}),
    "li": frozenset({Role.IT}),
    "wang": frozenset({Role.PROCTOR}),
    "zhao": frozenset({Role.STAFF}),
    "sun": frozenset({Role.AUDITOR}),
    "both": frozenset({Role.CHIEF, Role.IT}),
}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What headquarters delivers for one sitting."""

    package: bytes
    bundle: OpeningBundle
    opening: bytes
    codes: OpeningCodes

    @property
    def code(self) -> str:
        """The opening code."""
        return self.codes.opening_code

    @property
    def journal_secret(self) -> bytes:
        """What the journal keys are derived from."""
        return bytes.fromhex(self.bundle.journal_secret)


@dataclass(frozen=True, kw_only=True)
class RoomWorld:
    """An initialised room with package, roster and accounts, and what a test may know of it."""

    folder: RoomFolder
    opening_key: bytes
    delivery: Delivery
    roster: tuple[Candidate, ...]


def deliver(
    centre: CentreDescriptor,
    *,
    forms: int,
    duration_ms: int = 5_400_000,
    sequence: int = 1,
    not_before_utc_ms: int | None = None,
) -> Delivery:
    """A package with so many forms, each with its own identity, and its opening bundle."""
    identities: list[SealingIdentity] = [generate_identity() for _ in range(forms)]
    package = build_package(
        exam_id=builders.EXAM_ID,
        sitting_id=builders.SITTING_ID,
        paper_id=builders.PAPER_ID,
        title="福建省人社窗口业务技能比武 笔试",
        sequence=sequence,
        duration_ms=duration_ms,
        not_before_utc_ms=not_before_utc_ms,
        scoring_note="多选题少选、错选均不得分",
        results_recipients=[builders.recipient()],
        sealed_forms=[
            seal_form(builders.form(number), recipient_of(identity))
            for number, identity in enumerate(identities, 1)
        ],
        keys=[builders.SETTER, builders.APPROVER],
    )
    manifest_sha256 = verify_package(package, builders.root()).manifest_sha256
    bundle = builders.bundle(
        centre_id=centre.centre_id,
        manifest_sha256=manifest_sha256,
        identities=tuple(
            FormIdentity(form_number=FormNumber(number), identity=identity)
            for number, identity in enumerate(identities, 1)
        ),
    )
    codes = draw_codes()
    return Delivery(
        package=package, bundle=bundle, opening=seal_opening(bundle, codes, centre), codes=codes
    )


def seal_opening(bundle: OpeningBundle, codes: OpeningCodes, centre: CentreDescriptor) -> bytes:
    """A bundle file whose locks cost little: the slow derivation has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core_limits, "scrypt_log_n", 10)
        signers = [builders.SETTER, builders.APPROVER]
        return seal_bundle(bundle, signers, codes, centre.opening_recipient)


def roster_file(candidates: tuple[Candidate, ...]) -> bytes:
    """The roster as an .xlsx file."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(COLUMNS))
    for one in candidates:
        sheet.append(
            [
                one.admission_number,
                one.name,
                one.id_number,
                one.unit,
                one.team,
                "是" if one.is_substitute else "否",
                one.seat_id,
            ]
        )
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def initialise_room(
    data: Path,
    database_url: str = DEFAULT_DATABASE,
    centre_id: CentreId = builders.CENTRE_ID,
) -> tuple[RoomFolder, bytes]:
    """An empty room for 127.0.0.1, and its opening key file."""
    key_file = data.with_name(f"{data.name}.opening-key")
    set_up.initialise(
        data,
        centre_id=centre_id,
        name="福州第一考点",
        root_bytes=encode_root(builders.root()),
        addresses=["127.0.0.1"],
        opening_key_out=key_file,
        passphrase=PASSPHRASE,
        database_url=database_url,
        machine=data.parent / "machine",
        clock=SystemClock(),
    )
    room = RoomFolder(data)
    room.write_config(msgspec.structs.replace(room.config(), reserve_mib=RESERVE_MIB))
    trail = AuditTrail(room.audit_file, SystemClock())
    for official in builders.officials():
        official_keys.name_official(room, trail, official)
    return room, key_file.read_bytes()


def make_room(
    data: Path,
    *,
    seats: int = 4,
    duration_ms: int = 5_400_000,
    database_url: str = DEFAULT_DATABASE,
    spare_seats: tuple[str, ...] = (),
) -> RoomWorld:
    """A room that is ready to serve."""
    with pytest.MonkeyPatch.context() as patch:  # what a passphrase costs has tests of its own
        patch.setattr(core_limits, "scrypt_log_n", 10)
        folder, opening_key = initialise_room(data, database_url)
    delivery = deliver(folder.centre(), forms=seats + 1, duration_ms=duration_ms)
    roster = builders.roster(seats)
    store = open_store(folder)
    trail = AuditTrail(folder.audit_file, SystemClock())
    package_file = data.with_name(f"{data.name}.exampkg")
    package_file.write_bytes(delivery.package)
    imports.import_package(store, folder, trail, package=package_file, opening=delivery.opening)
    ensure_sitting_authority(folder, builders.SITTING_ID, SystemClock())
    imports.import_roster(
        store,
        folder,
        trail,
        roster=roster_file(roster),
        seed_hex="11" * 32,
        spare_seats=[SeatId(one) for one in spare_seats],
    )
    people = People(store, SystemClock(), CHEAP)
    for name, roles in PEOPLE.items():
        people.add(name, PASSWORD, roles)
    store.close()
    return RoomWorld(folder=folder, opening_key=opening_key, delivery=delivery, roster=roster)


class Running(Protocol):
    """A process, as far as tests deal with one; `subprocess.Popen` is one."""

    pid: int
    returncode: Any

    def poll(self) -> int | None:
        """The exit status, once it ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end."""

    def kill(self) -> None:
        """SIGKILL."""

    def terminate(self) -> None:
        """SIGTERM."""


class ServerProcess:
    """A real `exam-server serve`."""

    def __init__(self, folder: RoomFolder) -> None:
        self._folder = folder
        self.process: Running | None = None
        self.kiosk_url = ""
        self.console_url = ""

    def start(self, *, kiosk_port: int = 0, console_port: int = 0, take_over: bool = False) -> None:
        """Start, and return when connections are accepted."""
        self._folder.ready_file.unlink(missing_ok=True)
        ports = ["--kiosk-port", str(kiosk_port), "--console-port", str(console_port)]
        ports += ["--take-over"] if take_over else []
        log = self._folder.path.parent / "server.log"
        self.process = self._spawn(["serve", "--data", str(self._folder.path), *ports], log)
        deadline = time.monotonic() + 30
        while not self._folder.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                told = log.read_text()
                raise AssertionError(f"server did not start: {told}")
            time.sleep(0.01)
        ready = json.loads(self._folder.ready_file.read_text())
        self.kiosk_url = ready["kiosk_url"]
        self.console_url = ready["console_url"]

    def _spawn(self, arguments: list[str], log: Path) -> "Running":
        with log.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "exam_server.cli", *arguments],
                stdout=subprocess.DEVNULL,
                stderr=file,
            )

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)


@contextmanager
def running(folder: RoomFolder) -> Iterator[ServerProcess]:
    """A server process for the block; killed if it is still there afterwards."""
    server = ServerProcess(folder)
    server.start()
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.kill()


class Console:
    """One person's browser session, by HTTP as a script does it."""

    def __init__(self, base_url: str, authority_file: Path) -> None:
        context = ssl.create_default_context(cafile=authority_file)
        self.http = httpx2.Client(
            base_url=base_url, verify=context, headers={"Origin": base_url}, timeout=30
        )
        self.csrf_token = ""

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx2.Response:
        """Log in; the token for forms is read from the page that follows."""
        reply = self.http.post("/log-in", data={"name": name, "password": password, "next": "/"})
        if reply.status_code == 303:
            page = self.http.get("/", headers={"Accept": "text/html"}, follow_redirects=True).text
            self.csrf_token = page.split('name="csrf-token" content="')[1].split('"')[0]
        return reply

    def post(
        self,
        path: str,
        fields: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> httpx2.Response:
        """Send a form."""
        data = {"csrf_token": self.csrf_token, **(fields or {})}
        return self.http.post(path, data=data, files=files)

    def get(self, path: str) -> httpx2.Response:
        """Fetch a page or its JSON."""
        return self.http.get(path)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


def sign_in(server: ServerProcess, world: RoomWorld, name: str) -> Console:
    """A person at the console of a running server."""
    console = Console(server.console_url, world.folder.authority_file)
    try:
        assert console.sign_in(name).status_code == 303
    except BaseException:
        console.close()
        raise
    return console


def open_paper(server: ServerProcess, world: RoomWorld) -> None:
    """The two people open the paper."""
    with closing(sign_in(server, world, "li")) as first:
        reply = first.post(
            "/opening/key", {"passphrase": PASSPHRASE}, {"key_file": ("key", world.opening_key)}
        )
    assert reply.status_code == 200, reply.text
    with closing(sign_in(server, world, "zhang")) as second:
        reply = second.post("/opening/code", {"code": world.delivery.code})
    assert reply.status_code == 200, reply.text
