"""What everything saved beside the store needs: bytes that are really on the disk, and a checksum to know them by."""

import hashlib
import os
from pathlib import Path


def sync(path: Path) -> None:
    """Make a file's content, or the renames and removals in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checksum(file: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
