"""What people said and what outlives the lines, as the rest of Dejalog sees it; the contract of its keepers stands in
`tests/index/knowledge_contract.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from index.incident import Incident, Note
from index.pattern import PatternEdit


class KnowledgeStore(Protocol):
    """Pattern edits, notes, feedback, views, channels' defaults, and incidents once found. Safe to use from any thread.

    What a method has written, each later call sees, in this process and in others. `before_ns` hides what was made at
    that time or later. Raises DamagedError, RefusedError or StorageFullError when the keeper does.
    """

    def close(self) -> None:
        """Give back what it holds; nothing is lost without it."""

    def add_edit(self, edit: PatternEdit) -> None:
        """Keep an edit after all earlier ones."""

    def edits(self, *, before_ns: int | None = None) -> tuple[PatternEdit, ...]:
        """In the order in which they were made, the same for everybody."""

    def add_note(self, note: Note) -> Note:
        """Keep it; returns it with its id, which is of its content: the same note given twice is kept once."""

    def notes(self, *, before_ns: int | None = None) -> tuple[Note, ...]:
        """By (time_ns, note_id). Of a document only those of its last reading before then."""

    def add_feedback(self, feedback: Mapping[str, Any]) -> None:
        """Keep what a user thought of an answer, an incident or a pattern; its time is its field `time_ns`, else 0."""

    def feedback(self, *, before_ns: int | None = None) -> tuple[dict[str, Any], ...]:
        """In the order in which it was given."""

    def save_view(self, name: str, view: Mapping[str, Any]) -> None:
        """Keep a view under its name, in place of an older one."""

    def views(self) -> dict[str, dict[str, Any]]:
        """All views, by name."""

    def view(self, name: str) -> dict[str, Any] | None:
        """The view of a name; None where there is none."""

    def delete_view(self, name: str) -> bool:
        """Whether there was one."""

    def save_channel(self, name: str, defaults: Mapping[str, Any]) -> None:
        """Keep what holds for the questions of a chat channel, in place of what did."""

    def channel(self, name: str) -> dict[str, Any] | None:
        """What holds for a channel; None where nothing was kept."""

    def channels(self) -> dict[str, dict[str, Any]]:
        """All channels with what holds for them, by name."""

    def tell_once(self, key: str, *, time_ns: int) -> bool:
        """Whether this is the first call with the key, by whatever process: of several at once one is. It counts until
        `untell` or `forget_told`.
        """

    def untell(self, key: str) -> None:
        """Nobody was told after all: the next `tell_once` is the first."""

    def forget_told(self, *, before_ns: int) -> None:
        """Forget the keys told before a time."""

    def keep_incidents(self, incidents: Sequence[Incident], *, floor_ns: int) -> None:
        """Make `incidents` all that is kept from `floor_ns` on, at once. Those that start earlier stay as they are; an
        incident that meets one of them in time and shares a service with it is left out. Of two processes that do so
        at once, one is the last.
        """

    def incidents(self, *, before_ns: int | None = None) -> tuple[Incident, ...]:
        """Kept incidents by (start_ns, incident_id); with `before_ns` those that had ended by then."""

    def freeze(self, *, before_ns: int) -> None:
        """From now on incidents that start before this are those kept, not mined again. The boundary only grows."""

    def frozen_before_ns(self) -> int | None:
        """The boundary that `freeze` set last; None before the first time."""

    def revision(self, *, before_ns: int | None = None) -> int:
        """A number that grows with whatever changes a generation as of then: edits, notes, freezes."""
