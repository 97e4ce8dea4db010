"""The kiosk's TLS: one version, one CA, no look at dates."""

import ssl
from pathlib import Path

from exam_client.sync.tls import kiosk_trust, server_trust, sitting_authority_of
from exam_core.errors import InputError, IntegrityError, StorageError
from tests.support.certificates import TestAuthority
from tests.support.refusals import refuses

CA = TestAuthority().certificate_pem


def test_only_tls_13_names_are_checked_dates_are_not() -> None:
    """The context takes version 1.3 alone, checks the server's name, and ignores the clock."""
    context = server_trust(CA)

    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.verify_flags & 0x200000
    assert len(context.get_ca_certs()) == 1


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """A CA or a seat certificate that cannot be read is one of our errors."""
    with refuses(InputError, "client.ca"):
        server_trust("no certificate")
    with refuses(StorageError, "client.certificate"):
        kiosk_trust(CA, tmp_path / "none.pem")
    (tmp_path / "seat.pem").write_text("no certificate")
    with refuses(StorageError, "client.certificate"):
        kiosk_trust(CA, tmp_path / "seat.pem")


def test_after_enrolment_only_the_sitting_is_trusted(tmp_path: Path) -> None:
    """The context holds the CA of the seat's own sitting, once it is found to be the centre's."""
    authority = TestAuthority()
    (tmp_path / "seat.pem").write_bytes(authority.seat_credential())

    context = kiosk_trust(authority.certificate_pem, tmp_path / "seat.pem")

    names = [dict(pair[0] for pair in one["subject"]) for one in context.get_ca_certs()]  # type: ignore[misc]  # as ssl tells them
    assert names == [{"commonName": "test sitting"}]


def test_a_chain_that_is_not_of_the_centre_is_refused() -> None:
    """Another centre's CA, a CA of another sitting, and a chain that is cut."""
    authority, stranger = TestAuthority(), TestAuthority()
    own = authority.seat_credential()
    mixed = authority.seat_credential(names_sitting="S0")

    assert "BEGIN CERTIFICATE" in sitting_authority_of(authority.certificate_pem, own)
    for centre, chain in (
        (stranger, own),
        (authority, own[: own.rindex(b"-----BEGIN CERTIFICATE")]),
        (authority, mixed),
    ):
        with refuses(IntegrityError, "client.certificate"):
            sitting_authority_of(centre.certificate_pem, chain)
