"""Locks the seat for the examination: operations, each with its revert.

The operations here change only our own window, and end with the process; one that changes the
machine must save its revert to disk before it acts.
"""

from exam_client.kiosk.operation import LockDown, Operation, OperationResult
from exam_client.kiosk.window_operations import LockableWindow, window_operations

__all__ = ["LockDown", "LockableWindow", "Operation", "OperationResult", "window_operations"]
