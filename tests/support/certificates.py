"""A small CA on loopback, with that of one sitting: certificates for tests of the kiosk's TLS."""

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_YEARS = dt.timedelta(days=3650)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass
class TestAuthority:
    """A CA that lives for one test; `days` shifts all its certificates in time."""

    __test__ = False

    days: int = 0
    sitting_id: str = "S2026-1"

    def __post_init__(self) -> None:
        root = ec.generate_private_key(ec.SECP256R1())
        self._root = self._authority("test CA", root, path_length=1).sign(root, hashes.SHA256())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            self._authority("test sitting", self._key, path_length=0)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.UniformResourceIdentifier(f"urn:exam:{self.sitting_id}")]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()),
                critical=False,
            )
            .sign(root, hashes.SHA256())
        )

    def _authority(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, path_length: int
    ) -> x509.CertificateBuilder:
        public = key.public_key()
        return (
            self._builder(name, public, issuer="test CA")
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(self._usage(is_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    @property
    def certificate_pem(self) -> str:
        """The CA's own certificate."""
        return self._root.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, address: str = "127.0.0.1") -> bytes:
        """Key and certificate of a server at an IP address, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        return _key_pem(key) + self._issue("server", key.public_key(), names)

    def seat_credential(self, *, names_sitting: str = "") -> bytes:
        """Key, certificate and sitting's CA of seat A01; the certificate may name another."""
        key = ec.generate_private_key(ec.SECP256R1())
        uri = f"urn:exam:{names_sitting or self.sitting_id}:A01"
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        return _key_pem(key) + self._issue("A01", key.public_key(), names)

    def seat(self, seat_id: str, csr_pem: str) -> str:
        """The certificate of a seat for the key in a request."""
        request = x509.load_pem_x509_csr(csr_pem.encode())
        public_key = request.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        names = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier(f"urn:exam:{self.sitting_id}:{seat_id}")]
        )
        return self._issue(seat_id, public_key, names).decode()

    def _issue(
        self,
        name: str,
        public_key: ec.EllipticCurvePublicKey,
        names: x509.SubjectAlternativeName,
    ) -> bytes:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(name, public_key, issuer="test sitting")
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(self._usage(is_authority=False), critical=True)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        return certificate.public_bytes(pem) + self._certificate.public_bytes(pem)

    def _builder(
        self, name: str, public_key: ec.EllipticCurvePublicKey, *, issuer: str
    ) -> x509.CertificateBuilder:
        start = _NOW + dt.timedelta(days=self.days)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _YEARS)
        )

    @staticmethod
    def _usage(*, is_authority: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=is_authority,
            crl_sign=is_authority,
            encipher_only=False,
            decipher_only=False,
        )
