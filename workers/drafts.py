"""What one nearline step leaves for the next, in files: any step may be lost, doubled or run by another process."""

import pickle
import uuid
import zlib
from pathlib import Path

import structlog

from index.durable import sync
from index.generation_build import MINING_RULES, Mined, MinedPatterns
from index.generation_store import Stamp

_log = structlog.get_logger()

Content = MinedPatterns | Mined | None


class Drafts:
    """One draft of each name. All they hold can be computed again: one that cannot be read counts as absent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, stamp: Stamp, content: Content) -> None:
        """Replace the draft of this name, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        data = pickle.dumps((MINING_RULES, stamp, content))
        unfinished = self._folder / f"{name}.{uuid.uuid4().hex}.new"
        unfinished.write_bytes(zlib.crc32(data).to_bytes(4, "big") + data)
        sync(unfinished)
        unfinished.replace(self._folder / f"{name}.draft")

    def load(self, name: str) -> tuple[Stamp, Content] | None:
        """The stamp of the lines it was made from, and the content; None when there is none of today's rules."""
        path = self._folder / f"{name}.draft"
        if not path.exists():
            return None
        raw = path.read_bytes()
        if zlib.crc32(raw[4:]) != int.from_bytes(raw[:4], "big"):
            _log.warning("draft.damaged", name=name)
            return None
        try:
            rules, stamp, content = pickle.loads(raw[4:])  # noqa: S301 a file of ours, in our folder, with its checksum
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError, ValueError) as error:
            _log.warning("draft.of_another_version", name=name, found=str(error))
            return None
        return (stamp, content) if rules == MINING_RULES else None

    def stamp(self, name: str) -> Stamp | None:
        """That of the draft, if there is one."""
        found = self.load(name)
        return found[0] if found else None
