"""How well what was retrieved supports the question: the absolute evidence behind found, inconclusive and not found."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from api.question import Question, Unit
from api.retrieve import Ranked
from index.bm25 import Bm25

Verdict = Literal["found", "not_found", "inconclusive"]

OTHER_CAUSE = 0.5
"""A cause that an incident names with this share of the weight of the signs explains them (a guess)."""


@dataclasses.dataclass(frozen=True)
class SupportSettings:
    """Weights and thresholds. Those of patterns: measured on the tuning half of the development questions, English and
    Chinese, ten systems (docs/why.md has the curve); those of incidents: on simulated shops.
    """

    telling_weight: float = 1.0
    broad_weight: float = 0.25
    word_weight: float = 0.25
    """An uncovered word that the glossary does not know proves little: people paraphrase."""
    pattern_words: float = 0.2
    """Share of a pattern's strength that covered units give; the cosine gives the rest."""
    pattern_cosine_low: float = 0.1
    pattern_cosine_high: float = 0.5
    """Cosines that count nothing and everything."""
    pattern_found: float = 0.36
    pattern_inconclusive: float = 0.25
    """From these strengths on."""
    incident_words: float = 0.8
    """The same of an incident, whose text is long and its cosine low whatever it says."""
    presence: float = 0.48
    """Weight in an incident's text (api/retrieve_text.py) from which it speaks of a thing: that of a deviation a third
    as surprising as its strongest. What comes along every day deviates a little in many an incident (measured on
    simulated shops, seeds 1 to 5: of faults that never happened .15 are found without it and .05 with it).
    """
    shown: float = 0.7
    """A pattern that proves this much makes an incident of which it is a chief deviation an answer."""
    shown_near: float = 0.5
    """Only patterns with this share of the best one's score."""
    shown_despite: float = 0.8
    """What a pattern proves for an incident although it lacks a telling word (all three measured on the same shops:
    neighbours gain as many faults that happened as they add that never did).
    """
    cosine_low: float = 0.15
    """What a question has with lines that have nothing to do with it; below it words alone are not enough."""
    cosine_high: float = 0.6
    found: float = 0.42
    """From this strength on."""
    found_telling: float = 0.33
    """The same when all telling words of the question are there: then paraphrase of the rest matters less."""
    inconclusive: float = 0.22
    sure_cosine: float = 0.72
    """With this, one telling word of three may be missing: the sentence says the same in other words."""

    def of(self, unit: Unit) -> float:
        """What a unit weighs by its kind."""
        return {"telling": self.telling_weight, "broad": self.broad_weight, "word": self.word_weight}[unit.weight]


@dataclasses.dataclass(frozen=True)
class Support:
    """`strength` 0 to 1; `missing`: telling units that nothing of the evidence covers, in order of the question."""

    verdict: Verdict
    strength: float
    missing: tuple[Unit, ...]


@dataclasses.dataclass(frozen=True)
class IncidentTexts:
    """All incidents' texts: how rare their words are, and the tokens that name a cause in few of them."""

    words: Bm25
    causes: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Said:
    """Tokens of what one incident newly says; `bursts` without lines that were said but once or twice."""

    words: Mapping[str, float]
    bursts: Mapping[str, float]


def incident_support(
    question: Question, found: Ranked, said: Said, texts: IncidentTexts, settings: SupportSettings
) -> Support:
    """What one incident is worth as evidence."""
    if not question.units:
        return Support("inconclusive" if found.cosine >= settings.cosine_high else "not_found", 0.0, ())
    words = texts.words
    shown, chief, signs = (
        {token: weight for token, weight in each.items() if weight >= settings.presence}
        for each in (found.tokens, said.words, said.bursts)
    )
    covered = {
        unit: cover(
            unit, chief if unit.is_fault and not unit.is_kind else shown, is_incident=True, is_fault=True, signs=signs
        )
        for unit in question.units
    }
    spread = (found.cosine - settings.cosine_low) / (settings.cosine_high - settings.cosine_low)
    by_words = settings.incident_words
    share = _share(question.units, covered, words, settings)
    strength = by_words * share + (1 - by_words) * min(max(spread, 0.0), 1.0)
    missing = tuple(unit for unit in question.units if unit.weight == "telling" and covered[unit] < 0.5)
    verdict = _verdict(question, strength, missing, max(found.cosine, settings.cosine_low), settings)
    if verdict == "found" and _is_explained_otherwise(question.units, chief, texts):
        verdict = "inconclusive"
    return Support(verdict, strength, missing)


def _is_explained_otherwise(units: Sequence[Unit], chief: Mapping[str, float], texts: IncidentTexts) -> bool:
    """Whether only signs speak for a telling thing, and the incident names another cause that may have brought them."""
    telling = [unit for unit in units if unit.weight == "telling" and unit.signs and not unit.is_kind]
    shown = [unit for unit in telling if not any(token in chief for token in unit.tokens)]
    if not shown:
        return False
    asked = {token for unit in units for token in (*unit.tokens, *unit.signs)}
    signs = max(chief.get(sign, 0.0) for unit in shown for sign in unit.signs)
    return any(
        token in texts.causes and token not in asked and weight >= OTHER_CAUSE * signs
        for token, weight in chief.items()
    )


def pattern_support(
    question: Question,
    found: Ranked,
    words: Bm25,
    settings: SupportSettings,
    *,
    unspoken: Sequence[Unit],
    is_fault: bool,
) -> Support:
    """What one pattern is worth as evidence. `unspoken`: telling units that no pattern at all covers, which is what can
    truly be said to be missing; `is_fault`: it shows that something went wrong.
    """
    spread = (found.cosine - settings.pattern_cosine_low) / (settings.pattern_cosine_high - settings.pattern_cosine_low)
    spread = min(max(spread, 0.0), 1.0)
    if not question.units:
        return Support("inconclusive" if found.cosine >= settings.cosine_high else "not_found", 0.0, ())
    covered = {unit: cover(unit, found.tokens, is_incident=False, is_fault=is_fault) for unit in question.units}
    share = _share(question.units, covered, words, settings)
    strength = settings.pattern_words * share + (1 - settings.pattern_words) * spread
    telling = {unit for unit in question.units if unit.weight == "telling"} | set(unspoken)
    missing = [unit for unit in question.units if unit in telling and covered[unit] < 0.5]
    if missing:
        return Support(_despite(missing, question, found.cosine, settings), strength, tuple(unspoken))
    if strength < settings.pattern_inconclusive:
        return Support("not_found", strength, ())
    asks_fault = any(unit.is_fault for unit in question.units)
    is_found = strength >= settings.pattern_found and (is_fault or not asks_fault)
    return Support("found" if is_found else "inconclusive", strength, ())


def unspoken_units(units: Sequence[Unit], texts: Iterable[Mapping[str, float]]) -> tuple[Unit, ...]:
    """The telling units that none of the texts covers, in order; also a word that nobody could read (Chinese that the
    glossary does not know) when it is most of the question: the rest of it then says little of what is asked.
    """
    left = [unit for unit in units if unit.weight == "telling" or _is_most_of(unit, units)]
    for text in texts:
        if not left:
            break
        left = [unit for unit in left if cover(unit, text, is_incident=False, is_fault=False) < 0.5]
    return tuple(left)


def _is_most_of(unit: Unit, units: Sequence[Unit]) -> bool:
    """Whether an unread Chinese word is longer than all other units together."""
    is_unread = unit.weight == "word" and len(unit.tokens) > 1
    return is_unread and 2 * len(unit.text) > sum(len(each.text) for each in units)


def _share(units: Sequence[Unit], covered: Mapping[Unit, float], words: Bm25, settings: SupportSettings) -> float:
    """Of the units' weights how much is covered."""
    weights = {unit: _weight(unit, words, settings) for unit in units}
    return sum(weights[unit] * covered[unit] for unit in units) / sum(weights.values())


def cover(
    unit: Unit,
    tokens: Mapping[str, float],
    *,
    is_incident: bool,
    is_fault: bool,
    signs: Mapping[str, float] | None = None,
) -> float:
    """0 to 1: whether a text speaks of the unit. An incident also by its signs: a burst of them is the thing itself."""
    if unit.weight == "word" and len(unit.tokens) > 1:
        return sum(token in tokens for token in unit.tokens) / len(unit.tokens)
    if any(token in tokens for token in (unit.kinds if is_incident and unit.is_kind else unit.tokens)):
        return 1.0
    if is_incident and any(sign in (signs or ()) for sign in unit.signs) and not unit.is_kind:
        return 0.6
    return 0.5 if unit.is_fault and unit.weight == "broad" and is_fault else 0.0


def best_support(supports: Sequence[Support]) -> Support:
    """The one that proves most; earlier ones win ties."""
    order = {"found": 0, "inconclusive": 1, "not_found": 2}
    return min(supports, key=lambda support: (order[support.verdict], -support.strength))


def _weight(unit: Unit, words: Bm25, settings: SupportSettings) -> float:
    """Rare things weigh more than what every line says."""
    rarest = words.rarity("")
    rarity = min(words.rarity(token) for token in unit.tokens) / rarest if rarest > 0 else 1.0
    return settings.of(unit) * (0.3 + 0.7 * rarity)


def _verdict(
    question: Question, strength: float, missing: Sequence[Unit], cosine: float, settings: SupportSettings
) -> Verdict:
    if missing:
        return _despite(missing, question, cosine, settings)
    if strength < settings.inconclusive:
        return "not_found"
    is_told = any(unit.weight == "telling" for unit in question.units)
    enough = settings.found_telling if is_told else settings.found
    return "found" if strength >= enough and cosine >= settings.cosine_low else "inconclusive"


def _despite(
    missing: Sequence[Unit], question: Question, cosine: float, settings: SupportSettings
) -> Literal["inconclusive", "not_found"]:
    """What can still be said when telling words are missing."""
    told = sum(unit.weight == "telling" for unit in question.units)
    is_paraphrase = cosine >= settings.sure_cosine and told > 2 * len(missing)
    return "inconclusive" if is_paraphrase else "not_found"
