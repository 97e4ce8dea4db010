"""Is the XML of a spreadsheet small enough, in every direction, to be given to a library?

A few kilobytes of zip unpack to XML that nests a million deep, repeats without end or holds one
attribute of megabytes; libraries spend seconds and gigabytes on it. Here it is only counted, and
the count stops at the first excess.
"""

from collections.abc import Iterable
from xml.parsers import expat

from exam_core import limits
from exam_core.errors import InputError


class _Excess(Exception):  # noqa: N818  a signal out of the parser's callbacks, never seen outside
    """Something is larger than any sound file has it."""


class _Counter:
    def __init__(self, elements_max: int) -> None:
        self._elements_max = elements_max
        self._depth = 0
        self.elements = 0

    def on_start(self, _name: str, attributes: list[str]) -> None:
        self.elements += 1
        self._depth += 1
        if self.elements > self._elements_max or self._depth > limits.office_xml_depth_max:
            raise _Excess
        if len(attributes) > limits.office_xml_attributes_max:
            raise _Excess

    def check_held_back(self, held_bytes: int) -> None:
        """What the parser holds back is one unfinished tag; it reads it anew with each chunk."""
        if held_bytes > limits.office_xml_tag_bytes_max:
            raise _Excess

    def on_end(self, _name: str) -> None:
        self._depth -= 1


def check_office_xml(chunks: Iterable[bytes], *, elements_max: int, code: str, name: str) -> int:
    """The number of elements up to the first fault, if any; a fault is the library's to report.

    Args:
        chunks: The part of the file, in order; small ones, so that an excess is met early.
        elements_max: How many elements a sound file may have.
        code: The error code to refuse with.
        name: What it is, in Chinese, for the message.

    Raises:
        InputError: `code`.
    """
    counter = _Counter(elements_max)
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartElementHandler = counter.on_start
    parser.EndElementHandler = counter.on_end
    fed = 0
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            fed += len(chunk)
            counter.check_held_back(fed - parser.CurrentByteIndex)
    except _Excess:
        raise InputError(code, f"{name}的内部结构异常庞大") from None
    except expat.ExpatError:
        pass
    return counter.elements
