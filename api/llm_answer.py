"""The answer in a language model's words: it writes from checked statements, and only what they support is told.

Whatever the model does, the verdict, the numbers and the citations are those of the deterministic answer; when it is
away, slow or wrong, that answer goes out as it is and says so.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from api.answer import Answer, AnsweredClaim, OnClaim, told_anew, untold_claim
from api.llm import Completion, LanguageModel, Message, ModelUse, Outcome
from api.llm_check import supported
from api.llm_fit import Refusal, Statement
from api.llm_pack import Pack, Redaction, pack_of, rendered, tokens_of
from api.llm_prompt import prompt
from api.llm_reply import LineReader, Said
from api.llm_tools import quoted
from api.sentence import Language, quote, say
from index.generation import Generation
from ingest.errors import ModelError

log = structlog.get_logger()

LEAST_S = 0.5
"""A call with less is not made: that it fails would say nothing of the model (a guess)."""
MOST_LINES = 12
"""Of the model that are read; a model that repeats itself is stopped there (a guess)."""
_OUTCOMES: tuple[Outcome, ...] = ("away", "slow", "busy", "too_long", "resting")


@dataclasses.dataclass(frozen=True)
class ModelBounds:
    """How much of a model a question may take."""

    budget: int = 4000
    """Tokens of prompt and reply together."""
    answer_tokens: int = 400
    deadline_s: float = 20.0
    only_when_asked: bool = False
    """Only questions with `mode: llm` go to it."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A model with what bounds it, and who wants to hear of its claims and steps."""

    model: LanguageModel
    redaction: Redaction
    bounds: ModelBounds = dataclasses.field(default_factory=ModelBounds)
    on_claim: OnClaim = untold_claim
    is_cancelled: Callable[[], bool] = lambda: False


def told_by_model(question: str, answer: Answer, names: frozenset[str], asked: Asked) -> Answer:
    """The deterministic `answer` in the model's words as far as they hold, followed by what they leave out. `names` are
    the services there are, in lower case. Raises ModelError with the reason `cancelled` only.
    """
    language = answer.language
    words = prompt("answer")
    fixed = words.messages(language, question=question, verdict=answer.verdict, statements="")
    room = asked.bounds.budget - asked.bounds.answer_tokens - sum(tokens_of(message.content) for message in fixed)
    pack = pack_of(statements_of(answer, language), room=room)

    def messages_of(pack: Pack) -> tuple[Message, ...]:
        statements = rendered(pack.statements, asked.redaction)
        # After the statements: a secret that is known from them has no name in the question.
        hidden = asked.redaction.redact(quote(question, 2000))
        return words.messages(language, question=hidden, verdict=answer.verdict, statements=statements)

    writing = Writing(pack, names, asked)
    use = ModelUse(asked.model.name, words.version, asked.model.parameters, "used")
    try:
        completion = writing.write_what_fits(messages_of, deadline_s=asked.bounds.deadline_s)
    except ModelError as error:
        if error.reason == "cancelled":
            raise
        # What it had written so far may have lost its end: none of it is told.
        use = dataclasses.replace(use, outcome=outcome_of(error), why=str(error), calls=writing.calls)
        return without_model(answer, use)
    use = dataclasses.replace(
        use,
        model=completion.model or use.model,
        calls=writing.calls,
        tokens=completion.tokens,
        outcome="used" if writing.claims else "unsupported",
        refused=dict(sorted(writing.refused.items())),
    )
    log.info("model_wrote", outcome=use.outcome, kept=len(writing.claims), refused=use.refused, tokens=use.tokens)
    if not writing.claims:
        return without_model(_merged(answer, writing), use)
    return dataclasses.replace(_merged(answer, writing), model=use)


def without_model(answer: Answer, use: ModelUse) -> Answer:
    """The answer as it was, which says that no model told it."""
    said = say(f"model.{use.outcome}", answer.language)
    return dataclasses.replace(
        answer, answer=f"{answer.answer}{say('unit.sentence', answer.language)}{said}", model=use
    )


def names_of(generation: Generation) -> frozenset[str]:
    """The services that there are or that an incident remembers, in lower case."""
    services = {
        *generation.counts["service"].unique(),
        *(name for each in generation.incidents for name in each.services),
    }
    return frozenset(service.lower() for service in services if service)


def statements_of(answer: Answer, language: Language) -> list[tuple[str, tuple[str, ...]]]:
    """The answer's claims, then its cited lines in their own words."""
    said = [(claim.text, claim.citations) for claim in answer.claims]
    heads = {line.id: quoted(line, language).partition("“")[0] for line in answer.citations}
    told = {line for claim in answer.claims for line in claim.citations if claim.text.startswith(heads[line])}
    return said + [(quoted(line, language), (line.id,)) for line in answer.citations if line.id not in told]


def outcome_of(error: ModelError) -> Outcome:
    """What an answer says of an error."""
    known: Mapping[str, Outcome] = {each: each for each in _OUTCOMES}
    return known.get(error.reason, "wrong")


def enough(left_s: float) -> float:
    """The time that is left for a call. Raises ModelError where it is too short to tell anything of the model."""
    if left_s < LEAST_S:
        raise ModelError("no time was left to ask the model", reason="slow")
    return left_s


class Writing:
    """A model at work: its lines are read as they come, and each is held against the pack."""

    def __init__(self, pack: Pack, names: frozenset[str], asked: Asked) -> None:
        self.pack = pack
        self.names = names
        self.asked = asked
        self.claims: list[AnsweredClaim] = []
        self.rested_on: set[str] = set()
        """Ids of the statements that the claims tell."""
        self.refused: dict[Refusal, int] = {}
        self.calls = 0
        self._lines = 0

    def write_what_fits(self, messages_of: Callable[[Pack], Sequence[Message]], *, deadline_s: float) -> Completion:
        """Have it write once from as much of the pack as its window holds: half as much each time that it is too long.
        Raises ModelError.
        """
        ends = time.monotonic() + deadline_s
        while True:
            try:
                return self.write(messages_of(self.pack), deadline_s=ends - time.monotonic())
            except ModelError as error:
                if error.reason != "too_long" or len(self.pack.statements) < 2:
                    raise
            self.pack = self.pack.halved()

    def write(self, messages: Sequence[Message], *, deadline_s: float) -> Completion:
        """Have it write once. Raises ModelError."""
        reader = LineReader()
        self.calls += 1

        def hear(piece: str) -> None:
            for said in reader.feed(piece):
                self._line(said)

        try:
            completion = self.asked.model.complete(
                messages,
                most_tokens=self.asked.bounds.answer_tokens,
                deadline_s=enough(deadline_s),
                on_text=hear,
                is_cancelled=lambda: self._lines > MOST_LINES or self.asked.is_cancelled(),
            )
        except ModelError as error:
            if error.reason != "cancelled" or self.asked.is_cancelled():
                raise
            return Completion("", finish="length")  # it went on and on; what it said before counts
        if completion.finish != "length":
            for said in reader.rest():
                self._line(said)
        return completion

    def _line(self, said: Said) -> None:
        self._lines += 1
        if self._lines <= MOST_LINES:
            self.take(said)

    def take(self, said: Said) -> None:
        """A line of the model: a claim, or refused."""
        claim, refusal = self.held(said)
        if refusal is not None:
            self.refuse(refusal)
        elif claim is not None and claim not in self.claims:
            self.claims.append(claim)
            self.asked.on_claim(claim)

    def refuse(self, why: Refusal) -> None:
        """Count a line that is not told."""
        self.refused[why] = self.refused.get(why, 0) + 1

    def held(self, said: Said) -> tuple[AnsweredClaim | None, Refusal | None]:
        """The line as a claim, or why it is none."""
        cited = self.pack.named(said.ids)
        if not cited:
            return None, "citation"
        text = self.asked.redaction.restore(said.text)
        rests_on, refusal = supported(text, cited, self.names)
        if refusal is not None:
            return None, refusal
        if not all(statement.citations for statement in rests_on):
            return None, "citation"  # that nothing was found has no line to show it
        self.rested_on |= {statement.id for statement in rests_on}
        return AnsweredClaim(text, _citations(rests_on)), None


def _citations(statements: Sequence[Statement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for statement in statements for line in statement.citations))


def _merged(answer: Answer, writing: Writing) -> Answer:
    """The model's claims first; what none of them tells stays as it was."""
    counted = dataclasses.replace(answer, dropped_claims=answer.dropped_claims + sum(writing.refused.values()))
    if not writing.claims:
        return counted
    told = {statement.text for statement in writing.pack.statements if statement.id in writing.rested_on}
    claims = (*writing.claims, *(claim for claim in answer.claims if claim.text not in told))
    return dataclasses.replace(told_anew(counted, claims), mode="llm")
