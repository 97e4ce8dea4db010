"""How much a campaign does: its short count here, a multiple of it in `make test-long`."""

import os

_FACTOR = int(os.environ.get("CAMPAIGN_FACTOR", "1"))
if _FACTOR < 1:
    raise ValueError("CAMPAIGN_FACTOR may only make a campaign longer")

_MUTANTS_LONG_FACTOR = 100  # a mutant costs half a millisecond: a million of a format is feasible
_SEEDS_LONG_FACTOR = 34  # a simulated exam costs a tenth of a second


def times(count: int) -> int:
    """`count`, multiplied by the environment's CAMPAIGN_FACTOR (1 when it is not set)."""
    return count * _FACTOR


def mutant_times(count: int) -> int:
    """`count`, a hundred times as many as soon as campaigns are lengthened at all."""
    return count * (_MUTANTS_LONG_FACTOR if _FACTOR > 1 else 1)


def short_or_long(short: int, long: int) -> int:
    """`short`, and `long` as soon as campaigns are lengthened at all."""
    return long if _FACTOR > 1 else short


def seed_times(count: int) -> int:
    """`count`, thirty-four times as many as soon as campaigns are lengthened: 300 become 10,200."""
    return count * (_SEEDS_LONG_FACTOR if _FACTOR > 1 else 1)
