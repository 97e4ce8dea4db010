"""What lies in a process's memory, on an image, in a folder: bytes to be searched."""

from functools import partial
from pathlib import Path


def memory_of(pid: int) -> bytes:
    """Every readable, writable mapping of a process, without its empty pages."""
    pieces = []
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            place, access, *_ = line.split()
            if not access.startswith("rw"):
                continue
            first, end = (int(part, 16) for part in place.split("-"))
            try:
                memory.seek(first)
                pieces.append(memory.read(end - first))
            except (OSError, OverflowError):
                continue  # the kernel's own pages
    return _without_empty_pages(b"\0".join(pieces))


def _without_empty_pages(data: bytes) -> bytes:
    pages = (data[at : at + 4096] for at in range(0, len(data), 4096))
    return b"".join(page for page in pages if page.strip(b"\0"))


def raw_pages(image: Path) -> bytes:
    """Every page of the image that is not empty; those of deleted files are among them."""
    with image.open("rb") as file:
        pages = iter(partial(file.read, 4096), b"")
        return b"".join(page for page in pages if page.strip(b"\0"))


def all_files(folder: Path) -> bytes:
    """The files of a folder, where there is no image."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return b"\0".join(path.read_bytes() for path in files)
