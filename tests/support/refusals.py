"""How a test says that something is refused: by family, by stable code, and with advice."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exam_core.errors import ExamError


@contextmanager
def refuses(family: type[ExamError], code: str) -> Iterator[pytest.ExceptionInfo[ExamError]]:
    """The body raises exactly this family with exactly this code, and the reader gets advice."""
    with pytest.raises(family) as caught:
        yield caught
    assert type(caught.value) is family
    assert caught.value.code == code
    assert caught.value.message
    assert caught.value.advice
