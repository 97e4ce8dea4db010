"""The TLS of a kiosk: version 1.3, the centre's CA and no other, the seat's certificate.

The server's certificate must carry the name or address that we asked for. Its dates are not
looked at: an old PC with a dead clock battery would otherwise be locked out on the day, and
revocation is the server's allow-list, not a date.
Source: OpenSSL, X509_VERIFY_PARAM_set_flags(3), X509_V_FLAG_NO_CHECK_TIME.
"""

import ssl
from pathlib import Path

from exam_core.errors import InputError, StorageError, declare

TLS_CA = declare("client.ca", "考点文件中的证书无法使用，请由考点重新生成并送总部签名。")
TLS_CERTIFICATE = declare(
    "client.certificate", "本机的机位证书无法使用，请技术人员重新登记本机（exam-client enrol）。"
)

_NO_CHECK_TIME = 0x200000


def server_trust(ca_certificate_pem: str) -> ssl.SSLContext:
    """A context that trusts servers of this CA and shows no certificate.

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
    """The same, and it shows the seat's certificate, which stands in a file with its key.

    Raises:
        InputError: `client.ca`.
        StorageError: `client.certificate`.
    """
    context = server_trust(ca_certificate_pem)
    try:
        context.load_cert_chain(credential)
    except (ssl.SSLError, OSError) as error:
        raise StorageError(TLS_CERTIFICATE, "机位证书无法读取") from error
    return context
