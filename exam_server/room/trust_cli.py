"""The room's commands about whom it trusts: verify-package and install-root."""

from pathlib import Path
from typing import Annotated

import typer

from exam_core.errors import ExamError, InputError, declare
from exam_core.formats.trust_root import TrustRoot, fingerprint, parse_root
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.command_line import AsJson, DataFolder, operator_name, progress_bar, say
from exam_server.folder import read_input
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import sole_store
from exam_server.room.services import root_change
from exam_server.room.services.certificate import certify

VERIFY_ROOT = declare(
    "verify.root", "验收要知道信谁：用 --root 给出 root.json，或用 --data 给出考场的数据文件夹。"
)


def verify_package(
    package: Annotated[Path, typer.Argument(help="试卷包 .exampkg", readable=False)],
    *,
    root: Annotated[Path | None, typer.Option(help="总部的 root.json", readable=False)] = None,
    data: Annotated[
        Path | None, typer.Option(help="考场的数据文件夹，用其中的信任根", readable=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a package file and print its certificate; changes nothing."""
    try:
        trusted = _root(root, data)
        with progress_bar("验收", package) as advance:
            certificate = certify(package, trusted, advance)
    except ExamError as error:
        if as_json:
            say("", as_json=True, valid=False, code=error.code, message=error.message)
        raise
    say(certificate.text(), as_json=as_json, **certificate.facts())


def install_root(
    *,
    data: DataFolder,
    update: Annotated[Path, typer.Argument(help="总部的更换文件 root.update", readable=False)],
    as_json: AsJson = False,
) -> None:
    """Replace headquarters' root by the one that follows."""
    folder = RoomFolder(data)
    folder.require()
    with sole_store(folder) as store:
        content = read_input(update, bytes_max=limits.root_bytes_max, name="信任根更换文件")
        trail = AuditTrail(folder.audit_file, SystemClock(), actor=operator_name())
        change = root_change.install_root(store, folder, trail, content)
    mark = fingerprint(change.root)
    lines = [f"已安装第 {change.root.version} 版信任根。指纹（请与书面核对）：{mark}"]
    if not change.centre_holds:
        lines.append("考点签名文件不是新密钥签的：请送总部重新签名后安装。")
    if not change.package_holds:
        lines.append("已导入的试卷包不是新密钥签的：请导入总部重新签名的试卷包。")
    say(
        "\n".join(lines),
        as_json=as_json,
        version=change.root.version,
        root_fingerprint=mark,
        centre_holds=change.centre_holds,
        package_holds=change.package_holds,
    )


def _root(root: Path | None, data: Path | None) -> TrustRoot:
    if (root is None) == (data is None):
        raise InputError(VERIFY_ROOT, "--root 和 --data 要给且只给一个")
    if root is not None:
        return parse_root(read_input(root, bytes_max=limits.root_bytes_max, name="信任根"))
    assert data is not None, "checked above"  # noqa: S101  narrows
    folder = RoomFolder(data)
    folder.require()
    return folder.root()
