"""What does the grading site keep: keys, centres, what was handed in, and every mark?

Functions take the open transaction and give values, never rows; only this package knows the SQL.
"""

from exam_server.store.marking.imports import (
    StoredAnomaly,
    StoredBundle,
    add_bundle,
    add_centre,
    add_key,
    add_site,
    anomalies,
    answer_key,
    bundles,
    candidates,
    centres,
    clear_bundle,
    sessions,
    site,
)
from exam_server.store.marking.marks import (
    PlaceCount,
    StoredTask,
    add_mark,
    current_marks,
    mark_count,
    marks,
    marks_of_task,
    open_tasks,
    place_counts,
    task,
    tasks_of_marker,
)

__all__ = [
    "PlaceCount",
    "StoredAnomaly",
    "StoredBundle",
    "StoredTask",
    "add_bundle",
    "add_centre",
    "add_key",
    "add_mark",
    "add_site",
    "anomalies",
    "answer_key",
    "bundles",
    "candidates",
    "centres",
    "clear_bundle",
    "current_marks",
    "mark_count",
    "marks",
    "marks_of_task",
    "open_tasks",
    "place_counts",
    "sessions",
    "site",
    "task",
    "tasks_of_marker",
]
