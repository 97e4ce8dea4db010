"""Is this file a picture that may come into the bank? Decided from its first bytes, never decoded.

Only PNG and JPEG, told by signature and header; what claims more pixels than a kiosk can hold is
refused before anybody unpacks it. Sources: PNG (ISO/IEC 15948) section 11.2.2, JPEG (ITU-T T.81)
annex B.
"""

import hashlib
import re
import struct
from pathlib import Path
from typing import NamedTuple

from exam_core import limits as core_limits
from exam_core.errors import InputError
from exam_core.keys.model import KeyedImage
from exam_core.model.images import MediaType, check_image_size
from paper_builder.bank.check import refuse
from paper_builder.files import read_file

COLUMN = "图片"
DEFAULT_TEXT = "题目配图"
"""What is read to who does not see a picture whose author said nothing about it."""

_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_MARKER = 0xFF
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those of table B.1 that have a size
_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}  # markers without a length
_NAME = re.compile(r"[^/\\:*?\"<>|]{1,200}")

Size = tuple[int, int]


class Picture(NamedTuple):
    """A picture as the item names it, and its bytes."""

    image: KeyedImage
    content: bytes


def read_pictures(cell: str, folder: Path) -> list[Picture]:
    """The pictures of an item: one a line, `文件名` or `文件名|图片说明`, beside the imported file.

    Raises:
        InputError: `import.item`, naming the file that cannot be used.
    """
    pictures = []
    for line in filter(None, map(str.strip, re.split(r"[\n；]", cell))):
        name, _, text = (part.strip() for part in line.replace("｜", "|").partition("|"))
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise refuse(f"图片只写文件名，文件与题库表放在一起：“{name[:40]}”", COLUMN)
        pictures.append(_picture(folder / name, name, text or DEFAULT_TEXT))
    if len(pictures) > core_limits.item_images_max:
        raise refuse(f"一题最多 {core_limits.item_images_max} 张图片", COLUMN)
    if len({picture.image.sha256 for picture in pictures}) != len(pictures):
        raise refuse("同一张图片写了两次", COLUMN)
    return pictures


def size_of_picture(content: bytes) -> tuple[MediaType, Size]:
    """Kind, width and height of a whole PNG or JPEG file.

    Raises:
        InputError: `import.item`.
    """
    if content.startswith(_PNG) and content.endswith(_PNG_END):
        width, height = struct.unpack_from(">II", content, len(_PNG))
        return MediaType.PNG, (width, height)
    if content.startswith(_JPEG) and content.endswith(_JPEG_END):
        return MediaType.JPEG, _jpeg_size(content)
    raise refuse("不是完整的 PNG 或 JPEG 图片", COLUMN)


def picture_name(image: KeyedImage) -> str:
    """The file name of a picture that is written beside an exported workbook."""
    return f"{image.sha256[:16]}.{'png' if image.media_type is MediaType.PNG else 'jpg'}"


def _picture(path: Path, name: str, text: str) -> Picture:
    try:
        content = read_file(path, core_limits.image_bytes_max, "图片")
        media_type, (width, height) = size_of_picture(content)
        check_image_size(width, height)
        image = KeyedImage(
            sha256=hashlib.sha256(content).hexdigest(),
            media_type=media_type,
            width=width,
            height=height,
            alternative_text=text,
        )
    except InputError as error:
        raise refuse(f"图片 {name}：{error.message}", COLUMN) from error
    return Picture(image, content)


def _jpeg_size(content: bytes) -> Size:
    at = 2
    while at + 9 <= len(content) and content[at] == _MARKER:
        marker = content[at + 1]
        if marker in _BARE:
            at += 2
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        at += 2 + int(struct.unpack_from(">H", content, at + 2)[0])
    raise refuse("JPEG 图片中没有尺寸", COLUMN)
