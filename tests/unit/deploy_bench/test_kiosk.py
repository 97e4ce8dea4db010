"""The frames of the load generator are what a kiosk makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.bench.server.kiosk import response_of
from exam_core.formats.journal_entries import encode_entry


@given(st.integers(120, 9_000), st.integers(0, 10_000))
def test_an_entry_has_the_size_that_was_asked_for(size: int, number: int) -> None:
    """A 200-byte save has 200 bytes, whatever its number."""
    assert len(encode_entry(response_of(size, number))) == size


def test_an_entry_cannot_be_smaller_than_its_frame_of_words() -> None:
    """A size that no entry has is a mistake of the bench."""
    with pytest.raises(ValueError, match="at least"):
        response_of(20, 0)
