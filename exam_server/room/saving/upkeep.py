"""What the writer does between two commits, so that starts and stampedes stay short.

Places are written down every few ten thousand rows. SQLite's log is copied into the database file
while nothing is queued; only when it has grown very large does anybody wait for that. Nothing
here makes a frame durable: it is so before. The writer's thread only.
"""

from exam_core.errors import StorageError
from exam_server import limits
from exam_server.folder import STORAGE_FULL
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog


class Upkeep:
    """Places and checkpoints, when they are due."""

    def __init__(self, store: Store, log: FrameLog) -> None:
        self._store = store
        self._log = log
        self._bytes_since = 0
        self._has_given_up = False

    def after_commit(self, size_bytes: int, *, is_idle: bool) -> None:
        """Do what is due after a commit of so many bytes; `is_idle` when nothing is queued.

        A disk that is full now is no failure: nothing that is needed was lost, and it is tried
        again after the next commits.

        Raises:
            StorageError: `storage.failed`: what the disk holds of the database is unknown.
        """
        self._bytes_since += size_bytes + limits.commit_overhead_bytes
        is_large = self._bytes_since >= limits.log_bytes_max
        try:
            if self._log.is_place_due and (is_idle or self._log.is_place_overdue):
                self._write_places()
            if is_large or (is_idle and self._bytes_since >= limits.log_bytes_idle):
                self._bytes_since = 0
                self._store.checkpoint()
        except StorageError as error:
            if error.code != STORAGE_FULL:
                raise

    def give_up(self) -> None:
        """What the disk holds is unknown: write nothing more before the database is opened anew."""
        self._has_given_up = True

    def at_the_end(self) -> None:
        """The last commit was made: write places down, so that the next start scans nothing."""
        if self._has_given_up:
            return
        try:
            self._write_places()
        except StorageError:
            return  # the next start scans instead

    def _write_places(self) -> None:
        with self._store.connection() as connection:
            self._log.write_places(connection)
        self._log.places_written()
