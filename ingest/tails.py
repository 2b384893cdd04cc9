"""All sources that are known: by id, by file, by name, with their open files and what must be remembered of them."""

import dataclasses
import os

import structlog

from ingest.collect_settings import CollectSettings, Counts
from ingest.identity import Verdict, digest
from ingest.open_files import OpenFiles
from ingest.registry import Changes, Registry, SavedSource
from ingest.source import Source, mint_source_id
from ingest.source_path import read_path
from ingest.tail import FileKey, Tail

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Moment:
    """When something is looked at: a monotonic clock for waiting, the wall clock for what is stored."""

    now: float
    now_ns: int
    is_last: bool = False
    """Nothing more will be written: what would be waited for is taken as it is."""


class Tails:
    """What must be remembered gathers in `changes` until the collector commits it."""

    def __init__(self, counts: Counts, *, host: str, settings: CollectSettings) -> None:
        self.all: dict[str, Tail] = {}
        self.files = OpenFiles(settings.max_open_files)
        self.changes = Changes()
        self.must_look = True
        """Something did not fit what the last scan showed: scan again soon."""
        self._counts = counts
        self._host = host
        self._zone = settings.zone
        self._minted: dict[bytes, int] = {}
        self._by_file: dict[FileKey, Tail] = {}
        self._by_name: dict[str, list[Tail]] = {}

    def load(self, registry: Registry, moment: Moment) -> None:
        """Takes up what the registry knows."""
        self._minted = registry.minted()
        for saved in registry.sources():
            self.add(self._from_saved(saved, moment))
        for cut in registry.cuts():
            if cut.source in self.all:
                self.all[cut.source].recut.append(cut)

    def of_file(self, key: FileKey) -> Tail | None:
        """The source that holds this file."""
        return self._by_file.get(key)

    def named(self, followed: str) -> list[Tail]:
        """All sources, whatever became of their files, that were written to under this name."""
        return self._by_name.get(followed, [])

    def add(self, tail: Tail) -> None:
        """Takes up a source with its file, if it has one."""
        self.all[tail.source.id] = tail
        self._by_name.setdefault(tail.followed, []).append(tail)
        if tail.key is not None:
            self._by_file[tail.key] = tail

    def hold(self, tail: Tail, key: FileKey, path: str) -> None:
        """From now on the source holds this file, which may be another one than before."""
        if tail.key is not None:
            self._by_file.pop(tail.key, None)
        tail.key, tail.seen_at, tail.gone_ns, tail.judged = key, path, None, None
        self._by_file[key] = tail
        self.saved(tail)

    def release(self, tail: Tail, verdict: Verdict, moment: Moment) -> None:
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

    def forget(self, tail: Tail) -> None:
        """Drops the source here and in the registry."""
        self.files.close(tail)
        del self.all[tail.source.id]
        self._by_name[tail.followed].remove(tail)
        if not self._by_name[tail.followed]:
            del self._by_name[tail.followed]
        if tail.key is not None:
            self._by_file.pop(tail.key, None)
        self.changes.sources.pop(tail.source.id, None)
        self.changes.cuts = [cut for cut in self.changes.cuts if cut.source != tail.source.id]
        self.changes.forgotten.append(tail.source.id)

    def saved(self, tail: Tail) -> None:
        """Marks the tail's row for the next commit."""
        if tail.source.id in self.all:
            self.changes.sources[tail.source.id] = tail.saved()

    def everything(self) -> Changes:
        """All that is known, for a registry that begins anew."""
        changes = Changes(minted=dict(self._minted))
        for tail in self.all.values():
            changes.sources[tail.source.id] = tail.saved()
            changes.cuts.extend([*(pending.as_cut() for pending in tail.pending), *tail.recut])
        return changes

    def source(self, source_id: str, path: str) -> Source:
        """What travels with the chunks of a source of this path."""
        fields = read_path(path)
        return Source(
            id=source_id,
            host=self._host,
            path=path,
            service=fields.service,
            namespace=fields.namespace,
            pod=fields.pod,
            container=fields.container,
            zone=self._zone,
        )

    def new_id(self, followed: str, beginning: bytes) -> str:
        """Counts sources of the same host, path and first bytes, for ever, so no two share an id."""
        same = digest(b"\0".join((self._host.encode(), os.fsencode(followed), beginning)))
        times = self._minted.get(same, 0)
        while (source_id := mint_source_id(self._host, followed, beginning, times)) in self.all:
            times += 1
        self._minted[same] = self.changes.minted[same] = times + 1
        return source_id

    def _from_saved(self, saved: SavedSource, moment: Moment) -> Tail:
        key = None if saved.device is None or saved.inode is None else (saved.device, saved.inode)
        return Tail(
            source=self.source(saved.id, saved.path),
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
