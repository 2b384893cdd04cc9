"""An answer in a model's words: what holds is told, what does not is dropped, a model that fails changes nothing."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.answer import Answer, AnsweredClaim, answer_json
from api.llm_answer import Asked, ModelBounds, names_of, told_by_model
from api.llm_openai import OpenAIModel
from api.redact import Redaction
from ingest.errors import ModelError
from tests.api.model_words import false_lines, statements, true_lines
from tests.api.small_shop import SmallShop, make_shop
from tests.api.word_embedder import WordEmbedder
from tests.real.model_server import FAULTS, Fault, Said, faulty_model, real_model, scripted_model

QUESTIONS = ("Has there been a service avalanche like this lately?", "最近有没有类似的服务雪崩问题?")
RECOVERING: frozenset[Fault] = frozenset({"500_once", "429_once"})
REASONS = {
    "hang": "slow",
    "hang_midway": "slow",
    "slow_drip": "slow",
    "429": "busy",
    "500": "away",
    "cut_at_once": "away",
}
QUICK = ModelBounds(deadline_s=0.6)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallShop]:
    made = make_shop(tmp_path_factory.mktemp("shop"), embedder=WordEmbedder())
    yield made
    made.store.close()


@contextlib.contextmanager
def model_at(url: str) -> Iterator[OpenAIModel]:
    with contextlib.closing(OpenAIModel(url)) as model:
        yield model


def told(
    shop: SmallShop,
    question: str,
    script: Callable[[dict[str, Any]], Said],
    bounds: ModelBounds | None = None,
    on_claim: Callable[[AnsweredClaim], None] = lambda _claim: None,
) -> tuple[Answer, Answer]:
    """The answer without a model, and as the scripted one tells it."""
    plain = shop.ask(question)
    with scripted_model(script) as server, model_at(server.url) as model:
        asked = Asked(model, Redaction(), bounds or ModelBounds(), on_claim)
        return plain, told_by_model(question, plain, names_of(shop.generation), asked)


def without(answer: Answer) -> dict[str, Any]:
    """All that a model must not change."""
    left = answer_json(answer)
    return {
        name: left[name] for name in ("verdict", "confidence", "window", "patterns", "similar", "read_as", "revision")
    }


@pytest.mark.parametrize("question", QUESTIONS)
def test_true_sentences_are_told_first_with_their_lines_and_nothing_is_lost(shop: SmallShop, question: str) -> None:
    written: list[str] = []

    def script(request: dict[str, Any]) -> str:
        lines = true_lines(request)[:8]
        written.extend(line.text for line in lines)
        return "\n".join(line.whole for line in lines)

    heard: list[AnsweredClaim] = []
    plain, answer = told(shop, question, script, on_claim=heard.append)
    assert answer.mode == "llm"
    assert [claim.text for claim in answer.claims[: len(written)]] == written
    assert heard == list(answer.claims[: len(written)])
    cited = {line.id for line in answer.citations}
    assert all(claim.citations and cited.issuperset(claim.citations) for claim in answer.claims)
    assert {line for claim in plain.claims for line in claim.citations} <= cited
    assert without(answer) == without(plain)
    assert answer.model is not None
    assert (answer.model.model, answer.model.prompt, answer.model.outcome) == ("scripted", "answer-1", "used")
    assert answer_json(answer)["usage"] == {"model_calls": 1, "tokens": 15}


@pytest.mark.parametrize("question", QUESTIONS)
def test_false_sentences_are_dropped_and_counted_and_the_answer_says_so(shop: SmallShop, question: str) -> None:
    services = sorted(names_of(shop.generation))
    plain = shop.ask(question)
    every = false_lines({"messages": _messages_for(shop, question)}, services)
    for start in range(0, len(every), 10):
        some = every[start : start + 10]
        text = "\n".join(line.whole for line in some)
        _, answer = told(shop, question, functools.partial(lambda said, _request: said, text))
        assert answer.claims == plain.claims, some
        assert answer.mode == "deterministic"
        assert answer.model is not None
        assert answer.model.outcome == "unsupported"
        assert sum(answer.model.refused.values()) == len(some) == answer.dropped_claims
        assert answer.answer.startswith(plain.answer)
        assert answer.answer != plain.answer


def _messages_for(shop: SmallShop, question: str) -> list[dict[str, Any]]:
    """The prompt as the model gets it."""
    seen: list[dict[str, Any]] = []

    def script(request: dict[str, Any]) -> str:
        seen.extend(request["messages"])
        return "nothing"

    told(shop, question, script)
    return seen


def test_a_statement_must_be_cited_by_the_sentence_that_rests_on_it(shop: SmallShop) -> None:
    def script(request: dict[str, Any]) -> str:
        ids = [each["id"] for each in statements(request)]
        lines = true_lines(request)
        return "\n".join([f"- {lines[0].text}", f"- {lines[0].text} [{ids[-1]}]"])

    _, answer = told(shop, QUESTIONS[0], script)
    assert answer.model is not None
    assert answer.model.outcome == "unsupported"


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in RECOVERING])
def test_a_faulty_server_gives_the_deterministic_answer_that_says_so(shop: SmallShop, fault: Fault) -> None:
    plain = shop.ask(QUESTIONS[0])
    with faulty_model(fault) as server, model_at(server.url) as model:
        asked = Asked(model, Redaction(), QUICK)
        answer = told_by_model(QUESTIONS[0], plain, names_of(shop.generation), asked)
    assert answer.claims == plain.claims
    assert answer.mode == "deterministic"
    assert answer.model is not None
    assert answer.model.outcome in {"away", "slow", "busy", "wrong", "unsupported"}
    assert answer.model.outcome == REASONS.get(fault, answer.model.outcome)
    assert answer.answer.startswith(plain.answer)
    assert "language model" in answer.answer[len(plain.answer) :]
    assert "secret" not in str(answer_json(answer))


def test_a_reply_that_is_cut_off_loses_its_last_line_only(shop: SmallShop) -> None:
    def script(request: dict[str, Any]) -> Said:
        lines = true_lines(request)
        return {"content": f"{lines[0].whole}\n{lines[1].whole}", "finish_reason": "length"}

    _, answer = told(shop, QUESTIONS[0], script)
    assert answer.model is not None
    assert (answer.model.outcome, answer.dropped_claims) == ("used", 0)


def windowed(most_characters: int, script: Callable[[dict[str, Any]], Said]) -> Callable[[dict[str, Any]], Said]:
    """A server that refuses what is longer, in the words of llama.cpp."""
    refusal = {"message": "request (4031 tokens) exceeds the available context size (2048 tokens), try increasing it"}

    def answer(request: dict[str, Any]) -> Said:
        if sum(len(message["content"]) for message in request["messages"]) > most_characters:
            return {"status": 400, "body": {"error": {"code": 400, "type": "exceed_context_size_error", **refusal}}}
        return script(request)

    return answer


def test_a_model_with_a_small_window_tells_from_as_many_statements_as_it_holds(shop: SmallShop) -> None:
    given: list[int] = []

    def script(request: dict[str, Any]) -> str:
        given.append(len(statements(request)))
        return true_lines(request)[0].whole

    whole = _messages_for(shop, QUESTIONS[0])
    characters = sum(len(message["content"]) for message in whole)
    plain, answer = told(shop, QUESTIONS[0], windowed(int(characters * 0.6), script))
    assert given == [len(statements({"messages": whole})) // 4]
    assert answer.model is not None
    assert (answer.model.outcome, answer.model.calls) == ("used", 3)
    assert {line for claim in plain.claims for line in claim.citations} <= {line.id for line in answer.citations}


def test_a_window_without_room_for_one_statement_is_told(shop: SmallShop) -> None:
    plain, answer = told(shop, QUESTIONS[0], windowed(1000, lambda _request: "never"))
    assert answer.model is not None
    assert answer.model.outcome == "too_long"
    assert "set DEJALOG_LLM_BUDGET lower" in answer.model.why
    assert 1 < answer.model.calls < 10
    assert (answer.claims, answer.mode) == (plain.claims, "deterministic")
    assert "too long for the language model" in answer.answer[len(plain.answer) :]


def test_who_has_gone_ends_the_work(shop: SmallShop) -> None:
    plain = shop.ask(QUESTIONS[0])
    with faulty_model("hang_midway") as server, model_at(server.url) as model:
        asked = dataclasses.replace(Asked(model, Redaction()), is_cancelled=lambda: bool(server.requests))
        with pytest.raises(ModelError) as failed:
            told_by_model(QUESTIONS[0], plain, names_of(shop.generation), asked)
        assert failed.value.reason == "cancelled"
        assert server.given_up.wait(10)


@pytest.mark.parametrize("budget", [2000, 4000])
def test_what_is_sent_fits_the_budget_and_holds_no_secret(shop: SmallShop, budget: int) -> None:
    sent: list[dict[str, Any]] = []

    def script(request: dict[str, Any]) -> str:
        sent.append(request)
        return "DONE"

    told(shop, "Why did password=hunter2-Tr0ub4dor fail at 10.1.2.3?", script, ModelBounds(budget=budget))
    for request in sent:
        text = str(request["messages"])
        assert "hunter2-Tr0ub4dor" not in text
        assert "10.1.2.3" not in text


def test_a_real_model_gets_what_its_window_holds_and_is_cut_off_at_its_end(shop: SmallShop) -> None:
    plain = shop.ask(QUESTIONS[0])
    window = 512
    with real_model(window=window) as url, model_at(url) as model:
        asked = Asked(model, Redaction(), ModelBounds(budget=4000, answer_tokens=400, deadline_s=280))
        answer = told_by_model(QUESTIONS[0], plain, names_of(shop.generation), asked)
    assert answer.model is not None
    assert answer.model.calls > 1
    assert answer.model.outcome in {"used", "unsupported"}
    assert 300 < answer.model.tokens <= window
    assert without(answer) == without(plain)


def test_a_model_that_goes_on_and_on_is_stopped_and_what_it_said_before_counts(shop: SmallShop) -> None:
    def script(request: dict[str, Any]) -> Said:
        first = true_lines(request)[0].whole
        return [f"{first}\n", *["again and again [S1]\n"] * 5000]

    _, answer = told(shop, QUESTIONS[0], script)
    assert answer.model is not None
    assert answer.model.outcome == "used"
    assert answer.dropped_claims < 50


@pytest.mark.parametrize("question", ["who used Tr0ub4dor9xQ yesterday?", "Tr0ub4dor9xQ 昨天被谁用过?"])
def test_a_secret_that_only_a_line_names_is_taken_out_of_the_question_too(shop: SmallShop, question: str) -> None:
    sent: list[str] = []

    def script(request: dict[str, Any]) -> str:
        sent.append(str(request["messages"]))
        return "nothing"

    plain = shop.ask(QUESTIONS[0])
    line = dataclasses.replace(plain.citations[0], id="secret-1", message="login with password=Tr0ub4dor9xQ failed")
    claim = AnsweredClaim("login failed with “password=Tr0ub4dor9xQ”.", (line.id,))
    with_secret = dataclasses.replace(plain, claims=(claim,), citations=(line,))
    with scripted_model(script) as server, model_at(server.url) as model:
        told_by_model(question, with_secret, names_of(shop.generation), Asked(model, Redaction()))
    assert sent
    assert "Tr0ub4dor9xQ" not in sent[0]
