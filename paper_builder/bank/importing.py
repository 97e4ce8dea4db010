"""How does a file come into the bank? Read whole, problems found, the good items put at once."""

from pathlib import Path

from exam_core.errors import InputError
from paper_builder.bank.report import ImportReport, ReadResult
from paper_builder.bank.store import ItemBank, Progress
from paper_builder.bank.text import read_text
from paper_builder.bank.text_item import TextDefaults
from paper_builder.bank.workbook import IMPORT_KIND
from paper_builder.bank.xlsx_read import read_xlsx


def read_bank_file(path: Path, defaults: TextDefaults | None = None) -> ReadResult:
    """The items and problems of a file, by its kind; nothing is stored.

    Args:
        path: A `.xlsx` in the template's form, or a `.txt`.
        defaults: What a text does not say about its items; needed for a text only.

    Raises:
        InputError: `import.*`, `builder.*`.
    """
    match path.suffix.lower():
        case ".xlsx":
            return read_xlsx(path)
        case ".txt" | ".text":
            if defaults is None:
                raise InputError(IMPORT_KIND, "导入文本题库要用 --domain 指明领域")
            return read_text(path, defaults)
        case _:
            raise InputError(IMPORT_KIND, f"不认识 {path.name} 这种文件")


def take_in(
    location: str | Path, read: ReadResult, on_progress: Progress = lambda _count: None
) -> ImportReport:
    """Put the good items of a file into a bank, in one transaction; a new bank is made for them.

    The file was read before the bank is touched, so that a bad file leaves no empty bank behind.

    Raises:
        InputError: `bank.file`, `bank.newer`; the bank is unchanged.
        StorageError: `bank.storage`; the bank is unchanged.
    """
    with ItemBank.open(location, is_new_allowed=True) as bank:
        counts = bank.put(read.items, read.remarks, on_progress, images=read.images)
    return ImportReport(read=read, counts=counts)
