"""What must be true, kept as simply as it can be said, and compared with what the screens show.

For each candidate: every text in the order of typing, none of them twice. So whatever a screen, the
server or the results show for a part has a place in that order, and "nothing is lost" means that
the place never goes back behind what somebody was told is safe.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from exam_client.session.snapshot import KioskSnapshot, SavedState
from exam_core.model.identifiers import AdmissionNumber, PartId, SeatId
from exam_core.model.responses import BlanksResponse, Response, TextResponse

PARTS = (PartId("i4.1"), PartId("i5.1"), PartId("i6.2"))
"""Parts of the tests' form that take any text."""

_RESTORED_AFTER_S = 8.0
"""So long after a machine attached, what the server sends back has arrived, on any network."""


@dataclass(slots=True)
class HandedIn:
    """What a candidate saw when the session closed at a machine."""

    seat_id: SeatId
    responses: dict[PartId, int]


@dataclass(slots=True)
class CandidateModel:
    """One candidate.

    Attributes:
        typed: Every text, by part, in order.
        refused: Texts that were not taken, as the candidate was told.
        on_server: The latest text of each part that was shown as saved on the server.
        kept_here: The same for a machine's own disk.
        handed_in: By receipt, what the screen showed when it appeared first.
        confirmed: Receipts that the server confirmed, as shown.
        moves: How often the candidate was seated elsewhere.
    """

    admission_number: AdmissionNumber
    typed: dict[PartId, list[str]] = field(default_factory=lambda: {part: [] for part in PARTS})
    refused: set[str] = field(default_factory=set)
    on_server: dict[PartId, int] = field(default_factory=dict)
    kept_here: dict[tuple[SeatId, PartId], int] = field(default_factory=dict)
    handed_in: dict[str, HandedIn] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    moves: int = 0

    def new_text(self, part_id: PartId) -> str:
        """A text that was never typed before."""
        text = f"{self.admission_number}/{part_id}/{len(self.typed[part_id])}"
        self.typed[part_id].append(text)
        return text

    def place_of(self, part_id: PartId, response: Response) -> int:
        """Where a response stands in the order of typing; −1 when nobody typed it."""
        text = text_of(response)
        if text in self.refused or text not in self.typed.get(part_id, ()):
            return -1
        return self.typed[part_id].index(text)


@dataclass(slots=True)
class _Shown:
    """What one program has shown so far."""

    is_open: bool = False
    online_since_s: float | None = None
    reconnects: int = 0
    places: dict[PartId, int] = field(default_factory=dict)


class Model:
    """All candidates of one exam, and what was found wrong.

    Attributes:
        violations: What must never happen, in the order in which it was seen.
        counts: How often things happened.
    """

    def __init__(self, admission_numbers: list[AdmissionNumber]) -> None:
        self.candidates = {one: CandidateModel(one) for one in admission_numbers}
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self._shown: dict[tuple[SeatId, int], _Shown] = {}

    def wrong(self, what: str) -> None:
        """Something that must never happen."""
        if len(self.violations) < 20 and what not in self.violations:
            self.violations.append(what)

    def saw(self, seat_id: SeatId, start: int, snapshot: KioskSnapshot) -> None:
        """A screen shows this."""
        if snapshot.candidate is None or snapshot.form is None:
            self._shown.pop((seat_id, start), None)  # whose paper opens next begins anew
            return
        candidate = self.candidates[snapshot.candidate.admission_number]
        shown = self._shown.setdefault((seat_id, start), _Shown())
        for part_id, response in snapshot.responses.items():
            place = candidate.place_of(part_id, response)
            name = f"{candidate.admission_number} at {seat_id}: {part_id}"
            if place < 0:
                self.wrong(f"{name} shows a text that was never taken: {text_of(response)}")
                continue
            if place < shown.places.get(part_id, 0):
                self.wrong(f"{name} went back to {place} from {shown.places[part_id]}")
            shown.places[part_id] = place
            self._promise(candidate, seat_id, part_id, place, snapshot.saved_parts[part_id])
        if not shown.is_open:
            shown.is_open = True
            self._look_at_opening(candidate, seat_id, shown.places)
        if snapshot.receipt is not None and snapshot.receipt not in candidate.handed_in:
            candidate.handed_in[snapshot.receipt] = HandedIn(seat_id, dict(shown.places))
        if snapshot.receipt is not None and not snapshot.is_closed_offline:
            candidate.confirmed.add(snapshot.receipt)

    def look(
        self, seat_id: SeatId, start: int, snapshot: KioskSnapshot, *, online_at_s: float | None
    ) -> None:
        """A screen that has long been online shows all that was ever said to be on the server."""
        shown = self._shown.get((seat_id, start))
        if shown is None or snapshot.candidate is None:
            return
        is_same = shown.reconnects == snapshot.reconnects
        shown.reconnects = snapshot.reconnects
        if online_at_s is None or not is_same:
            shown.online_since_s = None
        elif shown.online_since_s is None:
            shown.online_since_s = online_at_s
        elif online_at_s > shown.online_since_s + _RESTORED_AFTER_S:
            candidate = self.candidates[snapshot.candidate.admission_number]
            for part_id, place in candidate.on_server.items():
                if shown.places.get(part_id, -1) < place:
                    self.wrong(
                        f"{candidate.admission_number} at {seat_id}: {part_id} is on the server up"
                        f" to {place}, and the screen shows {shown.places.get(part_id, -1)}"
                    )

    def _promise(
        self,
        candidate: CandidateModel,
        seat_id: SeatId,
        part_id: PartId,
        place: int,
        saved: SavedState,
    ) -> None:
        if saved is SavedState.ON_SERVER:
            candidate.on_server[part_id] = max(place, candidate.on_server.get(part_id, -1))
        elif saved is SavedState.KEPT_HERE:
            key = seat_id, part_id
            candidate.kept_here[key] = max(place, candidate.kept_here.get(key, -1))

    def _look_at_opening(
        self, candidate: CandidateModel, seat_id: SeatId, places: Mapping[PartId, int]
    ) -> None:
        """A paper opens at a machine: what was kept on its disk is there."""
        for (kept_at, part_id), kept in candidate.kept_here.items():
            if kept_at == seat_id and places.get(part_id, -1) < kept:
                self.wrong(
                    f"{candidate.admission_number} at {seat_id}: {part_id} was kept here up to"
                    f" {kept}, and the paper opens with {places.get(part_id, -1)}"
                )


def text_of(response: Response) -> str:
    """The text of a response."""
    match response:
        case BlanksResponse(texts=texts):
            return texts[0]
        case TextResponse(text=text):
            return text
        case _:
            return ""


def response_with(part_id: PartId, text: str) -> Response:
    """A response to one of PARTS."""
    return BlanksResponse(texts=(text,)) if part_id == PARTS[0] else TextResponse(text=text)
