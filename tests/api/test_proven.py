"""What is held against models' answers notices what it is there for."""

from typing import Any

import pytest

from api.answer import answer_json
from api.llm import Completion
from tests.api.proven import assert_holds, unproven
from tests.api.small_shop import make_shop

QUESTIONS = {
    "en": "Has there been a service avalanche like this lately?",
    "zh": "最近有没有类似的服务雪崩问题?",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The answers without a model, by language."""
    shop = make_shop(tmp_path_factory.mktemp("shop"))
    return {language: answer_json(shop.ask(question)) for language, question in QUESTIONS.items()}


def told(plain: dict[str, Any], text: str) -> dict[str, Any]:
    """The answer with a sentence in front that cites a line that there is."""
    claim = {"text": text, "citations": [plain["citations"][0]["id"]]}
    return {**plain, "answer": f"{text} {plain['answer']}", "claims": [claim, *plain["claims"]]}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "All of the services went down because of the weather"),
        ("en", "billing timed out 98765 times"),
        ("en", "cart-api timed out"),
        ("en", "billing never timed out"),
        ("zh", "所有服务都因为天气停止了"),
    ],
)
def test_nonsense_that_cites_a_line_does_not_hold(plain: dict[str, dict[str, Any]], language: str, text: str) -> None:
    answer = told(plain[language], text)
    assert unproven(answer, plain[language]) == [text]
    with pytest.raises(AssertionError):
        assert_holds(answer, plain[language], [Completion(f"{text} [S1]")])


def test_nonsense_beside_the_claims_does_not_hold(plain: dict[str, dict[str, Any]]) -> None:
    text = "All of the services went down because of the weather"
    answer = {**plain["en"], "answer": f"{plain['en']['answer']} {text}"}
    with pytest.raises(AssertionError):
        assert_holds(answer, plain["en"], [Completion(text)])


@pytest.mark.parametrize("language", QUESTIONS)
def test_what_is_known_and_a_part_of_it_hold(plain: dict[str, dict[str, Any]], language: str) -> None:
    answer = plain[language]
    line = answer["citations"][0]
    assert_holds(answer, answer, [])
    for text in (answer["claims"][0]["text"], f"{line['service']}: “{line['message']}”"):
        assert_holds(told(answer, text), answer, [Completion(f"{text} [S1]")])
