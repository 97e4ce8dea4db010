"""Brings a database to the present version, with Alembic; called by `init` and `serve`.

One environment; each program has its own line of versions on top of the shared accounts.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config

from exam_server.store.engine import Store

_HERE = Path(__file__).parent


def migrate(store: Store, *lines: str, to: str = "heads") -> None:
    """Apply what is missing.

    Args:
        store: The open database.
        lines: The lines of versions this program uses: `accounts` and `room` or `marking`.
        to: Which version; the newest of every line, unless a test needs a database of before.

    Raises:
        StorageError: `storage.full`, `storage.failed`; a version is applied whole or not at all.
    """
    config = Config()
    config.set_main_option("script_location", _plain(_HERE))
    config.set_main_option("path_separator", "newline")
    places = "\n".join(_plain(_HERE / "versions" / line) for line in lines)
    config.set_main_option("version_locations", places)
    with store.connection() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def _plain(path: Path) -> str:
    return str(path).replace("%", "%%")  # Config interpolates percent signs
