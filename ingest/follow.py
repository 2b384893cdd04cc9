"""Which source each file on the disk is: resumes, new files, truncation, rotated copies, files that are gone."""

import dataclasses
import os
from collections.abc import Iterable

import structlog

from ingest.collect_settings import CollectSettings, Counts
from ingest.discover import FoundFile, Scan
from ingest.identity import Trace, Verdict, digest, first_bytes, same_content
from ingest.open_files import OpenFiles, open_file
from ingest.registry import Changes, Registry, SavedSource
from ingest.source import Source, mint_source_id
from ingest.source_path import read_path
from ingest.tail import FileKey, Patience, Tail, fill

_log = structlog.get_logger()
_HEAD_BYTES = 1024
_CLOCK_SLACK_NS = 2_000_000_000
"""Files' times are coarser than the clock's: 2 s on the coarsest file systems in use."""


@dataclasses.dataclass(frozen=True)
class Moment:
    """When something is looked at: a monotonic clock for waiting, the wall clock for what is stored."""

    now: float
    now_ns: int
    is_last: bool = False
    """Nothing more will be written: what would be waited for is taken as it is."""


class Follower:
    """Owns the tails. What must be remembered gathers in `changes` until the collector commits it."""

    def __init__(self, counts: Counts, *, host: str, settings: CollectSettings) -> None:
        self.tails: dict[str, Tail] = {}
        self.files = OpenFiles(settings.max_open_files)
        self.changes = Changes()
        self.must_look = True
        """Something did not fit what the last scan showed: scan again soon."""
        self.skipped: dict[str, str] = {}
        self._counts = counts
        self._host = host
        self._settings = settings
        self._minted: dict[bytes, int] = {}
        self._by_file: dict[FileKey, Tail] = {}
        self._by_name: dict[str, list[Tail]] = {}
        self._copies: dict[FileKey, int] = {}
        self._waiting: dict[FileKey, tuple[int, float]] = {}
        self._turn = 0

    def load(self, registry: Registry, moment: Moment) -> None:
        """Takes up what the registry knows."""
        self._minted = registry.minted()
        for saved in registry.sources():
            self._add(self._from_saved(saved, moment))
        for cut in registry.cuts():
            if cut.source in self.tails:
                self.tails[cut.source].recut.append(cut)

    def take_in(self, scan: Scan, moment: Moment) -> None:
        """Brings the tails in line with what is on the disk."""
        self.must_look = False
        skipped = dict(scan.skipped)
        present = {(file.device, file.inode) for file in scan.files}
        unknown = [file for file in scan.files if not self._see(file, moment)]
        for tail in [tail for tail in self.tails.values() if tail.key is not None and tail.key not in present]:
            self._miss(tail, moment)
        current = {file.followed: file for file in scan.files if not file.is_rotated}
        # Oldest first: files that begin alike get the same numbers again should the registry be lost.
        for file in sorted(unknown, key=lambda file: (file.modified_ns, file.path)):
            reason = self._admit(file, current.get(file.followed), moment)
            if reason:
                skipped[file.path] = reason
        self._copies = {key: size for key, size in self._copies.items() if key in present}
        self._waiting = {key: seen for key, seen in self._waiting.items() if key in present}
        self._expire(moment)
        self._report(skipped)

    def notice_growth(self, moment: Moment) -> None:
        """A cheap look between scans, at the files that are open."""
        for tail, status in self.files.statuses():
            tail.notice(status.st_size, status.st_mtime_ns, moment.now)

    def notice_all(self, moment: Moment) -> None:
        """A look at every known file by its name, at a tenth of a scan's cost; asks for a scan when one was rotated."""
        self.notice_growth(moment)
        for tail in self.tails.values():
            if tail.key is None or tail.gone_ns is not None:
                continue
            try:
                status = os.stat(tail.seen_at)  # noqa: PTH116 - one system call, for 20,000 files each second
            except OSError:
                self.must_look = True
                continue
            if (status.st_dev, status.st_ino) != tail.key or status.st_size < tail.read.position:
                self.must_look = True
            else:
                tail.notice(status.st_size, status.st_mtime_ns, moment.now)

    def fill(self, moment: Moment, *, budget: int, busy: Iterable[Tail]) -> None:
        """Reads and cuts at most `budget` bytes, the file that waited longest first; `busy` tails are left alone."""
        left_alone = set(busy)
        now = float("inf") if moment.is_last else moment.now
        ready = [
            tail
            for tail in self.tails.values()
            if tail.wants_reading and now >= tail.held_until and tail not in left_alone
        ]
        for tail in sorted(ready, key=lambda tail: (tail.filled, tail.source.id)):
            if budget <= 0:
                return
            if tail.gone_ns is not None and self.files.status(tail) is None:
                continue
            budget -= self._fill(tail, budget, moment)

    def saved(self, tail: Tail) -> None:
        """Marks the tail's row for the next commit."""
        if tail.source.id in self.tails:
            self.changes.sources[tail.source.id] = tail.saved()

    def everything(self) -> Changes:
        """All that is known, for a registry that begins anew."""
        changes = Changes(minted=dict(self._minted))
        for tail in self.tails.values():
            changes.sources[tail.source.id] = tail.saved()
            changes.cuts.extend([*(pending.as_cut() for pending in tail.pending), *tail.recut])
        return changes

    def _fill(self, tail: Tail, budget: int, moment: Moment) -> int:
        """Bytes read and cut."""
        self._turn += 1
        tail.filled = self._turn
        before = tail.read.position
        patience = Patience(
            quiet_s=float("inf") if moment.is_last else moment.now - tail.grew_at,
            settle_s=self._settings.settle_s,
            open_s=self._settings.open_s,
        )
        try:
            descriptor = self.files.get(tail)
            status = os.fstat(descriptor)
            tail.notice(status.st_size, status.st_mtime_ns, moment.now)
            verdict = fill(
                tail,
                descriptor,
                # Never so little that the longest chunk does not fit: a long line would never get on.
                budget=max(min(self._settings.read_bytes, budget), 2 * self._settings.chunk_bytes),
                chunk_bytes=self._settings.chunk_bytes,
                patience=patience,
                read_ns=moment.now_ns,
            )
        except OSError as error:
            self.must_look = True
            if not tail.is_failing:
                self._counts.add("files_read_failed")
                _log.warning("collect_read_failed", path=tail.seen_at, source=tail.source.id, found=str(error))
            tail.is_failing = True
            return 0
        tail.is_failing = False
        self.changes.cuts.extend(pending.as_cut() for pending in tail.pending)
        if verdict is not Verdict.RESUME:
            self._release(tail, verdict, moment)
        return tail.read.position - before

    def _add(self, tail: Tail) -> None:
        self.tails[tail.source.id] = tail
        self._by_name.setdefault(tail.followed, []).append(tail)
        if tail.key is not None:
            self._by_file[tail.key] = tail

    def _named(self, followed: str) -> list[Tail]:
        """All sources, whatever became of their files, that were written to under this name."""
        return self._by_name.get(followed, [])

    def _from_saved(self, saved: SavedSource, moment: Moment) -> Tail:
        key = None if saved.device is None or saved.inode is None else (saved.device, saved.inode)
        return Tail(
            source=self._source(saved.id, saved.path),
            followed=saved.followed,
            seen_at=saved.seen_at,
            key=key,
            first_seen_ns=saved.first_seen_ns,
            acknowledged=saved.trace,
            read=saved.trace,
            grew_at=moment.now,
            gone_ns=saved.gone_ns,
            orphaned_at=moment.now,
        )

    def _source(self, source_id: str, path: str) -> Source:
        fields = read_path(path)
        return Source(
            id=source_id,
            host=self._host,
            path=path,
            service=fields.service,
            namespace=fields.namespace,
            pod=fields.pod,
            container=fields.container,
            zone=self._settings.zone,
        )

    def _see(self, file: FoundFile, moment: Moment) -> bool:
        """Takes in a file that a tail holds; False when none does, or no longer."""
        tail = self._by_file.get((file.device, file.inode))
        if tail is None:
            return False
        if tail.seen_at != file.path or tail.gone_ns is not None:
            tail.seen_at, tail.gone_ns = file.path, None
            self.saved(tail)
        tail.notice(file.size, file.modified_ns, moment.now)
        if file.size < tail.read.position:
            self._release(tail, Verdict.TRUNCATED, moment)
            return False
        return True

    def _release(self, tail: Tail, verdict: Verdict, moment: Moment) -> None:
        """The file is another one now. What is cut is still sent; what was not read may turn up in a rotated copy."""
        if tail.key is None:
            return
        self._counts.add(f"files_{verdict.value}")
        _log.info("collect_file_changed", path=tail.seen_at, source=tail.source.id, verdict=verdict.value)
        self.files.close(tail)
        self._by_file.pop(tail.key, None)
        tail.key = None
        tail.orphaned_at = moment.now
        self.must_look = True
        self.saved(tail)

    def _miss(self, tail: Tail, moment: Moment) -> None:
        """The file has no name any more that was looked at. While it is open it is read to its end."""
        status = self.files.status(tail)
        if status is not None:
            tail.notice(status.st_size, status.st_mtime_ns, moment.now)
        unread = max(0, tail.size - tail.read.position, *(cut.end - tail.read.position for cut in tail.recut))
        if tail.gone_ns is None:
            tail.gone_ns = moment.now_ns
            self.saved(tail)
            if status is None and unread > 0:
                self._lose(tail, unread, "deleted_while_closed")
        gone_s = (moment.now_ns - tail.gone_ns) / 1e9
        if (
            status is not None
            and unread <= 0
            and not tail.pending
            and moment.now - tail.grew_at >= self._settings.open_s
        ):
            self.files.close(tail)
        elif status is not None and gone_s > self._settings.deleted_hold_s:
            self._lose(tail, unread, "deleted_and_held_too_long")
            self.files.close(tail)
        if gone_s > self._settings.forget_s and not tail.pending:
            self._forget(tail)

    def _lose(self, tail: Tail, unread: int, reason: str) -> None:
        self._counts.add(f"bytes_lost_{reason}", unread)
        _log.error("collect_bytes_lost", path=tail.seen_at, source=tail.source.id, bytes=unread, reason=reason)

    def _forget(self, tail: Tail) -> None:
        self.files.close(tail)
        del self.tails[tail.source.id]
        self._by_name[tail.followed].remove(tail)
        if not self._by_name[tail.followed]:
            del self._by_name[tail.followed]
        if tail.key is not None:
            self._by_file.pop(tail.key, None)
        self.changes.sources.pop(tail.source.id, None)
        self.changes.cuts = [cut for cut in self.changes.cuts if cut.source != tail.source.id]
        self.changes.forgotten.append(tail.source.id)

    def _expire(self, moment: Moment) -> None:
        """Gives up orphans whose copy did not turn up."""
        for tail in [tail for tail in self.tails.values() if tail.key is None and not tail.pending]:
            if moment.now - tail.orphaned_at >= self._settings.orphan_s:
                unsent = sum(cut.end - cut.start for cut in tail.recut)
                if unsent:
                    self._lose(tail, unsent, "changed_before_resend")
                self._forget(tail)

    def _admit(self, file: FoundFile, current: FoundFile | None, moment: Moment) -> str:
        """Finds the source of a file that no tail holds. Returns why it is passed over, empty when it is not."""
        if not file.size or not (file.in_pattern or self._continues_followed(file)):
            return ""
        try:
            descriptor = open_file(file.path)
        except FileNotFoundError:
            self.must_look = True
            return ""
        except OSError:
            return "unreadable"
        try:
            tail = self._identify(file, current, descriptor, moment)
        except OSError as error:
            _log.warning("collect_read_failed", path=file.path, found=str(error))
            tail = None
        if tail is None:
            os.close(descriptor)
        else:
            self.files.keep(tail, descriptor)
        return ""

    def _identify(self, file: FoundFile, current: FoundFile | None, descriptor: int, moment: Moment) -> Tail | None:
        """The tail that holds the file from now on; None when it is none of its own, or not yet."""
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != (file.device, file.inode):
            self.must_look = True
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
        return any(tail.first_seen_ns <= file.modified_ns + _CLOCK_SLACK_NS for tail in self._named(file.followed))

    def _moved(self, file: FoundFile, descriptor: int) -> Tail | None:
        """The source of the same inode and place under another device number, which changes with mounts and reboots."""
        for tail in self._named(file.followed):
            is_same_place = tail.key is not None and tail.key[1] == file.inode and tail.seen_at == file.path
            if is_same_place and tail.gone_ns is not None and tail.matches(descriptor):
                return self._adopt(tail, file)
        return None

    def _orphan(self, file: FoundFile, descriptor: int) -> Tail | None:
        """The truncated source that this rotated file is a copy of."""
        fitting = [tail for tail in self._named(file.followed) if tail.key is None and tail.matches(descriptor)]
        if not fitting:
            return None
        self._counts.add("files_copied")
        return self._adopt(max(fitting, key=lambda tail: (tail.read.position, tail.source.id)), file)

    def _adopt(self, tail: Tail, file: FoundFile) -> Tail:
        if tail.key is not None:
            self._by_file.pop(tail.key, None)
        tail.key = (file.device, file.inode)
        tail.seen_at, tail.gone_ns, tail.judged = file.path, None, None
        self._by_file[tail.key] = tail
        self.saved(tail)
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
                other = open_file(path) if tail is None else self.files.get(tail)
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
                    self._release(tail, verdict, moment)
            finally:
                if tail is None:
                    os.close(other)
        return False

    def _originals(self, file: FoundFile, current: FoundFile | None, head: bytes) -> list[tuple[str, Tail | None]]:
        """Files that `file` may be a copy of: those followed under the same name that begin alike, and the live one."""
        originals: list[tuple[str, Tail | None]] = [
            (tail.seen_at, tail)
            for tail in self._named(file.followed)
            if tail.key not in {None, (file.device, file.inode)}
            and digest(head[: tail.read.prefix_bytes]) == tail.read.prefix
        ]
        if current is not None and (current.device, current.inode) not in self._by_file and current.path != file.path:
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
            source=self._source(self._new_id(file, beginning), file.followed),
            followed=file.followed,
            seen_at=file.path,
            key=key,
            first_seen_ns=moment.now_ns,
            acknowledged=Trace(),
            read=Trace(),
        )
        self._add(tail)
        self.saved(tail)
        self._counts.add("files_new")
        _log.info("collect_file_new", path=file.path, source=tail.source.id, service=tail.source.service)
        return tail

    def _new_id(self, file: FoundFile, beginning: bytes) -> str:
        """Counts sources of the same host, path and first bytes, for ever, so no two share an id."""
        same = digest(b"\0".join((self._host.encode(), os.fsencode(file.followed), beginning)))
        times = self._minted.get(same, 0)
        while (source_id := mint_source_id(self._host, file.followed, beginning, times)) in self.tails:
            times += 1
        self._minted[same] = self.changes.minted[same] = times + 1
        return source_id

    def _report(self, skipped: dict[str, str]) -> None:
        """Counts and reports what is passed over, once for each name and reason."""
        for path, reason in sorted(skipped.items()):
            if self.skipped.get(path) != reason:
                self._counts.add(f"skipped_{reason}")
                _log.warning("collect_file_skipped", path=path, reason=reason)
        self.skipped = skipped


def _last_growth(modified_ns: int, moment: Moment) -> float:
    """When a file met for the first time grew last, on the monotonic clock; never in the future."""
    return moment.now - max(0.0, (moment.now_ns - modified_ns) / 1e9)
