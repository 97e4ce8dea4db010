"""age files under a passphrase: every age program reads them, and their cost is fixed."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pyrage
import pytest

from exam_core import limits
from exam_core.crypto import age_passphrase
from exam_core.crypto.age_passphrase import decrypt, encrypt

SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]
PASSPHRASE = "正确的口令"


def run_age(*arguments: str, typed: str) -> None:
    """Run Debian's age with a terminal of its own, on which the passphrase is typed."""
    master, slave = pty.openpty()
    try:
        os.write(master, typed.encode())
        done = subprocess.run(
            ["/usr/bin/setsid", "--ctty", "--wait", "/usr/bin/age", *arguments],
            stdin=slave,
            check=False,
            capture_output=True,
            timeout=120,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 0, done.stderr.decode()


def test_the_work_factor_is_fixed() -> None:
    """Our files say 18, which age itself uses, whatever the machine is doing."""
    sealed = encrypt(b"key", PASSPHRASE)

    assert re.match(rb"age-encryption\.org/v1\n-> scrypt \S{22} 18\n", sealed)
    assert decrypt(sealed, PASSPHRASE) == b"key"


@pytest.mark.usefixtures("cheap_scrypt")
@pytest.mark.parametrize("size", SIZES)
def test_another_library_opens_ours(size: int) -> None:
    """Pyrage reads what we write, at every edge of a chunk."""
    plaintext = bytes(n % 251 for n in range(size))

    sealed = encrypt(plaintext, PASSPHRASE)

    assert pyrage.passphrase.decrypt(sealed, PASSPHRASE) == plaintext
    assert decrypt(sealed, PASSPHRASE) == plaintext


def test_age_opens_ours_and_we_open_its(tmp_path: Path) -> None:
    """In an emergency Debian's age opens our file, and makes one that we open."""
    plaintext, sealed = tmp_path / "plaintext", tmp_path / "sealed"
    sealed.write_bytes(encrypt(bytes(70_000), "words on paper"))

    run_age("--decrypt", "--output", str(plaintext), str(sealed), typed="words on paper\n")
    assert plaintext.read_bytes() == bytes(70_000)

    sealed.unlink()
    typed = "other words\nother words\n"
    run_age("--passphrase", "--output", str(sealed), str(plaintext), typed=typed)
    assert decrypt(sealed.read_bytes(), "other words") == bytes(70_000)


@pytest.mark.usefixtures("cheap_scrypt")
def test_every_damage_is_refused() -> None:
    """Any byte changed, any cut, anything behind it, another passphrase: nothing comes out."""
    sealed = encrypt(b"paper", PASSPHRASE)

    for at in range(len(sealed)):
        assert decrypt(sealed[:at], PASSPHRASE) is None
        for mask in (1, 0x80):
            damaged = sealed[:at] + bytes([sealed[at] ^ mask]) + sealed[at + 1 :]
            assert decrypt(damaged, PASSPHRASE) is None
    assert decrypt(sealed + b"\0", PASSPHRASE) is None
    assert decrypt(sealed, PASSPHRASE + " ") is None
    assert decrypt(sealed, "\ud800") is None


@pytest.mark.usefixtures("cheap_scrypt")
def test_chunks_cannot_be_moved_or_left_out() -> None:
    """Chunks of 64 KiB keep their places, and the last one says that it is the last."""
    sealed = encrypt(bytes(3 * 65_536), PASSPHRASE)
    chunk = 65_536 + 16
    payload_at = len(sealed) - 3 * chunk
    head, rest = sealed[:payload_at], sealed[payload_at:]
    one, two, three = (rest[at : at + chunk] for at in range(0, 3 * chunk, chunk))

    assert decrypt(head + one + two + three, PASSPHRASE) == bytes(3 * 65_536)
    for chunks in ([two, one, three], [one, two], [one, three], [one, two, three, three], []):
        assert decrypt(head + b"".join(chunks), PASSPHRASE) is None


@pytest.mark.usefixtures("cheap_scrypt")
def test_an_empty_last_chunk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plaintext of whole chunks ends with a whole one; the other spelling is not age."""

    def with_empty_end(data: bytes, size: int) -> list[tuple[bytes, bool]]:
        return [(data[:size], False), (data[size:], True)]

    with monkeypatch.context() as patched:
        patched.setattr(age_passphrase, "_chunks", with_empty_end)
        sealed = encrypt(bytes(65_536), PASSPHRASE)

    assert decrypt(sealed, PASSPHRASE) is None
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(sealed, PASSPHRASE)


def test_a_larger_factor_is_refused_unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that asks for a gigabyte of memory is not tried."""
    monkeypatch.setattr(limits, "scrypt_log_n", 11)
    sealed = encrypt(b"key", PASSPHRASE)
    monkeypatch.setattr(limits, "scrypt_log_n", 10)

    assert decrypt(sealed, PASSPHRASE) is None


@pytest.mark.usefixtures("cheap_scrypt")
def test_loose_bits_in_a_header_are_refused() -> None:
    """The last character of a base64 text has one spelling, also where the MAC would not see it."""
    sealed = encrypt(b"key", PASSPHRASE)
    mac_end = sealed.index(b"\n--- ") + len(b"\n--- ") + 42
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = alphabet[alphabet.index(sealed[mac_end]) + 1]

    assert decrypt(sealed[:mac_end] + bytes([loose]) + sealed[mac_end + 1 :], PASSPHRASE) is None


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_header_mac_by_another_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes the header and keeps the wrapped key does not get past the MAC."""
    with monkeypatch.context() as patched:
        patched.setattr(age_passphrase, "_mac", lambda *_: bytes(32))
        sealed = encrypt(b"key", PASSPHRASE)

    assert decrypt(sealed, PASSPHRASE) is None
