"""Who signs at headquarters? Private signing keys, one file an office, and the trust root."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    generate_signing_key,
    public_key_of,
)
from exam_core.errors import InputError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.trust_root import TrustRoot, encode_root, parse_root
from paper_builder import limits
from paper_builder.files import read_file, write_folder

KEY_FILE = declare("publish.key_file", "请选择 paper-builder keys 生成的签名密钥文件。")
THRESHOLD = declare(
    "publish.threshold", "每人只签一次，所以签名人数不能多于岗位数；为防一人作主，不能少于 2。"
)
OFFICES = declare("publish.offices", "请给出互不相同的岗位名称，例如 setter 和 approver。")

ROOT_FILE = "root.json"
DEFAULT_OFFICES = ("setter", "approver")
DEFAULT_THRESHOLD = 2
_THRESHOLD_MIN = 2  # nobody publishes a paper alone

_KIND = "gongyuan-signing-key/1"


class SigningKeyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A private signing key on disk; `office` is who holds it."""

    kind: str
    office: str
    public_key: PublicSigningKey
    private_key: PrivateSigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadquartersKeys:
    """A new trust root with the private keys behind it, by office."""

    root: TrustRoot
    private_keys: dict[str, PrivateSigningKey]


def make_headquarters_keys(
    offices: Sequence[str] = DEFAULT_OFFICES, threshold: int = DEFAULT_THRESHOLD
) -> HeadquartersKeys:
    """Draw one signing key for each office, and the root that trusts them.

    Raises:
        InputError: `publish.offices`, `publish.threshold`.
    """
    if len(set(offices)) != len(offices) or not all(name.isidentifier() for name in offices):
        raise InputError(OFFICES, "岗位名称重复，或含有字母、数字、下划线以外的字符")
    if not _THRESHOLD_MIN <= threshold <= len(offices):
        raise InputError(
            THRESHOLD,
            f"签名人数 {threshold} 不对：有 {len(offices)} 个岗位，签名人数应为"
            f" {_THRESHOLD_MIN} 到岗位数",
        )
    private_keys = {office: generate_signing_key() for office in offices}
    public_keys = {public_key_of(key): office for office, key in private_keys.items()}
    root = TrustRoot(version=1, threshold=threshold, keys=public_keys)
    return HeadquartersKeys(root=root, private_keys=private_keys)


def write_headquarters_keys(keys: HeadquartersKeys, folder: Path) -> None:
    """Write `root.json` and `<office>.key` into a new folder; the keys for the owner alone.

    Raises:
        InputError: `builder.output_exists`.
        StorageError: `builder.write`.
    """
    files = {ROOT_FILE: encode_root(keys.root)}
    for office, key in keys.private_keys.items():
        files[f"{office}.key"] = encode_canonical(
            SigningKeyFile(
                kind=_KIND, office=office, public_key=public_key_of(key), private_key=key
            )
        )
    write_folder(folder, files, public_names={ROOT_FILE})


def read_signing_key(path: Path) -> PrivateSigningKey:
    """The private key of a key file.

    Raises:
        InputError: `builder.file`, `builder.too_large`, `publish.key_file`, `signing.key`.
    """
    data = read_file(path, limits.key_file_bytes_max, "签名密钥")
    file = decode_canonical(data, SigningKeyFile, KEY_FILE, "签名密钥文件")
    if file.kind != _KIND or public_key_of(file.private_key) != file.public_key:
        raise InputError(KEY_FILE, f"{path.name} 不是完整的签名密钥文件")
    return file.private_key


def read_root(path: Path) -> TrustRoot:
    """The trust root of a `root.json`.

    Raises:
        InputError: `builder.file`, `builder.too_large`, `root.malformed`, `signing.key`.
    """
    return parse_root(read_file(path, limits.key_file_bytes_max, "信任根"))
