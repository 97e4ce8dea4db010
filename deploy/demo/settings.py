"""What a run of the demo is asked to do; read from the environment once, at the rim."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SITTING_S_MIN = 10
SITTING_S_MAX = 12 * 3600
TEAMS_MAX = 50
SITTING_S = 45
"""Long enough for 30 simulated candidates and two windows to answer 100 items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """One run.

    Attributes:
        seed: 64 hex digits; the paper, the candidates and their responses all follow from it.
        sitting_s: Working time of the sitting, in seconds.
        teams: Teams of four; two of all candidates sit at real kiosk windows.
        keep: Leave both servers up at the end.
        pictures: Take screenshots of the pages with a browser.
        out: Where the papers, results and pictures go; emptied at the start.
    """

    seed: str
    sitting_s: int = SITTING_S
    teams: int = 8
    keep: bool = False
    pictures: bool = True
    out: Path = Path("demo-output")

    @property
    def candidates(self) -> int:
        """People on the roster."""
        return 4 * self.teams


def read_settings(environ: Mapping[str, str]) -> DemoSettings:
    """The settings from SEED, DEMO_MINUTES, DEMO_SECONDS, DEMO_TEAMS, DEMO_OUT, KEEP, PICTURES.

    Raises:
        ValueError: A value is not of its kind; the message names the variable.
    """
    minutes = environ.get("DEMO_MINUTES", "")
    seconds = environ.get("DEMO_SECONDS", "")
    sitting_s = int(float(minutes) * 60) if minutes else int(seconds or SITTING_S)
    teams = int(environ.get("DEMO_TEAMS", "8"))
    seed = environ.get("SEED", "") or secrets.token_hex(32)
    if not re.fullmatch("[0-9a-f]{64}", seed):
        message = "SEED must be 64 lower-case hex digits"
        raise ValueError(message)
    if not SITTING_S_MIN <= sitting_s <= SITTING_S_MAX or not 1 <= teams <= TEAMS_MAX:
        message = "DEMO_MINUTES or DEMO_SECONDS or DEMO_TEAMS is out of range"
        raise ValueError(message)
    return DemoSettings(
        seed=seed,
        sitting_s=sitting_s,
        teams=teams,
        keep=environ.get("KEEP", "") == "1",
        pictures=environ.get("PICTURES", "1") == "1",
        out=Path(environ.get("DEMO_OUT", "demo-output")),
    )
