"""The grading site on disk: its private folder, its database, its audit log.

`GradingSite` is what every service gets: opened once, by one process at a time.
"""

import datetime as dt
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec

from exam_core.crypto.sealing import SealingIdentity, generate_identity, recipient_of
from exam_core.crypto.signing import PrivateSigningKey, generate_signing_key, public_key_of
from exam_core.errors import InputError, StateError, declare
from exam_core.formats.checkpoint import grading_origin
from exam_core.formats.trust_root import TrustRoot, parse_root
from exam_core.keys.model import AnswerKey, KeyedItem, KeyedPart
from exam_core.model.items import TITLES_ZH, ItemType
from exam_server import limits as server_limits
from exam_server.accounts.audit import LogSigner
from exam_server.clock import Clock
from exam_server.folder import (
    DATA_EXISTS,
    new_folder,
    only_user,
    read_input,
    require_folder,
    storage_error,
    write_atomically,
)
from exam_server.machine import Machine
from exam_server.marking import limits
from exam_server.marking.audit_trail import SharedAuditTrail
from exam_server.store import marking as rows
from exam_server.store.engine import Store, sqlite_url
from exam_server.store.migrations import migrate
from exam_server.tls import issue_server, make_authority
from grading.ranking import RankingPolicy
from grading.ranking.policy import POLICY_MALFORMED
from grading.scoring import PartRef

GRADING_NO_KEY = declare(
    "grading.no_key", "请先用 grade import-key 导入答案包，再导入结果或开始阅卷。"
)
IDENTITY_FILE = declare(
    "identity.file", "请选择 grade init 生成的私钥文件（AGE-SECRET-KEY 开头）。"
)

CONFIG = "site.json"
ROOT = "root.json"
RECIPIENT = "recipient.txt"
AUDIT = "audit.jsonl"
CHECKPOINTS = "checkpoints.txt"
LOG_KEY = "log.key"
DATABASE = "grading.db"
AUTHORITY_CERTIFICATE = "ca.pem"
SERVER_CERTIFICATE = "server.pem"
READY = "run/ready.json"

_LINES = ("accounts", "marking")


class SiteConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was settled at `grade init`.

    `database_url` is empty for the SQLite file in the folder. `machine` is the folder
    where the exam rooms on this machine are known.
    """

    addresses: tuple[str, ...]
    machine: str
    database_url: str = ""


class KeyedPaper:
    """The answer key, with its parts numbered in one order: a part's number is its place."""

    def __init__(self, key: AnswerKey) -> None:
        self.key = key
        self.parts: tuple[tuple[PartRef, KeyedItem, KeyedPart], ...] = tuple(
            (PartRef(bank_item_id=item.bank_item_id, part_index=index), item, part)
            for item in key.items
            for index, part in enumerate(item.parts)
        )
        self.place_of = {ref: place for place, (ref, _, _) in enumerate(self.parts)}
        self.labels = tuple(_labels(key))


class GradingSite:
    """An open grading site; safe to use from several threads."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.config = _read_config(folder)
        self.root: TrustRoot = parse_root((folder / ROOT).read_bytes())
        self.audit = SharedAuditTrail(folder / AUDIT, clock)
        self.audit.sign_with(_log_signer(folder))
        self.store = Store(self.config.database_url or sqlite_url(folder / DATABASE))
        self._paper: tuple[str, KeyedPaper] | None = None
        migrate(self.store, *_LINES)

    def paper(self) -> KeyedPaper:
        """The answer key in force.

        Raises:
            StateError: `grading.no_key`.
        """
        with self.store.transaction() as db:
            found = rows.answer_key(db)
        if found is None:
            raise StateError(GRADING_NO_KEY, "阅卷点还没有导入答案包")
        digest, content = found
        if self._paper is None or self._paper[0] != digest:
            self._paper = (digest, KeyedPaper(msgspec.json.decode(content, type=AnswerKey)))
        return self._paper[1]

    def close(self) -> None:
        """Give the database back."""
        self.store.close()


@contextmanager
def open_site(folder: Path, clock: Clock, *, is_reading: bool = False) -> Iterator[GradingSite]:
    """The grading site in a folder.

    Args:
        folder: Where it is.
        clock: Whose time is written down.
        is_reading: For what changes no row, as an export: it may run beside the pages. Everybody
            else has the folder alone.

    Raises:
        InputError: `data.missing`.
        StateError: `data.in_use`.
        IntegrityError: `audit.*`, `checkpoint.*`, `note.*`: the log was changed.
    """
    require_folder(folder, CONFIG)
    with nullcontext() if is_reading else only_user(folder):
        site = GradingSite(folder, clock)
        try:
            yield site
            site.audit.take_checkpoint("command", only_if_grown=True)
        finally:
            site.close()


def create_site(
    folder: Path,
    *,
    root: TrustRoot,
    root_bytes: bytes,
    addresses: Sequence[str],
    identity_out: Path,
    policy: RankingPolicy,
    clock: Clock,
    machine: Path,
    database_url: str = "",
) -> str:
    """Make a grading site: folder, database, certificates, sealing identity; all or nothing.

    Returns:
        The recipient that results and answer keys are sealed to.

    Raises:
        InputError: `data.exists`, `tls.address`, `database.url`.
        StorageError: `storage.full`, `storage.failed`.
    """
    Machine(machine).prepare()
    now = dt.datetime.fromtimestamp(clock.utc_ms() / 1000, dt.UTC)
    identity = generate_identity()
    recipient = recipient_of(identity)
    with new_folder(folder) as beside:
        authority = make_authority("阅卷点", now=now)
        server = issue_server(authority, addresses, now=now)
        config = SiteConfig(
            addresses=tuple(addresses), database_url=database_url, machine=str(machine.resolve())
        )
        for name, data in {
            ROOT: root_bytes,
            RECIPIENT: recipient.encode() + b"\n",
            "ca.key": authority.key_pem,
            AUTHORITY_CERTIFICATE: authority.certificate_pem,
            SERVER_CERTIFICATE: server.key_pem + server.certificate_pem,
            LOG_KEY: generate_signing_key().encode(),
            CONFIG: msgspec.json.encode(config),
        }.items():
            write_atomically(beside / name, data)
        (beside / "run").mkdir(mode=0o700)
        site = GradingSite(beside, clock)
        try:
            with site.store.transaction() as db:
                rows.add_site(db, task_salt=secrets.token_hex(32), policy=policy)
            site.audit.record("site_made", root_version=root.version, recipient=recipient)
            site.audit.take_checkpoint("site_made")
        finally:
            site.close()
        _write_identity(identity_out, identity)
    return recipient


def read_identity(path: Path) -> SealingIdentity:
    """The private sealing key in an age identity file.

    Raises:
        InputError: `identity.file`, `file.unreadable`, `file.too_large`.
    """
    data = read_input(path, bytes_max=limits.identity_bytes_max, name="私钥文件")
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line.startswith("AGE-SECRET-KEY-")]
    if len(keys) != 1:
        raise InputError(IDENTITY_FILE, "私钥文件中没有唯一的一把私钥")
    return SealingIdentity(keys[0])


def read_policy(path: Path) -> RankingPolicy:
    """The ranking policy in a JSON file.

    Raises:
        InputError: `policy.malformed`, `file.unreadable`, `file.too_large`.
    """
    data = read_input(path, bytes_max=limits.policy_bytes_max, name="排名规则")
    try:
        return msgspec.json.decode(data, type=RankingPolicy)
    except msgspec.DecodeError as error:
        raise InputError(POLICY_MALFORMED, f"排名规则读不出：{error}") from error


def _labels(key: AnswerKey) -> Iterator[str]:
    """What a marker calls each part: its item's number within the type, and its own in a case."""
    seen: dict[ItemType, int] = {}
    for item in key.items:
        number = seen[item.item_type] = seen.get(item.item_type, 0) + 1
        name = f"{TITLES_ZH[item.item_type]} {number}"
        for index in range(len(item.parts)):
            yield f"{name} 第 {index + 1} 问" if item.material else name


def _write_identity(path: Path, identity: SealingIdentity) -> None:
    text = f"# 阅卷点私钥，请离线保管\n# public key: {recipient_of(identity)}\n{identity}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise InputError(DATA_EXISTS, f"{path} 已存在，不覆盖私钥") from error
    except OSError as error:
        raise storage_error(error, path.name) from error


def log_origin(folder: Path) -> str:
    """The name of the site's log: printed at `grade init`, and in every checkpoint."""
    return _log_signer(folder).origin


def _log_signer(folder: Path) -> LogSigner:
    key = PrivateSigningKey((folder / LOG_KEY).read_text().strip())
    return LogSigner(origin=grading_origin(public_key_of(key)), key=key)


def _read_config(folder: Path) -> SiteConfig:
    data = read_input(folder / CONFIG, bytes_max=server_limits.config_bytes_max, name="配置")
    return msgspec.json.decode(data, type=SiteConfig)
