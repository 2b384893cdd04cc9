"""How well the checker tells true claims from damaged ones; which is which is decided by the judge alone."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from api.answer import answer_json
from api.check import check
from api.claim import Claim
from api.evaluate.answers import JudgedShop, as_read
from api.evaluate.answers_questions import Asked
from api.evaluate.damage import Damaged, Kind, Surroundings, Way, damages
from api.evaluate.judge_files import SECOND_NS, PlainLine
from api.time_text import format_time
from ingest.line import line_id

STRIDE = 997
"""Every so many lines one is kept to cite wrongly (a prime, so that no rhythm of the files is met)."""


@dataclasses.dataclass(frozen=True)
class Checks:
    """What became of true claims and of damaged ones."""

    kept: tuple[bool, ...] = ()
    """Of each true claim, whether the checker kept it."""
    unjudged: int = 0
    """Drafted claims that are not used: the judge does not call them right."""
    rejected: tuple[tuple[Kind, Way, bool], ...] = ()
    """Of each damaged claim, whether the checker rejected it."""
    left_out: int = 0
    """Damaged claims that the judge does not call wrong."""
    missed: tuple[str, ...] = ()
    """What the checker got wrong, in words."""

    def __add__(self, other: "Checks") -> "Checks":
        return Checks(
            self.kept + other.kept,
            self.unjudged + other.unjudged,
            self.rejected + other.rejected,
            self.left_out + other.left_out,
            self.missed + other.missed,
        )


def check_shop(shop: JudgedShop) -> Checks:
    """Harvest what the shop's answers would claim, damage it, and have the checker judge both."""
    around = Surroundings(shop.judge.log.services, tuple(_some_lines(shop)))
    true, damaged, unjudged, left_out = [], [], 0, 0
    seen: set[str] = set()
    for asked in shop.asked:
        claims = shop.world.draft(asked.text, now_ns=asked.now_ns)
        context = _as_answer(shop, asked, claims)
        for place, claim in enumerate(claims):
            if claim.text in seen:
                continue
            seen.add(claim.text)
            if shop.judge.judge_claim(context, place).outcome != "right":
                unjudged += 1
                continue
            true.append(claim)
            for each in damages(claim, around, turn=len(true)):
                lie = _as_answer(shop, asked, [*claims[:place], each.claim, *claims[place + 1 :]])
                is_wrong = shop.judge.judge_claim(lie, place).outcome == "wrong"
                damaged += [each] if is_wrong else []
                left_out += not is_wrong
    return _checked(shop, true, damaged, unjudged, left_out)


def _checked(
    shop: JudgedShop, true: Sequence[Claim], damaged: Sequence[Damaged], unjudged: int, left_out: int
) -> Checks:
    believed = set(_believed(shop, true))
    fooled = set(_believed(shop, [each.claim for each in damaged]))
    missed = [f"dropped though true: {claim.text}" for claim in true if claim not in believed]
    missed += [
        f"kept though damaged ({each.kind}, {each.way}): {each.claim.text} {list(each.claim.citations)},"
        f" was {each.original.text} {list(each.original.citations)}"
        for each in damaged
        if each.claim in fooled
    ]
    return Checks(
        kept=tuple(claim in believed for claim in true),
        unjudged=unjudged,
        rejected=tuple((each.kind, each.way, each.claim not in fooled) for each in damaged),
        left_out=left_out,
        missed=tuple(missed),
    )


def _believed(shop: JudgedShop, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    return check(claims, store=shop.world.store, generation=shop.world.generation).claims


def _as_answer(shop: JudgedShop, asked: Asked, claims: Sequence[Claim]) -> dict[str, Any]:
    """An answer that makes these claims, checked by nobody, with its citations as they stand in the files."""
    answer = as_read(_answer_of(shop, asked), asked)
    ids = dict.fromkeys(line for claim in claims for line in claim.citations)
    lines = {each: line for each in ids if (line := shop.judge.line_of(each)) is not None}
    return {
        **answer,
        "claims": [{"text": claim.text, "citations": list(claim.citations)} for claim in claims],
        "citations": [_citation(each, line) for each, line in lines.items()],
    }


def _answer_of(shop: JudgedShop, asked: Asked) -> dict[str, Any]:
    """Its window and what it lists do not depend on its claims."""
    if asked not in shop.answered:
        shop.answered[asked] = answer_json(shop.world.ask(asked.text, now_ns=asked.now_ns))
    return shop.answered[asked]


def _citation(each: str, line: PlainLine) -> dict[str, str]:
    return {"id": each, "time": format_time(line.time_ns), "service": line.service, "message": line.texts[0]}


def _some_lines(shop: JudgedShop) -> Iterator[str]:
    for source, path in sorted(shop.world.files.items()):
        lines = [
            line
            for line in shop.judge.log.lines_of(shop.judge.service_of(path.name))
            if line.file == path.name and line.time_ns > SECOND_NS
        ]
        for line in lines[::STRIDE]:
            yield line_id(source, line.offset)


def checker_rows(checks: Checks) -> list[dict[str, str | float | int | None]]:
    """One row for true claims, one for each kind of damage and way."""
    rows: list[dict[str, str | float | int | None]] = [
        {"what": "checker", "of": "true claims", "n": len(checks.kept), "kept": _share(checks.kept)}
    ]
    for kind, way in dict.fromkeys((kind, way) for kind, way, _ in sorted(checks.rejected)):
        found = [rejected for one, other, rejected in checks.rejected if (one, other) == (kind, way)]
        rows.append({"what": "checker", "of": f"{kind}, {way}", "n": len(found), "rejected": _share(found)})
    return rows


def checker_means(checks: Checks) -> dict[str, float]:
    """`true_kept` and `damaged_rejected`."""
    return {
        "true_kept": _share(checks.kept) or 0.0,
        "damaged_rejected": _share([rejected for *_, rejected in checks.rejected]) or 0.0,
    }


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
