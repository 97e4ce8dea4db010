"""Entries come back as they were written, and nothing else is an entry."""

from typing import Any

import msgspec
import pytest

from exam_core import limits
from exam_core.errors import InputError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.journal_entries import (
    Entry,
    ReviewFlagSet,
    SubmitReason,
    decode_entry,
    encode_entry,
)
from exam_core.model.identifiers import ItemId, SegmentId
from exam_core.model.responses import BlanksResponse, TextResponse
from tests.support.builders import response_recorded, segment_started, session_submitted
from tests.support.refusals import refuses


@pytest.mark.parametrize(
    "entry",
    [
        segment_started(),
        response_recorded(),
        response_recorded(response=BlanksResponse(texts=("公平", ""))),
        response_recorded(response=TextResponse(text="答：\n𠮷野家\u0000")),
        response_recorded(at_ms=2 * limits.duration_ms_max),
        ReviewFlagSet(at_ms=5, item_id=ItemId("i1"), is_flagged=True),
        *(session_submitted(reason=reason) for reason in SubmitReason),
        session_submitted(heads={SegmentId("0a" * 16): "00" * 32}),
    ],
)
def test_an_entry_comes_back(entry: Entry) -> None:
    """Encoding and decoding give the same entry."""
    assert decode_entry(encode_entry(entry)) == entry


@pytest.mark.parametrize(
    "fields",
    [
        {"at_ms": -1},
        {"at_ms": 2 * limits.duration_ms_max + 1},
        {"at_ms": 0.5},
        {"type": "response_edited"},
        {"extra": 1},
        {"part_id": 7},
        {"response": {"type": "choice", "choice_ids": "A"}},
        {"response": {"type": "key", "letters": "A"}},
    ],
)
def test_what_is_no_entry_is_refused(fields: dict[str, Any]) -> None:
    """Unknown types, times and fields are refused."""
    plain = msgspec.to_builtins(response_recorded())

    assert decode_entry(encode_canonical(plain)) == response_recorded()
    with refuses(InputError, "journal.entry"):
        decode_entry(encode_canonical(plain | fields))


def test_time_is_checked_when_made() -> None:
    """A program of ours cannot make an entry with an impossible time either."""
    with refuses(InputError, "journal.entry"):
        response_recorded(at_ms=-1)


@pytest.mark.parametrize("payload", [b"", b"null", bytes(limits.journal_payload_bytes_max + 1)])
def test_other_payloads_are_refused(payload: bytes) -> None:
    """Empty and oversized payloads are no entries."""
    with refuses(InputError, "journal.entry"):
        decode_entry(payload)


def test_the_longest_response_fits_in_a_frame() -> None:
    """As much text as a part may have fits a payload, even where every character is escaped."""
    for character in ("\U00020bb7", "\x01"):
        longest = TextResponse(text=character * limits.response_text_chars_max)
        assert (
            len(encode_entry(response_recorded(response=longest)))
            < limits.journal_payload_bytes_max
        )
