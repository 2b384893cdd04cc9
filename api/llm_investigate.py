"""Investigate: a language model looks for more with the program's own tools, then supposes what may have happened."""

import dataclasses
import time
from collections.abc import Callable, Sequence

import orjson
import structlog

from api.answer import Answer, AnsweredClaim, Hypothesis, told_anew
from api.ask_step import Look, OnStep
from api.llm import Message, ModelUse, ToolCall
from api.llm_answer import Asked, Writing, enough, outcome_of, statements_of, without_model
from api.llm_check import plausible
from api.llm_pack import Pack, pack_of, rendered, tokens_of
from api.llm_prompt import prompt
from api.llm_reply import Said
from api.llm_tools import Tools
from api.sentence import quote
from api.time_text import format_time
from index.incident import EvidenceLine
from ingest.errors import InputError, ModelError

log = structlog.get_logger()

ROUNDS = 4
CALLS = 4
"""Most calls of one round that are answered (a guess: who asks more at once does not look at what comes back)."""
HYPOTHESES = 3
THOUGHT_CHARACTERS = 400
"""Of what a model says beside its calls, as much is kept for its next round (a guess)."""
_FORM = ("HYPOTHESIS:", "FOR:", "AGAINST:")


@dataclasses.dataclass
class _Investigation:
    """What is known so far."""

    pack: Pack
    messages: list[Message]
    room: int
    messages_of: Callable[[Pack], Sequence[Message]]
    """How it begins with as many statements."""
    looks: list[Look] = dataclasses.field(default_factory=list)
    lines: list[EvidenceLine] = dataclasses.field(default_factory=list)
    calls: int = 0
    tokens: int = 0
    rounds: list[tuple[int, Pack]] = dataclasses.field(default_factory=list)
    """How many messages there were before each round that looked, and what was known."""

    def forget_round(self) -> bool:
        """Take the last round out of the messages and of what is known; whether there was one."""
        if not self.rounds:
            return False
        before, self.pack = self.rounds.pop()
        del self.messages[before:]
        return True

    def add(self, message: Message) -> None:
        """Go on with a message, which takes its part of the budget."""
        self.messages.append(message)
        self.room -= tokens_of(message.content) + sum(tokens_of(call.arguments) for call in message.calls)


def investigated(
    question: str, answer: Answer, names: frozenset[str], asked: Asked, tools: Tools, on_step: OnStep
) -> Answer:
    """The deterministic `answer` with what a model supposes after up to four rounds of looking. Raises ModelError with
    the reason `cancelled` only.
    """
    words = prompt("investigate")
    ends = time.monotonic() + asked.bounds.deadline_s
    begun = _begin(question, answer, asked, tools)
    use = ModelUse(asked.model.name, words.version, asked.model.parameters, "used")
    tools.line_of = lambda name: next(
        (s.citations[0] for s in begun.pack.statements if s.id == name and s.citations), ""
    )
    writing = _Supposing(begun, names, asked)
    try:
        _look_around(begun, asked, tools, on_step, ends)
        _conclude(begun, writing, Message("user", words.said("conclude", answer.language)), ends)
    except ModelError as error:
        if error.reason == "cancelled":
            raise
        use = dataclasses.replace(
            use, outcome=outcome_of(error), why=str(error), calls=begun.calls, tokens=begun.tokens
        )
        return without_model(dataclasses.replace(answer, looks=tuple(begun.looks)), use)
    hypotheses = writing.hypotheses()
    use = dataclasses.replace(
        use,
        outcome="used" if hypotheses else "unsupported",
        calls=begun.calls,
        tokens=begun.tokens,
        refused=dict(sorted(writing.refused.items())),
    )
    log.info("model_investigated", outcome=use.outcome, looks=len(begun.looks), hypotheses=len(hypotheses))
    dropped = answer.dropped_claims + sum(writing.refused.values())
    found = dataclasses.replace(answer, looks=tuple(begun.looks), hypotheses=hypotheses, dropped_claims=dropped)
    if not hypotheses:
        return without_model(found, use)
    return dataclasses.replace(told_anew(found, found.claims, begun.lines), mode="llm", model=use)


def _begin(question: str, answer: Answer, asked: Asked, tools: Tools) -> _Investigation:
    """Half of the budget is for what is known, the rest for what will be found."""
    words = prompt("investigate")
    values = {
        "question": quote(question, 2000),
        "verdict": answer.verdict,
        "start": "" if answer.start_ns is None else format_time(answer.start_ns),
        "end": format_time(answer.end_ns),
        "rounds": str(ROUNDS),
    }
    fixed = [each.content for each in words.messages(answer.language, **values, statements="")]
    fixed += [orjson.dumps(dataclasses.asdict(tool)).decode() for tool in tools.specs]
    fixed.append(words.said("conclude", answer.language))
    room = asked.bounds.budget - asked.bounds.answer_tokens - sum(map(tokens_of, fixed))
    pack = pack_of(statements_of(answer, answer.language), room=room // 2)

    def messages_of(pack: Pack) -> Sequence[Message]:
        statements = rendered(pack.statements, asked.redaction)
        # After the statements: a secret that is known from them has no name in the question.
        hidden = {**values, "question": asked.redaction.redact(values["question"])}
        return words.messages(answer.language, **hidden, statements=statements)

    used = tokens_of(rendered(pack.statements, asked.redaction))
    return _Investigation(pack, list(messages_of(pack)), room - used, messages_of)


def _look_around(begun: _Investigation, asked: Asked, tools: Tools, on_step: OnStep, ends: float) -> None:
    """The rounds, until the model asks for nothing more, no room is left, or its window is full; then the round that
    filled it is forgotten. Raises ModelError.
    """
    for number in range(ROUNDS):
        try:
            if not (_first_look if number == 0 else _look)(begun, asked, tools, on_step, ends):
                return
        except ModelError as error:
            if error.reason != "too_long" or not begun.forget_round():
                raise
            return
        if begun.room <= 0:
            return


def _conclude(begun: _Investigation, writing: "_Supposing", last: Message, ends: float) -> None:
    """Have the model suppose from what is known, without the last round each time that it is too long. Raises
    ModelError.
    """
    while True:
        writing.pack = begun.pack
        begun.calls += 1
        try:
            begun.tokens += writing.write([*begun.messages, last], deadline_s=ends - time.monotonic()).tokens
        except ModelError as error:
            if error.reason != "too_long" or not begun.forget_round():
                raise
        else:
            return


def _first_look(begun: _Investigation, asked: Asked, tools: Tools, on_step: OnStep, ends: float) -> bool:
    """The first round, with half as many statements each time that it is too long for the model. What is found later
    has no more room than what was refused and is left out now. Raises ModelError.
    """
    while True:
        try:
            return _look(begun, asked, tools, on_step, ends)
        except ModelError as error:
            if error.reason != "too_long" or len(begun.pack.statements) < 2:
                raise
        refused = _size_of(begun.messages)
        begun.pack = begun.pack.halved()
        begun.messages = list(begun.messages_of(begun.pack))
        begun.room = min(begun.room, refused - _size_of(begun.messages))


def _size_of(messages: Sequence[Message]) -> int:
    """In tokens."""
    return sum(tokens_of(message.content) for message in messages)


def _look(begun: _Investigation, asked: Asked, tools: Tools, on_step: OnStep, ends: float) -> bool:
    """One round; whether the model asked for anything. Raises ModelError."""
    begun.calls += 1
    completion = asked.model.complete(
        begun.messages,
        tools=tools.specs,
        most_tokens=asked.bounds.answer_tokens,
        deadline_s=enough(ends - time.monotonic()),
        is_cancelled=asked.is_cancelled,
    )
    begun.tokens += completion.tokens
    calls = completion.calls[:CALLS]
    if not calls:
        return False
    begun.rounds.append((len(begun.messages), begun.pack))
    begun.add(Message("assistant", completion.text[:THOUGHT_CHARACTERS], calls=calls))
    for call in calls:
        begun.add(Message("tool", _run(call, begun, asked, tools, on_step), call_id=call.id))
    return True


def _run(call: ToolCall, begun: _Investigation, asked: Asked, tools: Tools, on_step: OnStep) -> str:
    """What the model is told of a call: new statements, or why there are none."""
    try:
        found = tools.run(call, asked.redaction.restore)
    except InputError as error:
        # It is the model's own mistake: it may ask again. A message may cut what was put back, so that nothing tells
        # any more that it is secret: then it is not told.
        if asked.redaction.restore(call.arguments) != call.arguments:
            return "error: these arguments cannot be used"
        return asked.redaction.conceal(f"error: {error} {error.hint}")
    look = Look(call.name, found.asked, found.count)
    begun.looks.append(look)
    on_step(look)
    known = len(begun.pack.statements)
    begun.pack = begun.pack.extended(found.said, room=begun.room // 2)
    begun.lines += found.lines
    told = rendered(begun.pack.statements[known:], asked.redaction, asked=True)
    return told or f"found {found.count}; nothing that is not among the statements"


class _Supposing(Writing):
    """Reads hypotheses with what speaks for and against them."""

    def __init__(self, begun: _Investigation, names: frozenset[str], asked: Asked) -> None:
        super().__init__(begun.pack, names, asked)
        self._supposed: list[tuple[str, dict[str, list[AnsweredClaim]]]] = []
        self._is_open = False

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Those for which something speaks, the best supported first, else in the model's order."""
        kept = [
            Hypothesis(text, tuple(claims["FOR:"]), tuple(claims["AGAINST:"]))
            for text, claims in self._supposed
            if claims["FOR:"]
        ]
        ranked = sorted(kept, key=lambda each: len(each.speaks_against) - len(each.speaks_for))
        return tuple(ranked[:HYPOTHESES])

    def take(self, said: Said) -> None:
        """A line of the form, or nothing."""
        form = next((each for each in _FORM if said.text.upper().startswith(each)), "")
        rest = said.text[len(form) :].strip()
        if form == "HYPOTHESIS:":
            text = self.asked.redaction.restore(rest)
            self._is_open = plausible(text, self.pack.statements, self.names)
            if self._is_open:
                self._supposed.append((text, {"FOR:": [], "AGAINST:": []}))
            else:
                self.refuse("unsupported")
        elif form and self._is_open:
            claim, refusal = self.held(Said(rest, said.ids))
            if claim is None:
                self.refuse(refusal or "empty")
            else:
                self._supposed[-1][1][form].append(claim)
