"""Answers a turn of a conversation: small talk, the cited lines once more, or the question that the turn means."""

import dataclasses
import secrets
from collections.abc import Callable

from api import parts
from api.answer import Answer, AskSettings, ask
from api.ask_step import OnStep, untold
from api.conversation import Slots, answered
from api.conversation_keep import Conversations
from api.conversation_lines import lines_answer
from api.conversation_merge import Given, merged, next_slots, question_of
from api.conversation_read import Heard, hear, language_of, small_talk
from api.question import Carried, Question
from api.retrieve import retrieval_of
from api.sentence import Language, say
from index.generation import Generation
from index.glossary import Glossary, own_glossary
from index.incident_learned import NOTHING_LEARNED, Learned
from index.line_store import LineStore
from index.vector import Embedder

NEW = "new"
"""The conversation_id that asks for one to be made."""
MOST_LOOKS = 4
"""Questions of earlier turns that are asked again, where a caller sends its turns and a later one refers to what was
found (a guess: who steps further back names a time)."""
MOST_TURNS = 50
"""Earlier turns that are read (a guess)."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What a turn is answered from. `generation` is called only where anything is searched."""

    generation: Callable[[], Generation]
    store: LineStore
    embedder: Embedder
    now_ns: int
    settings: AskSettings = dataclasses.field(default_factory=AskSettings)
    on_step: OnStep = untold
    learned: Callable[[Generation], Learned] = lambda _generation: NOTHING_LEARNED
    """What people said of the incidents of a generation."""
    tell: Callable[[str, Answer], Answer] = lambda _question, answer: answer
    """Has a language model tell an answer, if there is one, given the question in words."""


def conversation_id_of(given: str) -> str:
    """The id of the conversation, a new one if that is asked for: not to be guessed."""
    return secrets.token_urlsafe(16) if given == NEW else given


def answer_turn(question: parts.Question, conversations: Conversations, source: Source) -> Answer:
    """Answer it. Without a conversation_id and turns before it, nothing is looked up and nothing kept."""
    as_of_ns = source.now_ns if question.as_of_ns is None else question.as_of_ns
    if talk := small_talk(question.text):
        return _spoken(say(f"talk.{talk}", language_of(question.text)), "read.talk", question.text, as_of_ns)
    turn = _Turn(question, source, as_of_ns)
    if not question.conversation_id and not question.before:
        return turn.alone()
    slots = conversations.recall(question.conversation_id) if question.conversation_id else None
    for text in question.before[-MOST_TURNS:]:
        slots = turn.replayed(text, slots)
    answer, kept = turn.answer(slots)
    if question.conversation_id and kept is not None:
        conversations.keep(question.conversation_id, kept)
    return answer


class _Turn:
    """One turn at work."""

    def __init__(self, question: parts.Question, source: Source, as_of_ns: int) -> None:
        self.question = question
        self.source = source
        self.as_of_ns = as_of_ns
        self.generation = source.generation()
        self.learned = source.learned(self.generation)
        index = retrieval_of(self.generation, own_glossary(), source.settings.retrieve)
        self.glossary: Glossary = index.glossary
        self.services = index.services
        self.looks = MOST_LOOKS
        self.chain: list[Slots] = []
        """Of the turns that were replayed since the last one with a topic of its own, oldest first."""

    def alone(self) -> Answer:
        """As a question that nothing came before."""
        return self.source.tell(self.question.text, self._ask(self.question.text))

    def replayed(self, text: str, slots: Slots | None) -> Slots | None:
        """The slots after an earlier turn, which is read and not answered."""
        if small_talk(text):
            return slots
        heard = self._heard(text)
        if slots is None and _is_loose(heard):
            return None
        if heard.asks and slots is not None and not heard.has_topic:
            return slots
        if heard.needs_answer and slots is not None:
            slots = self._looked_up(slots)
        if slots is None or heard.has_topic:
            self.chain.clear()
        else:
            self.chain.append(slots)
        return next_slots(heard, self._meant(heard, slots, Given()), slots)

    def answer(self, slots: Slots | None) -> tuple[Answer, Slots | None]:
        """The answer and what is kept after it."""
        heard = self._heard(self.question.text)
        if slots is None and _is_loose(heard):
            language = heard.language or "en"
            return _spoken(say("talk.loose", language), "read.loose", heard.text, self.as_of_ns), None
        if heard.needs_answer and slots is not None:
            slots = self._looked_up(slots)
        given = Given(self.question.start_ns, self.question.end_ns, self.question.services)
        if heard.asks == "lines" and slots is not None and not heard.has_topic:
            return self._lines(heard, slots, given)
        meant = self._meant(heard, slots, given)
        answer = self._ask(meant)
        # A model knows nothing of the turns before: it is told how the follow-up was understood.
        answer = self.source.tell(f"{heard.text} ({answer.read_as})" if meant.carried else heard.text, answer)
        if meant.subject and slots is not None:
            return answer, slots
        return answer, answered(next_slots(heard, meant, slots), answer, None if heard.has_topic else slots)

    def _lines(self, heard: Heard, slots: Slots, given: Given) -> tuple[Answer, Slots]:
        """The lines that the answer before cited; of another time or service, those that its answer would cite."""
        carried: tuple[Carried, ...] = ("incident",) if slots.incident else ("topic",)
        if heard.is_moved:
            meant = self._meant(heard, slots, given)
            slots, carried = answered(next_slots(heard, meant, slots), self._ask(meant)), meant.carried
        language = self.question.language or heard.language or slots.language
        return lines_answer(slots, language, carried, self.source.store, self.generation, self.as_of_ns), slots

    def _looked_up(self, slots: Slots) -> Slots:
        """The slots with what their question finds, where that is not known: after the turns that led to it, since the
        incident at hand may be one that an earlier of them found.
        """
        before: Slots | None = None
        for each in [*self.chain, slots][-self.looks :] if self.looks else []:
            if each.is_answered:
                before = each
                continue
            self.looks -= 1
            before = answered(each, self._ask(question_of(each, self.glossary)), before)
        self.chain.clear()
        return before or slots

    def _heard(self, text: str) -> Heard:
        return hear(text, now_ns=self.as_of_ns, glossary=self.glossary, services=self.services)

    def _meant(self, heard: Heard, slots: Slots | None, given: Given) -> Question:
        return merged(heard, slots, given, glossary=self.glossary, services=self.services)

    def _ask(self, question: str | Question) -> Answer:
        return ask(
            question,
            store=self.source.store,
            generation=self.generation,
            embedder=self.source.embedder,
            now_ns=self.source.now_ns,
            start_ns=self.question.start_ns,
            end_ns=self.question.end_ns,
            as_of_ns=self.question.as_of_ns,
            services=self.question.services,
            settings=self.source.settings,
            on_step=self.source.on_step,
            learned=self.learned,
            reply_in=self.question.language,
        )


def _is_loose(heard: Heard) -> bool:
    """Whether it says nothing without a turn before it."""
    return not heard.has_topic and (bool(heard.asks) or heard.step in {"before", "after"} or bool(heard.shift_ns))


def _spoken(text: str, read_as: str, asked: str, as_of_ns: int) -> Answer:
    """A reply for which nothing was read."""
    language: Language = language_of(asked)
    return Answer(
        answer=text,
        kind="list",
        verdict="inconclusive",
        confidence=0.0,
        language=language,
        headline=(text,),
        mode="deterministic",
        start_ns=None,
        end_ns=as_of_ns,
        assumed=True,
        claims=(),
        citations=(),
        patterns=(),
        similar=(),
        next_queries=(),
        read_as=say(read_as, language),
        revision="",
        as_of_ns=as_of_ns,
        dropped_claims=0,
        took_ms=0,
    )
