"""Certificates of the centre, and what a kiosk's certificate says."""

import datetime as dt
import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from exam_core.errors import InputError
from exam_core.model.identifiers import SeatId, SittingId
from exam_server import tls

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def request_with(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """A signing request for a key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def issue(csr_pem: str, seat_id: str = "A01") -> tuple[str, str]:
    """A seat's certificate from a new CA."""
    return tls.issue_seat(
        tls.make_authority("C01", now=NOW),
        csr_pem,
        sitting_id=SittingId("S2026:1"),
        seat_id=SeatId(seat_id),
        now=NOW,
    )


@pytest.mark.parametrize("seat_id", ["A01", "一号机房 3:4"])
def test_a_seat_certificate_names_sitting_and_seat(seat_id: str) -> None:
    """Also where they hold colons or Chinese characters."""
    pem, fingerprint = issue(request_with(ec.generate_private_key(ec.SECP256R1())), seat_id)
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
    seat = tls.read_seat(der)

    assert seat == tls.SeatCertificate(
        sitting_id=SittingId("S2026:1"), seat_id=SeatId(seat_id), fingerprint=fingerprint
    )


def test_a_server_certificate_names_no_seat() -> None:
    """It cannot be used at the kiosk port."""
    authority = tls.make_authority("C01", now=NOW)
    server = tls.issue_server(authority, ["127.0.0.1", "exam.lan"], now=NOW)
    for pem in (server.certificate_pem, authority.certificate_pem):
        der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
        assert tls.read_seat(der) is None


@pytest.mark.parametrize(
    "csr",
    [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "x" * 9_000,
        request_with(ec.generate_private_key(ec.SECP384R1())),
        request_with(rsa.generate_private_key(65537, 2048)),
    ],
)
def test_other_requests_are_refused(csr: str) -> None:
    """No request, a broken one, one too long, another curve, another kind of key."""
    with pytest.raises(InputError, match=r"enrol\.request"):
        issue(csr)


def test_a_request_signed_by_another_key_is_refused() -> None:
    """Who asks must hold the key."""
    pem = request_with(ec.generate_private_key(ec.SECP256R1()))
    raw = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    raw[-3] ^= 1
    forged = x509.load_der_x509_csr(bytes(raw)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(InputError, match=r"enrol\.request"):
        issue(forged.decode())


def test_an_ed25519_request_is_refused() -> None:
    """Windows kiosks could not use it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
    with pytest.raises(InputError, match=r"enrol\.request"):
        issue(request.public_bytes(serialization.Encoding.PEM).decode())


@pytest.mark.parametrize("addresses", [[], [""], ["exam lan"], ["考场"]])
def test_addresses_that_no_certificate_can_name_are_refused(addresses: list[str]) -> None:
    """With what to write instead."""
    with pytest.raises(InputError, match=r"tls\.address"):
        tls.issue_server(tls.make_authority("C01", now=NOW), addresses, now=NOW)


def test_contexts_speak_tls_1_3_only(tmp_path: Path) -> None:
    """And the kiosk's asks for a certificate."""
    authority = tls.make_authority("C01", now=NOW)
    server = tls.issue_server(authority, ["127.0.0.1"], now=NOW)
    for name, data in (
        ("ca", authority.certificate_pem),
        ("pem", server.key_pem + server.certificate_pem),
    ):
        (tmp_path / name).write_bytes(data)
    kiosk = tls.server_context(
        certificate_file=tmp_path / "pem",
        client_authority_file=tmp_path / "ca",
    )
    console = tls.server_context(certificate_file=tmp_path / "pem", client_authority_file=None)

    assert kiosk.minimum_version is console.minimum_version is ssl.TLSVersion.TLSv1_3
    assert kiosk.verify_mode is ssl.CERT_REQUIRED
    assert console.verify_mode is ssl.CERT_NONE


def test_a_certificate_s_mark_is_what_a_browser_shows() -> None:
    """SHA-256 of the certificate itself, not of its text; in pairs with colons."""
    pem = tls.make_authority("C01", now=NOW).certificate_pem
    der = ssl.PEM_cert_to_DER_cert(pem.decode())

    mark = tls.certificate_mark(pem)

    assert mark.replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    assert mark.count(":") == 31
    assert mark == mark.upper()
