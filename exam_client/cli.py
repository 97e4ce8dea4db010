"""`exam-client`: install a kiosk, enrol its seat, run it, or simulate a room of them."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from exam_client import config as kiosk_config
from exam_client import enrolment, limits
from exam_client.hardening import harden
from exam_client.journal.files import RealFileSystem
from exam_client.kiosk_lock import kiosk_lock
from exam_core.crypto.selftest import run_self_test
from exam_core.errors import ExamError, InputError, declare
from exam_core.formats.trust_root import fingerprint
from exam_core.model.identifiers import SeatId

FILE_UNREADABLE = declare("client.file", "请检查文件路径和读取权限后重试。")

app = typer.Typer(
    name="exam-client",
    help="考生机程序：安装、登记机位、运行考试窗口、模拟考生。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# No pictures for what stands between colons, as in a fingerprint.
_out = Console(highlight=False, soft_wrap=True, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

Data = Annotated[Path, typer.Option("--data", help="本机的数据文件夹", readable=False)]
AsJson = Annotated[bool, typer.Option("--json", help="以 JSON 输出结果")]


@app.command(help="安装：核对信任根和考点文件，写入本机的数据文件夹。")
def install(  # noqa: PLR0917  Typer makes options of them, nobody calls by position
    data: Data,
    root: Annotated[Path, typer.Option(help="总部的信任根 root.json", readable=False)],
    centre: Annotated[Path, typer.Option(help="总部签名的考点文件", readable=False)],
    kiosk_url: Annotated[str, typer.Option(help="考生机端口，https://主机:端口")],
    console_url: Annotated[str, typer.Option(help="监考端口，https://主机:端口")],
    seat: Annotated[str, typer.Option(help="机位号")],
    *,
    as_json: AsJson = False,
) -> None:
    """Verify root and centre, and write the data folder."""
    facts = kiosk_config.KioskFacts(
        kiosk_url=kiosk_url, console_url=console_url, seat_id=SeatId(seat)
    )
    installed = kiosk_config.install(
        RealFileSystem(),
        kiosk_config.DataFolder(data),
        facts,
        root=_read(root),
        centre=_read(centre),
    )
    print_of_root = fingerprint(installed.root)
    _say(
        f"机位 {seat} 已安装，考点：{installed.centre.name}\n"
        f"信任根指纹（请与纸面核对）：\n{print_of_root}",
        as_json=as_json,
        seat_id=seat,
        centre_id=installed.centre.centre_id,
        root_fingerprint=print_of_root,
    )


@app.command(help="更换信任根：新旧两方人员都签过名才有效；显示新指纹。")
def install_root(
    data: Data,
    update: Annotated[Path, typer.Option(help="总部的更换文件 root.update", readable=False)],
    *,
    centre: Annotated[
        Path | None, typer.Option(help="由新密钥重新签名的考点文件", readable=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replace headquarters' root by the one that follows."""
    root = kiosk_config.install_root(
        RealFileSystem(),
        kiosk_config.DataFolder(data),
        update=_read(update),
        centre=_read(centre) if centre else None,
    )
    print_of_root = fingerprint(root)
    _say(
        f"已安装第 {root.version} 版信任根\n信任根指纹（请与纸面核对）：\n{print_of_root}",
        as_json=as_json,
        version=root.version,
        root_fingerprint=print_of_root,
    )


@app.command(help="登记：用一次性登记码，或由工作人员核对数字，为本机位取得证书。")
def enrol(
    data: Data,
    join_code: Annotated[str, typer.Option(help="监考端屏幕上本机位的 8 位登记码")] = "",
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="不用登记码：显示 6 位数字，由工作人员核对")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Get the certificate of this seat by a join code, or by a number that staff compare."""
    files = RealFileSystem()
    config = kiosk_config.load_config(files, kiosk_config.DataFolder(data))
    if compare:
        asyncio.run(enrolment.enrol_by_comparison(files, config, _show_number))
    else:
        asyncio.run(enrolment.enrol(files, config, join_code))
    _say(f"机位 {config.seat_id} 登记完成", as_json=as_json, seat_id=config.seat_id)


@app.command(help="运行考试窗口。")
def run(
    data: Data,
    *,
    windowed: Annotated[bool, typer.Option("--windowed", help="普通窗口，不锁定本机")] = False,
) -> None:
    """Run the kiosk window."""
    from exam_client.app import run_kiosk  # noqa: PLC0415  Qt is for this command alone

    _err.print(harden().sentence(), markup=False)
    config = kiosk_config.load_config(RealFileSystem(), kiosk_config.DataFolder(data))
    with kiosk_lock(config.folder):
        status = run_kiosk(config, is_windowed=windowed)
    raise typer.Exit(status)


@app.command(help="模拟考生：按计划登录、作答、交卷，写出报告。")
def simulate(
    plan: Annotated[Path, typer.Option(help="模拟计划 PLAN.json", readable=False)],
    *,
    progress: Annotated[bool, typer.Option("--progress", help="逐行输出进度（JSON）")] = False,
) -> None:
    """Run simulated candidates by a plan."""
    from exam_client.simulate import read_plan, run_plan  # noqa: PLC0415  not for a kiosk

    report = run_plan(
        read_plan(plan),
        base=plan.parent,
        files=RealFileSystem(),
        progress=_print_progress if progress else lambda _event: None,
    )
    failed = [one for one in report["candidates"] if one["problem"]]
    for one in failed:
        problem = one["problem"]
        _err.print(f"机位 {one['seat_id']}：{problem['code']}：{problem['message']}", markup=False)
    # Where one was refused, trying again helps nobody: a refusal's status is below "unreachable".
    raise typer.Exit(min((one["problem"]["status"] for one in failed), default=0))


def main() -> None:
    """Entry point of the console script; our errors become a sentence and an exit status."""
    harden()
    try:
        run_self_test()
        app()
    except ExamError as error:
        _err.print(f"错误 {error.code}：{error.message}", style="bold red", markup=False)
        if error.advice:
            _err.print(f"怎么办：{error.advice}", markup=False)
        sys.exit(error.exit_status)


def _read(path: Path) -> bytes:
    try:
        return RealFileSystem().read(path, limits.config_bytes_max)
    except OSError as error:
        reason = error.strerror or "文件过大"
        raise InputError(FILE_UNREADABLE, f"无法读取 {path.name}：{reason}") from error


def _show_number(number: str) -> None:
    _err.print(f"请工作人员核对：{number[:3]} {number[3:]}", style="bold", markup=False)


def _say(text: str, *, as_json: bool, **facts: Any) -> None:
    if as_json:
        sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    else:
        _out.print(text, markup=False)


def _print_progress(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
