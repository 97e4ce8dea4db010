"""Files of the wrong kind, damaged files and bombs: one sentence and a code, quickly."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from exam_core.errors import ExamError, InputError
from paper_builder import limits
from paper_builder.bank import TextDefaults, read_bank_file, write_items
from tests.support.mutate import mutants
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import bank_item

DEFAULTS = TextDefaults(domain="就业创业")


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    """A good workbook's bytes."""
    path = tmp_path / "good.xlsx"
    write_items(path, [bank_item("A-1")])
    return path.read_bytes()


def _repacked(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def _refused(tmp_path: Path, data: bytes, code: str, name: str = "bad.xlsx") -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with refuses(InputError, code):
        read_bank_file(path, DEFAULTS)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xd0\xcf\x11\xe0" + b"\0" * 600, b"%PDF-1.7"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, data: bytes) -> None:
    """Neither text nor .xls nor PDF is a workbook."""
    _refused(tmp_path, data, "import.kind")


def test_another_zip_is_refused(tmp_path: Path) -> None:
    """A .docx is a zip, but no workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    _refused(tmp_path, out.getvalue(), "import.kind")


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    """The kind is told by the name."""
    _refused(tmp_path, b"x", "import.kind", "bank.csv")


def test_every_truncation_is_refused(tmp_path: Path, good: bytes) -> None:
    """A file cut anywhere never comes in as fewer items."""
    for cut in range(4, len(good), 97):
        _refused(tmp_path, good[:cut], "import.broken")


def test_damaged_xml_is_refused(tmp_path: Path, good: bytes) -> None:
    """XML that ends too early, or a sheet that is missing: the guide is then no item table."""
    cut = _repacked(good, lambda name, data: data[:-40] if "sheet1" in name else data)
    _refused(tmp_path, cut, "import.broken")
    gone = _repacked(good, lambda name, data: None if "sheet1" in name else data)
    _refused(tmp_path, gone, "import.columns")


def test_damaged_workbooks_give_items_or_a_refusal(tmp_path: Path, good: bytes) -> None:
    """600 seeded mutants, half of them of the zip's directory: never anything but ExamError."""
    path = tmp_path / "bad.xlsx"
    directory = good.rindex(b"PK\x01\x02", 0, good.rindex(b"PK\x05\x06"))
    whole = mutants(good, count=300, seed="workbook")
    tails = mutants(good[directory:], count=300, seed="directory")
    codes = []
    for data in (*whole, *(good[:directory] + tail for tail in tails)):
        path.write_bytes(data)
        try:
            read_bank_file(path, DEFAULTS)
        except ExamError as error:
            codes.append(error.code)
    assert len(codes) > 300
    assert {code.partition(".")[0] for code in codes} == {"import"}


def test_a_flipped_byte_gives_items_or_a_refusal(tmp_path: Path, good: bytes) -> None:
    """Whatever byte is wrong, the only exceptions are ours."""
    path = tmp_path / "flipped.xlsx"
    for at in range(0, len(good), 53):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1 :])
        try:
            read_bank_file(path)
        except ExamError as error:
            assert error.code in {"import.broken", "import.kind", "import.columns", "import.bomb"}  # noqa: PT017


def test_entities_are_refused_before_parsing(tmp_path: Path, good: bytes) -> None:
    """A billion laughs never starts."""
    laughs = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">]><worksheet>&a;</worksheet>'
    for bomb in (laughs, laughs.decode().encode("utf-16"), b"<!-- " + b"x" * 70_000 + b" -->"):
        data = _repacked(
            good,
            lambda name, old, bomb=bomb: bomb if "sheet1" in name else old,  # type: ignore[misc]
        )
        _refused(tmp_path, data, "import.bomb")


def test_a_zip_bomb_is_refused(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would unpack to more than the limit is not unpacked."""
    monkeypatch.setattr(limits, "xlsx_unpacked_bytes_max", 1 * limits.MIB)
    zeros = _repacked(good, lambda name, old: b" " * (2 * limits.MIB) if "sheet1" in name else old)
    assert len(zeros) < 64 * limits.KIB
    _refused(tmp_path, zeros, "import.bomb")
    monkeypatch.setattr(limits, "xlsx_members_max", 3)
    _refused(tmp_path, good, "import.bomb")


def test_oversized_files_are_refused(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files past the limit are not read to the end; tables past the row limit neither."""
    monkeypatch.setattr(limits, "xlsx_rows_max", 1)
    _refused(tmp_path, good, "import.rows")
    monkeypatch.setattr(limits, "xlsx_bytes_max", 100)
    monkeypatch.setattr(limits, "text_bytes_max", 100)
    _refused(tmp_path, good, "builder.too_large")
    _refused(tmp_path, b"x" * 101, "builder.too_large", "bank.txt")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xfe\x00\x4e", "import.encoding"),
        (b"\x80\x80\xff", "import.encoding"),
        (b"MZ\x00\x01", "import.kind"),
        ("没有标题的文字\n1．题（）".encode(), "import.kind"),
        (b"", "import.kind"),
    ],
)
def test_texts_of_another_kind_are_refused(tmp_path: Path, data: bytes, code: str) -> None:
    """UTF-16, bytes of no encoding, programs, and texts without a section heading."""
    _refused(tmp_path, data, code, "bank.txt")


def test_a_text_needs_a_domain(tmp_path: Path) -> None:
    """The text form does not name domains, so the caller must."""
    path = tmp_path / "bank.txt"
    path.write_text("一单选题")
    with refuses(InputError, "import.kind"):
        read_bank_file(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """Both are told apart from a damaged file."""
    with refuses(InputError, "builder.file"):
        read_bank_file(tmp_path / "none.xlsx")
    (tmp_path / "folder.xlsx").mkdir()
    with refuses(InputError, "builder.file"):
        read_bank_file(tmp_path / "folder.xlsx")
