"""Finds the source of a file that none holds: a moved one, a rotated copy of a truncated one, or a new one."""

import os

import structlog

from ingest.collect_settings import CollectSettings, Counts
from ingest.discover import FoundFile
from ingest.identity import Trace, Verdict, digest, first_bytes, same_content
from ingest.open_files import open_file
from ingest.tail import FileKey, Tail
from ingest.tails import Moment, Tails

_log = structlog.get_logger()
_HEAD_BYTES = 1024
_CLOCK_SLACK_NS = 2_000_000_000
"""Files' times are coarser than the clock's: 2 s on the coarsest file systems in use."""


class Admission:
    """Remembers of files that have no source yet what saves looking at them again."""

    def __init__(self, tails: Tails, counts: Counts, settings: CollectSettings) -> None:
        self._tails = tails
        self._counts = counts
        self._settings = settings
        self._copies: dict[FileKey, int] = {}
        self._waiting: dict[FileKey, tuple[int, float]] = {}

    def keep_only(self, present: set[FileKey]) -> None:
        """Drops what is remembered of files that are gone."""
        self._copies = {key: size for key, size in self._copies.items() if key in present}
        self._waiting = {key: seen for key, seen in self._waiting.items() if key in present}

    def admit(self, file: FoundFile, current: FoundFile | None, moment: Moment) -> str:
        """Finds the source of a file that no tail holds. Returns why it is passed over, empty when it is not."""
        if not file.size or not (file.in_pattern or self._continues_followed(file)):
            return ""
        try:
            descriptor = open_file(file.path)
        except FileNotFoundError:
            self._tails.must_look = True
            return ""
        except OSError:
            return "unreadable"
        try:
            tail = self._identify(file, current, descriptor, moment)
        except OSError as error:
            _log.warning("collect_read_failed", path=file.path, found=str(error))
            tail = None
        if tail is not None:
            self._tails.files.keep(tail, descriptor)
            return ""
        os.close(descriptor)
        return "copy_of_live_file" if (file.device, file.inode) in self._copies else ""

    def _identify(self, file: FoundFile, current: FoundFile | None, descriptor: int, moment: Moment) -> Tail | None:
        """The tail that holds the file from now on; None when it is none of its own, or not yet."""
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != (file.device, file.inode):
            self._tails.must_look = True
            return None
        head = os.pread(descriptor, _HEAD_BYTES, 0)
        tail = self._moved(file, descriptor)
        if tail is None and file.is_rotated:
            if self._is_copy(file, current, descriptor, head, moment):
                return None
            tail = self._orphan(file, descriptor)
        if tail is None:
            tail = self._mint(file, head, moment)
        if tail is not None:
            tail.notice(status.st_size, status.st_mtime_ns, _last_growth(status.st_mtime_ns, moment))
        return tail

    def _continues_followed(self, file: FoundFile) -> bool:
        """A sibling that was not asked for belongs to a file that was, if it was written to since that is followed."""
        return any(
            tail.first_seen_ns <= file.modified_ns + _CLOCK_SLACK_NS for tail in self._tails.named(file.followed)
        )

    def _moved(self, file: FoundFile, descriptor: int) -> Tail | None:
        """The source of the same inode and place under another device number, which changes with mounts and reboots."""
        for tail in self._tails.named(file.followed):
            is_same_place = tail.key is not None and tail.key[1] == file.inode and tail.seen_at == file.path
            if is_same_place and tail.gone_ns is not None and tail.matches(descriptor):
                return self._adopt(tail, file)
        return None

    def _orphan(self, file: FoundFile, descriptor: int) -> Tail | None:
        """The truncated source that this rotated file is a copy of."""
        fitting = [tail for tail in self._tails.named(file.followed) if tail.key is None and tail.matches(descriptor)]
        if not fitting:
            return None
        self._counts.add("files_copied")
        return self._adopt(max(fitting, key=lambda tail: (tail.read.position, tail.source.id)), file)

    def _adopt(self, tail: Tail, file: FoundFile) -> Tail:
        self._tails.hold(tail, (file.device, file.inode), file.path)
        _log.info("collect_file_resumed", path=file.path, source=tail.source.id, position=tail.read.position)
        return tail

    def _is_copy(
        self, file: FoundFile, current: FoundFile | None, descriptor: int, head: bytes, moment: Moment
    ) -> bool:
        """Whether every byte of a rotated file stands in a live file of the same name: copytruncate, before truncating.

        Such a file is passed over until the live one is truncated. Two files that begin alike but differ are both read;
        a file too short to tell (`first_bytes`) counts as no copy.
        """
        if first_bytes(head) is None:
            return False
        key = (file.device, file.inode)
        for path, tail in self._originals(file, current, head):
            try:
                other = open_file(path) if tail is None else self._tails.files.get(tail)
            except OSError:
                continue
            try:
                size = os.fstat(descriptor).st_size
                verified = min(self._copies.get(key, 0), size)
                if same_content(descriptor, other, 0, min(size, _HEAD_BYTES)) and same_content(
                    descriptor, other, max(0, verified - _HEAD_BYTES), size
                ):
                    self._copies[key] = size
                    return True
                # Different: unless the other file was truncated a moment ago.
                if tail is not None and (verdict := tail.judge(other)) is not Verdict.RESUME:
                    self._tails.release(tail, verdict, moment)
            finally:
                if tail is None:
                    os.close(other)
        self._copies.pop(key, None)
        return False

    def _originals(self, file: FoundFile, current: FoundFile | None, head: bytes) -> list[tuple[str, Tail | None]]:
        """Files that `file` may be a copy of: those followed under the same name that begin alike, and the live one."""
        originals: list[tuple[str, Tail | None]] = [
            (tail.seen_at, tail)
            for tail in self._tails.named(file.followed)
            if tail.key not in {None, (file.device, file.inode)}
            and digest(head[: tail.read.prefix_bytes]) == tail.read.prefix
        ]
        if (
            current is not None
            and self._tails.of_file((current.device, current.inode)) is None
            and current.path != file.path
        ):
            originals.append((current.path, None))
        return originals

    def _mint(self, file: FoundFile, head: bytes, moment: Moment) -> Tail | None:
        key = (file.device, file.inode)
        size, since = self._waiting.get(key, (-1, 0.0))
        if size != file.size:
            since = _last_growth(file.modified_ns, moment)
            self._waiting[key] = (file.size, since)
        is_final = moment.is_last or moment.now - since >= self._settings.open_s
        beginning = first_bytes(head, is_final=is_final)
        if beginning is None:
            return None
        del self._waiting[key]
        tail = Tail(
            source=self._tails.source(self._tails.new_id(file.followed, beginning), file.followed),
            followed=file.followed,
            seen_at=file.path,
            key=key,
            first_seen_ns=moment.now_ns,
            acknowledged=Trace(),
            read=Trace(),
        )
        self._tails.add(tail)
        self._tails.saved(tail)
        self._counts.add("files_new")
        _log.info("collect_file_new", path=file.path, source=tail.source.id, service=tail.source.service)
        return tail


def _last_growth(modified_ns: int, moment: Moment) -> float:
    """When a file met for the first time grew last, on the monotonic clock; never in the future."""
    return moment.now - max(0.0, (moment.now_ns - modified_ns) / 1e9)
