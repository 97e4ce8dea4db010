"""The rim of the command lines: our errors become one clear sentence and an exit status."""

import json
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from exam_core.crypto.selftest import run_self_test
from exam_core.errors import ExamError, InputError, declare
from exam_server import limits
from exam_server.folder import read_input
from exam_server.machine import MACHINE_VARIABLE

SECRET_FILE = declare("secret.file", "口令文件应为一行文字；请检查文件内容与长度。")

DataFolder = Annotated[Path, typer.Option("--data", help="本程序的数据文件夹", readable=False)]
ApprovedBy = Annotated[
    list[str] | None, typer.Option(help="批准人的账号，两名；增加第三名起的管理员时须给")
]
ApprovalFile = Annotated[
    list[Path] | None,
    typer.Option(help="批准人的密码文件，与 --approved-by 同序", readable=False),
]
MachineFolder = Annotated[
    Path,
    typer.Option(
        "--machine",
        envvar=MACHINE_VARIABLE,
        help="本机登记文件夹：考场和阅卷点由此知道本机还有没有未结束的场次",
        readable=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="以 JSON 输出结果")]

# A fingerprint with ":AB:" in it would be printed with a picture there.
_out = Console(highlight=False, soft_wrap=True, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def run(app: Callable[[], Any]) -> None:
    """Run a command line; an ExamError ends it with code, sentence and advice on stderr."""
    os.umask(0o077)  # what we write belongs to this user alone
    try:
        run_self_test()
        app()
    except ExamError as error:
        _err.print(f"错误 {error.code}：{error.message}", style="bold red", markup=False)
        if error.advice:
            _err.print(f"怎么办：{error.advice}", markup=False)
        sys.exit(error.exit_status)


def say(text: str, *, as_json: bool = False, **facts: Any) -> None:
    """Print what was done: the sentence for a person, or the facts for a script."""
    if as_json:
        sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        _out.print(text, markup=False)


def operator_name() -> str:
    """Who sits at the command line, for the audit log."""
    return f"{pwd.getpwuid(os.getuid()).pw_name}@命令行"


@contextmanager
def progress_bar(name: str, file: Path) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while a large file is read; yields what takes "so many more bytes".

    Nothing is shown for a file that is done in a blink, nor where stderr is no terminal.
    """
    size = file.stat().st_size if file.is_file() else 0
    is_slow = size >= limits.progress_bytes_min and _err.is_terminal
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=_err,
        disable=not is_slow,
        transient=True,
    ) as progress:
        task = progress.add_task(name, total=size)
        yield lambda count: progress.advance(task, count)


def read_secret(path: Path, name: str) -> str:
    """The one line of a passphrase or password file, without its line end.

    Raises:
        InputError: `secret.file`, `file.unreadable`, `file.too_large`.
    """
    data = read_input(path, bytes_max=limits.password_bytes_max, name=name)
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(SECRET_FILE, f"{name}不是 UTF-8 文字") from error
    if not text or "\n" in text:
        raise InputError(SECRET_FILE, f"{name}应为一行文字")
    return text
