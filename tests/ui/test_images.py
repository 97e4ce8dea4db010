"""Pictures of an item: above the words, scaled to the page, said in words for who needs it."""

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from exam_client.itemview import ItemPage, OwnClipboard
from exam_client.itemview.image_view import ImageView
from exam_client.itemview.text_flow import TextFlow
from exam_core.model.identifiers import ImageId
from exam_core.model.images import MediaType
from exam_core.model.items import ItemType
from tests.support import builders
from tests.support.pictures import png, png_that_says

NAME = ImageId("1f" * 16)


def shown(qtbot: QtBot, view: QWidget, width: int = 900) -> None:
    """Put it on the screen."""
    qtbot.addWidget(view)
    view.resize(width, 600)
    with qtbot.waitExposed(view):
        view.show()


@pytest.mark.parametrize("kind", [ItemType.SINGLE_CHOICE, ItemType.CASE])
def test_a_picture_stands_above_the_words(qtbot: QtBot, kind: ItemType) -> None:
    """Above the stem, or above a case's material, with its words as accessible name."""
    image = builders.image(NAME, width=400, height=200)
    item = builders.item(item_type=kind, images=(image,))
    page = ItemPage(item, 1, clipboard=OwnClipboard(), images={NAME: png(400, 200)})
    shown(qtbot, page)

    view = page.findChild(ImageView)
    assert isinstance(view, ImageView)
    around = view.parentWidget()
    assert around is not None
    text = around.findChild(TextFlow)
    assert isinstance(text, TextFlow)
    assert view.is_shown
    assert view.accessibleName() == "失业登记流程图"
    below = text.mapTo(page, text.rect().topLeft()).y()
    assert view.mapTo(page, view.rect().bottomLeft()).y() < below


def test_a_picture_is_scaled_down_and_never_up(qtbot: QtBot) -> None:
    """A wide one is as wide as the page and keeps its shape; a small one stays small."""
    wide = ImageView(builders.image(NAME, width=2000, height=1000), png(2000, 1000))
    small = ImageView(builders.image(NAME, width=80, height=60), png(80, 60))

    assert wide.heightForWidth(900) == 450
    assert small.heightForWidth(900) == 60
    shown(qtbot, wide)
    grabbed = wide.grab().toImage()
    ratio = grabbed.devicePixelRatio()
    assert grabbed.pixelColor(int(880 * ratio), int(430 * ratio)).lightness() == 90


@pytest.mark.parametrize(
    "content",
    [None, b"", b"nonsense", png(9, 6), png()[:30], png_that_says(50_000, 50_000)],
)
def test_a_picture_that_cannot_be_shown_is_said(qtbot: QtBot, content: bytes | None) -> None:
    """Missing, damaged, or of another size than signed: its words stand in its place."""
    view = ImageView(builders.image(NAME), content)
    shown(qtbot, view)

    assert not view.is_shown
    assert view.heightForWidth(500) == 72
    assert view.accessibleName() == "失业登记流程图"
    view.grab()


def test_the_kind_that_was_signed_decides(qtbot: QtBot) -> None:
    """A PNG that says it is a JPEG is not tried with other decoders."""
    view = ImageView(builders.image(NAME, media_type=MediaType.JPEG), png())
    qtbot.addWidget(view)

    assert not view.is_shown
