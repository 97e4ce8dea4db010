"""Typed identifiers: one word each, so that a seat is never passed where a session is meant."""

from typing import NewType

AdmissionNumber = NewType("AdmissionNumber", str)
"""准考证号: names the candidate in one sitting."""

CentreId = NewType("CentreId", str)
ExamId = NewType("ExamId", str)
"""The examination that a sitting is part of; one exam may have many sittings."""

SittingId = NewType("SittingId", str)
SeatId = NewType("SeatId", str)
SessionId = NewType("SessionId", str)
"""One candidate's attempt: 32 hex digits drawn by the server at first log-in."""

PaperId = NewType("PaperId", str)
FormNumber = NewType("FormNumber", int)
"""Counts from 1; which candidate writes it is decided at the centre."""

ItemId = NewType("ItemId", str)
"""An item on one form: opaque and drawn anew for every form."""

PartId = NewType("PartId", str)
"""One thing to be answered; opaque, unique on its form."""

ChoiceId = NewType("ChoiceId", str)
"""One choice of a part; opaque and drawn anew for every form, so it tells nothing of the key."""

ImageId = NewType("ImageId", str)
"""A picture of a paper: 32 hex digits drawn for this paper, so it tells nothing of the content."""

BankItemId = NewType("BankItemId", str)
"""The item's stable name in the item bank; never leaves headquarters and the grading site."""

SegmentId = NewType("SegmentId", str)
"""One journal file, written by one start of one kiosk: 32 hex digits."""
