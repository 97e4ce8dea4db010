"""What a kiosk signs when it enrols: that it holds the signing key which it names.

The certificate request proves the TLS key in the same way; both belong to one kiosk because the
proof covers the request's bytes.
"""

from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    sign_bytes,
    signature_holds,
)

_PROOF_LABEL = b"gongyuan/enrol/v1\n"
_SIGNATURE_BYTES = 64


def prove_signing_key(csr_pem: str, key: PrivateSigningKey) -> str:
    """The proof for `EnrolRequest.signing_proof`, in hex.

    Raises:
        InputError: `signing.key`.
    """
    return sign_bytes(_PROOF_LABEL + csr_pem.encode(), key).hex()


def signing_proof_holds(csr_pem: str, key: PublicSigningKey, proof: str) -> bool:
    """Whether whoever made this request holds the private half of `key`.

    Raises:
        InputError: `signing.key`, when the key itself is malformed.
    """
    try:
        signature = bytes.fromhex(proof)
    except ValueError:
        return False
    is_whole = len(signature) == _SIGNATURE_BYTES and signature.hex() == proof
    return is_whole and signature_holds(_PROOF_LABEL + csr_pem.encode(), signature, key)
