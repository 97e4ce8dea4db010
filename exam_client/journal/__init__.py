"""A session's response journal on this machine's disk: written, synced, found again after a crash.

Frames are encrypted and chained by `exam_core.formats.journal`; here they become files.
"""

from exam_client.journal.session_journal import SessionJournal, draw_segment_id

__all__ = ["SessionJournal", "draw_segment_id"]
