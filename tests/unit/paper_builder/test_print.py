"""Printed papers and answers: everything is there, nothing else is, in the form's own letters."""

import io
import re
from itertools import pairwise

import msgspec
import pytest
from pypdf import PdfReader

from exam_core.errors import InputError
from exam_core.keys.model import ChoiceKey
from exam_core.model.items import ItemType
from paper_builder.assembly import PaperDraft, draw_paper
from paper_builder.publish import PrintOptions, answers_pdf, paper_pdf
from paper_builder.publish.print_codes import Delivery, code_sheets
from tests.support import builders
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import SEED, Stock, blueprint

OPTIONS = PrintOptions(duration_ms=5_400_000, banner="机密★启用前", notes=("评分说明",))


@pytest.fixture(scope="module")
def draft() -> PaperDraft:
    """A drawn paper of two forms."""
    return draw_paper(Stock().items(), blueprint(), SEED).draft


def _pages(pdf: bytes) -> list[str]:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    return [re.sub(r"\s", "", page) for page in pages]


def test_the_paper_has_every_item_and_frame(draft: PaperDraft) -> None:
    """Title, facts, banner, page numbers, headings with points, and every word of every item."""
    form = draft.forms[0].form
    pages = _pages(paper_pdf(form, OPTIONS))
    text = "".join(pages)
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert f"第{number}页共{len(pages)}页" in page
        assert "机密★启用前" in page
        assert "试卷第1卷" in page
    assert "（第1卷，共24题，满分42.5分，时间90分钟）" in text
    headings = [
        "一、单选题（每题1分，共8分。每题只有一个正确选项）",
        "二、多选题（每题1.5分，共7.5分。",
        "三、判断题（每题1分，共4分。判断正误）",
        "四、填空题（每题1分，共3分）",
        "五、简答题（每题4分，共8分）",
        "六、案例分析题（每题6分，共12分）",
    ]
    places = [text.index(heading) for heading in headings]
    assert all(first < second for first, second in pairwise(places))
    for item in form.items:
        assert item.material in text
        for part in item.parts:
            if part.item_type is not ItemType.FILL_BLANK:
                assert part.stem.removesuffix("（）") in text
            for choice in part.choices:
                assert part.item_type is ItemType.TRUE_FALSE or choice.text in text


def test_the_paper_has_no_answers(draft: PaperDraft) -> None:
    """Neither marking points nor explanations nor accepted texts are printed on it."""
    text = "".join(_pages(paper_pdf(draft.forms[0].form, OPTIONS)))
    for hidden in ("要点", "解析", "三十日", "劳动法", "不分先后"):
        assert hidden not in text


def test_the_answers_are_in_the_forms_own_letters(draft: PaperDraft) -> None:
    """The single-choice grid is what the choices on this form say."""
    keyed = {item.bank_item_id: item for item in draft.items}
    for laid_out in draft.forms:
        form, form_map = laid_out.form, laid_out.form_map
        expected = []
        for item, mapped in zip(form.items, form_map.items, strict=True):
            part = keyed[mapped.bank_item_id].parts[0]
            if item.item_type is ItemType.SINGLE_CHOICE and isinstance(part.key, ChoiceKey):
                right = part.choices["ABCD".index(part.key.letters)]
                texts = [choice.text for choice in item.parts[0].choices]
                expected.append("ABCD"[texts.index(right)])
        text = "".join(_pages(answers_pdf(form, form_map, draft.items, OPTIONS)))
        assert "".join(map(str, range(1, 9))) + "".join(expected) in text
        for part_of in (
            "要点一",
            "要点二",
            "依据：《中华人民共和国劳动法》第三条",
            "30日／三十日；公平",
        ):
            assert part_of in text
        assert "答案及评分标准" in text


def test_printing_is_repeatable(draft: PaperDraft) -> None:
    """The same form gives the same bytes."""
    laid_out = draft.forms[1]
    assert paper_pdf(laid_out.form, OPTIONS) == paper_pdf(laid_out.form, OPTIONS)
    arguments = (laid_out.form, laid_out.form_map, draft.items, OPTIONS)
    assert answers_pdf(*arguments) == answers_pdf(*arguments)


def test_odd_content_is_printed(draft: PaperDraft) -> None:
    """Markup characters, long choices, line breaks, uneven points and odd durations."""
    form = draft.forms[0].form
    first, *others = form.items
    part = first.parts[0]
    choices = tuple(
        msgspec.structs.replace(choice, text=f"<b>&{choice.text}" * 20) for choice in part.choices
    )
    odd = msgspec.structs.replace(
        part, stem="第一行\n<i>第二行</i>（）", choices=choices, points_milli=2500
    )
    changed = msgspec.structs.replace(
        form, items=(msgspec.structs.replace(first, parts=(odd,)), *others)
    )
    pdf = paper_pdf(changed, PrintOptions(duration_ms=45_000))
    text = "".join(_pages(pdf))
    assert "<i>第二行</i>" in text
    assert "<b>&" in text
    assert "（共9.5分。" in text
    assert "时间0分钟45秒" in text


@pytest.mark.parametrize("banner", ["机" * 31, "机密\n启用前"])
def test_a_banner_is_one_line(draft: PaperDraft, banner: str) -> None:
    """What would run over the page is refused."""
    with refuses(InputError, "publish.banner"):
        paper_pdf(draft.forms[0].form, PrintOptions(duration_ms=1, banner=banner))


def test_a_character_without_a_font_is_named(draft: PaperDraft) -> None:
    """An empty box is never printed."""
    form = msgspec.structs.replace(draft.forms[0].form, title="题\U0001f600")
    with refuses(InputError, "report.missing_glyph"):
        paper_pdf(form, OPTIONS)


def test_each_code_has_a_sheet_of_its_own() -> None:
    """Four PDFs of one page; each shows its own code, and none shows another's."""
    codes = builders.codes()
    delivery = Delivery(
        title="福建省人社窗口单位业务技能练兵比武 笔试",
        sitting_id=builders.SITTING_ID,
        sequence=2,
        centre_id=builders.CENTRE_ID,
        centre_name="福州第一考点",
        manifest_sha256="ab" * 32,
    )
    sheets = code_sheets(delivery, codes)
    shown = {}
    for name, data in sheets.items():
        pages = PdfReader(io.BytesIO(data)).pages
        assert len(pages) == 1
        shown[name] = pages[0].extract_text()
        assert "福州第一考点" in shown[name]
        assert builders.SITTING_ID in shown[name]

    of_sheet = {
        "slip-C01.pdf": codes.opening_code,
        **{f"envelope-C01-{n}.pdf": code for n, code in enumerate(codes.envelope_codes, 1)},
    }
    assert sheets.keys() == of_sheet.keys()
    for name, text in shown.items():
        groups = set(re.findall(r"(?<!\d)\d{5}(?!\d)", text))
        assert groups == set(of_sheet[name].split())
    assert "凭任意两个信封" in shown["envelope-C01-3.pdf"]
    assert "第 3 号" in shown["envelope-C01-3.pdf"]
