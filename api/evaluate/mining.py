"""How well mined patterns agree with labelled templates, beside Drain3: `dejalog eval mining`."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from api.evaluate.loghub import Labels, System
from api.evaluate.metrics import mean, normalise_template, parsing
from api.evaluate.mining_peer import Drain3, drain3_version
from api.evaluate.mining_speed import speeds
from api.evaluate.report import Report, Row
from api.evaluate.trial import open_trial, pattern_of_rows
from index.pattern import PatternSet
from index.pattern_mine import mine_patterns
from ingest.signature import signature_columns

METRICS = ("GA", "PA", "FGA", "FTA")
STEPS = 10
"""Stability: mined again after each tenth of the lines."""

Assigned = tuple[list[str], list[str]]
"""A pattern id and a template (normalised) for each line."""


def evaluate_mining(systems: Sequence[System], *, tell: Callable[[str], None], with_speed: bool) -> Report:
    """Each system by ours and by Drain3, over contents and over raw lines, against each kind of label. The mean is
    ours over contents by the corrected labels, or the original ones of a system that has no others.
    """
    rows: list[Row] = []
    headline: list[dict[str, float]] = []
    for system in systems:
        tell(system.name)
        found = {"content": mined_contents(system.contents), "raw": mined_raw(system)}
        changed = stability(system.contents)
        rows += [
            {
                "system": system.name,
                "arm": "answer",
                "input": kind,
                "labels": labels.name,
                **scores(labels, found[kind]),
                "stability": changed if kind == "content" else None,
            }
            for kind in found
            for labels in system.labels
        ]
        headline.append({name: float(rows[-2 * len(system.labels)][name] or 0) for name in METRICS})
        rows += list(_peer_rows(system))
    facts = {
        "n": {"systems": len(systems), "lines": sum(len(system.contents) for system in systems)},
        "drain3": drain3_version() or "not installed, its rows are missing; the extra `bench` has it",
        "stability": "share of lines whose pattern changes after their first assignment, mined again after each tenth",
        "means": _means(rows),
    }
    if with_speed:
        tell("speed")
        facts["speed"] = speeds(systems)
    return Report("mining", rows, mean(headline), facts)


def mined_contents(contents: Sequence[str]) -> Assigned:
    """Contents as messages, one configuration for all."""
    lines = first_lines(contents)
    found = mine_patterns(lines.unique("signature", keep="first", maintain_order=True), ())
    return assigned(found, lines["signature"])


def mined_raw(system: System) -> Assigned:
    """The raw lines through collector, receiver and store."""
    with tempfile.TemporaryDirectory() as folder, open_trial(Path(folder)) as trial:
        trial.add_files([system.log])
        mined = trial.mine()
        of_row = pattern_of_rows(trial, mined, system.log)
        templates = dict(mined.patterns.patterns.select("pattern_id", "template").iter_rows())
        ids = [of_row.get(row, "") for row in range(len(system.contents))]
        return ids, [normalise_template(templates.get(each, "")) for each in ids]


def scores(labels: Labels, found: Assigned) -> dict[str, float]:
    """The metrics of one run."""
    return parsing(labels.event_ids, labels.templates, *found)


def stability(contents: Sequence[str]) -> float:
    """Share of lines whose pattern id is another at the end than when they were first mined."""
    lines = first_lines(contents)
    first: list[str] = []
    for step in range(1, STEPS + 1):
        known = lines.head(round(lines.height * step / STEPS))
        found = mine_patterns(known.unique("signature", keep="first", maintain_order=True), ())
        ids = assigned(found, known["signature"])[0]
        first += ids[len(first) :]
    return sum(one != other for one, other in zip(first, ids, strict=True)) / max(len(ids), 1)


def first_lines(messages: Sequence[str]) -> pl.DataFrame:
    """Rows as `LineStore.signatures` gives them, one a message."""
    times = pl.int_range(len(messages), dtype=pl.Int64, eager=True)
    lines = pl.DataFrame({"message": messages, "first_ns": times, "position": times})
    texts = {name: pl.lit(name) for name in ("service", "level", "source")}
    return signature_columns(lines.with_columns(**texts))


def assigned(found: PatternSet, signatures: pl.Series) -> Assigned:
    """Pattern and template of each line, by its signature."""
    templates = dict(found.patterns.select("pattern_id", "template").iter_rows())
    spelt = {pattern_id: normalise_template(template) for pattern_id, template in templates.items()}
    mined = signatures.to_frame("signature").join(found.members, on="signature", maintain_order="left")
    ids = mined["pattern_id"].to_list()
    return ids, [spelt[pattern_id] for pattern_id in ids]


def _peer_rows(system: System) -> Iterator[Row]:
    if drain3_version() is None:
        return
    raw = system.log.read_text(encoding="utf-8", errors="replace").splitlines()
    for kind, messages in (("content", system.contents), ("raw", raw[: len(system.contents)])):
        peer = Drain3()
        clusters = [peer.add(message) for message in messages]
        found = clusters, [normalise_template(peer.template(cluster)) for cluster in clusters]
        for labels in system.labels:
            names = {"system": system.name, "arm": "drain3", "input": kind, "labels": labels.name}
            yield {**names, **scores(labels, found)}


def _means(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """By arm, input and labels."""
    by_kind: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        name = f"{row['arm']} {row['input']} {row['labels']}"
        by_kind.setdefault(name, []).append({metric: float(row[metric] or 0) for metric in METRICS})
    return {name: {key: round(value, 4) for key, value in mean(found).items()} for name, found in by_kind.items()}
