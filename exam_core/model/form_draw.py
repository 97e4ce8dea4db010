"""Which candidate writes which form number: a draw that anyone can repeat from its seed.

Candidates in the order of their admission numbers take the first places of a shuffle of the
centre's form numbers; the forms that remain are spares, in the order of the shuffle. Pure.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from exam_core.model.identifiers import AdmissionNumber, FormNumber

ALGORITHM = "gongyuan/form-draw/v1"
"""The name of this draw; another way of drawing gets another name."""

SEED_BYTES = 32

_SPAN = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDraw:
    """What a draw gave: the form of every candidate, and the forms that nobody has."""

    forms: Mapping[AdmissionNumber, FormNumber]
    spares: tuple[FormNumber, ...]


def draw_forms(
    seed: bytes,
    admission_numbers: Iterable[AdmissionNumber],
    form_numbers: Collection[FormNumber],
) -> FormDraw:
    """The form number of every candidate, and the spares.

    The shuffle begins with the form numbers in ascending order, in whatever order they are given;
    a number given twice is one form. It is Fisher and Yates from the front; the n-th
    random number is the first 8 bytes (big-endian) of SHA-256(label ‖ seed ‖ n as 8 bytes), and
    numbers at or above the largest multiple of the range are skipped, so no form is favoured.
    Source: D. E. Knuth, TAOCP vol. 2, 3.4.2, algorithm P, with rejection sampling.
    """
    in_order = sorted(admission_numbers)
    numbers = sorted(set(form_numbers))
    forms = len(numbers)
    if len(in_order) > forms:
        raise ValueError("more candidates than forms")
    counter = 0
    for place in range(forms - 1):
        choices = forms - place
        while True:
            block = hashlib.sha256(ALGORITHM.encode() + seed + counter.to_bytes(8, "big")).digest()
            counter += 1
            value = int.from_bytes(block[:8], "big")
            if value < _SPAN - _SPAN % choices:
                break
        other = place + value % choices
        numbers[place], numbers[other] = numbers[other], numbers[place]
    return FormDraw(
        forms=dict(zip(in_order, numbers, strict=False)), spares=tuple(numbers[len(in_order) :])
    )
