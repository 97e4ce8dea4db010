"""How the bench starts modules of its own as processes, wherever it was called from."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
"""The folder to start them in: there `-m` finds them."""


def module_command(name: str) -> list[str]:
    """The words that run a module; to be started in `ROOT`."""
    return [sys.executable, "-m", name]
