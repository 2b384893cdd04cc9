"""What a language model tells of simulated shops is right, by a judge that shares no code with the checker."""

import contextlib
import dataclasses
from typing import Any

import pytest

from api.evaluate.answers import JudgedAnswer, JudgedShop
from api.evaluate.answers_model import model_means, model_rows, telling
from api.evaluate.judge_told import FORM, judge_told
from api.llm_answer import ModelBounds
from api.llm_openai import OpenAIModel
from tests.api.model_words import false_lines, true_lines
from tests.real.model_server import Said, scripted_model


def told(shop: JudgedShop, url: str, bounds: ModelBounds) -> list[JudgedAnswer]:
    with contextlib.closing(OpenAIModel(url)) as model:
        return list(shop.answers(telling(model, bounds)))


def claims_of(answers: list[JudgedAnswer]) -> list[Any]:
    return [claim for one in answers for claim in one.claims if claim.form == FORM]


def test_every_sentence_that_a_scripted_model_tells_is_right_and_its_false_ones_are_refused(shop: JudgedShop) -> None:
    services = sorted(service.lower() for service in shop.judge.log.services)

    def script(request: dict[str, Any]) -> Said:
        lines = [*true_lines(request)[:6], *false_lines(request, services)[::7][:6]]
        return "\n".join(line.whole for line in lines)

    with scripted_model(script) as server:
        answers = told(shop, server.url, ModelBounds())
    found = claims_of(answers)
    assert len(found) > 100
    assert [(claim.text, claim.faults()) for claim in found if claim.outcome != "right"] == []
    whole = model_rows(answers)[2]
    assert whole["sentences"] == len(found)
    assert whole["calls"] == whole["n"] == len(server.requests)
    assert int(whole["refused"] or 0) > 100
    assert model_means(answers)["model_wrong"] == 0


def test_every_sentence_that_a_real_small_model_tells_is_right(shop: JudgedShop, model_url: str) -> None:
    avalanche = next(one for one in shop.asked if "avalanche" in one.text and one.expected == "found")
    bounds = ModelBounds(budget=1000, answer_tokens=40, deadline_s=300)
    [answer] = told(dataclasses.replace(shop, asked=(avalanche,)), model_url, bounds)
    assert answer.answer["usage"]["tokens"] > 200
    assert answer.answer["model"]["outcome"] in {"used", "unsupported"}
    assert [(claim.text, claim.faults()) for claim in claims_of([answer]) if claim.outcome != "right"] == []


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("{service} wrote it", "right"),
        ("{service} wrote it 98765 times", "wrong"),
        ("no-such-api wrote it", "wrong"),
        ("{service} wrote “this was never written by anybody”", "wrong"),
    ],
)
def test_the_judge_notices_what_the_cited_line_does_not_say(shop: JudgedShop, text: str, outcome: str) -> None:
    service = shop.judge.log.services[0]
    line = shop.judge.log.lines_of(service)[0]
    claim = {"text": text.format(service=service), "citations": ["x-0"]}
    assert judge_told(claim, [line], [], shop.judge.log.services).outcome == outcome
