"""Which files there are to collect: paths, folders and patterns become one entry for each real file."""

import dataclasses
import errno
import glob
import os
import stat
from collections.abc import Iterator, Sequence

from ingest.source_path import is_compressed, unrotated

_NOT_TEXT = frozenset({"wtmp", "btmp", "lastlog", "faillog"})
"""Files under /var/log that hold records of C structures."""
_MOST_FOLDERS = 100_000
"""Folders read in one scan; above all an end to loops of links that slip through."""


@dataclasses.dataclass(frozen=True)
class FoundFile:
    """One real file. Several names of it (links) make one entry, under the name that says most."""

    path: str
    """As the file was found, links not resolved."""
    followed: str
    """The name under which it is or was written to: `path` without a rotation suffix, as seen through the link."""
    real_path: str
    device: int
    inode: int
    size: int
    modified_ns: int
    is_rotated: bool
    in_pattern: bool
    """False: only a rotated sibling of a file that was asked for."""


@dataclasses.dataclass(frozen=True)
class Scan:
    """All files by path, and the names that were passed over, each with its reason."""

    files: tuple[FoundFile, ...]
    skipped: dict[str, str]


def scan(paths: Sequence[str]) -> Scan:
    """Looks once. A path is a file, a folder (read with all its subfolders) or a pattern (`*`, `?`, `[…]`, `**`).

    Rotated siblings of every file that is found come along, wherever its link leads. Compressed files are skipped
    (`compressed`), and inside folders hidden ones and what cannot be text. Never raises for what it finds on the disk.
    """
    skipped: dict[str, str] = {}
    names = {name: True for path in paths for name in _names(path, skipped)}
    found = [file for name in names if (file := _look(name, skipped, in_pattern=True))]
    followed = {file.real_path: file.path for file in sorted(found, key=_worth, reverse=True) if not file.is_rotated}
    known = {file.real_path for file in found}
    siblings = (
        file
        for name in _siblings(followed, skipped)
        if name not in known and (file := _look(name, skipped, in_pattern=False))
    )
    best: dict[tuple[int, int], FoundFile] = {}
    for file in [*found, *siblings]:
        placed = _through_link(file, followed)
        key = (placed.device, placed.inode)
        if key not in best or _worth(placed) < _worth(best[key]):
            best[key] = placed
    return Scan(files=tuple(sorted(best.values(), key=lambda file: file.path)), skipped=skipped)


def _worth(file: FoundFile) -> tuple[bool, bool, bool, str]:
    """Sorts the name first that says most of the file: asked for, a link of /var/log/containers, one of pods."""
    return not file.in_pattern, "/containers/" not in file.path, "/pods/" not in file.path, file.path


def _through_link(file: FoundFile, followed: dict[str, str]) -> FoundFile:
    base = unrotated(file.real_path) if file.is_rotated else file.real_path
    if followed.get(base, file.followed) != file.followed:
        return dataclasses.replace(file, followed=followed[base])
    return file


def _names(path: str, skipped: dict[str, str]) -> Iterator[str]:
    if glob.has_magic(path) and not os.path.lexists(path):
        for name in sorted(glob.iglob(path, recursive=True)):  # noqa: PTH207 - Path.glob follows no links
            if not os.path.isdir(name):  # noqa: PTH112 - one system call, not an object for each of 20,000 files
                yield os.path.abspath(name)  # noqa: PTH100
        return
    absolute = os.path.abspath(path)  # noqa: PTH100
    if os.path.isdir(absolute):  # noqa: PTH112
        yield from _walk(absolute, skipped)
    elif os.path.lexists(absolute):
        yield absolute
    else:
        skipped[absolute] = "missing"


def _walk(top: str, skipped: dict[str, str]) -> Iterator[str]:
    """Files of a folder and its subfolders, links to folders followed, each folder read once."""
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting and len(seen) < _MOST_FOLDERS:
        folder = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            skipped[folder] = _reason(error)
            continue
        for entry in inside:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                waiting.append(entry.path)
            elif entry.name in _NOT_TEXT or entry.name.endswith(".journal"):
                skipped[entry.path] = "not_text"
            else:
                yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _look(name: str, skipped: dict[str, str], *, in_pattern: bool) -> FoundFile | None:
    if is_compressed(name):
        skipped[name] = "compressed"
        return None
    try:
        status = os.stat(name)  # noqa: PTH116
        is_link = os.path.islink(name)  # noqa: PTH114
    except OSError as error:
        skipped[name] = _reason(error)
        return None
    if not stat.S_ISREG(status.st_mode):
        skipped[name] = "not_a_file"
        return None
    base = unrotated(name)
    return FoundFile(
        path=name,
        followed=base,
        real_path=os.path.realpath(name) if is_link else name,
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        is_rotated=base != name,
        in_pattern=in_pattern,
    )


def _siblings(followed: dict[str, str], skipped: dict[str, str]) -> Iterator[str]:
    """Names beside a followed file that are its name with a rotation suffix."""
    for folder in sorted({os.path.dirname(path) for path in followed}):  # noqa: PTH120
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.path for entry in entries)
        except OSError as error:
            skipped[folder] = _reason(error)
            continue
        for name in names:
            if name not in followed and unrotated(name) in followed:
                yield name


def _reason(error: OSError) -> str:
    reasons = {
        errno.ENOENT: "dangling_link",
        errno.ELOOP: "link_loop",
        errno.EACCES: "unreadable",
        errno.EPERM: "unreadable",
    }
    return reasons.get(error.errno or 0, "unreadable")
