"""Whom a service's deviating lines speak of: read from the messages, since templates mask names that vary."""

import re
from collections.abc import Sequence

import polars as pl

from index.incident_find import Span
from index.incident_span import Feature
from index.line_store import LineFilter, LineReader

MOST_LINES_EACH = 60
"""So many lines of a pattern of a service are read, the earliest of the span (a guess: enough for shares)."""
MESSAGE_CHARACTERS = 1024
"""A peer is named before the stack trace begins (a guess)."""
_AFFIXES = {"svc", "service", "server", "srv", "app", "api", "ts", "ms"}
"""Parts of service names that messages may leave out."""
_LINES = {"service": pl.String, "pattern_id": pl.String, "message": pl.String}

Named = dict[str, dict[str, float]]
"""By feature name: each service that it speaks of, with the share of its lines that do; shares sum to 1 at most."""


def read_named(
    store: LineReader, members: pl.DataFrame, span: Span, found: Sequence[Feature], services: Sequence[str]
) -> Named:
    """Of what was newly said in the span; what fell silent accuses nobody. One scan."""
    told = [feature for feature in found if feature.pattern_id and feature.kind in {"appeared", "burst"}]
    shares = shares_named(_read(store, members, span, told), services)
    return {
        feature.name: shares[feature.service, feature.pattern_id]
        for feature in told
        if (feature.service, feature.pattern_id) in shares
    }


def _read(store: LineReader, members: pl.DataFrame, span: Span, told: Sequence[Feature]) -> pl.DataFrame:
    """The first lines of each of these patterns of each service, as rows of `_LINES`."""
    wanted = members.filter(pl.col("pattern_id").is_in([feature.pattern_id for feature in told]))
    kept = pl.DataFrame(schema=_LINES)
    if wanted.is_empty():
        return kept
    where = LineFilter(
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        services=tuple(sorted({feature.service for feature in told})),
        signatures=tuple(wanted["signature"].to_list()),
    )
    key, order = ["service", "pattern_id"], ["time_ns", "source", "position"]
    frames = [
        frame.join(wanted, on="signature").sort(order).group_by(key, maintain_order=True).head(MOST_LINES_EACH)
        for frame in store.scan(where, ["service", "signature", "message", *order])
    ]
    if not frames:
        return kept
    first = pl.concat(frames).sort(order).group_by(key, maintain_order=True).head(MOST_LINES_EACH)
    return first.select(*key, pl.col("message").str.slice(0, MESSAGE_CHARACTERS))


def shares_named(lines: pl.DataFrame, services: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
    """By (service, pattern_id) of rows of `_LINES`: the services named, a line that names several parted among them."""
    if lines.is_empty() or not services:
        return {}
    names = sorted(services)
    speaks = lines.select(
        "service",
        "pattern_id",
        *(
            (pl.col("message").str.contains(name_pattern(name)) & (pl.col("service") != name)).alias(f"{place}")
            for place, name in enumerate(names)
        ),
    )
    marks = [pl.col(f"{place}") for place in range(len(names))]
    speaking = pl.sum_horizontal(marks)
    parted = speaks.with_columns([mark / pl.max_horizontal(speaking, 1) for mark in marks])
    shares: dict[tuple[str, str], dict[str, float]] = {}
    for service, pattern_id, *row in parted.group_by("service", "pattern_id").mean().iter_rows():
        named = {name: share for name, share in zip(names, row, strict=True) if share}
        if named:
            shares[service, pattern_id] = named
    return shares


def name_pattern(service: str) -> str:
    """A regular expression (Rust syntax) for the service's name where it stands by itself, whatever joins its words.

    The parts that every name has may be missing. What is left of a name may be an everyday word, so it then must stand
    as an address does (`//stock/`, `stock:8080`); and a word before a number is a thing (`order 17`), not a service.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", service)
    parts = [part for part in re.split(r"[-_. ]+", words.lower()) if part]
    core = [part for part in parts if part not in _AFFIXES]
    forms = [f"{pl.escape_regex(service)}{_THING if len(parts) == 1 else _END}"]
    whole = {tuple(parts), tuple(parts[1:]) if core != parts and parts[0] in _AFFIXES else tuple(parts), tuple(core)}
    for form in sorted(whole):
        joined = "[-_. ]?".join(pl.escape_regex(part) for part in form)
        if len(form) > 1:
            forms.append(f"{joined}{_END}")
        elif form and len(parts) > 1:
            forms += [f"//{joined}{_END}", rf"{joined}:\d"]
    return f"(?i)(?:^|[^\\w-])(?:{'|'.join(forms)})"


_END = r"(?:$|[^\w-])"
_THING = r"(?:$|[^\w\s#=-]|[#=-]?\s+[^\s\d#=]|\s+$)"
