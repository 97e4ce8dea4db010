"""Several changes in one transaction, of which one can be undone without the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from exam_core.errors import StorageError
from exam_server.store.engine import Db

_T = TypeVar("_T")


@contextmanager
def written_together(db: Db) -> Iterator[None]:
    """What the block adds or changes is written at its end, one statement for each kind of row.

    Until then queries do not see it; rows that were fetched by their key are the changed ones. A
    block whose changes do not agree with each other breaks a rule of the tables at the end.
    """
    with db.no_autoflush:
        yield
    db.flush()


def attempt(db: Db, work: Callable[[], _T]) -> _T | Exception:
    """Run one change inside the transaction under way; one that raises leaves nothing behind.

    Returns:
        What the change returned, or what it raised.

    Raises:
        StorageError: The whole transaction is lost, and so is every driver's error but that a rule
            of the tables was broken: nobody knows what the database still holds of it.
    """
    try:
        with db.begin_nested():
            return work()
    except IntegrityError as error:
        return error
    except (DBAPIError, StorageError):
        raise
    except Exception as error:  # noqa: BLE001  whatever it was, it is this change's own
        return error
