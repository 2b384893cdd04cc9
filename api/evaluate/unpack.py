"""Archives of logs unpacked: regular files alone, and none outside the folder that they are to come to."""

import shutil
import tarfile
from pathlib import Path

from ingest.errors import InputError


def unpack(archive: Path, into: Path) -> None:
    """Unpack a tar file, compressed or not. Links, devices and the like are left out. Raises InputError for a name that
    leads out of `into`.

    `TarFile.extractall` does that by its argument `filter`, which Python has from 3.11.4 on; 3.11 is promised.
    """
    folder = into.resolve()
    with tarfile.open(archive) as opened:
        for member in opened:
            content = opened.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            target = (folder / member.name).resolve()
            if not target.is_relative_to(folder):
                raise InputError(f"{archive.name} holds {member.name!r}, which leads out of where it is unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
