"""Keeps every source in step with its file: growth, renames, truncation, disappearance; and reads what is new."""

import os
from collections.abc import Iterable

import structlog

from ingest.admit import Admission
from ingest.collect_settings import CollectSettings, Counts
from ingest.discover import FoundFile, Scan
from ingest.identity import Verdict
from ingest.tail import Patience, Tail, fill
from ingest.tails import Moment, Tails

LOSSES = ("deleted_while_closed", "deleted_and_held_too_long", "changed_before_resend")
"""Why bytes that were never shipped are lost: each is counted as `bytes_lost_…` and told as an event."""
_log = structlog.get_logger()


class Follower:
    """Brings what a scan shows and what the tails know together."""

    def __init__(self, tails: Tails, counts: Counts, settings: CollectSettings) -> None:
        self.skipped: dict[str, str] = {}
        self._tails = tails
        self._admission = Admission(tails, counts, settings)
        self._counts = counts
        self._settings = settings
        self._turn = 0

    def take_in(self, scan: Scan, moment: Moment) -> None:
        """Brings the tails in line with what is on the disk."""
        self._tails.must_look = False
        skipped = dict(scan.skipped)
        present = {(file.device, file.inode) for file in scan.files}
        unknown = [file for file in scan.files if not self._see(file, moment)]
        for tail in [tail for tail in self._tails.all.values() if tail.key is not None and tail.key not in present]:
            self._miss(tail, moment)
        current = {file.followed: file for file in scan.files if not file.is_rotated}
        # Oldest first: files that begin alike get the same numbers again should the registry be lost.
        for file in sorted(unknown, key=lambda file: (file.modified_ns, file.path)):
            reason = self._admission.admit(file, current.get(file.followed), moment)
            if reason:
                skipped[file.path] = reason
        self._admission.keep_only(present)
        self._expire(moment)
        self._report(skipped)

    def notice_growth(self, moment: Moment) -> None:
        """A cheap look between scans, at the files that are open."""
        for tail, status in self._tails.files.statuses():
            tail.notice(status.st_size, status.st_mtime_ns, moment.now)

    def notice_all(self, moment: Moment) -> None:
        """A look at every known file by its name, at a tenth of a scan's cost; asks for a scan when one was rotated."""
        self.notice_growth(moment)
        for tail in self._tails.all.values():
            if tail.key is None or tail.gone_ns is not None:
                continue
            try:
                status = os.stat(tail.seen_at)  # noqa: PTH116 - one system call, for 20,000 files each second
            except OSError:
                self._tails.must_look = True
                continue
            if (status.st_dev, status.st_ino) != tail.key or status.st_size < tail.read.position:
                self._tails.must_look = True
            else:
                tail.notice(status.st_size, status.st_mtime_ns, moment.now)

    def fill(self, moment: Moment, *, budget: int, busy: Iterable[Tail]) -> None:
        """Reads and cuts at most `budget` bytes, the file that waited longest first; `busy` tails are left alone."""
        left_alone = set(busy)
        now = float("inf") if moment.is_last else moment.now
        ready = [
            tail
            for tail in self._tails.all.values()
            if tail.wants_reading and now >= tail.held_until and tail not in left_alone
        ]
        for tail in sorted(ready, key=lambda tail: (tail.filled, tail.source.id)):
            if budget <= 0:
                return
            if tail.gone_ns is not None and self._tails.files.status(tail) is None:
                continue
            budget -= self._fill(tail, budget, moment)

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
            descriptor = self._tails.files.get(tail)
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
            if not tail.is_failing:
                self._tails.must_look = True
                self._counts.add("files_read_failed")
                _log.warning("collect_read_failed", path=tail.seen_at, source=tail.source.id, found=str(error))
            tail.is_failing = True
            return 0
        tail.is_failing = False
        self._tails.changes.cuts.extend(pending.as_cut() for pending in tail.pending)
        if verdict is not Verdict.RESUME:
            self._tails.release(tail, verdict, moment)
        if cut_bytes := tail.read.position - before:
            self._counts.add("bytes_read", cut_bytes)
        return cut_bytes

    def _see(self, file: FoundFile, moment: Moment) -> bool:
        """Takes in a file that a tail holds; False when none does, or no longer."""
        tail = self._tails.of_file((file.device, file.inode))
        if tail is None:
            return False
        if tail.seen_at != file.path or tail.gone_ns is not None:
            tail.seen_at, tail.gone_ns = file.path, None
            self._tails.saved(tail)
        tail.notice(file.size, file.modified_ns, moment.now)
        verdict = Verdict.TRUNCATED if file.size < tail.read.position else self._judge_unread(tail)
        if verdict is not Verdict.RESUME:
            self._tails.release(tail, verdict, moment)
            return False
        return True

    def _judge_unread(self, tail: Tail) -> Verdict:
        """Judges a changed file that will not be read for now, since the receiver has not taken what was cut of it.

        Its inode may be that of a rotated copy by now, which must be recognised while its original is still known.
        """
        if not tail.pending or not tail.is_changed:
            return Verdict.RESUME
        try:
            verdict = tail.judge(self._tails.files.get(tail))
        except OSError:
            return Verdict.RESUME
        if verdict is Verdict.RESUME:
            tail.judged = (tail.size, tail.modified_ns)
        return verdict

    def _miss(self, tail: Tail, moment: Moment) -> None:
        """The file has no name any more that was looked at. While it is open it is read to its end."""
        status = self._tails.files.status(tail)
        if status is not None:
            tail.notice(status.st_size, status.st_mtime_ns, moment.now)
        unread = max(0, tail.size - tail.read.position, *(cut.end - tail.read.position for cut in tail.recut))
        if tail.gone_ns is None:
            tail.gone_ns = moment.now_ns
            self._tails.saved(tail)
            if status is None and unread > 0:
                self._lose(tail, unread, "deleted_while_closed")
        gone_s = (moment.now_ns - tail.gone_ns) / 1e9
        if (
            status is not None
            and unread <= 0
            and not tail.pending
            and moment.now - tail.grew_at >= self._settings.open_s
        ):
            self._tails.files.close(tail)
        elif status is not None and gone_s > self._settings.deleted_hold_s:
            self._lose(tail, unread, "deleted_and_held_too_long")
            self._tails.files.close(tail)
        if gone_s > self._settings.forget_s and not tail.pending:
            self._tails.forget(tail)

    def _lose(self, tail: Tail, unread: int, reason: str) -> None:
        self._counts.add(f"bytes_lost_{reason}", unread)
        _log.error("collect_bytes_lost", path=tail.seen_at, source=tail.source.id, bytes=unread, reason=reason)

    def _expire(self, moment: Moment) -> None:
        """Gives up orphans whose copy did not turn up."""
        for tail in [tail for tail in self._tails.all.values() if tail.key is None and not tail.pending]:
            if moment.now - tail.orphaned_at >= self._settings.orphan_s:
                unsent = sum(cut.end - cut.start for cut in tail.recut)
                if unsent:
                    self._lose(tail, unsent, "changed_before_resend")
                self._tails.forget(tail)

    def _report(self, skipped: dict[str, str]) -> None:
        """Counts and reports what is passed over, once for each name and reason."""
        for path, reason in sorted(skipped.items()):
            if self.skipped.get(path) != reason:
                self._counts.add(f"skipped_{reason}")
                _log.warning("collect_file_skipped", path=path, reason=reason)
        self.skipped = skipped
