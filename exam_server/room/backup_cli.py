"""The commands that copy a room's data and put a copy back."""

from pathlib import Path
from typing import Annotated

import typer

from exam_server.clock import SystemClock
from exam_server.command_line import AsJson, DataFolder, say
from exam_server.room.backup.copying import back_up
from exam_server.room.backup.restoring import restore as put_back
from exam_server.room.folder import RoomFolder

_ON_POSTGRESQL = (
    "\n作答记录在 PostgreSQL 里，不在这份备份中；请另用 pg_dump --format=custom 备份数据库"
    "（考试中可用），恢复时先用 pg_restore。"
)


def backup(
    *,
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="备份写到哪里：一个还不存在的文件夹", readable=False)],
    as_json: AsJson = False,
) -> None:
    """Copy the data folder; also while the server runs and candidates write."""
    room = RoomFolder(data)
    room.require()
    made = back_up(room, out, made_utc_ms=SystemClock().utc_ms())
    size_bytes = sum(one.size_bytes for one in made.files)
    text = f"已备份到 {out}：{len(made.files)} 个文件，{size_bytes / 2**20:.1f} MiB，"
    text += f"作答记录 {made.frames} 条。\n其中有考点的密钥，请与数据文件夹同样保管。"
    say(
        text + ("" if made.database else _ON_POSTGRESQL),
        as_json=as_json,
        out=str(out),
        files=len(made.files),
        size_bytes=size_bytes,
        frames=made.frames,
        has_database=bool(made.database),
    )


def restore(
    *,
    backup: Annotated[Path, typer.Argument(help="备份文件夹", readable=False)],
    data: DataFolder,
    as_json: AsJson = False,
) -> None:
    """Make a new data folder from a backup."""
    put = put_back(backup, data)
    text = f"已恢复到 {data}：{len(put.files)} 个文件，作答记录 {put.frames} 条，均与清单相符。\n"
    text += "请启动考场服务并由两人重新启封；考生机会自动补传备份之后的作答。"
    say(
        text + ("" if put.database else _ON_POSTGRESQL),
        as_json=as_json,
        data=str(data),
        files=len(put.files),
        frames=put.frames,
        has_database=bool(put.database),
    )
