"""Thousands of connections are thousands of open files; the usual soft limit is 1,024."""

from __future__ import annotations

import resource


def allow_open_files() -> None:
    """Raise the soft limit of this process and its children to the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
