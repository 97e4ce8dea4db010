"""Fixtures of the format tests."""

import pytest

from exam_core import limits


@pytest.fixture
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase costs milliseconds; only for tests that are not about its cost."""
    monkeypatch.setattr(limits, "scrypt_log_n", 10)
