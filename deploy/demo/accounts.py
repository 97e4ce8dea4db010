"""Makes accounts as a technician does: a password file, and one command for each person."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from deploy.demo.processes import run


def make_accounts(
    command: tuple[str | Path, ...], roles: Mapping[str, str], private: Path
) -> dict[str, str]:
    """Run `command` for each name and role; returns the passwords drawn for them.

    Args:
        command: The program's own `add-account`, up to its data folder.
        roles: The role of each name.
        private: A folder for the password files, each removed after use.
    """
    passwords = {}
    for name, role in roles.items():
        passwords[name] = secrets.token_urlsafe(12)
        file = private / "password"
        file.touch(mode=0o600)
        file.write_text(passwords[name] + "\n")
        run(*command, "--name", name, "--roles", role, "--password-file", file)
        file.unlink()
    return passwords
