"""How a reader looks at a file of which it must not hold all: bytes at a place.

The rim gives the file (`exam_server.folder.FileSource`, `exam_client.journal.files`); what is read
is never trusted twice: whoever uses bytes later reads them again and compares their digest.
"""

import hashlib
from collections.abc import Iterator
from typing import Protocol

from exam_core import limits


class ByteSource(Protocol):
    """A file, opened for reading by the rim."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def read_at(self, offset: int, size: int) -> bytes:
        """So many bytes from `offset`; fewer only when the file ends before.

        Raises:
            ExamError: The rim's own, when the file cannot be read.
        """


class BytesSource:
    """Bytes in memory, for who has just made them."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._view)

    def read_at(self, offset: int, size: int) -> bytes:
        """So many bytes from `offset`."""
        return bytes(self._view[offset : offset + size])


def read_chunks(source: ByteSource, offset: int, size: int) -> Iterator[bytes]:
    """The bytes of a range in chunks of at most 1 MiB; ends early where the file does."""
    end = offset + size
    while offset < end:
        chunk = source.read_at(offset, min(limits.read_chunk_bytes, end - offset))
        if not chunk:
            return
        yield chunk
        offset += len(chunk)


def digest_of(source: ByteSource) -> str:
    """SHA-256 of the whole file, in hex."""
    digest = hashlib.sha256()
    for chunk in read_chunks(source, 0, source.size):
        digest.update(chunk)
    return digest.hexdigest()
