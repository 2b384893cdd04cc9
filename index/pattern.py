"""The pattern: a template that stands for one or more signatures, with an id that lasts."""

import dataclasses
from typing import Literal

import polars as pl

WILDCARD = "<*>"


@dataclasses.dataclass(frozen=True)
class PatternEdit:
    """What a person did to a pattern. Kept for ever; replayed in order over whatever mining finds."""

    pattern_id: str
    action: Literal["rename", "merge", "split", "mute", "unmute"]
    argument: str
    """The new name; the pattern to merge into; empty for the others."""
    time_ns: int


@dataclasses.dataclass(frozen=True)
class PatternSet:
    """All patterns of one generation. A pure function of the store's signatures and the edits, whatever their order.

    `patterns`: rows (`pattern_id` 16 hex digits, `template`, `name`, `state` active|muted, `example`: message of the
    earliest line), by pattern_id. `name` is the rename, else the template.
    `members`: rows (`signature`, `pattern_id`), each signature once, by signature.

    The id of a pattern is that of its earliest signature (by first line's (time_ns, source, position)), in hex: it
    stays when signatures join later. One into which a person merged others keeps its own id.
    """

    patterns: pl.DataFrame
    members: pl.DataFrame


PATTERN_COLUMNS = {
    "pattern_id": pl.String,
    "template": pl.String,
    "name": pl.String,
    "state": pl.String,
    "example": pl.String,
}
MEMBER_COLUMNS = {"signature": pl.UInt64, "pattern_id": pl.String}
