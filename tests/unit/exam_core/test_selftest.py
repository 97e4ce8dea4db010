"""The start-up self-test passes on sound libraries, is quick, and notices broken ones."""

import time

import pytest

from exam_core.crypto import selftest
from exam_core.errors import ExamError, IntegrityError
from tests.support.refusals import refuses


def test_known_answers_hold_quickly() -> None:
    """The whole test takes less than a tenth of a second."""
    selftest.run_self_test()
    started = time.perf_counter()

    selftest.run_self_test()

    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    ("constant", "algorithm"),
    [
        ("_ED25519_SIGNATURE", "Ed25519"),
        ("_HKDF_OUTPUT", "HKDF-SHA256"),
        ("_AEAD_SEALED", "ChaCha20-Poly1305"),
        ("_AEAD_PLAINTEXT", "ChaCha20-Poly1305"),
        ("_AGE_FILE", "age X25519"),
        ("_AGE_PLAINTEXT", "age X25519"),
    ],
)
def test_a_wrong_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, constant: str, algorithm: str
) -> None:
    """Whichever known answer comes out different, the algorithm is named."""
    right = getattr(selftest, constant)
    monkeypatch.setattr(selftest, constant, right[:-1] + bytes([right[-1] ^ 1]))

    with refuses(IntegrityError, "selftest.failed") as caught:
        selftest.run_self_test()
    assert caught.value.facts == {"algorithm": algorithm}


def test_a_library_that_raises_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of a broken library comes out as our refusal."""

    def broken(*_: object) -> bytes:
        raise OSError("illegal instruction")

    monkeypatch.setattr(selftest, "seal", broken)
    with pytest.raises(ExamError):
        selftest.run_self_test()
