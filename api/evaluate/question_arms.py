"""Other ways to find the event that a question asks for, to measure beside the answer: each ranks events of a store."""

import dataclasses
from collections.abc import Mapping, Sequence

import polars as pl

from api.evaluate.trial import Trial
from index.bm25 import Bm25, TokenSettings, tokens
from index.generation import Generation
from index.glossary import Glossary, parse_glossary
from index.line_store import LineFilter
from index.vector import Embedder
from index.words import STOP_WORDS, words

ARMS = ("grep", "bm25_lines", "bm25_patterns", "dense", "fused")
RRF_OFFSET = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""
_NO_GLOSSARY: Glossary = parse_glossary("")


def first_appearances(ranked: Sequence[str]) -> list[str]:
    """Events in order of their first appearance, so that a result that stands for many gains nothing."""
    return list(dict.fromkeys(event for event in ranked if event))


@dataclasses.dataclass(frozen=True)
class Arms:
    """Built once for a store. `event_of_line` by line number in `lines`, `event_of_pattern` by id."""

    lines: Sequence[str]
    """Messages, lower case."""
    event_of_line: Sequence[str]
    event_of_pattern: Mapping[str, str]
    by_line: Bm25
    by_pattern: Bm25
    generation: Generation
    embedder: Embedder

    def rank(self, question: str) -> dict[str, list[str]]:
        """Events by arm, best first."""
        asked = _tokens(question)
        by_words = [key for key, _ in self.by_pattern.search(asked, len(self.event_of_pattern))]
        vectors = self.generation.pattern_vectors
        dense = [key for key, _ in vectors.search(self.embedder.embed([question]), len(vectors))[0]]
        found = {
            "grep": [self.event_of_line[row] for row in self._grepped(question)],
            "bm25_lines": [self.event_of_line[int(key)] for key, _ in self.by_line.search(asked, len(self.lines))],
            "bm25_patterns": self._events(by_words),
            "dense": self._events(dense),
            "fused": self._events(_fused([by_words, dense])),
        }
        return {arm: first_appearances(ranked) for arm, ranked in found.items()}

    def _events(self, patterns: Sequence[str]) -> list[str]:
        return [self.event_of_pattern.get(pattern, "") for pattern in patterns]

    def _grepped(self, question: str) -> list[int]:
        """Lines by how many of the question's words stand in them, then by place."""
        asked = {word.text for word in words(question) if word.text not in STOP_WORDS}
        counted = [(sum(word in line for word in asked), row) for row, line in enumerate(self.lines)]
        return [row for count, row in sorted(counted, key=lambda item: (-item[0], item[1])) if count]


def build_arms(
    trial: Trial,
    generation: Generation,
    embedder: Embedder,
    event_of_id: Mapping[tuple[str, int], str],
    event_of_pattern: Mapping[str, str],
) -> Arms:
    """The arms over what the trial holds; `event_of_id` by (source, position)."""
    stored = pl.concat(list(trial.store.scan(LineFilter(), ["source", "position", "message"])))
    stored = stored.sort("source", "position")
    messages = stored["message"].to_list()
    ids = stored.select("source", "position").iter_rows()
    patterns = generation.patterns.patterns
    templates = [_tokens(template) for template in patterns["template"].to_list()]
    return Arms(
        lines=[message.lower() for message in messages],
        event_of_line=[event_of_id.get((source, position), "") for source, position in ids],
        event_of_pattern=event_of_pattern,
        by_line=Bm25.build([str(row) for row in range(len(messages))], [_tokens(message) for message in messages]),
        by_pattern=Bm25.build(patterns["pattern_id"].to_list(), templates),
        generation=generation,
        embedder=embedder,
    )


def _tokens(text: str) -> dict[str, float]:
    return tokens(text, _NO_GLOSSARY, "document", TokenSettings())


def _fused(rankings: Sequence[Sequence[str]]) -> list[str]:
    """Equal-weight reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + 1 / (RRF_OFFSET + rank)
    return sorted(scores, key=lambda key: (-scores[key], key))
