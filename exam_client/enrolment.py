"""How a kiosk gets the certificate of its seat: by a join code, or by comparing a number.

The private keys are made on this machine and never leave it.
"""

import asyncio
import secrets
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exam_client import limits
from exam_client.config import CLIENT_DISK, KioskConfig
from exam_client.journal.files import FileSystem
from exam_client.kiosk_key import ensure_signing_key
from exam_client.sync.room_http import RoomHttp
from exam_client.sync.tls import TLS_CERTIFICATE, server_trust, sitting_authority_of
from exam_core import limits as core_limits
from exam_core.crypto.signing import public_key_of
from exam_core.errors import InputError, IntegrityError, StorageError, declare
from exam_core.protocol import VERSION
from exam_core.protocol.comparison import Revealed, commitment_to, comparison_number
from exam_core.protocol.enrolment import prove_signing_key
from exam_core.protocol.http import CompareRequest, CompareReveal, CompareWait, EnrolRequest

_NONCE_BYTES = 32

ENROL_CODE_SHAPE = declare(
    "enrol.code_shape", "登记码应为 8 位数字，请按监考端屏幕上的数字重新输入。"
)


async def enrol(files: FileSystem, config: KioskConfig, join_code: str) -> None:
    """Get this seat's certificate and keep it with its key.

    The old certificate, if there is one, stays until the new one is on disk with its key.

    Raises:
        InputError: `enrol.code_shape`, or the room's refusal.
        StateError: The room's refusal.
        TransportError: `room.away`.
        IntegrityError: `client.certificate`, when the reply does not fit the key.
        StorageError: `client.disk`.
    """
    code = join_code.strip()
    if len(code) != core_limits.join_code_digits or not (code.isascii() and code.isdecimal()):
        raise InputError(ENROL_CODE_SHAPE, f"登记码应为 {core_limits.join_code_digits} 位数字")
    key = ec.generate_private_key(ec.SECP256R1())
    signing_key = ensure_signing_key(files, config.folder)
    csr_pem = _request_pem(config, key)
    request = EnrolRequest(
        protocol=VERSION,
        seat_id=config.seat_id,
        join_code=code,
        csr_pem=csr_pem,
        signing_key=public_key_of(signing_key),
        signing_proof=prove_signing_key(csr_pem, signing_key),
    )
    async with RoomHttp(config.console_url, server_trust(config.centre.ca_certificate)) as room:
        reply = await room.enrol(request)
    _keep(files, config, key, reply.certificate_pem)


async def enrol_by_comparison(
    files: FileSystem, config: KioskConfig, show: Callable[[str], None]
) -> None:
    """Get this seat's certificate once a person at the console has compared our number.

    Args:
        files: How files are written.
        config: The kiosk.
        show: Called once with the six digits to show, large.

    Raises:
        StateError: `compare.refused`, `compare.gone`, or another refusal of the room's.
        InputError, TransportError, IntegrityError, StorageError: As `enrol`.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    signing_key = ensure_signing_key(files, config.folder)
    revealed = Revealed(
        seat_id=config.seat_id,
        csr_pem=_request_pem(config, key),
        signing_key=public_key_of(signing_key),
        nonce=secrets.token_hex(_NONCE_BYTES),
    )
    begin = CompareRequest(
        protocol=VERSION, seat_id=config.seat_id, commitment=commitment_to(revealed)
    )
    async with RoomHttp(config.console_url, server_trust(config.centre.ca_certificate)) as room:
        begun = await room.commit(begin)
        await room.reveal(
            CompareReveal(
                request_id=begun.request_id,
                seat_id=config.seat_id,
                nonce=revealed.nonce,
                csr_pem=revealed.csr_pem,
                signing_key=revealed.signing_key,
                signing_proof=prove_signing_key(revealed.csr_pem, signing_key),
            )
        )
        # From our own values and the CA in the signed descriptor, whatever the other side shows.
        show(
            comparison_number(
                revealed,
                ca_certificate_pem=config.centre.ca_certificate,
                server_nonce=begun.server_nonce,
            )
        )
        certificate_pem = ""
        while not certificate_pem:
            await asyncio.sleep(limits.room_poll_s)
            result = await room.compared(CompareWait(request_id=begun.request_id))
            certificate_pem = result.certificate_pem
    _keep(files, config, key, certificate_pem)


def _keep(
    files: FileSystem, config: KioskConfig, key: ec.EllipticCurvePrivateKey, certificate_pem: str
) -> None:
    _check_certificate(certificate_pem, key, config)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),  # the server's allow-list, not a passphrase, ends its use
    )
    try:
        # First: what a person enrolled anew starts with the orders anew, also after a backup.
        files.remove(config.folder.orders)
        files.replace(config.folder.credential, key_pem + certificate_pem.encode())
    except OSError as error:
        raise StorageError(CLIENT_DISK, "机位证书无法写入磁盘", errno=error.errno) from error


def is_enrolled(files: FileSystem, config: KioskConfig) -> bool:
    """Whether certificate and keys are here."""
    wanted = {config.folder.credential.name, config.folder.signing_key.name}
    return wanted <= set(files.names(config.folder.path))


def _request_pem(config: KioskConfig, key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, config.seat_id)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _check_certificate(
    certificate_pem: str, key: ec.EllipticCurvePrivateKey, config: KioskConfig
) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError as error:
        raise IntegrityError(TLS_CERTIFICATE, "服务器发来的证书格式不对") from error
    if certificate.public_key() != key.public_key():
        raise IntegrityError(TLS_CERTIFICATE, "服务器发来的证书不属于本机密钥")
    sitting_authority_of(config.centre.ca_certificate, certificate_pem.encode())
