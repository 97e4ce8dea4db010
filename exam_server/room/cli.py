"""The room's commands; each says what it did, or ends with one clear sentence."""

from pathlib import Path
from typing import Annotated

import typer

from exam_core.errors import InputError
from exam_core.formats.officials import OFFICIAL_KEY
from exam_core.model.identifiers import CentreId, SeatId
from exam_server import limits
from exam_server.accounts import new_account
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import People
from exam_server.accounts.roles import ROOM_ADMINISTRATORS, ROOM_ROLES, parse_roles, write_roles
from exam_server.clock import SystemClock
from exam_server.command_line import (
    ApprovalFile,
    ApprovedBy,
    AsJson,
    DataFolder,
    MachineFolder,
    operator_name,
    read_secret,
    say,
)
from exam_server.folder import only_user, read_input, refuse_existing, write_atomically
from exam_server.hardening import harden
from exam_server.machine import DEFAULT_MACHINE
from exam_server.room import audit_cli, backup_cli, officials_cli, trust_cli
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import open_room_log
from exam_server.room.serve import serve_room, sole_store
from exam_server.room.services import imports, set_up
from exam_server.room.services.results import Brought, sign_and_export
from exam_server.room.services.sitting_authority import ensure_sitting_authority
from exam_server.tls import certificate_mark

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="贡院考场服务器：导入试卷、启封、监考、收卷、导出结果。",
)
app.add_typer(audit_cli.app, name="audit")


@app.command(help="建立数据文件夹：CA、服务器证书、签名密钥、启封密钥、空数据库。")
def init(
    *,
    data: DataFolder,
    centre_id: Annotated[str, typer.Option(help="考点编号，例如 C01")],
    name: Annotated[str, typer.Option(help="考点名称")],
    root: Annotated[Path, typer.Option(help="总部的 root.json", readable=False)],
    address: Annotated[list[str], typer.Option(help="服务器的 IP 或主机名，可多次给出")],
    opening_key_out: Annotated[
        Path, typer.Option(help="考点启封密钥写到哪里（U 盘）", readable=False)
    ],
    passphrase_file: Annotated[Path, typer.Option(help="启封密钥的口令，一行文字", readable=False)],
    database: Annotated[str, typer.Option(help="数据库地址")] = set_up.DEFAULT_DATABASE,
    machine: MachineFolder = DEFAULT_MACHINE,
    as_json: AsJson = False,
) -> None:
    """Make the data folder with all keys and an empty database."""
    mark = set_up.initialise(
        data,
        centre_id=CentreId(centre_id),
        name=name,
        root_bytes=read_input(root, bytes_max=limits.root_bytes_max, name="信任根"),
        addresses=address,
        opening_key_out=opening_key_out,
        passphrase=read_secret(passphrase_file, "口令文件"),
        database_url=database,
        machine=machine,
        clock=SystemClock(),
        operator=operator_name(),
    )
    ca_mark = certificate_mark((data / "ca.pem").read_bytes())
    say(
        f"已建立 {data}。\n信任根指纹（请与书面核对）：{mark}\n"
        f"考点证书 ca.pem 的 SHA-256 指纹（请抄录，装到监考电脑的浏览器时核对）：\n{ca_mark}\n"
        f"请把 {data / 'centre.json'} 送总部签名，把 {opening_key_out} 交专人保管。",
        as_json=as_json,
        root_fingerprint=mark,
        ca_fingerprint=ca_mark,
        centre_file=str(data / "centre.json"),
    )


@app.command(help="安装总部签名的考点文件。")
def install_centre(
    *,
    data: DataFolder,
    signed: Annotated[Path, typer.Argument(help="总部签名的考点文件", readable=False)],
    as_json: AsJson = False,
) -> None:
    """Keep the centre's descriptor that headquarters signed."""
    folder = RoomFolder(data)
    folder.require()
    with only_user(data):
        content = read_input(signed, bytes_max=limits.config_bytes_max, name="考点签名文件")
        trail = AuditTrail(folder.audit_file, SystemClock(), actor=operator_name())
        set_up.install_centre(folder, content, trail)
    say("考点签名文件有效，已安装。", as_json=as_json, installed=True)


app.command(help="登记一名签名官员；须在总部签名考点文件之前。")(officials_cli.add_official)
app.command(help="在本人的电脑上生成官员签名密钥，打印交给考点登记的公钥。")(
    officials_cli.official_key
)
app.command(help="备份数据文件夹；考试进行中也可以，不影响作答。")(backup_cli.backup)
app.command(help="由备份恢复成一个新的数据文件夹。")(backup_cli.restore)
app.command(help="验收试卷包：校验全部签名和内容，打印验收单；不改动任何东西。")(
    trust_cli.verify_package
)
app.command(help="更换信任根：新旧两方人员都签过名才有效；打印新指纹。")(trust_cli.install_root)


@app.command(help="新建账号。")
def add_account(
    *,
    data: DataFolder,
    name: Annotated[str, typer.Option(help="账号名")],
    roles: Annotated[str, typer.Option(help=f"角色，逗号分隔：{'、'.join(ROOM_ROLES)}")],
    password_file: Annotated[Path, typer.Option(help="密码，一行文字", readable=False)],
    approved_by: ApprovedBy = None,
    approval_file: ApprovalFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an account of this room; the third administrator needs two who approve."""
    folder = RoomFolder(data)
    folder.require()
    parsed = parse_roles(roles, ROOM_ROLES)
    with sole_store(folder) as store:
        trail = open_room_log(folder, store, SystemClock())
        new_account.add_account(
            People(store, SystemClock()),
            trail,
            name=name,
            password=read_secret(password_file, "密码文件"),
            roles=parsed,
            administrators=ROOM_ADMINISTRATORS,
            approvals=new_account.read_approvals(approved_by or [], approval_file or []),
            operator=operator_name(),
        )
    say(f"已建立账号 {name}。", as_json=as_json, name=name, roles=write_roles(parsed))


@app.command(help="校验并导入试卷包和启封包。")
def import_package(
    *,
    data: DataFolder,
    package: Annotated[Path, typer.Argument(help="试卷包 .exampkg", readable=False)],
    opening: Annotated[Path, typer.Argument(help="本考点的启封包 .examopen", readable=False)],
    as_json: AsJson = False,
) -> None:
    """Verify and keep the paper package and its opening bundle."""
    folder = RoomFolder(data)
    folder.require()
    with sole_store(folder) as store:
        trail = open_room_log(folder, store, SystemClock(), actor=operator_name())
        with imports.refusals_logged(trail):
            imports.refuse_answer_key(package, opening)
        manifest = imports.import_package(
            store,
            folder,
            trail,
            package=package,
            opening=read_input(opening, bytes_max=limits.opening_bundle_bytes_max, name="启封包"),
        )
        ensure_sitting_authority(folder, manifest.sitting_id, SystemClock())
    say(
        f"试卷包有效：{manifest.title}，共 {manifest.total_forms} 卷，"
        f"{manifest.duration_ms / 60_000:g} 分钟。\n"
        "启封包与试卷包、场次、本考点相符，已收存；能否打开，只有用考点启封密钥才能检验。",
        as_json=as_json,
        sitting_id=manifest.sitting_id,
        sequence=manifest.sequence,
        forms=manifest.total_forms,
    )


@app.command(help="导入名单，安排机位，抽取每人的卷号。")
def import_roster(
    *,
    data: DataFolder,
    roster: Annotated[Path, typer.Argument(help="名单 .xlsx，见 docs/roster.md", readable=False)],
    seed: Annotated[str, typer.Option(help="分卷种子（64 位十六进制）；不给则抽取")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="更换已导入的名单并重新分卷；会记入审计日志")
    ] = False,
    spare_seats: Annotated[
        str, typer.Option(help="备用机位，逗号分隔，例如 B01,B02；换机时使用")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Seat the candidates and draw their forms."""
    folder = RoomFolder(data)
    folder.require()
    with sole_store(folder) as store:
        trail = open_room_log(folder, store, SystemClock(), actor=operator_name())
        with imports.refusals_logged(trail):
            imports.refuse_answer_key(roster)
        drawn = imports.import_roster(
            store,
            folder,
            trail,
            roster=read_input(roster, bytes_max=limits.package_bytes_max, name="名单"),
            seed_hex=seed,
            replaces=replace,
            spare_seats=[SeatId(one.strip()) for one in spare_seats.split(",") if one.strip()],
        )
    say(
        f"名单已导入，共 {len(drawn.table.rows)} 名考生，备用卷 {len(drawn.table.spares)} 份。\n"
        f"分卷种子：{drawn.table.seed}\n分卷表摘要（请记入考场记录表）：{drawn.sha256}",
        as_json=as_json,
        form_seed=drawn.table.seed,
        assignment_sha256=drawn.sha256,
        candidates=len(drawn.table.rows),
        spares=len(drawn.table.spares),
    )


@app.command(help="启动考场服务；SIGTERM 停止。")
def serve(
    *,
    data: DataFolder,
    host: Annotated[str, typer.Option(help="监听的地址")] = "127.0.0.1",
    kiosk_port: Annotated[int, typer.Option(help="考生机端口，0 为任意")] = 8443,
    console_port: Annotated[int, typer.Option(help="网页端口，0 为任意")] = 8444,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="从死机或断网的服务器接管 PostgreSQL 中的考场；那一台醒来后会自行停止",
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            max=limits.workers_max,
            help="另开几个进程接待考生机，只用于 PostgreSQL；0 为不开",
        ),
    ] = 0,
) -> None:
    """Serve kiosks and pages until SIGTERM."""
    serve_room(
        data,
        harden(),
        host=host,
        kiosk_port=kiosk_port,
        console_port=console_port,
        takes_over=take_over,
        workers=workers,
    )


@app.command(
    name="export-results",
    help="两名官员签名、导出结果包并归档；须在考试结束、服务停止后执行（运行中请用结果页）。",
)
def export(
    *,
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="结果包写到哪里；已有同名文件时拒绝", readable=False)],
    official: Annotated[
        list[Path] | None, typer.Option(help="官员的签名密钥文件，给两次", readable=False)
    ] = None,
    passphrase_file: Annotated[
        list[Path] | None,
        typer.Option(help="各密钥的口令文件，次序与 --official 相同", readable=False),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(help="各官员的账号，次序与 --official 相同")
    ] = None,
    password_file: Annotated[
        list[Path] | None,
        typer.Option(help="各账号的密码文件，次序与 --official 相同", readable=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fix the results, have two officials sign, write the bundle, and close the sitting."""
    keys, names = official or [], account or []
    secrets, passwords = passphrase_file or [], password_file or []
    if not len(keys) == len(secrets) == len(names) == len(passwords):
        raise InputError(
            OFFICIAL_KEY,
            f"有 {len(keys)} 个密钥文件，{len(secrets)} 个口令文件，"
            f"{len(names)} 个账号，{len(passwords)} 个密码文件",
        )
    brought = [
        Brought(
            account=name,
            password=read_secret(password, "密码文件"),
            key_file=read_input(key, bytes_max=limits.opening_key_bytes_max, name="签名密钥文件"),
            passphrase=read_secret(secret, "口令文件"),
        )
        for key, secret, name, password in zip(keys, secrets, names, passwords, strict=True)
    ]
    folder = RoomFolder(data)
    folder.require()
    refuse_existing(out)
    with sole_store(folder) as store:
        trail = open_room_log(folder, store, SystemClock())
        people = People(store, SystemClock())
        bundle = sign_and_export(store, folder, trail, people, brought)
    write_atomically(out, bundle)
    say(f"结果已导出到 {out}，场次已归档。", as_json=as_json, out=str(out), bytes=len(bundle))
