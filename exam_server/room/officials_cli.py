"""The commands about people who sign results: add-official and official-key.

An official's private key is best made by the official, on a machine of their own: the room needs
its public half only. `add-official` makes it as well where there is no such machine.
"""

from pathlib import Path
from typing import Annotated

import typer

from exam_core.crypto.signing import PublicSigningKey, key_id
from exam_core.errors import InputError, declare
from exam_core.formats.officials import Official
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.command_line import AsJson, DataFolder, operator_name, read_secret, say
from exam_server.folder import only_user
from exam_server.room.folder import RoomFolder
from exam_server.room.services import official_keys

OFFICIAL_SOURCE = declare(
    "official.source",
    "请给出本人机器上打印的 --public-key；没有时给 --key-out 与 --passphrase-file，由本机生成。",
)


def add_official(
    *,
    data: DataFolder,
    name: Annotated[str, typer.Option(help="姓名")],
    office: Annotated[str, typer.Option(help="职务，例如 主考")],
    public_key: Annotated[
        str, typer.Option(help="本人用 official-key 生成的公钥，64 位十六进制")
    ] = "",
    key_out: Annotated[
        Path | None,
        typer.Option(help="没有公钥时：签名密钥写到哪里（本人 U 盘）", readable=False),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="没有公钥时：密钥的口令，一行文字，由本人设定", readable=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Name a person who signs results in the centre's descriptor; key theirs or made here."""
    folder = RoomFolder(data)
    folder.require()
    with only_user(data):
        trail = AuditTrail(folder.audit_file, SystemClock(), actor=operator_name())
        if public_key and key_out is None and passphrase_file is None:
            official = Official(name=name, office=office, signing_key=PublicSigningKey(public_key))
            official_keys.name_official(folder, trail, official)
            told = "密钥由本人生成并保管，本机没有。"
        elif key_out and passphrase_file and not public_key:
            official = official_keys.add_official(
                folder,
                trail,
                name=name,
                office=office,
                key_out=key_out,
                passphrase=read_secret(passphrase_file, "口令文件"),
            )
            told = f"请把 {key_out} 交本人保管。"
        else:
            raise InputError(OFFICIAL_SOURCE, "公钥与本机生成，要选且只选一种")
        count = len(folder.centre().officials)
    mark = key_id(official.signing_key)
    say(
        f"已登记签名官员 {name}（{office}），考点文件现有 {count} 名。\n"
        f"密钥编号（请与本人核对）{mark}\n{told}至少 2 名后把考点文件送总部签名。",
        as_json=as_json,
        name=name,
        key_id=mark,
        officials=count,
    )


def official_key(
    *,
    out: Annotated[Path, typer.Option(help="签名密钥写到哪里；已有同名文件时拒绝", readable=False)],
    passphrase_file: Annotated[Path, typer.Option(help="签名密钥的口令，一行文字", readable=False)],
    as_json: AsJson = False,
) -> None:
    """Make an official's key on the official's own machine, and print what the room needs."""
    public = official_keys.make_official_key(out, read_secret(passphrase_file, "口令文件"))
    mark = key_id(public)
    say(
        f"签名密钥已写到 {out}，请自己保管；口令不要告诉别人。\n"
        f"公钥（交考点登记）：{public}\n密钥编号（登记后核对）：{mark}",
        as_json=as_json,
        public_key=public,
        key_id=mark,
    )
