"""Where damaged files go: set aside under `quarantine/` with an event, never deleted."""

import os
import shutil
from pathlib import Path

import structlog

log = structlog.get_logger()

QUARANTINE_FOLDER = "quarantine"


def set_aside(path: Path, folder: Path, *, reason: str) -> Path | None:
    """Move a file into the quarantine of the data directory `folder`; None when it is not there.

    The name is kept; a number is added when that name was set aside before.
    """
    if not path.exists():
        return None
    quarantine = folder / QUARANTINE_FOLDER
    quarantine.mkdir(exist_ok=True)
    target = _free_name(quarantine, path.name)
    path.replace(target)
    sync_folder(quarantine)
    sync_folder(path.parent)
    log.error("file.set_aside", file=path.name, kept_as=str(target.relative_to(folder)), reason=reason)
    return target


def keep_copy(path: Path, folder: Path, *, reason: str) -> Path:
    """Like `set_aside`, for a file that is still needed where it is."""
    quarantine = folder / QUARANTINE_FOLDER
    quarantine.mkdir(exist_ok=True)
    target = _free_name(quarantine, path.name)
    shutil.copyfile(path, target)
    log.error("file.copied_aside", file=path.name, kept_as=str(target.relative_to(folder)), reason=reason)
    return target


def _free_name(quarantine: Path, name: str) -> Path:
    target, count = quarantine / name, 0
    while target.exists():
        count += 1
        target = quarantine / f"{name}.{count}"
    return target


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
