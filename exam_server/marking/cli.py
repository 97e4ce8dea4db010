"""`exam-server grade …`: the commands of the grading site."""

from pathlib import Path
from typing import Annotated

import typer

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import InputError
from exam_core.formats.audit_evidence import examine_log
from exam_core.formats.audit_log import every_line
from exam_core.formats.checkpoint import CHECKPOINT_ORIGIN, grading_origin, split_checkpoints
from exam_core.formats.trust_root import fingerprint, parse_root
from exam_server import limits as server_limits
from exam_server.accounts import new_account
from exam_server.accounts.audit_report import tell_report
from exam_server.accounts.people import People
from exam_server.accounts.roles import (
    ACCOUNT_ROLE,
    GRADING_ADMINISTRATORS,
    GRADING_ROLES,
    Role,
    parse_roles,
    write_roles,
)
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
from exam_server.folder import open_input, read_input, require_folder
from exam_server.hardening import harden
from exam_server.machine import DEFAULT_MACHINE
from exam_server.marking import limits
from exam_server.marking.serve import serve as serve_site
from exam_server.marking.services import keys, results_import
from exam_server.marking.services.outcome import Outcome
from exam_server.marking.site import (
    AUDIT,
    CHECKPOINTS,
    CONFIG,
    create_site,
    log_origin,
    open_site,
    read_identity,
    read_policy,
)
from grading.ranking import RankingPolicy

app = typer.Typer(
    no_args_is_help=True, help="阅卷点：导入、阅卷、成绩", pretty_exceptions_enable=False
)

IdentityFile = Annotated[Path, typer.Option("--identity", help="阅卷点私钥文件")]


@app.command("init", help="建立阅卷点：数据库、证书、接收结果和答案用的密钥。")
def init(
    data: DataFolder,
    root: Annotated[Path, typer.Option(help="总部的信任根 root.json")],
    identity_out: Annotated[Path, typer.Option(help="把阅卷点私钥写到这个新文件")],
    *,
    address: Annotated[list[str] | None, typer.Option(help="服务器地址，可多次")] = None,
    database_url: Annotated[str, typer.Option(help="留空用 SQLite")] = "",
    policy: Annotated[Path | None, typer.Option(help="排名规则 JSON；不给用默认规则")] = None,
    machine: MachineFolder = DEFAULT_MACHINE,
    as_json: AsJson = False,
) -> None:
    """Make a grading site."""
    root_bytes = read_input(root, bytes_max=server_limits.root_bytes_max, name="信任根")
    trusted = parse_root(root_bytes)
    recipient = create_site(
        data,
        root=trusted,
        root_bytes=root_bytes,
        addresses=address or ["127.0.0.1"],
        identity_out=identity_out,
        policy=read_policy(policy) if policy else RankingPolicy(),
        clock=SystemClock(),
        database_url=database_url,
        machine=machine,
    )
    say(
        f"阅卷点已建立。信任根指纹（请与纸面核对）：\n{fingerprint(trusted)}\n"
        f"日志名称（请记在纸上）：{log_origin(data)}\n"
        f"接收公钥在 recipient.txt：{recipient}\n私钥在 {identity_out}，请离线保管。",
        as_json=as_json,
        recipient=recipient,
        root_fingerprint=fingerprint(trusted),
    )


@app.command("add-account", help="添加一个人。")
def add_account(
    data: DataFolder,
    name: Annotated[str, typer.Option(help="账号名")],
    roles: Annotated[str, typer.Option(help="lead、marker、staff、auditor，用逗号分隔")],
    password_file: Annotated[Path, typer.Option(help="密码文件，一行")],
    *,
    approved_by: ApprovedBy = None,
    approval_file: ApprovalFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a person; the third lead needs two who approve."""
    chosen = parse_roles(roles, GRADING_ROLES)
    if {Role.MARKER, Role.STAFF} <= chosen:
        raise InputError(ACCOUNT_ROLE, "阅卷员不能兼任考务：考务看得到考生是谁")
    password = read_secret(password_file, "密码文件")
    with open_site(data, SystemClock()) as site:
        new_account.add_account(
            People(site.store, site.clock),
            site.audit,
            name=name,
            password=password,
            roles=chosen,
            administrators=GRADING_ADMINISTRATORS,
            approvals=new_account.read_approvals(approved_by or [], approval_file or []),
            operator=operator_name(),
        )
    say(f"已添加账号 {name}。", as_json=as_json, name=name, roles=write_roles(chosen).split(","))


@app.command("import-centre", help="登记一个考点，此后接受它签名的结果。")
def import_centre(
    data: DataFolder,
    centre: Annotated[Path, typer.Argument(help="总部签名的考点文件")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take a centre's signed descriptor."""
    content = read_input(centre, bytes_max=limits.centre_bytes_max, name="考点文件")
    with open_site(data, SystemClock()) as site:
        descriptor = keys.import_centre(site, content, actor=operator_name())
    say(
        f"已登记考点 {descriptor.centre_id} {descriptor.name}。",
        as_json=as_json,
        centre_id=descriptor.centre_id,
        name=descriptor.name,
    )


@app.command("import-key", help="导入答案包。")
def import_key(
    data: DataFolder,
    package: Annotated[Path, typer.Argument(help="答案包 .examkey")],
    identity: IdentityFile,
    *,
    as_json: AsJson = False,
) -> None:
    """Take the answer key."""
    secret = read_identity(identity)
    with (
        open_site(data, SystemClock()) as site,
        open_input(package, bytes_max=limits.key_package_bytes_max, name="答案包") as file,
    ):
        key = keys.import_key(site, file, secret, actor=operator_name())
    say(
        f"已导入《{key.title}》第 {key.key_version} 版答案，共 {len(key.items)} 题。",
        as_json=as_json,
        paper_id=key.paper_id,
        key_version=key.key_version,
        items=len(key.items),
    )


@app.command("import-results", help="导入一个考点的考试结果。")
def import_results(
    data: DataFolder,
    bundle: Annotated[Path, typer.Argument(help="考试结果包 .examresults")],
    identity: IdentityFile,
    *,
    despite_findings: Annotated[
        bool, typer.Option(help="考点日志封存或恢复过而对不上时，由两名组长批准仍然导入")
    ] = False,
    reason: Annotated[str, typer.Option(help="为什么仍然导入；会记入审计日志")] = "",
    approved_by: ApprovedBy = None,
    approval_file: ApprovalFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a centre's results bundle; two leads may do so although its log does not fit."""
    despite = None
    if despite_findings:
        approvals = new_account.read_approvals(approved_by or [], approval_file or [])
        despite = results_import.DespiteFindings(reason=reason, approvals=approvals)
    secret = read_identity(identity)
    content = read_input(bundle, bytes_max=limits.results_bytes_max, name="考试结果包")
    with open_site(data, SystemClock()) as site:
        done = results_import.import_results(
            site, content, secret, actor=operator_name(), despite=despite
        )
    counts = done.manifest.counts
    say(
        f"考点 {done.manifest.centre_id}：应考 {counts.rostered}，交卷 {counts.submitted}，"
        f"未交卷 {counts.unsubmitted}，缺考 {counts.absent}；待人工评分 {done.tasks} 份。"
        + (
            f"\n{done.anomalous_sessions} 名考生的作答记录有异常，异常部分未计入；"
            "请在网页“成绩”中查看异常记录。"
            if done.anomalous_sessions
            else ""
        )
        + (f"\n经两人批准仍然导入，对不上的有：{done.findings}。" if done.findings else "")
        + ("" if done.is_new else "（已导入过，没有变化）"),
        as_json=as_json,
        centre_id=done.manifest.centre_id,
        sequence=done.manifest.sequence,
        rostered=counts.rostered,
        submitted=counts.submitted,
        unsubmitted=counts.unsubmitted,
        absent=counts.absent,
        tasks=done.tasks,
        anomalous_sessions=done.anomalous_sessions,
        findings=done.findings,
        is_new=done.is_new,
    )


@app.command("serve", help="打开阅卷网页，直到停止（Ctrl+C 或 SIGTERM）。")
def serve(
    data: DataFolder,
    host: Annotated[str, typer.Option(help="监听的地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口；0 为任意")] = 8454,
) -> None:
    """Serve the pages until stopped."""
    serve_site(data, harden(), host=host, port=port, clock=SystemClock())


@app.command("verify-audit", help="核验本阅卷点的审计日志与检查点，指出改动的位置。")
def verify_audit(
    data: DataFolder,
    *,
    log_name: Annotated[str, typer.Option(help="建立阅卷点时记在纸上的日志名称")] = "",
    as_json: AsJson = False,
) -> None:
    """Examine the site's own log; the exit status is 2 when anything was found."""
    require_folder(data, CONFIG)
    origin = log_name or log_origin(data)
    key = origin.removesuffix("/grading").rpartition("/")[2]
    if grading_origin(PublicSigningKey(key)) != origin:
        raise InputError(CHECKPOINT_ORIGIN, "这不是阅卷点日志的名称")
    lines, notes = (
        read_input(data / name, bytes_max=server_limits.audit_log_bytes_max, name=title)
        for name, title in ((AUDIT, "审计日志"), (CHECKPOINTS, "检查点文件"))
    )
    report = examine_log(
        every_line(lines),
        split_checkpoints(notes),
        origin=origin,
        key=PublicSigningKey(key),
    )
    tell_report(report, origin=origin, as_json=as_json)


@app.command("export", help="导出成绩档案；还有未评的作答时拒绝。")
def export(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="写到这个 .examarchive 文件")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write the archive."""
    with open_site(data, SystemClock(), is_reading=True) as site:
        digest = Outcome(site).write_archive(out, actor=operator_name())
    say(
        f"成绩档案已写到 {out}。\n成绩摘要 {digest}",
        as_json=as_json,
        file=str(out),
        results_sha256=digest,
    )


@app.command("report", help="生成成绩表（Excel）和 PDF；还有未评的作答时拒绝。")
def report(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="写到这个文件夹")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write workbook and PDFs."""
    with open_site(data, SystemClock(), is_reading=True) as site:
        files = Outcome(site).write_reports(out, actor=operator_name())
    names = [str(file) for file in files]
    say("已生成：\n" + "\n".join(names), as_json=as_json, files=names)
