"""Keys and certificates of an exam centre's LAN, and the TLS contexts made from them.

One CA a centre, which headquarters vouches for; it issues one CA for each sitting, and that one
the certificates of the server and the kiosks. P-256 throughout (Windows' Schannel has no Ed25519),
TLS 1.3 only. A kiosk's certificate names its seat by a URI and is valid only while its fingerprint
is on the allow-list.
"""

import datetime as dt
import hashlib
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exam_core.errors import InputError, declare
from exam_core.model.identifiers import SeatId, SittingId
from exam_server import limits

TLS_ADDRESS = declare(
    "tls.address", "--address 请写 IP 地址或主机名，例如 192.168.1.10 或 exam.lan。"
)
ENROL_REQUEST = declare("enrol.request", "证书请求不对，请在考生机上重新执行登记。")

_LIFE = dt.timedelta(days=limits.certificate_days)
_EARLY = dt.timedelta(days=2)  # a browser whose clock is a little behind


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A private key and its certificate, both PEM."""

    key_pem: bytes
    certificate_pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCertificate:
    """What a kiosk's certificate says: for which sitting and seat; and its fingerprint in hex."""

    sitting_id: SittingId
    seat_id: SeatId
    fingerprint: str


def make_authority(centre_name: str, *, now: dt.datetime) -> KeyPair:
    """A new CA for one centre."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gongyuan"),
            x509.NameAttribute(NameOID.COMMON_NAME, _short(f"{centre_name} CA")),
        ]
    )
    certificate = (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(key, certificate)


def issue_sitting_authority(
    authority: KeyPair, sitting_id: SittingId, *, now: dt.datetime
) -> KeyPair:
    """The CA of one sitting, issued by the centre's; it names the sitting by a URI.

    It issues certificates of servers and seats only, never of another CA.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, issuer_key = _load(authority)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _short(f"sitting {sitting_id}"))])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(sitting_uri(sitting_id))])
    certificate = (
        _builder(subject, issuer.subject, key.public_key(), now)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(key, certificate)


def issue_server(authority: KeyPair, addresses: Sequence[str], *, now: dt.datetime) -> KeyPair:
    """A key and certificate for a server reached by these IP addresses and host names.

    The certificate's issuer follows it, as a server sends them.

    Raises:
        InputError: `tls.address`.
    """
    if not addresses:
        raise InputError(TLS_ADDRESS, "至少需要一个服务器地址")
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([_general_name(address) for address in addresses])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _short(addresses[0]))])
    certificate = _issue(
        authority,
        subject,
        key.public_key(),
        names=names,
        purpose=ExtendedKeyUsageOID.SERVER_AUTH,
        now=now,
    )
    pair = _pair(key, certificate)
    return KeyPair(
        key_pem=pair.key_pem, certificate_pem=pair.certificate_pem + authority.certificate_pem
    )


def issue_seat(
    authority: KeyPair,
    csr_pem: str,
    *,
    sitting_id: SittingId,
    seat_id: SeatId,
    now: dt.datetime,
) -> tuple[str, str]:
    """The certificate of a seat for the key in a signing request; the request's names are ignored.

    Returns:
        The certificate as PEM, followed by its issuer's, and its fingerprint.

    Raises:
        InputError: `enrol.request`.
    """
    if len(csr_pem) > limits.csr_bytes_max:
        raise InputError(ENROL_REQUEST, "证书请求过长")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        public = request.public_key()
        is_sound = request.is_signature_valid
    except ValueError as error:
        raise InputError(ENROL_REQUEST, "证书请求无法识别") from error
    is_p256 = isinstance(public, ec.EllipticCurvePublicKey) and isinstance(
        public.curve, ec.SECP256R1
    )
    if not isinstance(public, ec.EllipticCurvePublicKey) or not is_p256 or not is_sound:
        raise InputError(ENROL_REQUEST, "证书请求的密钥种类或签名不对")
    names = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(seat_uri(sitting_id=sitting_id, seat_id=seat_id))]
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _short(f"seat {seat_id}"))])
    certificate = _issue(
        authority, subject, public, names=names, purpose=ExtendedKeyUsageOID.CLIENT_AUTH, now=now
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    pem = certificate.public_bytes(serialization.Encoding.PEM) + authority.certificate_pem
    return pem.decode(), hashlib.sha256(der).hexdigest()


def sitting_uri(sitting_id: SittingId) -> str:
    """The name of a sitting in the certificate of its CA."""
    return f"urn:exam:{quote(sitting_id, safe='')}"


def seat_uri(*, sitting_id: SittingId, seat_id: SeatId) -> str:
    """The name of a seat in certificates."""
    return f"{sitting_uri(sitting_id)}:{quote(seat_id, safe='')}"


def read_seat(certificate_der: bytes) -> SeatCertificate | None:
    """What a kiosk's certificate says; None when it names no seat."""
    for uri in _uris(x509.load_der_x509_certificate(certificate_der)):
        match uri.split(":"):
            case ["urn", "exam", sitting_id, seat_id]:
                return SeatCertificate(
                    sitting_id=SittingId(unquote(sitting_id)),
                    seat_id=SeatId(unquote(seat_id)),
                    fingerprint=hashlib.sha256(certificate_der).hexdigest(),
                )
    return None


def certificate_mark(certificate_pem: bytes) -> str:
    """SHA-256 of a certificate as browsers show it: hex in pairs, colons between."""
    digest = x509.load_pem_x509_certificate(certificate_pem).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def names_sitting(authority: KeyPair, sitting_id: SittingId) -> bool:
    """Whether a CA is that of this sitting."""
    certificate = x509.load_pem_x509_certificate(authority.certificate_pem)
    return sitting_uri(sitting_id) in _uris(certificate)


def server_context(*, certificate_file: Path, client_authority_file: Path | None) -> ssl.SSLContext:
    """A TLS 1.3 context; with a client authority, a certificate from it is required.

    Args:
        certificate_file: Key, certificate and its issuer's, in one file so that they fit.
        client_authority_file: The centre's CA. A certificate of another of its sittings gets
            through here and is refused by the allow-list, so that the kiosk is told why.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate_file)
    context.num_tickets = 0  # a resumed connection would carry no client certificate to check
    if client_authority_file:
        context.load_verify_locations(client_authority_file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VerifyFlags(0x200000)  # NO_CHECK_TIME: our clock may be dead
    return context


def _issue(
    authority: KeyPair,
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    *,
    names: x509.SubjectAlternativeName,
    purpose: x509.ObjectIdentifier,
    now: dt.datetime,
) -> x509.Certificate:
    issuer, key = _load(authority)
    return (
        _builder(subject, issuer.subject, public, now)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )


def _load(authority: KeyPair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = serialization.load_pem_private_key(authority.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "made in this module"  # noqa: S101  narrows
    return x509.load_pem_x509_certificate(authority.certificate_pem), key


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + _LIFE)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> KeyPair:
    return KeyPair(
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
    )


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        pass  # not an IP address: a host name
    is_host = all(char.isalnum() or char in "-." for char in address)
    if not address or not address.isascii() or not is_host:
        raise InputError(TLS_ADDRESS, f"地址不对：{address[:60]}")
    return x509.DNSName(address)


def _short(text: str) -> str:
    return text[:64]  # the upper bound of a common name in X.520
