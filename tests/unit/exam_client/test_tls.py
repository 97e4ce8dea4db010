"""The kiosk's TLS: one version, one CA, no look at dates."""

import ssl
from pathlib import Path

from exam_client.sync.tls import kiosk_trust, server_trust
from exam_core.errors import InputError, StorageError
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
