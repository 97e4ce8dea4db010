"""What is an item's content, whatever its version? One digest that bank and draw both use."""

import hashlib

import msgspec

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import KeyedItem


def content_sha256(item: KeyedItem) -> str:
    """The digest, in hex, of an item as version 1: equal exactly when the content is equal."""
    return hashlib.sha256(encode_canonical(msgspec.structs.replace(item, version=1))).hexdigest()
