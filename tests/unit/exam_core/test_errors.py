"""Errors carry a family, a code, facts and advice."""

import pytest

from exam_core.errors import (
    CODES,
    ExamError,
    InputError,
    IntegrityError,
    StateError,
    StorageError,
    TransportError,
    declare,
)
from exam_core.formats import journal

FAMILIES = (InputError, StateError, IntegrityError, StorageError, TransportError)


def test_an_error_shows_code_message_facts_and_advice() -> None:
    """What was given comes out again, and the advice is looked up by the code."""
    error = InputError(journal.JOURNAL_FRAME, "作答记录帧不完整", seq=7)

    assert str(error) == "journal.frame: 作答记录帧不完整"
    assert error.facts == {"seq": 7}
    assert error.advice == CODES["journal.frame"]


def test_an_undeclared_code_has_no_advice() -> None:
    """A code that nobody declared does not make the error path fail."""
    assert not InputError("nobody.declared", "…").advice


def test_a_code_is_declared_once() -> None:
    """Declaring again with the same advice is harmless, with other advice a fault of ours."""
    advice = CODES[journal.JOURNAL_FRAME]

    assert declare("journal.frame", advice) == "journal.frame"
    with pytest.raises(ValueError, match="declared twice"):
        declare("journal.frame", "别的建议")
    assert CODES["journal.frame"] == advice


@pytest.mark.parametrize("family", FAMILIES)
def test_families_hang_from_one_root(family: type[ExamError]) -> None:
    """Every family is directly an ExamError, and its exit status says that something failed."""
    assert family.__bases__ == (ExamError,)
    assert family.exit_status == (3 if family is TransportError else 2)
