"""Is this file a workbook that is safe to open? Checked before any of its XML is parsed.

A spreadsheet is a zip of XML: it can be cut short, be something else, or unpack to gigabytes.
"""

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openpyxl import Workbook, load_workbook

from exam_core.errors import ExamError, InputError, declare
from paper_builder import limits
from paper_builder.files import read_file

IMPORT_KIND = declare(
    "import.kind", "请选择 .xlsx 题库表或 .txt 文本题库；老式 .xls 请先另存为 .xlsx。"
)
IMPORT_BROKEN = declare("import.broken", "文件不完整或已损坏，请重新取得或另存一份后再导入。")
IMPORT_BOMB = declare("import.bomb", "文件展开后异常庞大或含有危险内容，请不要打开，核实来源。")

_ZIP_MAGIC = b"PK\x03\x04"
_OLD_XLS_MAGIC = b"\xd0\xcf\x11\xe0"


@contextmanager
def open_workbook(path: Path) -> Iterator[Workbook]:
    """Open a workbook for reading, row by row.

    Whatever the library raises while the workbook is read comes out as `import.broken`.

    Raises:
        InputError: `builder.file`, `builder.too_large`, `import.kind`, `import.broken`,
            `import.bomb`.
    """
    data = read_file(path, limits.xlsx_bytes_max, "题库表")
    _refuse_unsafe(data, path)
    book: Workbook | None = None
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that it drops; we read text alone.
            warnings.simplefilter("ignore", UserWarning)
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=False)
        yield book
    except (ExamError, GeneratorExit):
        raise
    # openpyxl documents no exceptions; on damaged XML it raises what its innards happen to.
    except Exception as error:
        raise InputError(IMPORT_BROKEN, f"{path} 不是完整的题库表") from error
    finally:
        if book is not None:
            book.close()


def _refuse_unsafe(data: bytes, path: Path) -> None:
    if data.startswith(_OLD_XLS_MAGIC):
        raise InputError(IMPORT_KIND, f"{path} 是老式 .xls 或加了密码的表格")
    if not data.startswith(_ZIP_MAGIC):
        raise InputError(IMPORT_KIND, f"{path} 不是 .xlsx 题库表")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_contents(archive, path)
    except ExamError:
        raise
    # zipfile documents few of its exceptions; a damaged directory raises whatever its numbers do.
    except Exception as error:
        if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError):
            raise InputError(IMPORT_KIND, f"{path} 加了密码") from error
        raise InputError(IMPORT_BROKEN, f"{path} 不是完整的题库表") from error


def _refuse_contents(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    if "xl/workbook.xml" not in archive.namelist():
        raise InputError(IMPORT_KIND, f"{path} 不是 .xlsx 题库表")
    if len(members) > limits.xlsx_members_max:
        raise InputError(IMPORT_BOMB, f"{path} 内含 {len(members)} 个部分")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.xlsx_unpacked_bytes_max:
        raise InputError(IMPORT_BOMB, f"{path} 展开后有 {unpacked // limits.MIB} MiB")
    for member in members:
        if member.filename.endswith((".xml", ".rels")):
            _refuse_doctype(archive.open(member).read(limits.xlsx_prolog_bytes_max), path)


def _refuse_doctype(prolog: bytes, path: Path) -> None:
    """Entities need a DOCTYPE, which must stand before the root element."""
    is_plain = b"\x00" not in prolog and not prolog.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"<!DOCTYPE" in prolog or b"<!ENTITY" in prolog or not is_plain:
        raise InputError(IMPORT_BOMB, f"{path} 含有不允许的 XML 声明")
    if len(prolog) == limits.xlsx_prolog_bytes_max and not _has_root(prolog):
        raise InputError(IMPORT_BOMB, f"{path} 的 XML 开头异常")


def _has_root(prolog: bytes) -> bool:
    return any(
        prolog[at + 1 : at + 2].isalpha()
        for at in range(len(prolog) - 1)
        if prolog[at : at + 1] == b"<"
    )
