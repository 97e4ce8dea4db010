"""XML that grows without measure in any direction is met before a library meets it."""

from collections.abc import Iterator

import pytest

from exam_core import limits
from exam_core.errors import InputError
from exam_core.formats.office_xml import check_office_xml
from exam_server.room.services.roster_file import ROSTER_FILE
from tests.support.refusals import refuses


def check(data: bytes, *, elements_max: int = 1000, chunk: int = 4096) -> int:
    """The elements counted, fed in chunks."""

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(data), chunk):
            yield data[at : at + chunk]

    return check_office_xml(chunks(), elements_max=elements_max, code=ROSTER_FILE, name="名单")


def test_elements_are_counted() -> None:
    """A sound part gives its number of elements, however it is cut into chunks."""
    assert check(b"<a><b/><b c='1'>text</b></a>", chunk=1) == 3


def test_a_fault_ends_the_count() -> None:
    """What is no XML, or breaks off, is left to the library that reads it."""
    assert check(b"\x89PNG") == 0
    assert check(b"<a><b/></c><d/>") == 2
    assert check(b"") == 0


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" + b"<b/>" * 1000,
        b"<a>" * (limits.office_xml_depth_max + 1),
        b"<a " + b" ".join(b'a%d=""' % n for n in range(limits.office_xml_attributes_max)) + b"/>",
        b'<a b="' + b"x" * (limits.office_xml_tag_bytes_max + 8192) + b'"/>',
    ],
    ids=["elements", "depth", "attributes", "one tag"],
)
def test_every_excess_is_refused(data: bytes) -> None:
    """Elements, depth, attributes and the length of one tag each have an end."""
    with refuses(InputError, ROSTER_FILE):
        check(data)
