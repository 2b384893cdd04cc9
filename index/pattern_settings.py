"""What mining can be told to do otherwise: thresholds, and rules by name, so that each can be left out and measured.

One configuration is shipped, for all systems. `python -m bench.mining_leave_one_out` chooses others on some systems and
scores them on one that took no part.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

MaskRule = Literal[
    "headers",
    "header levels",
    "header loggers",
    "header hosts",
    "header columns",
    "header marks",
    "frames",
    "URLs",
    "UUIDs",
    "tokens",
    "MACs",
    "dates in words",
    "dates",
    "clocks",
    "IPv4",
    "IPv6",
    "mail",
    "hosts with port",
    "0x",
    "hex runs",
    "paths",
    "request paths",
    "units",
    "changing units",
    "sizes twice",
    "field names",
    "literals",
    "words with digits",
    "names with digits",
    "numbered names",
    "lists",
    "fields in brackets",
    "equal elements",
    "repeats",
    "joined values",
]
MergeRule = Literal[
    "states apart",
    "errors apart",
    "fields",
    "fields in colons",
    "causes apart",
    "known values",
    "nouns",
    "looks",
    "quotes",
    "requests",
    "beside values",
    "words left",
    "several holes",
]

MASK_RULES: Mapping[MaskRule, str] = {
    "headers": "the time at the beginning, and the fields before it, are no part of a message",
    "header levels": "nor are level, thread and logger after the time",
    "header loggers": "nor is a logger's name, without a level too",
    "header hosts": "nor are host and process as syslog writes them",
    "header columns": "nor are the columns of a table before the time",
    "header marks": "nor is what stands between bars or ends with `FILE:LINE]`",
    "frames": "nor are the frames of a stack trace",
    "URLs": "a URL is one value",
    "UUIDs": "a UUID is one value",
    "tokens": "a JSON web token is one value",
    "MACs": "a MAC address is one value",
    "dates in words": "`Mon May 06 07:08:09 2024` is one value",
    "dates": "a date in digits, with its clock, is one value",
    "clocks": "a clock is one value",
    "IPv4": "an IPv4 address with port or prefix is one value",
    "IPv6": "an IPv6 address is one value",
    "mail": "a mail address is one value",
    "hosts with port": "`name.example.org:80` is one value",
    "0x": "`0x1f` is one value",
    "hex runs": "eight or more hexadecimal digits are one value",
    "paths": "a path is one value",
    "request paths": "but after GET and its like only its digits are",
    "units": "a unit belongs to its number",
    "changing units": "a unit that changes with the value is not shown",
    "sizes twice": "`1024 bytes (1 KB)` is one value",
    "field names": "`a1=` is a name in spite of its digit",
    "literals": "true, false and null are values",
    "words with digits": "a word with digits is a value",
    "names with digits": "but for known names such as sha256, and words with one digit inside",
    "numbered names": "`node-12` is shown as `node-<*>`",
    "lists": "`key=[a, b, c]` has one value",
    "fields in brackets": "`Name(a=x, b=y)` and `{a: x}` have a value a field",
    "equal elements": "of equal neighbours in a list one is kept",
    "repeats": "of equal runs that hold a value one is kept",
    "joined values": "values with only signs between them are one",
}
MERGE_RULES: Mapping[MergeRule, str] = {
    "states apart": "words of a state or an opposite are never values",
    "errors apart": "names of errors are never values",
    "fields": "after `=` two words are values",
    "fields in colons": "and in `[name: value]`",
    "causes apart": "but for keys such as `status`, whose values tell what happened",
    "known values": "words that are values elsewhere are so here",
    "nouns": "after a noun such as `user` three words are values",
    "looks": "words that look like names of machines, too",
    "quotes": "between quotes four are",
    "requests": "after GET and its like it takes a dozen",
    "beside values": "beside a value a third is enough",
    "words left": "a place is compared only where as many words are left as may differ",
    "several holes": "places that vary together need as many words as any",
}


@dataclasses.dataclass(frozen=True)
class MaskSettings:
    """How a message becomes tokens."""

    rules: frozenset[MaskRule] = frozenset(MASK_RULES)
    numbered_digits: int = 3
    """`node-12` and `core.12345` show what they number; with more digits a word is an id. A guess."""
    element_tokens: int = 4
    """An element of a list of words, its comma included. A guess."""
    equal_runs: int = 2
    """Of a pair so many may stand side by side; of longer runs one less. A guess."""


@dataclasses.dataclass(frozen=True)
class MergeSettings:
    """How many different words in one place, all else equal, are values. Guesses, checked on ten systems at once
    (`dejalog eval mining`); docs/why.md tells what is lost where others are chosen without sight of a system.
    """

    rules: frozenset[MergeRule] = frozenset(MERGE_RULES)
    first_word: int = 12
    """The first word of a message is a verb or a state: it gives way only to so many (ANCHORS.md: "a dozen")."""
    word: int = 8
    """Any other word."""
    quoted: int = 4
    named: int = 3
    """After a noun such as `user`, or words that look like names of machines."""
    field: int = 2
    """After `=`, or words seen as values elsewhere."""
    beside_value: int = 3
    """Where a value stands too, one word of so many is enough."""
    holes: int = 4
    """Places that may differ at once."""


@dataclasses.dataclass(frozen=True)
class PatternSettings:
    """All of it."""

    mask: MaskSettings = MaskSettings()
    merge: MergeSettings = MergeSettings()


SHIPPED = PatternSettings()
