"""The lines that the answer before cited, quoted: each is read again and checked as every claim is."""

import time
from collections.abc import Sequence

from api.answer import Answer, AnsweredClaim, fingerprint, in_order, told_as_text
from api.check import check
from api.check_records import place_of
from api.conversation import Slots
from api.evidence import as_evidence
from api.plan_incident import quote_claim
from api.question import Carried, carried_said
from api.sentence import Language, say
from index.generation import Generation
from index.incident import EvidenceLine
from index.line_store import HighWater, LineStore

SURE = 0.99
"""Of lines that are there: as of any answer whose claims all hold."""


def lines_answer(
    slots: Slots,
    language: Language,
    carried: Sequence[Carried],
    store: LineStore,
    generation: Generation,
    as_of_ns: int,
) -> Answer:
    """Two round trips: the lines, then their check. Raises RefusedError."""
    began = time.perf_counter()
    lines, high_water = _kept_lines(slots.lines, store, generation, as_of_ns)
    checked = check([quote_claim(line, language) for line in lines], store=store, generation=generation)
    claims = tuple(AnsweredClaim(claim.text, claim.citations) for claim in checked.claims)
    headline = say("verdict.lines" if claims else "verdict.lines_gone", language)
    return Answer(
        answer=told_as_text([headline, *(claim.text for claim in claims)], language),
        kind="list",
        verdict="found" if claims else "not_found",
        confidence=round(SURE * len(claims) / (len(claims) + checked.dropped), 2) if claims else SURE,
        language=language,
        headline=(headline,),
        mode="deterministic",
        start_ns=high_water.first_ns if slots.start_ns is None else slots.start_ns,
        end_ns=as_of_ns if slots.end_ns is None else min(slots.end_ns, as_of_ns),
        assumed=slots.start_ns is None and slots.end_ns is None,
        claims=claims,
        citations=in_order(checked),
        patterns=(),
        similar=(),
        next_queries=slots.queries,
        read_as=say("read.lines", language) + carried_said(carried, language),
        revision=f"{generation.id}-{fingerprint(high_water)}",
        as_of_ns=as_of_ns,
        dropped_claims=checked.dropped,
        took_ms=round((time.perf_counter() - began) * 1000),
    )


def _kept_lines(
    wanted: Sequence[str], store: LineStore, generation: Generation, as_of_ns: int
) -> tuple[list[EvidenceLine], HighWater]:
    """By time; what retention has dropped comes from the incident that kept a copy."""
    batch = store.batch()
    read = batch.read([place for line in wanted if (place := place_of(line)) is not None])
    high_water = batch.high_water(before_ns=as_of_ns)
    batch.run()
    copies = {line.id: line for incident in generation.incidents for line in incident.evidence}
    found = {line.id: line for line in as_evidence(read.value, generation)}
    lines = [line for each in wanted if (line := found.get(each) or copies.get(each)) and line.time_ns < as_of_ns]
    return sorted(lines, key=lambda line: (line.time_ns, line.source, line.position)), high_water.value
