"""Pictures on their way from the author's folder into the package."""

from pathlib import Path

import pytest
from openpyxl import Workbook

from exam_core import limits as core_limits
from exam_core.errors import InputError, StorageError
from exam_core.formats.paper_package import open_form, open_image, verify_package
from exam_core.keys.model import KeyedItem
from exam_core.model.identifiers import FormNumber
from exam_core.model.images import MediaType
from paper_builder import limits
from paper_builder.assembly import draw_paper
from paper_builder.assembly.draft import encode_draft, parse_draft, with_images
from paper_builder.bank import ItemBank, TextDefaults, read_bank_file
from paper_builder.bank.importing import take_in
from paper_builder.bank.pictures import read_pictures, size_of_picture
from paper_builder.publish import CentreOrder, seal_paper
from paper_builder.publish.seal_images import seal_images
from tests.support import builders
from tests.support.pictures import jpeg_header, png, png_that_says
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import SEED, Stock, blueprint

TEXT = """一单选题
1．下图所示的流程是（）。
图片：flow.png|失业登记流程
配图：second.jpg
A．失业登记
B．就业登记
答案：A
"""


def write(folder: Path) -> None:
    """Two pictures beside the files that name them."""
    (folder / "flow.png").write_bytes(png(40, 30))
    (folder / "second.jpg").write_bytes(jpeg_header(64, 48))


def read_text(folder: Path, text: str = TEXT) -> list[KeyedItem]:
    """The items of a text; none may be left out."""
    (folder / "bank.txt").write_text(text)
    read = read_bank_file(folder / "bank.txt", TextDefaults(domain="就业创业"))
    assert not read.problems
    return read.items


def workbook(path: Path, pictures: str) -> None:
    """A workbook with one item."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "试题"
    sheet.append(["题号", "题型", "领域", "题干", "图片", "选项A", "选项B", "答案"])
    sheet.append(["JY-1", "单选", "就业创业", "下图是（）。", pictures, "甲", "乙", "A"])
    book.save(path)


def test_a_text_names_its_pictures(tmp_path: Path) -> None:
    """Size, kind and words come in; the words may be missing."""
    write(tmp_path)
    (item,) = read_text(tmp_path)

    first, second = item.images
    assert (first.media_type, first.width, first.height) == (MediaType.PNG, 40, 30)
    assert first.alternative_text == "失业登记流程"
    assert (second.media_type, second.width, second.height) == (MediaType.JPEG, 64, 48)
    assert second.alternative_text == "题目配图"
    assert "图片" not in item.parts[0].stem


def test_a_workbook_names_its_pictures(tmp_path: Path) -> None:
    """One a line; export and import again give the same item and the same bytes."""
    write(tmp_path)
    workbook(tmp_path / "b.xlsx", "flow.png|流程\nsecond.jpg｜表格")
    read = read_bank_file(tmp_path / "b.xlsx")
    assert not read.problems

    assert [image.alternative_text for image in read.items[0].images] == ["流程", "表格"]
    report = take_in(tmp_path / "bank.db", read)
    assert report.counts.added == 1
    with ItemBank.open(tmp_path / "bank.db") as bank:
        digests = [image.sha256 for image in bank.items()[0].images]
        assert set(bank.images(digests).values()) == {png(40, 30), jpeg_header(64, 48)}
        bank.put(read.items, images=read.images)
        with refuses(StorageError, "bank.storage"):
            bank.images(["00" * 32])


def test_an_export_carries_its_pictures(tmp_path: Path) -> None:
    """The files are written beside the workbook, and reading it back loses nothing."""
    from paper_builder.commands.bank import export  # noqa: PLC0415  a command, tested as one

    write(tmp_path)
    (tmp_path / "bank.txt").write_text(TEXT)
    read = read_bank_file(tmp_path / "bank.txt", TextDefaults(domain="就业创业"))
    take_in(tmp_path / "bank.db", read)
    (tmp_path / "out").mkdir()

    export(tmp_path / "out" / "b.xlsx", str(tmp_path / "bank.db"))

    assert read_bank_file(tmp_path / "out" / "b.xlsx").items == read.items


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.png", b""),
        ("p.png", b"GIF89a" + bytes(100)),
        ("p.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"),
        ("p.png", png()[:-1]),
        ("p.png", png_that_says(50_000, 50_000)),
        ("p.png", png_that_says(0, 5)),
        ("p.png", png_that_says(8_000, 8_000)),
        ("p.jpg", jpeg_header(60_000, 2)),
        ("p.jpg", b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xd9"),
        ("p.jpg", b"\xff\xd8\xff\xd9"),
        ("p.jpg", b"\xff\xd8\xff" + bytes(20) + b"\xff\xd9"),
    ],
)
def test_what_is_no_picture_is_left_out(tmp_path: Path, name: str, content: bytes) -> None:
    """Other kinds, halves and bombs: the item is reported with its column, nothing is decoded."""
    (tmp_path / name).write_bytes(content)
    workbook(tmp_path / "b.xlsx", name)
    read = read_bank_file(tmp_path / "b.xlsx")

    assert not read.items
    assert not read.images
    (problem,) = read.problems
    assert problem.column == "图片"
    assert name in problem.reason


@pytest.mark.parametrize(
    "cell",
    ["none.png", "../flow.png", "/etc/passwd", "a\\b.png", ".hidden.png", "C:x.png", "x" * 300],
)
def test_pictures_stand_beside_the_file(tmp_path: Path, cell: str) -> None:
    """A name is a name: no path leads out of the folder."""
    write(tmp_path)
    with refuses(InputError, "import.item"):
        read_pictures(cell, tmp_path)


def test_too_many_or_the_same_picture_twice_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four at most, each once, each within its bytes."""
    write(tmp_path)
    for grey in range(5):
        (tmp_path / f"{grey}.png").write_bytes(png(grey=grey))
    assert len(read_pictures("0.png；1.png\n\n2.png\n3.png", tmp_path)) == 4
    for cell in ("flow.png\nflow.png", "\n".join(f"{grey}.png" for grey in range(5))):
        with refuses(InputError, "import.item"):
            read_pictures(cell, tmp_path)
    monkeypatch.setattr(core_limits, "image_bytes_max", 20)
    with refuses(InputError, "import.item"):
        read_pictures("flow.png", tmp_path)


def test_the_size_of_a_jpeg_stands_behind_other_segments() -> None:
    """Comments, restart markers and tables before the frame are passed over."""
    before = b"\xff\xfe\x00\x05abc" + b"\xff\xd0" + b"\xff\xc4\x00\x03\x00"
    assert size_of_picture(jpeg_header(640, 480, before=before)) == (MediaType.JPEG, (640, 480))


def drawn_items(folder: Path) -> tuple[list[KeyedItem], dict[str, bytes]]:
    """A stock whose first single_choice items of each domain show a picture."""
    write(folder)
    (pictured,) = read_text(folder)
    contents = {
        picture.image.sha256: picture.content
        for picture in read_pictures("flow.png|失业登记流程\nsecond.jpg", folder)
    }
    items = [
        item
        if item.item_type != "single_choice"
        else KeyedItem(
            **{name: getattr(item, name) for name in item.__struct_fields__ if name != "images"},
            images=pictured.images,
        )
        for item in Stock().items()
    ]
    return items, contents


def test_pictures_are_sealed_and_open_with_their_forms(tmp_path: Path) -> None:
    """From the bank through draw and package to the bytes that a kiosk would show."""
    items, contents = drawn_items(tmp_path)
    drawn = draw_paper(items, blueprint(), SEED, forms=2)
    draft = parse_draft(encode_draft(with_images(drawn.draft, contents)))
    assert len(draft.images) == 2
    assert not {image.image_id for image in draft.images} & set(contents)

    sealed = seal_paper(
        draft,
        exam_id=builders.EXAM_ID,
        sitting_id=builders.SITTING_ID,
        sequence=1,
        keys=[builders.SETTER, builders.APPROVER],
        root=builders.root(),
        centres=[CentreOrder(centre=builders.centre(), code=builders.OPENING_CODE)],
        grading_recipients=[builders.recipient()],
    )
    package = verify_package(sealed.package, builders.root())

    assert len(package.manifest.images()) == 2
    for content in contents.values():
        assert content not in sealed.package
    assert draft.forms[0].form.image_ids() == draft.forms[1].form.image_ids()
    with refuses(InputError, "package.form"):
        package.sealed_form(FormNumber(3))
    opened = seal_images(draft)
    assert len({image.seal.identity for image in opened.values()}) == 2


def test_a_sealed_form_carries_what_opens_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the form's identity alone, all its pictures open to the author's bytes."""
    items, contents = drawn_items(tmp_path)
    draft = with_images(draw_paper(items, blueprint(), SEED, forms=1).draft, contents)
    monkeypatch.setattr(
        "paper_builder.publish.seal.generate_identity", lambda: builders.FORM_IDENTITY
    )
    sealed = seal_paper(
        draft,
        exam_id=builders.EXAM_ID,
        sitting_id=builders.SITTING_ID,
        sequence=1,
        keys=[builders.SETTER, builders.APPROVER],
        root=builders.root(),
        centres=[CentreOrder(centre=builders.centre(), code=builders.OPENING_CODE)],
        grading_recipients=[builders.recipient()],
    )
    package = verify_package(sealed.package, builders.root())

    form = open_form(
        package.sealed_form(FormNumber(1)),
        builders.FORM_IDENTITY,
        paper_id=draft.paper_id,
        form_number=FormNumber(1),
    )
    found = {open_image(package, one) for one in form.image_seals}
    assert found == set(contents.values())


def test_a_draft_without_its_pictures_is_not_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing bytes, a picture or a form over the limit."""
    items, contents = drawn_items(tmp_path)
    bare = draw_paper(items, blueprint(), SEED, forms=1).draft
    with refuses(InputError, "publish.image"):
        seal_images(bare)
    with pytest.raises(KeyError):
        with_images(bare, {})
    draft = with_images(bare, contents)
    monkeypatch.setattr(core_limits, "image_bytes_max", 10)
    with refuses(InputError, "publish.image"):
        seal_images(draft)
    monkeypatch.setattr(limits, "form_image_bytes_max", 10)
    with refuses(InputError, "publish.image"):
        seal_images(draft)
