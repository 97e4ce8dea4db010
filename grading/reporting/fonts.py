"""Chinese fonts for reportlab: found on the machine, embedded, chosen character by character.

No single free font has every character that a name can have, so text is split into runs, each in
the first font that has its characters. A character that no font has is refused by name: an empty
box is never printed. Only TrueType outlines work with reportlab, so Noto CJK is not in the list.

For another program: call `register_fonts()` once, then draw `split_runs(text)` on a canvas or
put `paragraph_markup(text)` into a Paragraph whose style is `paragraph_style(...)`.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib import textsplit
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import paragraph

from exam_core.errors import InputError, declare

REPORT_FONT = declare(
    "report.font",
    "请安装中文 TrueType 字体（Debian：fonts-wqy-microhei、fonts-wqy-zenhei）或指定字体文件。",
)
MISSING_GLYPH = declare(
    "report.missing_glyph", "请安装含有该字的 TrueType 字体，或用字体参数指定字体文件，再重新生成。"
)

FONT_PATHS = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
    Path("C:/Windows/Fonts/msyh.ttc"),
    Path("C:/Windows/Fonts/simhei.ttf"),
    Path("C:/Windows/Fonts/simsunb.ttf"),  # 扩展 B 区的人名用字
)
"""Where fonts are looked for, the best for reading first."""

_CANNOT_START_LINE = "，：；？！”’》〉…"


@dataclass(frozen=True, slots=True, kw_only=True)
class FontFace:
    """One registered font and the code points it has."""

    font_name: str
    path: Path
    code_points: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A piece of text that one font can draw."""

    font_name: str
    text: str


_lock = threading.Lock()
_faces: list[FontFace] = []


def register_fonts(extra_paths: Sequence[Path] = ()) -> tuple[str, ...]:
    """Register every font found; safe to call again, later calls only add new paths.

    Also mends reportlab's line breaking for Chinese, once for the process.

    Args:
        extra_paths: TrueType files to use after the known ones, for rare characters.

    Returns:
        The names of all registered fonts, the main one first.

    Raises:
        InputError: `report.font` when there is none, or an extra one cannot be used.
    """
    with _lock:
        _mend_line_breaking()
        wanted = [path for path in FONT_PATHS if path.is_file()] + list(extra_paths)
        for path in wanted:
            if all(face.path != path for face in _faces):
                _faces.append(_register(path))
        if not _faces:
            raise InputError(REPORT_FONT, "没有找到可嵌入的中文字体")
        return tuple(face.font_name for face in _faces)


def main_font() -> str:
    """The name of the font for ordinary text."""
    return register_fonts()[0]


def missing_characters(text: str) -> str:
    """The characters of `text` that no font has, each once, in order."""
    register_fonts()
    return "".join(
        dict.fromkeys(
            character
            for character in text
            if not character.isspace() and _font_name(character) is None
        )
    )


def split_runs(text: str) -> tuple[Run, ...]:
    """The text in runs of one font each; white space without a glyph becomes a plain space.

    Raises:
        InputError: `report.missing_glyph` naming the character.
    """
    missing = missing_characters(text)
    if missing:
        raise InputError(
            MISSING_GLYPH,
            f"“{text[:30]}”中的“{missing[0]}”（U+{ord(missing[0]):04X}）没有可用的字体",
            code_point=ord(missing[0]),
        )
    pairs = [
        (name, character) if (name := _font_name(character)) else (_faces[0].font_name, " ")
        for character in text
    ]
    return tuple(
        Run(font_name=name, text="".join(character for _, character in group))
        for name, group in groupby(pairs, key=lambda pair: pair[0])
    )


def text_width(text: str, size: float) -> float:
    """The width of `text` in points."""
    runs = split_runs(text)
    return float(sum(pdfmetrics.stringWidth(run.text, run.font_name, size) for run in runs))


def paragraph_markup(text: str) -> str:
    """`text` for a reportlab Paragraph: escaped, with a font tag wherever the main one lacks."""
    name = main_font()
    return "".join(
        escape(run.text)
        if run.font_name == name
        else f'<font name="{run.font_name}">{escape(run.text)}</font>'
        for run in split_runs(text)
    )


def paragraph_style(name: str, size: float, **settings: object) -> ParagraphStyle:
    """A style for Chinese text in the main font, breaking lines between any two characters."""
    defaults = {"leading": size * 1.45, "wordWrap": "CJK", "fontName": main_font()}
    return ParagraphStyle(name, fontSize=size, **(defaults | settings))


def _register(path: Path) -> FontFace:
    name = f"Gongyuan{len(_faces)}"
    try:
        font = TTFont(name, str(path), subfontIndex=0)
    except (TTFError, OSError) as error:
        raise InputError(REPORT_FONT, f"字体文件 {path.name} 不能使用") from error
    pdfmetrics.registerFont(font)
    # One weight only: bold and italic markup must not fall back to a font without Chinese.
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    return FontFace(font_name=name, path=path, code_points=_drawn(font.face.charToGlyph))


def _drawn(glyphs: Iterable[int]) -> frozenset[int]:
    """The code points a font claims, without control characters, which draw as boxes."""
    return frozenset(code for code in glyphs if chr(code).isprintable())


def _font_name(character: str) -> str | None:
    for face in _faces:
        if ord(character) in face.code_points:
            return face.font_name
    return None


def _mend_line_breaking() -> None:
    """WORKAROUND(reportlab 5.1): its kinsoku table lacks full-width marks such as ，：；？！."""
    for module in (textsplit, paragraph):
        missing = [mark for mark in _CANNOT_START_LINE if mark not in module.ALL_CANNOT_START]
        module.ALL_CANNOT_START += "".join(missing)
