"""How many items does each domain, or each type, get? Whole numbers that add up to the total."""

from collections.abc import Sequence


def largest_remainder(total: int, ratios: Sequence[int]) -> tuple[int, ...]:
    """Share `total` in these ratios: each share is its quota rounded down or up.

    The shares that were cut most get the units that are left; of equal ones the earlier.

    Args:
        total: At least 0.
        ratios: At least one, none negative, not all zero; any unit.

    Source: Hamilton's method; M. Balinski and H. P. Young, Fair Representation (1982).
    """
    scale = sum(ratios)
    if total < 0 or scale <= 0 or min(ratios) < 0:
        raise ValueError("the total and the ratios must not be negative, nor all ratios zero")
    shares = [total * ratio // scale for ratio in ratios]
    by_remainder = sorted(
        range(len(ratios)), key=lambda index: (-(total * ratios[index] % scale), index)
    )
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return tuple(shares)
