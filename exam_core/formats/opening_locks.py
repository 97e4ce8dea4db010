"""Which codes open a bundle: the opening code, or two of three officials' envelope codes.

Each bundle is sealed to an identity drawn for it alone. That identity stands in the bundle four
times, each time under another passphrase: the opening code, and the codes of each pair of
envelopes. One wrap for each way in needs no secret sharing, and every wrap is an ordinary age
file. Specified in `docs/spec/opening-bundle.md`, "Locks".
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from exam_core.crypto.opening_code import generate_code, parse_code
from exam_core.crypto.sealing import (
    SealingIdentity,
    seal_with_passphrase,
    unseal_with_passphrase,
)
from exam_core.errors import InputError, IntegrityError, declare

OPENING_CODE = declare("opening.code", "启封码不对，请与总部逐组核对后重新输入；试卷没有打开。")
OPENING_ENVELOPES = declare(
    "opening.envelopes",
    "两个信封的号码不对：请核对考点、场次和信封编号，再逐组核对后重新输入；试卷没有打开。",
)
OPENING_SAME_ENVELOPE = declare(
    "opening.same_envelope", "须用两个不同的信封；请由两位负责人各启封自己的信封。"
)

ENVELOPES = (1, 2, 3)
"""The numbers of the officials' sealed envelopes."""


class OpeningCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that opens one bundle: the code for the release desk, one for each envelope."""

    opening_code: str
    envelope_codes: tuple[str, str, str]

    def __post_init__(self) -> None:
        if len({self.opening_code, *self.envelope_codes}) != 1 + len(ENVELOPES):
            raise ValueError("two codes of one bundle are the same")


class Locks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bundle's identity under each of the four passphrases, as age files."""

    code: bytes
    envelopes_1_2: bytes
    envelopes_1_3: bytes
    envelopes_2_3: bytes


class Proof(NamedTuple):
    """Codes that were brought, well-formed: what they unlock, and who brought them.

    `lock` is the field of `Locks`; `envelopes` has the two numbers, or is empty for the code.
    """

    lock: str
    passphrase: str
    envelopes: tuple[int, ...] = ()


def draw_codes(opening_code: str = "") -> OpeningCodes:
    """Codes from the system's randomness, around a given opening code or a drawn one.

    Raises:
        InputError: `opening.code_shape`, `opening.code_group`.
    """
    first, second, third = (generate_code() for _ in ENVELOPES)
    return OpeningCodes(
        opening_code=parse_code(opening_code) if opening_code else generate_code(),
        envelope_codes=(first, second, third),
    )


def prove_by_code(code: str) -> Proof:
    """The opening code, once each of its groups holds; nothing slow.

    Raises:
        InputError: `opening.code_shape`, `opening.code_group`.
    """
    return Proof("code", parse_code(code))


def prove_by_envelopes(codes: dict[int, str]) -> Proof:
    """The codes of two envelopes by the envelopes' numbers, once each group holds; nothing slow.

    Raises:
        InputError: `opening.code_shape`, `opening.code_group`, `opening.same_envelope`.
    """
    numbers = tuple(sorted(codes))
    if len(numbers) != 2 or not set(numbers) <= set(ENVELOPES):  # noqa: PLR2004  any two open
        raise InputError(OPENING_SAME_ENVELOPE, "须给出两个不同编号的信封")
    first, second = (parse_code(codes[number], f"信封 {number} 的号码") for number in numbers)
    if first == second:
        raise InputError(OPENING_SAME_ENVELOPE, "两处输入了同一个信封的号码")
    return Proof(f"envelopes_{numbers[0]}_{numbers[1]}", f"{first} {second}", numbers)


def make_locks(identity: SealingIdentity, codes: OpeningCodes) -> Locks:
    """The identity under every way in, worked out side by side; about a second and 1 GiB."""
    by_envelope = dict(zip(ENVELOPES, codes.envelope_codes, strict=True))
    ways = [prove_by_code(codes.opening_code)]
    ways += [
        prove_by_envelopes({a: by_envelope[a], b: by_envelope[b]})
        for a, b in ((1, 2), (1, 3), (2, 3))
    ]
    plain = identity.encode()
    with ThreadPoolExecutor(max_workers=len(ways)) as pool:
        sealed = pool.map(lambda way: seal_with_passphrase(plain, way.passphrase), ways)
        return Locks(**{way.lock: lock for way, lock in zip(ways, sealed, strict=True)})


def unlock(locks: Locks, proof: Proof) -> SealingIdentity:
    """The bundle's identity; about a second.

    Raises:
        IntegrityError: `opening.code`, `opening.envelopes`.
    """
    try:
        plain = unseal_with_passphrase(getattr(locks, proof.lock), proof.passphrase)
        return SealingIdentity(plain.decode("ascii"))
    except (IntegrityError, UnicodeDecodeError) as error:
        if proof.envelopes:
            raise IntegrityError(OPENING_ENVELOPES, "两个信封的号码打不开试卷") from error
        raise IntegrityError(OPENING_CODE, "启封码不对") from error
