"""One picture of an item, as wide as the page and no wider than it is."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from exam_core.model.images import ItemImage, MediaType

_FORMATS = {MediaType.PNG: b"png", MediaType.JPEG: b"jpeg"}
_SIGNATURES = {MediaType.PNG: b"\x89PNG\r\n\x1a\n", MediaType.JPEG: b"\xff\xd8\xff"}
_EMPTY_HEIGHT_PX = 72


class ImageView(QWidget):
    """Shows a picture scaled to the page's width; its words where it cannot be shown.

    The bytes are decoded once, by the kind that the paper names, and only when their own header
    has the size that was signed: nothing larger is ever unpacked.
    """

    def __init__(
        self, image: ItemImage, content: bytes | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(f"image_{image.image_id}")
        self.setAccessibleName(image.alternative_text)
        self._words = image.alternative_text
        self._picture = _decode(image, content or b"")
        self._scaled = QImage()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def is_shown(self) -> bool:
        """Whether the picture itself is there, not only its words."""
        return not self._picture.isNull()

    def sizeHint(self) -> QSize:
        """The picture's own size."""
        return self._picture.size() if self.is_shown else QSize(320, _EMPTY_HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        """It can be made narrow."""
        return QSize(160, self.heightForWidth(160))

    def heightForWidth(self, width: int) -> int:
        """As high as its shape asks for at this width."""
        if not self.is_shown:
            return _EMPTY_HEIGHT_PX
        return max(1, self._shown(width).height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The picture at the left, or its words in a frame."""
        painter = QPainter(self)
        if self.is_shown:
            painter.drawImage(0, 0, self._for_screen())
            return
        frame = self.rect().adjusted(0, 0, -1, -1)
        painter.drawRect(frame)
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(frame, flags, self.tr("图片无法显示：%1").replace("%1", self._words))

    def _for_screen(self) -> QImage:
        """The picture in the screen's own pixels; thin lines survive only a smooth scaling."""
        ratio = self.devicePixelRatioF()
        wanted = self._shown(self.width()) * ratio
        if self._scaled.size() != wanted:
            self._scaled = self._picture.scaled(
                wanted,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self._scaled.setDevicePixelRatio(ratio)
        return self._scaled

    def _shown(self, width: int) -> QSize:
        size = self._picture.size()
        if width >= size.width():
            return size
        return QSize(width, round(size.height() * width / size.width()))


def _decode(image: ItemImage, content: bytes) -> QImage:
    if not content.startswith(_SIGNATURES[image.media_type]):
        return QImage()
    buffer = QBuffer()
    buffer.setData(QByteArray(content))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(_FORMATS[image.media_type]))
    reader.setDecideFormatFromContent(False)
    if (reader.size().width(), reader.size().height()) != (image.width, image.height):
        return QImage()
    return reader.read()
