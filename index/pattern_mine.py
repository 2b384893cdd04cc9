"""From all signatures of a store, and what people did to patterns, to the patterns of a generation."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import polars as pl

from index.pattern import MEMBER_COLUMNS, PATTERN_COLUMNS, PatternEdit, PatternSet
from index.pattern_lex import Token
from index.pattern_mask import tokens
from index.pattern_merge import merge
from index.pattern_settings import SHIPPED, MaskSettings, PatternSettings


@dataclasses.dataclass
class _Pattern:
    """A pattern while edits are replayed. Numbers are those of signatures in order of their first lines."""

    founder: int
    template: str
    members: list[int]
    name: str = ""
    muted: bool = False
    merged: list["_Pattern"] = dataclasses.field(default_factory=list)
    """Patterns that people merged into this one, as they were then."""


def mine_patterns(
    signatures: pl.DataFrame, edits: Sequence[PatternEdit], settings: PatternSettings = SHIPPED
) -> PatternSet:
    """Patterns of `signatures` (rows as `LineStore.signatures` gives them, in any order), edits replayed in order.

    A signature under which a service over its budget counts (`signature` = `shape`) is a pattern of its own. An edit
    applies to whatever pattern now holds the signature that its `pattern_id` names, and to none when it is not there.
    A pattern into which others were merged keeps its id, name and template; each other one has the id of its earliest
    signature.
    """
    ordered = signatures.sort("first_ns", "source", "position", "signature")
    messages = ordered["message"].to_list()
    replay = _Replay(ordered["signature"].to_list(), messages, settings.mask)
    for pattern in _mined(messages, (ordered["signature"] == ordered["shape"]).to_list(), settings):
        replay.add(pattern)
    for edit in edits:
        replay.apply(edit)
    return replay.result()


def _mined(messages: list[str], is_catch_all: list[bool], settings: PatternSettings) -> Iterable[_Pattern]:
    merging = [number for number in range(len(messages)) if not is_catch_all[number]]
    for group in merge([tokens(messages[number], settings.mask) for number in merging], settings.merge):
        members = [merging[member] for member in group.members]
        yield _Pattern(members[0], _template(group.tokens), members)
    for number, message in enumerate(messages):
        if is_catch_all[number]:
            yield _Pattern(number, _template(tokens(message, settings.mask)), [number])


def _template(parts: Sequence[Token]) -> str:
    return "".join((" " if part.space and at else "") + part.text for at, part in enumerate(parts))


class _Replay:
    """Patterns by member, and what edits do to them."""

    def __init__(self, signatures: list[int], messages: list[str], settings: MaskSettings) -> None:
        self._signatures = signatures
        self._messages = messages
        self._settings = settings
        self._number = {signature: number for number, signature in enumerate(signatures)}
        self._pattern_of: dict[int, _Pattern] = {}

    def add(self, pattern: _Pattern) -> None:
        for member in pattern.members:
            self._pattern_of[member] = pattern

    def apply(self, edit: PatternEdit) -> None:
        number = self._find(edit.pattern_id)
        if number is None:
            return
        pattern = self._pattern_of[number]
        actions: dict[str, Callable[[], None]] = {
            "rename": lambda: setattr(pattern, "name", edit.argument),
            "mute": lambda: setattr(pattern, "muted", True),
            "unmute": lambda: setattr(pattern, "muted", False),
            "merge": lambda: self._merge(pattern, self._find(edit.argument)),
            "split": lambda: self._split(pattern, number, edit.argument),
        }
        actions[edit.action]()

    def result(self) -> PatternSet:
        patterns = {id(pattern): pattern for pattern in self._pattern_of.values()}.values()
        rows = [
            (
                self._id(pattern.founder),
                pattern.template,
                pattern.name or pattern.template,
                "muted" if pattern.muted else "active",
                self._messages[min(pattern.members)],
            )
            for pattern in patterns
        ]
        members = [(self._signatures[number], self._id(p.founder)) for number, p in self._pattern_of.items()]
        return PatternSet(
            pl.DataFrame(rows, schema=PATTERN_COLUMNS, orient="row").sort("pattern_id"),
            pl.DataFrame(members, schema=MEMBER_COLUMNS, orient="row").sort("signature"),
        )

    def _merge(self, pattern: _Pattern, into: int | None) -> None:
        target = None if into is None else self._pattern_of[into]
        if target is None or target is pattern:
            return
        target.merged.append(pattern)
        target.members = target.members + pattern.members
        for member in pattern.members:
            self._pattern_of[member] = target

    def _split(self, pattern: _Pattern, number: int, argument: str) -> None:
        """Take out the signatures named; or what was merged by hand; or else undo what mining joined by statistics."""
        named = {found for word in argument.replace(",", " ").split() if (found := self._find(word)) is not None}
        if named:
            for member in sorted(named.intersection(pattern.members)):
                self._leave(pattern, [member])
            return
        if pattern.merged:
            chosen = [part for part in pattern.merged if number in part.members] or pattern.merged[:]
            for part in chosen:
                pattern.merged.remove(part)
                part.members = [member for member in part.members if self._pattern_of[member] is pattern]
                pattern.members = [member for member in pattern.members if member not in set(part.members)]
                self.add(part)
            return
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for member in sorted(pattern.members):
            alike[tuple(token.key for token in self._tokens(member))].append(member)
        parts = list(alike.values()) if len(alike) > 1 else [[member] for member in sorted(pattern.members)]
        for part_members in parts:
            if pattern.founder not in part_members:
                self._leave(pattern, part_members)
        pattern.template = _template(self._tokens(pattern.founder))

    def _leave(self, pattern: _Pattern, members: list[int]) -> None:
        """These members become a pattern of their own, unless they are all there is."""
        remaining = [member for member in pattern.members if member not in set(members)]
        if not remaining:
            return
        pattern.members = remaining
        if pattern.founder in members:
            pattern.founder = min(remaining)
        self.add(_Pattern(min(members), _template(self._tokens(min(members))), members))

    def _tokens(self, number: int) -> Sequence[Token]:
        return tokens(self._messages[number], self._settings)

    def _find(self, pattern_id: str) -> int | None:
        try:
            return self._number.get(int(pattern_id, 16))
        except ValueError:
            return None

    def _id(self, number: int) -> str:
        return f"{self._signatures[number]:016x}"
