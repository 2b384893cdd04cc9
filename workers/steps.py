"""The nearline steps one by one, for workers that each take one: patterns, incidents, vectors, publishing, upkeep.

A step takes its work from what is stored: it looks which step is due, does nothing when another is, and leaves a draft
for the next. So a message that starts a step is only a nudge: lost, it costs a beat; doubled, it finds nothing to do.
"""

from pathlib import Path
from typing import Any

from index.generation_build import (
    Mined,
    MinedPatterns,
    embedded_texts,
    mine_first_half,
    mine_second_half,
    read_known,
)
from index.generation_store import Stamp
from index.incident_mine import MineCache
from index.knowledge_store import KnowledgeStore
from index.line_store import KeptStore
from workers.drafts import Drafts
from workers.nearline import Nearline

Outcome = dict[str, Any]
"""What a step did, as plain values: shown to whoever watches."""
NOTHING: Outcome = {"did": "nothing"}


class Steps:
    """Over one store; `nearline` is not started: nothing of it runs but what is called here. One step at a time."""

    def __init__(self, store: KeptStore, knowledge: KnowledgeStore, nearline: Nearline, folder: Path) -> None:
        self._store = store
        self._knowledge = knowledge
        self._nearline = nearline
        self._drafts = Drafts(folder)
        self._cache = MineCache()
        nearline.take_up_saved()

    def due(self) -> str:
        """The step towards the next generation that can be done now; empty when all that is stored is published."""
        published = self._nearline.published_stamp
        begun = self._drafts.stamp("patterns")
        if begun is not None and (published is None or begun.is_newer(published)):
            for step in ("incidents", "embed"):
                if self._drafts.stamp(step) != begun:
                    return step
            return "publish"
        return "" if published == self._nearline.stamp else "patterns"

    def patterns(self) -> Outcome:
        """Mine patterns and their counts."""
        if self.due() != "patterns":
            return NOTHING
        stamp = self._nearline.stamp
        found = mine_first_half(self._store, read_known(self._knowledge, before_ns=None), as_of_ns=None)
        self._drafts.save("patterns", stamp, found)
        return {"did": "patterns", "patterns": found.patterns.patterns.height, "sequence": stamp.high_sequence}

    def incidents(self) -> Outcome:
        """Mine incidents to the patterns last found."""
        draft = self._drafts.load("patterns")
        if self.due() != "incidents" or draft is None:
            return NOTHING
        stamp, found = draft
        assert isinstance(found, MinedPatterns)
        known = read_known(self._knowledge, before_ns=None)
        mined = mine_second_half(self._store, known, found, cache=self._cache)
        self._drafts.save("incidents", stamp, mined)
        return {"did": "incidents", "incidents": len(mined.incidents), "sequence": stamp.high_sequence}

    def embed(self) -> Outcome:
        """Make the vectors that the generation will want."""
        mined = self._mined()
        if self.due() != "embed" or mined is None:
            return NOTHING
        texts = embedded_texts(mined[1])
        self._nearline.embed(texts)
        self._drafts.save("embed", mined[0], None)
        return {"did": "embed", "texts": len(texts), "sequence": mined[0].high_sequence}

    def publish(self) -> Outcome:
        """Publish what the steps before have made, unless something as new is published already."""
        mined = self._mined()
        if self.due() != "publish" or mined is None:
            return NOTHING
        if not self._nearline.publish(mined[1], mined[0]):
            return NOTHING
        generation = self._nearline.published
        return {"did": "publish", "generation": generation.id if generation else "", "sequence": mined[0].high_sequence}

    def maintain(self) -> Outcome:
        """Flush and compact what is due."""
        return {"did": "maintain"} if self._store.maintain() else NOTHING

    def retain(self) -> Outcome:
        """Drop what retention, or the limit on the disk, no longer keeps."""
        before = self._nearline.progress.dropped_lines
        self._nearline.apply_retention()
        dropped = self._nearline.progress.dropped_lines - before
        return {"did": "retain", "dropped_lines": dropped} if dropped else NOTHING

    def _mined(self) -> tuple[Stamp, Mined] | None:
        draft = self._drafts.load("incidents")
        if draft is None:
            return None
        assert isinstance(draft[1], Mined)
        return draft[0], draft[1]
