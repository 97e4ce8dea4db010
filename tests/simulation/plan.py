"""Which kinds of faults one seed turns on, and how many people it has: swarm testing.

A history in which everything fails at once never gets far; one with a random subset reaches states
that neither an easy nor a wholly hostile one does.
Source: Groce et al., Swarm Testing (ISSTA 2012).
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Kinds of faults, and of things that people do."""

    SERVER_CRASH = "server_crash"
    SERVER_POWER = "server_power"
    SERVER_STOP = "server_stop"
    SERVER_FULL = "server_full"
    SERVER_FAILED = "server_failed"
    SERVER_SLOW = "server_slow"
    SERVER_WALL = "server_wall"
    KIOSK_KILL = "kiosk_kill"
    KIOSK_POWER = "kiosk_power"
    KIOSK_DISK = "kiosk_disk"
    KIOSK_GONE = "kiosk_gone"
    CUT = "cut"
    HALF_OPEN = "half_open"
    PARTITION = "partition"
    SLOW_NETWORK = "slow_network"
    LOST_ANSWERS = "lost_answers"
    REPLAY = "replay"
    SWAP = "swap"
    HOLD = "hold"
    EXTRA_TIME = "extra_time"
    EXTEND = "extend"
    EARLY_END = "early_end"
    HAND_IN = "hand_in"
    LATE_OPENING = "late_opening"
    LATE_START = "late_start"
    TYPOS = "typos"
    PENDING_TEXT = "pending_text"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one seed does.

    Attributes:
        faults: The kinds that are on.
        candidates: How many people write.
        every_s: The mean time between two faults of one kind.
        busy_s: The mean time between two things that a candidate does.
    """

    seed: int
    faults: frozenset[Fault]
    candidates: int
    every_s: float
    busy_s: float


def plan_of(seed: int) -> Plan:
    """The plan that follows from the seed alone."""
    rng = random.Random(f"plan {seed}")  # noqa: S311  repeatable histories, no secret
    share = rng.choice((0.1, 0.2, 0.3, 0.5)) if seed else 0.0
    return Plan(
        seed=seed,
        faults=frozenset(fault for fault in Fault if rng.random() < share),
        candidates=rng.choice((1, 1, 1, 2, 2, 2, 2, 3, 3, 6)),
        every_s=rng.choice((4.0, 8.0, 16.0)),
        busy_s=rng.choice((0.3, 0.8, 2.0)),
    )
