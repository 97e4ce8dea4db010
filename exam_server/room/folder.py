"""Where the room's files are, and the facts of the centre that were fixed at `init`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError, declare
from exam_core.formats.centre_descriptor import CentreDescriptor, parse_centre
from exam_core.formats.paper_package import PaperPackage, verify_package
from exam_core.formats.trust_root import TrustRoot, parse_root
from exam_core.model.states import SittingState
from exam_server import limits
from exam_server.folder import FileSource, read_input, require_folder, write_atomically
from exam_server.machine import Machine, RoomStatus
from exam_server.tls import KeyPair

CONFIG_MALFORMED = declare("config.malformed", "请检查数据文件夹中的 config.json，或从备份恢复。")

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


class RoomConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `config.json` holds.

    Attributes:
        database_url: Where sessions and responses are kept; a path in SQLite's URL that begins
            with `./` is taken inside the data folder. Default: `sqlite:///./room.db`.
        addresses: IP addresses and host names in the server's certificate.
        machine: The folder where this machine's rooms are known to its other programs.
            Default: `/var/lib/gongyuan/machine`.
        room_id: This room's number there, 16 hexadecimal digits; drawn at `init`.
        backup_folder: Where the console's button puts backups, on another disk; without it there
            is no button. Default: none.
        reserve_mib: Disk space in MiB that is kept back for answers; 0 keeps nothing. Default: 256.
    """

    database_url: str
    addresses: tuple[str, ...]
    machine: str
    room_id: str
    backup_folder: str = ""
    reserve_mib: Annotated[int, msgspec.Meta(ge=0, le=limits.reserve_mib_max)] = (
        limits.reserve_mib_default
    )


@dataclass(frozen=True, slots=True)
class RoomFolder:
    """The data folder of one room."""

    path: Path

    @property
    def audit_file(self) -> Path:
        """The audit log, JSON lines."""
        return self.path / "audit.jsonl"

    @property
    def checkpoints_file(self) -> Path:
        """The signed checkpoints of the audit log."""
        return self.path / "checkpoints.txt"

    @property
    def telemetry_folder(self) -> Path:
        """What kiosks tell of how they fare; may be deleted at any time."""
        return self.path / "telemetry"

    @property
    def ready_file(self) -> Path:
        """Addresses and process id of the running server."""
        return self.path / "run" / "ready.json"

    @property
    def authority_file(self) -> Path:
        """The certificate of the centre's CA."""
        return self.path / "ca.pem"

    @property
    def sitting_authority_file(self) -> Path:
        """The CA of the sitting: its private key and its certificate."""
        return self.path / "sitting-ca.pem"

    @property
    def server_certificate_file(self) -> Path:
        """The server's private key, its certificate, and the CA's that issued it."""
        return self.path / "server.pem"

    @property
    def signed_centre_file(self) -> Path:
        """The centre's descriptor as headquarters signed it."""
        return self.path / "centre.signed"

    def package_file(self, package_sha256: str) -> Path:
        """An imported package, by its digest."""
        return self.path / "packages" / f"{package_sha256}.exampkg"

    @property
    def incoming_package_file(self) -> Path:
        """A package that is being copied in; nothing else ever reads it."""
        return self.path / "packages" / ".incoming.part"

    def opening_file(self, package_sha256: str) -> Path:
        """The opening bundle that came with a package."""
        return self.path / "packages" / f"{package_sha256}.examopen"

    def assignment_file(self, assignment_sha256: str) -> Path:
        """A signed table of who writes which form, by its digest."""
        return self.path / "assignments" / f"{assignment_sha256}.json"

    @property
    def sealed_results_file(self) -> Path:
        """The content of the results, fixed and sealed, while officials sign."""
        return self.path / "results" / "sealed.age"

    @property
    def draft_file(self) -> Path:
        """The signatures on the results so far."""
        return self.path / "results" / "draft.json"

    @property
    def results_file(self) -> Path:
        """The exported results."""
        return self.path / "results" / "room.examresults"

    def require(self) -> None:
        """Refuse a folder that `init` did not make.

        Raises:
            InputError: `data.missing`.
        """
        require_folder(self.path, "config.json")

    def config(self) -> RoomConfig:
        """The configuration.

        Raises:
            InputError: `config.malformed`, `data.missing`.
        """
        self.require()
        data = read_input(
            self.path / "config.json", bytes_max=limits.config_bytes_max, name="配置文件"
        )
        try:
            return msgspec.json.decode(data, type=RoomConfig)
        except msgspec.DecodeError as error:
            raise InputError(CONFIG_MALFORMED, "config.json 格式不对") from error

    def write_config(self, config: RoomConfig) -> None:
        """Write the configuration, readable for people."""
        text = json.dumps(msgspec.to_builtins(config), ensure_ascii=False, indent=2)
        write_atomically(self.path / "config.json", text.encode())

    def report_state(self, sitting_id: str, state: SittingState) -> None:
        """Tell this machine's other programs how far the sitting here is.

        They must know before a sitting can open and when it is closed; what lies between is told
        at each start of the server.

        Raises:
            StorageError: `machine.registry`; then the room must not go on.
        """
        config = self.config()
        status = RoomStatus(centre_id=self.centre().centre_id, sitting_id=sitting_id, state=state)
        Machine(Path(config.machine)).register(config.room_id, status)

    def database_url(self) -> str:
        """The URL to open, with a relative SQLite path resolved.

        Raises:
            InputError: `config.malformed`, `data.missing`.
        """
        return self.config().database_url.replace("sqlite:///./", f"sqlite:///{self.path}/")

    def root(self) -> TrustRoot:
        """Headquarters' keys."""
        data = read_input(self.path / "root.json", bytes_max=limits.root_bytes_max, name="信任根")
        return parse_root(data)

    def centre(self) -> CentreDescriptor:
        """The centre's own facts."""
        data = read_input(
            self.path / "centre.json", bytes_max=limits.config_bytes_max, name="考点文件"
        )
        return parse_centre(data)

    def package(self, package_sha256: str) -> PaperPackage:
        """An imported package, verified again; only its manifest is in memory.

        Raises:
            InputError: `file.unreadable`, `package.*`, `signature.*`.
            IntegrityError: `package.altered`, `signature.*`.
        """
        source = FileSource(self.package_file(package_sha256), name="试卷包")
        return verify_package(source, self.root())

    def authority(self) -> KeyPair:
        """The centre's CA."""
        return KeyPair(
            key_pem=(self.path / "ca.key").read_bytes(),
            certificate_pem=self.authority_file.read_bytes(),
        )

    def sitting_authority(self) -> KeyPair:
        """The CA of the sitting; made by `services.sitting_authority`."""
        key, mark, certificate = self.sitting_authority_file.read_bytes().partition(_CERTIFICATE)
        return KeyPair(key_pem=key, certificate_pem=mark + certificate)

    def signing_key(self) -> PrivateSigningKey:
        """The key that signs this centre's results."""
        return PrivateSigningKey((self.path / "signing.key").read_text().strip())
