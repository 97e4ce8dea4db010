"""Who signs at headquarters? Private signing keys, one file an office, and the trust root."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exam_core import limits as core_limits
from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    generate_signing_key,
    public_key_of,
)
from exam_core.errors import InputError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.trust_root import (
    Office,
    TrustRoot,
    accept_root_update,
    encode_root,
    parse_root,
    sign_root_update,
)
from paper_builder import limits
from paper_builder.files import read_file, write_folder

KEY_FILE = declare("publish.key_file", "请选择 paper-builder keys 生成的签名密钥文件。")
THRESHOLD = declare(
    "publish.threshold", "每人只签一次，所以签名人数不能多于密钥数；为防一人作主，不能少于 2。"
)
OFFICES = declare(
    "publish.offices", "岗位只有 setter（命题）和 approver（审批），至少各一人；同岗多人可重复写。"
)

ROOT_FILE = "root.json"
UPDATE_FILE = "root.update"
DEFAULT_OFFICES = (str(Office.SETTER), str(Office.APPROVER))
DEFAULT_THRESHOLD = 2
_THRESHOLD_MIN = 2  # nobody publishes a paper alone

_KIND = "gongyuan-signing-key/1"


class SigningKeyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A private signing key on disk; `office` is what its holder answers for."""

    kind: str
    office: Office
    public_key: PublicSigningKey
    private_key: PrivateSigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadquartersKeys:
    """A new trust root with the private keys drawn for it.

    The keys are named by office; a second setter's is `setter-2`. `update` is the signed step
    from the root before, and empty for a first root.
    """

    root: TrustRoot
    private_keys: dict[str, PrivateSigningKey]
    update: bytes = b""


def make_headquarters_keys(
    offices: Sequence[str] = DEFAULT_OFFICES, threshold: int = DEFAULT_THRESHOLD
) -> HeadquartersKeys:
    """Draw one signing key for each office named, and the root that trusts them.

    Raises:
        InputError: `publish.offices`, `publish.threshold`.
    """
    private_keys = _draw(offices)
    root = _make_root(_public(private_keys), threshold, version=1)
    return HeadquartersKeys(root=root, private_keys=private_keys)


def rotate_headquarters_keys(
    present: TrustRoot,
    *,
    signers: Sequence[SigningKeyFile],
    staying: Sequence[SigningKeyFile],
    offices: Sequence[str],
    threshold: int,
) -> HeadquartersKeys:
    """The root that follows: new keys for `offices`, beside those who stay.

    Everybody's key signs the step: `signers` for the present root, those who stay and the new
    keys for the next one.

    Raises:
        InputError: `publish.offices`, `publish.threshold`.
        IntegrityError: `signature.threshold`, `signature.unknown_key`, `signature.office`, when the
            signers are not those that the present root asks for.
    """
    private_keys = _draw(offices)
    keys = {file.public_key: file.office for file in staying} | _public(private_keys)
    root = _make_root(keys, threshold, version=present.version + 1)
    everybody = [file.private_key for file in (*signers, *staying)] + list(private_keys.values())
    update = sign_root_update(root, list(dict.fromkeys(everybody)))
    accept_root_update(update, present)
    return HeadquartersKeys(root=root, private_keys=private_keys, update=update)


def write_headquarters_keys(keys: HeadquartersKeys, folder: Path) -> None:
    """Write root, update and `<name>.key` into a new folder; the keys for the owner alone.

    Raises:
        InputError: `builder.output_exists`.
        StorageError: `builder.write`.
    """
    files = {ROOT_FILE: encode_root(keys.root)}
    if keys.update:
        files[UPDATE_FILE] = keys.update
    for name, key in keys.private_keys.items():
        public = public_key_of(key)
        files[f"{name}.key"] = encode_canonical(
            SigningKeyFile(
                kind=_KIND, office=keys.root.keys[public], public_key=public, private_key=key
            )
        )
    write_folder(folder, files, public_names={ROOT_FILE, UPDATE_FILE} & files.keys())


def read_signing_key(path: Path) -> PrivateSigningKey:
    """The private key of a key file; raises as `read_key_file`."""
    return read_key_file(path).private_key


def read_key_file(path: Path) -> SigningKeyFile:
    """A key file, whole and consistent.

    Raises:
        InputError: `builder.file`, `builder.too_large`, `publish.key_file`, `signing.key`.
    """
    data = read_file(path, limits.key_file_bytes_max, "签名密钥")
    file = decode_canonical(data, SigningKeyFile, KEY_FILE, "签名密钥文件")
    if file.kind != _KIND or public_key_of(file.private_key) != file.public_key:
        raise InputError(KEY_FILE, f"{path.name} 不是完整的签名密钥文件")
    return file


def read_root(path: Path) -> TrustRoot:
    """The trust root of a `root.json`.

    Raises:
        InputError: `builder.file`, `builder.too_large`, `root.*`, `signing.key`.
    """
    return parse_root(read_file(path, limits.key_file_bytes_max, "信任根"))


def _draw(offices: Sequence[str]) -> dict[str, PrivateSigningKey]:
    keys: dict[str, PrivateSigningKey] = {}
    for office in offices:
        if office not in set(Office):
            raise InputError(OFFICES, f"没有“{office[:20]}”这个岗位")
        count = 1 + sum(name.startswith(office) for name in keys)
        keys[office if count == 1 else f"{office}-{count}"] = generate_signing_key()
    return keys


def _public(private_keys: Mapping[str, PrivateSigningKey]) -> dict[PublicSigningKey, Office]:
    return {public_key_of(key): Office(name.split("-")[0]) for name, key in private_keys.items()}


def _make_root(keys: dict[PublicSigningKey, Office], threshold: int, *, version: int) -> TrustRoot:
    if set(keys.values()) != set(Office) or len(keys) > core_limits.root_keys_max:
        raise InputError(OFFICES, "命题和审批须至少各有一把密钥，密钥也不能过多")
    if not _THRESHOLD_MIN <= threshold <= len(keys):
        raise InputError(
            THRESHOLD,
            f"签名人数 {threshold} 不对：有 {len(keys)} 把密钥，签名人数应为"
            f" {_THRESHOLD_MIN} 到密钥数",
        )
    return TrustRoot(version=version, threshold=threshold, keys=keys)
