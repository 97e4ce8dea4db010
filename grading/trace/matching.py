"""Which forms fit what was read, how surely, and what should be looked at next."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec

from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import BankItemId, FormNumber
from exam_core.model.items import ItemType
from grading.trace.readings import Reading

READINGS_TO_TOLERATE_MIN = 3
"""From here on one wrong reading is tolerated: a letter misread must not lose the form."""


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what a trace says."""


class FormMatch(_Value, frozen=True, kw_only=True):
    """A form that fits, but for the readings named in `wrong`."""

    form_number: FormNumber
    wrong: tuple[str, ...]


class NextItem(_Value, frozen=True, kw_only=True):
    """The part whose order divides the forms that fit best; `remaining` are left on average."""

    bank_item_id: BankItemId
    part_number: int
    remaining: float


class Trace(_Value, frozen=True, kw_only=True):
    """What follows from the readings.

    `matches` are ordered by the number of wrong readings, then by form number. `chance` is the
    probability that at least one of the other forms, had it been shown to nobody, would fit as
    well as the best match; 1.0 when nothing fits. `next_item` is None when one form alone fits
    best, or when no further item could tell.
    """

    forms: int
    readings: tuple[str, ...]
    matches: tuple[FormMatch, ...]
    chance: float
    next_item: NextItem | None

    @property
    def best(self) -> tuple[FormMatch, ...]:
        """The matches with the fewest wrong readings; one of them is found uniquely."""
        if not self.matches:
            return ()
        fewest = len(self.matches[0].wrong)
        return tuple(match for match in self.matches if len(match.wrong) == fewest)


class FormIndex:
    """The forms of a paper, found by what they show."""

    def __init__(self, key: AnswerKey) -> None:
        self.key = key
        self.orders: dict[tuple[BankItemId, int], dict[str, set[FormNumber]]] = {}
        self._numbers: dict[tuple[BankItemId, int], set[FormNumber]] = {}
        for form in key.forms:
            for number, item in enumerate(form.items, 1):
                at_number = self._numbers.setdefault((item.bank_item_id, number), set())
                at_number.add(form.form_number)
                for index, part in enumerate(item.parts):
                    by_order = self.orders.setdefault((item.bank_item_id, index), {})
                    by_order.setdefault(part.order, set()).add(form.form_number)

    def forms_showing(self, reading: Reading) -> set[FormNumber]:
        """The forms that fit this reading."""
        if reading.number:
            return self._numbers.get((reading.bank_item_id, reading.number), set())
        by_order = self.orders.get((reading.bank_item_id, reading.part_index), {})
        fitting = [forms for order, forms in by_order.items() if _fits(reading.letters, order)]
        return set().union(*fitting)


def trace_forms(index: FormIndex, readings: Sequence[Reading]) -> Trace:
    """Compare every form with the readings; of three or more, one may be wrong."""
    showing = [index.forms_showing(reading) for reading in readings]
    fitting = Counter(number for forms in showing for number in forms)
    tolerated = int(len(readings) >= READINGS_TO_TOLERATE_MIN)
    matches = [
        FormMatch(
            form_number=number,
            wrong=tuple(
                str(reading)
                for reading, forms in zip(readings, showing, strict=True)
                if number not in forms
            ),
        )
        for number, count in fitting.items()
        if count >= len(readings) - tolerated
    ]
    matches.sort(key=lambda match: (len(match.wrong), match.form_number))
    key = index.key
    found = Trace(
        forms=len(key.forms),
        readings=tuple(map(str, readings)),
        matches=tuple(matches),
        chance=1.0,
        next_item=None,
    )
    if not matches:
        return found
    chances = [_chance(reading, key) for reading in readings]
    by_chance = _at_most_wrong(chances, len(matches[0].wrong))
    return msgspec.structs.replace(
        found,
        chance=_any_of(len(key.forms) - 1, by_chance),
        next_item=_next_item(index, found.best, readings) if len(found.best) > 1 else None,
    )


def _fits(letters: str, order: str) -> bool:
    return all(seen in {"?", shown} for seen, shown in zip(letters, order, strict=True))


def _chance(reading: Reading, key: AnswerKey) -> float:
    """The probability that an independent form shows the same.

    Choices are shuffled uniformly; an item's number is uniform among the items of its type.
    """
    if reading.number:
        kinds = {item.bank_item_id: item.item_type for item in key.items}
        kind = kinds[reading.bank_item_id]
        return 1 / sum(one is kind for one in kinds.values())
    hidden = reading.letters.count("?")
    return math.factorial(hidden) / math.factorial(len(reading.letters))


def _at_most_wrong(chances: Sequence[float], wrong: int) -> float:
    """The probability that at most `wrong` of these independent readings do not fit."""
    by_count = [1.0] + [0.0] * wrong  # by_count[k]: exactly k of those so far do not fit
    for chance in chances:
        for count in range(wrong, 0, -1):
            by_count[count] = by_count[count] * chance + by_count[count - 1] * (1 - chance)
        by_count[0] *= chance
    return sum(by_count)


def _any_of(forms: int, chance: float) -> float:
    """1 − (1 − chance)^forms, exact for the smallest chances too."""
    if not forms or chance >= 1:
        return float(bool(forms))
    return -math.expm1(forms * math.log1p(-chance))


def _next_item(
    index: FormIndex, best: Sequence[FormMatch], readings: Sequence[Reading]
) -> NextItem | None:
    numbers = {match.form_number for match in best}
    seen = {(one.bank_item_id, one.part_index) for one in readings if one.letters}
    truths = {one.bank_item_id for one in index.key.items if one.item_type is ItemType.TRUE_FALSE}
    told = []
    for name, by_order in index.orders.items():
        groups = [len(forms & numbers) for order, forms in by_order.items() if order]
        if name not in seen and name[0] not in truths and sum(map(bool, groups)) > 1:
            told.append((sum(count * count for count in groups) / len(best), name))
    if not told:
        return None
    remaining, (bank_item_id, part_index) = min(told)
    return NextItem(bank_item_id=bank_item_id, part_number=part_index + 1, remaining=remaining)
