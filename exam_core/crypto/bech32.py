"""Bech32 texts, as age writes its keys: a prefix, data in groups of five bits, a checksum.

Only writing: whoever reads such a text is age itself.
Source: BIP 173 (its limit of 90 characters is left out, as in the C2SP age specification).
"""

_CHARS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARS = 6


def encode_bech32(prefix: str, data: bytes) -> str:
    """The text of `data` under a lower-case prefix."""
    groups = _groups_of_five(data)
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    polymod = _polymod([*expanded, *groups, *[0] * _CHECKSUM_CHARS]) ^ 1
    checksum = [polymod >> 5 * (_CHECKSUM_CHARS - 1 - at) & 31 for at in range(_CHECKSUM_CHARS)]
    return f"{prefix}1" + "".join(_CHARS[value] for value in [*groups, *checksum])


def _groups_of_five(data: bytes) -> list[int]:
    """The bits of `data` in groups of five, the last one filled up with zeros."""
    bits = len(data) * 8
    padded = -(-bits // 5) * 5
    number = int.from_bytes(data, "big") << padded - bits
    return [number >> shift & 31 for shift in range(padded - 5, -1, -5)]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum
