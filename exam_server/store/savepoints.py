"""Several changes in one transaction, of which one can be undone without the others."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from exam_core.errors import StorageError
from exam_server.store.engine import Db

_T = TypeVar("_T")


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
