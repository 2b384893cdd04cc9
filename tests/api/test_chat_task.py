"""Prompts that chat clients send on the side, in the forms that Open WebUI sends them."""

import json

import pytest

from api.chat_task import TITLE_CHARACTERS, question_in, side_task

HISTORY = """### Chat History:
<chat_history>
USER: {asked}
ASSISTANT: **Found** (confidence 0.98)
Yes, 2 hours ago.
USER: and yesterday?
</chat_history>"""


def prompt(wanted: str, asked: str = "Has there been a timeout?") -> str:
    form = f"### Task:\nDo it for the chat history.\n### Guidelines:\n- Be brief.\n### Output:\nJSON format: {wanted}\n"
    return form + HISTORY.format(asked=asked)


def reply(wanted: str, asked: str = "Has there been a timeout?") -> dict[str, object]:
    text = side_task(prompt(wanted, asked))
    assert text is not None
    content: dict[str, object] = json.loads(text)
    return content


def test_a_title_is_the_first_question() -> None:
    assert reply('{ "title": "your concise title here" }') == {"title": "Has there been a timeout"}


@pytest.mark.parametrize(
    "asked", ["Why did " + "payment " * 30 + "fail?", "为什么" + "支付" * 60, "x" * 300, '"\\\n{}']
)
def test_a_title_is_short_and_whole_json(asked: str) -> None:
    title = str(reply('{ "title": "…" }', asked)["title"])
    assert 0 < len(title) <= TITLE_CHARACTERS + 1


def test_a_chat_without_a_question_has_a_title_too() -> None:
    text = side_task('### Task:\nJSON format: { "title": "…" }\n<chat_history>\n</chat_history>')
    assert json.loads(text or "") == {"title": "Dejalog"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ('{ "tags": ["tag1", "tag2"] }', {"tags": ["Logs"]}),
        ('{ "queries": ["query1"] }', {"queries": []}),
        ('{ "text": "<your_completion>" }', {"text": ""}),
        ('{ "prompt": "Your detailed description here." }', {"prompt": ""}),
        ("{ }", {}),
    ],
)
def test_other_tasks_get_their_form_and_nothing_invented(wanted: str, expected: dict[str, object]) -> None:
    assert reply(wanted) == expected


def test_suggested_questions_are_follow_ups_in_the_language_of_the_chat() -> None:
    wanted = '{ "follow_ups": ["Question 1?", "Question 2?"] }'
    assert "Show me the lines" in str(reply(wanted)["follow_ups"])
    assert "看看日志" in str(reply(wanted, "有没有超时?")["follow_ups"])


def test_an_emoji_is_one_character() -> None:
    assert (
        len(
            side_task("Your task is to reflect the speaker's likely facial expression through a fitting emoji. …") or ""
        )
        == 1
    )


@pytest.mark.parametrize("text", ["Has there been a timeout?", "What was the task: retry?", "", "## Task list failed"])
def test_questions_are_no_tasks(text: str) -> None:
    assert (side_task(text), question_in(text)) == (None, text)


def test_a_question_among_documents_is_the_question() -> None:
    text = "### Task:\nRespond.\n<context>\nx\n</context>\n<user_query>\nWas there a timeout?\n</user_query>"
    assert (side_task(text), question_in(text)) == (None, "Was there a timeout?")
