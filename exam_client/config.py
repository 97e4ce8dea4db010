"""Where a kiosk keeps what, and whom it trusts; read once when a program starts.

    kiosk.json       addresses and the seat        seat.pem         the seat's certificate and key
    root.json        headquarters' signing keys    resume.json      of the session under way
    centre.signed    the centre's CA               package/         the sealed paper
    signing.key      the kiosk's signing key       sessions/<id>/   journal segments
    orders.json      the last order taken          lock             held while a kiosk runs
    deliver.json     sessions that went on at another machine and may lack something there
    device.key       opens the outer layer of resume.age, with which the session goes on alone

The folder is its owner's only (0700), its files too (0600). The opened paper, the journal key
and the responses are never in it in plain.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from exam_client import limits
from exam_client.journal.files import FileSystem
from exam_core.crypto.sealing import generate_identity
from exam_core.errors import InputError, StateError, StorageError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor, verify_centre
from exam_core.formats.trust_root import TrustRoot, accept_root_update, encode_root, parse_root
from exam_core.limits import seat_id_chars_max
from exam_core.model.identifiers import SeatId, SessionId
from exam_core.model.roster import seat_id_is_valid

CLIENT_NOT_INSTALLED = declare(
    "client.not_installed", "本机尚未安装考试客户端配置，请技术人员先执行 exam-client install。"
)
CLIENT_CONFIG = declare(
    "client.config", "客户端配置不对，请技术人员核对机位号和服务器地址后重新安装。"
)
CLIENT_DISK = declare("client.disk", "本机磁盘读写失败，请技术人员检查磁盘空间和权限。")


class KioskFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kiosk.json`: what a technician said at install."""

    kiosk_url: str
    console_url: str
    seat_id: SeatId

    def __post_init__(self) -> None:
        for url in (self.kiosk_url, self.console_url):
            parts = urlsplit(url)
            if parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"}:
                raise InputError(CLIENT_CONFIG, "服务器地址应形如 https://主机:端口", url=url[:200])
        if not seat_id_is_valid(self.seat_id):
            most = seat_id_chars_max
            raise InputError(
                CLIENT_CONFIG, f"机位号只能用字母、数字、汉字和短横，最多 {most} 个字符"
            )


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The names in a kiosk's data folder."""

    path: Path

    @property
    def facts(self) -> Path:
        """Addresses and the seat."""
        return self.path / "kiosk.json"

    @property
    def root(self) -> Path:
        """Headquarters' signing keys."""
        return self.path / "root.json"

    @property
    def centre(self) -> Path:
        """The centre as headquarters signed it."""
        return self.path / "centre.signed"

    @property
    def credential(self) -> Path:
        """The seat's client certificate with its private key, in one file so that they fit."""
        return self.path / "seat.pem"

    @property
    def signing_key(self) -> Path:
        """The kiosk's private signing key."""
        return self.path / "signing.key"

    @property
    def orders(self) -> Path:
        """The mark of the last order that was taken."""
        return self.path / "orders.json"

    @property
    def deliver(self) -> Path:
        """Sessions that went on at another machine, of which the server may lack something."""
        return self.path / "deliver.json"

    @property
    def resume(self) -> Path:
        """The session under way."""
        return self.path / "resume.json"

    @property
    def package(self) -> Path:
        """The folder of sealed papers."""
        return self.path / "package"

    @property
    def device_key(self) -> Path:
        """This machine's private sealing key; opens the outer layer of `resume.age`."""
        return self.path / "device.key"

    @property
    def sealed_resume(self) -> Path:
        """What it takes to go on without the server, sealed twice."""
        return self.path / "resume.age"

    @property
    def lock(self) -> Path:
        """Held while a kiosk runs."""
        return self.path / "lock"

    def session(self, session_id: SessionId) -> Path:
        """The folder of a session's journal segments."""
        return self.path / "sessions" / session_id


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskConfig:
    """All that one kiosk was told.

    Attributes:
        folder: Where it keeps its files.
        kiosk_url: The room's port for kiosks, `https://host:port`.
        console_url: The room's port for browsers and for enrolment.
        seat_id: This machine's seat.
        root: Headquarters' signing keys.
        centre: The centre; its CA is the only one that this kiosk trusts.
    """

    folder: DataFolder
    kiosk_url: str
    console_url: str
    seat_id: SeatId
    root: TrustRoot
    centre: CentreDescriptor


def install(
    files: FileSystem, folder: DataFolder, facts: KioskFacts, *, root: bytes, centre: bytes
) -> KioskConfig:
    """Make the data folder of a kiosk, once root and centre descriptor are verified.

    Nothing is written before that. Installing again replaces the configuration and keeps sessions.

    Raises:
        InputError, IntegrityError: Root or descriptor do not hold.
        StorageError: `client.disk`.
    """
    trust = parse_root(root)
    config = _config(folder, facts, trust, verify_centre(centre, trust))
    try:
        files.make_folder(folder.path)
        files.replace(folder.root, root)
        files.replace(folder.centre, centre)
        if folder.device_key.name not in files.names(folder.path):
            files.replace(folder.device_key, generate_identity().encode())
        files.replace(folder.facts, encode_canonical(facts))
    except OSError as error:
        raise StorageError(CLIENT_DISK, "无法写入客户端目录", errno=error.errno) from error
    return config


def install_root(
    files: FileSystem, folder: DataFolder, *, update: bytes, centre: bytes | None
) -> TrustRoot:
    """Replace the root by the one that follows, with a centre descriptor that holds under it.

    Args:
        files: How files are written.
        folder: Of an installed kiosk.
        update: The step, signed by the people of both roots.
        centre: The descriptor signed anew; without it the present one must still hold.

    Raises:
        InputError, IntegrityError: `root.*`, `signature.*`, `centre.*`; nothing was changed.
        StateError: `client.not_installed`.
        StorageError: `client.disk`.
    """
    try:
        present = parse_root(files.read(folder.root, limits.config_bytes_max))
        held = files.read(folder.centre, limits.config_bytes_max)
    except FileNotFoundError as error:
        raise StateError(CLIENT_NOT_INSTALLED, "客户端目录不完整") from error
    except OSError as error:
        raise StorageError(CLIENT_DISK, "无法读取客户端目录", errno=error.errno) from error
    root = accept_root_update(update, present)
    verify_centre(held if centre is None else centre, root)
    try:
        if centre is not None:
            # First: should the machine stop between the two, this command can be given again.
            files.replace(folder.centre, centre)
        files.replace(folder.root, encode_root(root))
    except OSError as error:
        raise StorageError(CLIENT_DISK, "无法写入客户端目录", errno=error.errno) from error
    return root


def load_config(files: FileSystem, folder: DataFolder) -> KioskConfig:
    """The configuration of an installed kiosk, verified again from the root.

    Raises:
        StateError: `client.not_installed`.
        StorageError: `client.disk`.
        InputError, IntegrityError: A file does not hold any more.
    """
    try:
        data = [
            files.read(path, limits.config_bytes_max)
            for path in (folder.facts, folder.root, folder.centre)
        ]
    except FileNotFoundError as error:
        raise StateError(CLIENT_NOT_INSTALLED, "客户端目录不完整") from error
    except OSError as error:
        raise StorageError(CLIENT_DISK, "无法读取客户端目录", errno=error.errno) from error
    facts = decode_canonical(data[0], KioskFacts, CLIENT_CONFIG, "客户端配置")
    root = parse_root(data[1])
    return _config(folder, facts, root, verify_centre(data[2], root))


def _config(
    folder: DataFolder, facts: KioskFacts, root: TrustRoot, centre: CentreDescriptor
) -> KioskConfig:
    return KioskConfig(
        folder=folder,
        kiosk_url=facts.kiosk_url.rstrip("/"),
        console_url=facts.console_url.rstrip("/"),
        seat_id=facts.seat_id,
        root=root,
        centre=centre,
    )
