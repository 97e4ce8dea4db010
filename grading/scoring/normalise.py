"""The one text normaliser for fill-in blanks: author's preview and scorer both call this.

Two texts match when their normal forms are equal. The normal form is reached by these steps, in
this order, repeated until nothing changes (so normalising twice is the same as once):

1. Unicode NFKC with case folding: full and half width, ① and 1, A and a are alike.
2. White space, control and format characters go, everywhere.
3. Quotation marks and book-title marks 《》〈〉 go, everywhere; dashes and ～ become one hyphen.
4. Chinese numerals become digits (`grading.scoring.numerals`): 三十日 = 30日, 5万元 = 50000元.
5. Thousands separators go: 1,000 = 1000. Zeros at the end of a decimal go: 3.50 = 3.5.
6. Ratios: 百分之五十 = 50%, 千分之二 = 2‰ = 0.2%, 万分之五 = 0.05%, 三分之二 = 2/3.
7. Dates: 2015-10-01, 2015/10/1, 2015.10.01, 2015年10月1号 = 2015年10月1日; 5月1号 = 5月1日.
8. Marks at either end go: 。、，；：！ and their ASCII forms, and a full stop at the end.

A text made of nothing but such marks keeps them, so that it never equals an empty one. What the
rules do not equate (1000 and 1000元) the author lists as alternatives. Changing any of this
raises `RULES_VERSION`.
"""

import re
import unicodedata
from fractions import Fraction

from grading.scoring.numerals import decimal_text, numerals_to_digits

_DASHES = re.compile("[\u2010-\u2015\u2212~〜-]+")
_DROPPED = dict.fromkeys(map(ord, "\"'`“”‘’„‟′″「」『』﹁﹂《》〈〉«»‹›"), None)
_FOLDED = str.maketrans({"\u2044": "/", "・": "·", "•": "·", "‧": "·"})
_UNSEEN = frozenset({"Cc", "Cf"})

_THOUSANDS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_NUMBER = r"[0-9]{1,40}(?:\.[0-9]{1,40})?"  # longer ones are no answers, and cost time
_DECIMAL = re.compile(r"(?<![0-9.])([0-9]+)\.([0-9]+)(?![0-9.])")
_PARTS_OF = re.compile(rf"(?<![0-9.])([0-9]{{1,40}})分之({_NUMBER})(?![0-9.])")
_PER = re.compile(rf"(?<![0-9.])({_NUMBER})([‰‱])")
_PER_DIVISOR = {"‰": 10, "‱": 100}
_PERCENT_OF = {100: 1, 1000: 10, 10_000: 100}

_FULL_DATE = re.compile(
    r"(?<![0-9./-])([0-9]{4})(?:年0?([1-9]|1[0-2])月0?([1-9]|[12][0-9]|3[01])[日号]"
    r"|(?P<mark>[-/.])0?([1-9]|1[0-2])(?P=mark)0?([1-9]|[12][0-9]|3[01])(?![0-9./-]))"
)
_MONTH_DAY = re.compile(r"(?<![0-9])0?([1-9]|1[0-2])月0?([1-9]|[12][0-9]|3[01])[日号]")
_YEAR_MONTH = re.compile(r"([0-9]{4})年0([1-9])月")

_ENDS = "。、,;:!，；：！"


def normalise_blank(text: str) -> str:
    """The normal form of a fill-in text; empty only when nothing visible was given."""
    while (after := _fold(text)) != text:
        text = after
    return text


def _fold(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(
        character for character in text if unicodedata.category(character) not in _UNSEEN
    )
    text = "".join(text.split())
    text = _DASHES.sub("-", (text.translate(_DROPPED) or text).translate(_FOLDED))
    text = numerals_to_digits(text)
    text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    text = _DECIMAL.sub(_without_trailing_zeros, text)
    text = _PARTS_OF.sub(_ratio, text)
    text = _PER.sub(
        lambda found: decimal_text(Fraction(found[1]) / _PER_DIVISOR[found[2]]) + "%", text
    )
    text = _FULL_DATE.sub(_date, text)
    text = _MONTH_DAY.sub(r"\1月\2日", text)
    text = _YEAR_MONTH.sub(r"\1年\2月", text)
    return text.lstrip(_ENDS).rstrip(_ENDS + ".") or text


def _without_trailing_zeros(found: re.Match[str]) -> str:
    places = found[2].rstrip("0")
    return f"{found[1]}.{places}" if places else found[1]


def _ratio(found: re.Match[str]) -> str:
    whole = int(found[1])
    if whole in _PERCENT_OF:
        return decimal_text(Fraction(found[2]) / _PERCENT_OF[whole]) + "%"
    return f"{found[2]}/{found[1]}"


def _date(found: re.Match[str]) -> str:
    month, day = found[2] or found[5], found[3] or found[6]
    return f"{found[1]}年{month}月{day}日"
