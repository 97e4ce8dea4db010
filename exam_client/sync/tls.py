"""The TLS of a kiosk: version 1.3, the centre's CA and no other, the seat's certificate.

To enrol it trusts every server of the centre. From then on it knows its sitting, and trusts the CA
of that sitting alone, which it checks against the centre's.

The server's certificate must carry the name or address that we asked for. Its dates are not
looked at: an old PC with a dead clock battery would otherwise be locked out on the day, and
revocation is the server's allow-list, not a date.
Source: OpenSSL, X509_VERIFY_PARAM_set_flags(3), X509_V_FLAG_NO_CHECK_TIME.
"""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from exam_core.errors import ExamError, InputError, IntegrityError, StorageError, declare

TLS_CA = declare("client.ca", "考点文件中的证书无法使用，请由考点重新生成并送总部签名。")
TLS_CERTIFICATE = declare(
    "client.certificate", "本机的机位证书无法使用，请技术人员重新登记本机（exam-client enrol）。"
)

_NO_CHECK_TIME = 0x200000


def server_trust(ca_certificate_pem: str) -> ssl.SSLContext:
    """A context that trusts servers of the centre's CA and shows no certificate.

    Raises:
        InputError: `client.ca`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    try:
        context.load_verify_locations(cadata=ca_certificate_pem)
    except (ssl.SSLError, ValueError) as error:
        raise InputError(TLS_CA, "考点证书格式不对") from error
    return context


def kiosk_trust(ca_certificate_pem: str, credential: Path) -> ssl.SSLContext:
    """A context that trusts servers of this seat's sitting, and shows the seat's certificate.

    The certificate stands in a file with its key and the CA of the sitting.

    Raises:
        StorageError: `client.certificate`.
    """
    try:
        context = server_trust(sitting_authority_of(ca_certificate_pem, credential.read_bytes()))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the sitting's CA is no root
        context.load_cert_chain(credential)
    except (ssl.SSLError, OSError, ExamError) as error:
        raise StorageError(TLS_CERTIFICATE, "机位证书无法使用") from error
    return context


def sitting_authority_of(ca_certificate_pem: str, chain_pem: bytes) -> str:
    """The CA that issued a seat's certificate, once it is a CA of the centre for that sitting.

    Args:
        ca_certificate_pem: The centre's CA.
        chain_pem: The seat's certificate, then the CA of its sitting; a key before them is
            passed over.

    Raises:
        IntegrityError: `client.certificate`.
    """
    try:
        centre = x509.load_pem_x509_certificate(ca_certificate_pem.encode())
        seat, authority = x509.load_pem_x509_certificates(chain_pem)
        seat.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(centre)
        basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        (sitting,), (own,) = _uris(authority), _uris(seat)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise IntegrityError(TLS_CERTIFICATE, "机位证书不是本考点签发的") from error
    if not basic.ca or not own.startswith(f"{sitting}:"):
        raise IntegrityError(TLS_CERTIFICATE, "机位证书与场次证书不符")
    return authority.public_bytes(serialization.Encoding.PEM).decode()


def _uris(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)
