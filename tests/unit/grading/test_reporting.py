"""The documents: what they hold, that every character is drawn, that nothing runs as a formula."""

import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pypdf
import pytest
from openpyxl import Workbook, load_workbook
from reportlab.lib import textsplit
from reportlab.platypus import Paragraph

from exam_core.errors import InputError, StorageError
from exam_core.keys.model import MultipleChoiceRule, ScoringScheme
from grading import Results, compute_results, results_sha256
from grading.ranking import CutLine, RankingPolicy
from grading.reporting import (
    REPORT_FILES,
    fonts,
    main_font,
    missing_characters,
    paragraph_markup,
    paragraph_style,
    ranking_pdf,
    register_fonts,
    results_workbook,
    score_reports_pdf,
    split_runs,
    team_pdf,
    text_width,
    write_reports,
)
from grading.reporting.wording import decimals_of, duration_text
from tests.support.refusals import refuses
from tests.unit.grading import archives

RARE = "䶮"
"""A real name's character that the main font lacks and a fallback has."""
NOWHERE = "\U0002cb4e"
"""𬭎, which none of the free fonts has."""


def results(candidates: int = 5, **fields: Any) -> Results:
    """Four candidates and an absentee, with names that try the documents."""
    people = [archives.candidate(serial) for serial in range(1, candidates + 1)]
    people[0] = archives.candidate(1, name=f"王{RARE}", unit="=HYPERLINK(1)", team="+甲&<b>队</b>")
    people[1] = archives.candidate(2, name="@李", team="")
    policy = RankingPolicy(
        cut_lines=(CutLine(name="知识通", places=1),),
        team_cut_lines=(CutLine(name="一等奖", places=1),),
    )
    chosen: dict[str, Any] = {"people": people, "policy": policy}
    return compute_results(archives.archive(**(chosen | fields)))


def document(data: bytes) -> tuple[str, pypdf.PdfReader]:
    """All text of a PDF without white space, and its reader."""
    reader = pypdf.PdfReader(io.BytesIO(data))
    return "".join("".join(page.extract_text().split()) for page in reader.pages), reader


def workbook(found: Results) -> Workbook:
    """The workbook, read back."""
    return load_workbook(io.BytesIO(results_workbook(found, results_sha256(found))))


def column(book: Workbook, sheet: str, head: str) -> list[Any]:
    """The cells under a head."""
    names = [cell.value for cell in next(book[sheet].iter_rows())]
    place = names.index(head) + 1
    return [row[0] for row in book[sheet].iter_rows(min_row=2, min_col=place, max_col=place)]


def test_every_document_has_rules_and_digest() -> None:
    """Title, policy, scoring rules, ties and the whole digest stand on all of them."""
    found = results()
    digest = results_sha256(found)

    for make in (ranking_pdf, team_pdf):
        text, reader = document(make(found, digest))
        for words in (
            "业务技能比武笔试",
            "取队内最好的3名",
            "多选题：全部选对得满分",
            "须由组委会裁定",
        ):
            assert words in text
        assert text.count(digest) == len(reader.pages)
    cells = [cell.value for cell in column(workbook(found), "评分规则", "内容")]
    assert digest in cells
    assert any("须由组委会裁定" in str(value) for value in cells)


def test_pages_are_counted() -> None:
    """A long list says on each page which of how many it is."""
    sessions = [archives.session(serial) for serial in range(1, 81)]
    found = results(80, sessions=sessions)

    text, reader = document(ranking_pdf(found, results_sha256(found)))

    total = len(reader.pages)
    assert total > 2
    for number in range(1, total + 1):
        assert f"第{number}页/共{total}页" in text


@pytest.mark.parametrize(("count", "shown"), [(10, "名" * 10), (50, "名" * 50), (200, "名…")])
def test_long_title_fits_the_header(count: int, shown: str) -> None:
    """A long title is set smaller, and a very long one is cut off before the document's name."""
    found = results(title="名" * count)

    text, _ = document(team_pdf(found, ""))

    assert f"{shown}团体排名" in text
    assert "名" * 110 not in text


def test_score_report_is_one_page_each() -> None:
    """Everybody has a page, with the score by type and by domain; an absentee's says so."""
    found = results()

    data = score_reports_pdf(found, results_sha256(found))
    text, reader = document(data)

    assert len(reader.pages) == 5
    assert "缺考" in reader.pages[-1].extract_text()
    for words in ("就业创业", "案例分析题", "62.5%", "+甲&<b>队</b>", f"王{RARE}", "个人"):
        assert words in text


def test_form_without_a_type_has_no_rate() -> None:
    """Where a candidate's form had no item of a type the report shows a dash, not a share."""
    forms = (archives.form_map(1), archives.form_map(2))
    short = msgspec.structs.replace(forms[1], items=forms[1].items[:-1])
    sessions = [archives.session(1), archives.session(2, {("B0001", 0): None})]
    key = archives.answer_key(forms=(forms[0], short))
    found = results(sessions=sessions, key=key, policy=RankingPolicy())

    text, _ = document(score_reports_pdf(found, results_sha256(found)))

    assert "单选题0.00.0—" in text
    assert "须由组委会裁定" not in document(ranking_pdf(found, ""))[0]


def test_fonts_are_embedded_and_fall_back() -> None:
    """Every font in the file is embedded, and a rare character comes from the second one."""
    found = results()

    _, reader = document(ranking_pdf(found, results_sha256(found)))

    used: dict[str, Any] = {}
    for page in reader.pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            used[font["/BaseFont"]] = font["/FontDescriptor"]
    assert len({name.split("+")[1] for name in used}) == 2
    assert all("/FontFile2" in descriptor for descriptor in used.values())


def test_documents_are_repeatable() -> None:
    """The same results give the same PDF bytes."""
    found = results()
    digest = results_sha256(found)

    assert team_pdf(found, digest) == team_pdf(found, digest)


def test_missing_character_names_person_and_character() -> None:
    """A name that cannot be drawn stops the document instead of leaving a box."""
    people = [archives.candidate(1, name=f"王{NOWHERE}"), archives.candidate(2, unit=NOWHERE)]
    found = results(people=people, sessions=[archives.session(1)])

    for make in (ranking_pdf, team_pdf, score_reports_pdf):
        with refuses(InputError, "report.missing_glyph") as caught:
            make(found, "")
        assert f"王{NOWHERE}（20260001）的姓名" in caught.value.message
        assert "U+2CB4E" in caught.value.message
        assert caught.value.facts == {"code_point": 0x2CB4E, "people": 2}


def test_split_runs_keeps_the_text() -> None:
    """Runs joined are the text; each font has its characters; odd spaces become plain ones."""
    text = f"王{RARE}，②‰ A\n"

    runs = split_runs(text)

    assert "".join(run.text for run in runs) == text.replace("\n", " ")
    assert len({run.font_name for run in runs}) == 2
    assert text_width(f"王{RARE}", 10) == pytest.approx(20, abs=1)


def test_split_runs_refuses_what_no_font_has() -> None:
    """Another program that draws text gets the same refusal, with the text in it."""
    assert missing_characters(f"{NOWHERE}甲{NOWHERE}\x00") == f"{NOWHERE}\x00"
    with refuses(InputError, "report.missing_glyph"):
        split_runs(NOWHERE)


def test_markup_is_escaped() -> None:
    """What a person typed is never markup, and the fallback font is named in a tag."""
    markup = paragraph_markup(f"<b>&{RARE}")

    assert markup.startswith("&lt;b&gt;&amp;<font name=")


def test_no_line_starts_with_a_closing_mark() -> None:
    """Full-width marks hang at the end of the line they belong to."""
    style = paragraph_style("kinsoku", 10)
    text = "甲乙丙丁，" * 40 + "戊己：" * 40

    for width in range(60, 120, 7):
        paragraph = Paragraph(text, style)
        paragraph.wrap(width, 10_000)
        starts = [str(line[1][0])[:1] for line in paragraph.blPara.lines]
        assert not set(starts) & set("，：")


def test_fonts_are_registered_once() -> None:
    """Asking again changes neither the fonts nor the mended table."""
    names = register_fonts()
    table = textsplit.ALL_CANNOT_START

    assert register_fonts() == names
    assert table == textsplit.ALL_CANNOT_START
    assert main_font() == names[0]


def test_extra_font_is_added_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font file named by the user is used for what the others lack."""
    register_fonts()
    monkeypatch.setattr(fonts, "_faces", list(fonts._faces))
    monkeypatch.setattr(fonts, "FONT_PATHS", fonts.FONT_PATHS[:1])
    extra = next(path for path in (face.path for face in fonts._faces[::-1]))
    monkeypatch.setattr(fonts, "_faces", [])

    assert len(register_fonts([extra])) == 2


def test_no_font_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a usable font the advice says which to install."""
    monkeypatch.setattr(fonts, "_faces", [])
    monkeypatch.setattr(fonts, "FONT_PATHS", ())
    bad = tmp_path / "bad.ttf"
    bad.write_bytes(b"no font")

    with refuses(InputError, "report.font"):
        register_fonts()
    for path in (bad, tmp_path / "missing.ttf"):
        with refuses(InputError, "report.font"):
            register_fonts([path])


def test_workbook_has_its_sheets() -> None:
    """The sheets stand in this order, each with a frozen head."""
    book = workbook(results())

    assert book.sheetnames == [
        "成绩排名",
        "团体排名",
        "各领域各题型得分",
        "逐题明细",
        "试题统计",
        "评分规则",
    ]
    assert {sheet.freeze_panes for sheet in book.worksheets} == {"A2"}


def test_scores_are_numbers_and_exact() -> None:
    """Scores can be summed in the sheet, and the sheet's sums are the results' totals."""
    found = results()
    book = workbook(found)

    totals = [cell.value for cell in column(book, "成绩排名", "得分")]
    assert totals == [row.total.score_milli / 1000 for row in found.candidates[:-1]] + [None]
    parts = [cell.value for cell in column(book, "逐题明细", "得分")]
    assert sum(parts) == sum(total for total in totals if total is not None)
    assert column(book, "成绩排名", "得分")[0].number_format == "0.0"


def test_nothing_typed_by_a_person_is_a_formula() -> None:
    """Text that begins like a formula is text, and marked so that it stays text."""
    book = workbook(results())

    typed = [column(book, "成绩排名", head) for head in ("姓名", "单位", "代表队")]
    found = [cell for cells in typed for cell in cells if str(cell.value)[:1] in "=+-@"]
    assert sorted(str(cell.value) for cell in found) == ["+甲&<b>队</b>", "=HYPERLINK(1)", "@李"]
    assert all(cell.data_type == "s" and cell.quotePrefix for cell in found)


def test_control_characters_do_not_reach_the_workbook() -> None:
    """A control character in a name is dropped, since it makes the file unreadable."""
    people = [archives.candidate(1, name="王\x07某")]
    found = results(people=people, sessions=[archives.session(1)])

    assert [cell.value for cell in column(workbook(found), "成绩排名", "姓名")] == ["王某"]


@pytest.mark.parametrize(
    ("scores", "decimals"),
    [([], 1), ([1000, 500], 1), ([250, 1000], 2), ([667], 3)],
)
def test_decimals_show_every_score_exactly(scores: list[int], decimals: int) -> None:
    """A column has as many places as its finest score needs."""
    assert decimals_of(scores) == decimals


def test_finest_scores_set_the_format() -> None:
    """A third of a point is shown with three places everywhere."""
    scheme = ScoringScheme(multiple_choice=MultipleChoiceRule.PER_CHOICE)
    sessions = [archives.session(1, {("B0002", 0): "A"})]
    found = results(sessions=sessions, key=archives.answer_key(scoring=scheme))

    cell = column(workbook(found), "成绩排名", "得分")[0]

    assert (cell.value, cell.number_format) == (8.667, "0.000")


def test_duration_shows_what_breaks_ties() -> None:
    """Minutes, seconds and thousandths."""
    assert duration_text(3_665_007) == "61:05.007"


def test_item_statistics_sheet() -> None:
    """With few candidates the facility is withheld; with enough it is there."""
    few = workbook(results())
    many = workbook(results(12, sessions=[archives.session(serial) for serial in range(1, 12)]))

    assert {cell.value for cell in column(few, "试题统计", "说明")} == {"人数过少"}
    assert {cell.value for cell in column(few, "试题统计", "得分率")} == {None}
    assert column(many, "试题统计", "得分率")[0].value == 1


def test_reports_are_written_together(tmp_path: Path) -> None:
    """All documents are in the folder; a second run is refused and changes none."""
    folder = tmp_path / "成绩"
    found = results()

    written = write_reports(found, folder)
    before = [path.read_bytes() for path in written]
    with refuses(InputError, "report.exists"):
        write_reports(found, folder)

    assert [path.read_bytes() for path in written] == before

    assert [path.name for path in written] == list(REPORT_FILES)
    assert sorted(folder.iterdir()) == sorted(written)


def test_a_failed_write_leaves_no_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves nothing that would refuse the next try."""
    kept = os.fsync
    calls = iter(range(100))

    def fail_later(handle: int) -> None:
        if next(calls) > 2:
            raise OSError(28, "No space left on device")
        kept(handle)

    with monkeypatch.context() as patched, refuses(StorageError, "report.unwritten"):
        patched.setattr(os, "fsync", fail_later)
        write_reports(results(), tmp_path)

    assert list(tmp_path.iterdir()) == []
    write_reports(results(), tmp_path)


def test_unprintable_name_writes_nothing(tmp_path: Path) -> None:
    """When one document cannot be made, none is written."""
    found = results(people=[archives.candidate(1, name=NOWHERE)], sessions=[archives.session(1)])

    with refuses(InputError, "report.missing_glyph"):
        write_reports(found, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file where the folder should be is an error of storage."""
    (tmp_path / "out").write_bytes(b"")

    with refuses(StorageError, "report.unwritten"):
        write_reports(results(), tmp_path / "out")
