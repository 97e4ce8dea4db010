"""The marks over the paper: whose screen it was, legible on a photograph, in nobody's way."""

import random
import time
from dataclasses import replace
from typing import cast

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPixmap
from PySide6.QtTest import QTest

from exam_client.itemview import style
from exam_client.itemview.choice_row import ChoiceRow
from exam_client.ui import object_names as names
from exam_client.ui.paper import PaperScreen
from exam_client.ui.watermark import OPACITY, Watermark, watermark_text, watermark_tile
from exam_core.model.identifiers import SeatId
from tests.ui.conftest import Kiosk
from tests.ui.scripted_engine import paper_snapshot

NOISE_LEVELS = 8.0
"""Standard deviation of a pixel, of 255: a phone's picture in a lit room, half as large."""


def marks(kiosk: Kiosk) -> Watermark:
    """The marks over the item."""
    found = kiosk.find("watermark")
    assert isinstance(found, Watermark)
    return found


def test_the_marks_name_seat_and_admission_number(kiosk: Kiosk) -> None:
    """Seat and admission number stand over the item for as long as somebody's paper is shown."""
    snapshot = paper_snapshot()
    assert snapshot.candidate is not None
    kiosk.show(snapshot)

    expected = f"{snapshot.seat_id} · {snapshot.candidate.admission_number}"
    assert marks(kiosk).text == watermark_text(snapshot) == expected
    assert marks(kiosk).isVisible()

    screen = kiosk.find(names.SCREEN_PAPER)
    assert isinstance(screen, PaperScreen)
    screen.clear()
    assert not marks(kiosk).text
    assert not marks(kiosk).isVisible()
    assert not watermark_text(replace(snapshot, candidate=None))


def test_the_marks_cover_the_item_at_every_size(kiosk: Kiosk) -> None:
    """The whole area of the item is covered, also after the window has changed its size."""
    kiosk.show(paper_snapshot())
    for size in (QSize(1366, 768), QSize(1920, 1080), QSize(1024, 700)):
        kiosk.app.window.resize(size)
        QTest.qWait(20)
        assert marks(kiosk).geometry() == kiosk.find("item_stack").geometry()


def test_the_marks_take_no_mouse_and_no_focus(kiosk: Kiosk) -> None:
    """A click in the middle of a choice meets the choice, and the marks never get the focus."""
    kiosk.show(paper_snapshot())
    row = next(row for row in kiosk.app.window.findChildren(ChoiceRow) if row.isVisible())
    centre = row.mapTo(kiosk.app.window, row.rect().center())

    met = kiosk.app.window.childAt(centre)

    assert met is not None
    assert met is row or row.isAncestorOf(met)
    assert marks(kiosk).focusPolicy() == Qt.FocusPolicy.NoFocus
    assert not marks(kiosk).accessibleName()


@pytest.mark.parametrize(
    ("ink", "least"),
    [(style.INK, 11.0), (style.ACCENT, 6.0), (style.INK_SOFT, 6.0)],
    ids=["text of the item", "letters", "hints"],
)
def test_text_under_a_mark_stays_readable(ink: QColor, least: float) -> None:
    """Where a stroke of a mark crosses text and ground, contrast stays far above what is needed."""
    for ground in (style.CARD, style.GROUND, style.ACCENT_SOFT):
        assert _contrast(_marked(ink), _marked(ground)) >= least


def test_a_tile_has_no_seam() -> None:
    """Nine tiles edge to edge show whole marks only: what leaves at one edge returns at the other.

    A mark cut at an edge would leave columns that differ from the tile moved by half.
    """
    tile = watermark_tile("A07 · 202406150107").toImage()
    width, height = tile.width(), tile.height()
    upper = tile.copy(0, 0, width, height // 2)
    lower = tile.copy(0, height // 2, width, height // 2)

    apart = 0
    for y in range(height // 2):
        for x in range(width):
            moved = lower.pixelColor((x + width // 2) % width, y).alpha()
            apart = max(apart, abs(upper.pixelColor(x, y).alpha() - moved))

    assert apart <= round(255 * OPACITY) * 0.6  # a half pixel of anti-aliasing, no whole stroke
    assert tile.size() * 2 == watermark_tile("A07 · 202406150107", scale=2.0).size()


def test_a_noisy_photograph_at_half_size_tells_the_seat_from_every_neighbour(kiosk: Kiosk) -> None:
    """A 520 × 320 cut of a page, half as large, blurred and noisy, fits its own seat best."""
    cut = QRect(QPoint(200, 150), QSize(520, 320))
    seats = [SeatId(f"A{n:02}") for n in range(1, 31)]
    pages = {}
    for seat in seats:
        kiosk.show(replace(paper_snapshot(), seat_id=seat))
        pages[seat] = _photograph(kiosk.app.window.grab(cut))
    rng = random.Random("photograph")  # noqa: S311  repeatable noise, no secret

    for seat in seats:
        photo = [level + rng.gauss(0, NOISE_LEVELS) for level in pages[seat]]
        distance = {
            other: sum((a - b) ** 2 for a, b in zip(photo, page, strict=True))
            for other, page in pages.items()
        }
        assert min(distance, key=lambda other: distance[other]) == seat


def test_painting_the_marks_costs_next_to_nothing(kiosk: Kiosk) -> None:
    """Drawing them over a full screen fits into a frame of 16 ms many times over.

    The tile is drawn once, then only laid; a change of one line lays it over that line alone.
    """
    kiosk.app.window.resize(1920, 1080)
    kiosk.show(paper_snapshot())
    layer = marks(kiosk)
    surface = QPixmap(layer.size())
    layer.render(surface)

    best_s = min(_seconds_of_painting(layer, surface) for _ in range(10))

    assert best_s < 0.008


def _seconds_of_painting(layer: Watermark, surface: QPixmap) -> float:
    began = time.perf_counter()
    layer.render(surface)
    return time.perf_counter() - began


def _photograph(page: QPixmap) -> list[int]:
    """Grey levels at half size; smooth scaling blurs as a lens does."""
    smooth = Qt.TransformationMode.SmoothTransformation
    half = page.toImage().scaledToWidth(page.width() // 2, smooth)
    grey = half.convertToFormat(QImage.Format.Format_Grayscale8)
    return [
        level
        for y in range(grey.height())
        for level in bytes(cast("memoryview", grey.constScanLine(y)))[: grey.width()]
    ]


def _marked(under: QColor) -> QColor:
    mixed = (
        round(channel * (1 - OPACITY) + mark * OPACITY)
        for channel, mark in zip(_channels(under), _channels(style.INK), strict=True)
    )
    return QColor(*mixed)


def _channels(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def _contrast(one: QColor, other: QColor) -> float:
    """Source: WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: QColor) -> float:
    red, green, blue = (
        float(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
        for c in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
