"""No secret leaves for a model's server: not in lines, questions or notes, nor in what tools find or refuse."""

import contextlib
import dataclasses
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from api.answer import Answer, AnsweredClaim
from api.compose import Dejalog, open_dejalog
from api.llm_answer import Asked, ModelBounds, names_of, told_by_model
from api.llm_openai import OpenAIModel
from api.parts import Question
from api.redact import Redaction
from api.sentence import quote
from api.settings import ModelSettings
from tests.api.conftest import SECOND, serving, settings_for
from tests.api.model_words import statements
from tests.api.small_shop import SmallShop, make_shop
from tests.api.test_llm_investigate import calls, rounds
from tests.api.test_redact import SECRETS, made
from tests.api.word_embedder import WordEmbedder
from tests.real.model_server import ModelServer, Said, scripted_model

SHORTEST = 6
"""Characters of a secret from which on it cannot stand in a prompt by chance."""
CHARACTERS = 220
"""Longer forms are cut when they are quoted."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A line with secrets in it."""

    line: str
    secrets: tuple[str, ...]


def forms() -> list[Form]:
    """Of the corpus, as lines are quoted."""
    every = [re.split("[«»]", made(form)) for form in SECRETS]
    lines = [Form("".join(parts), tuple(_whole(parts[1::2]))) for parts in every]
    return [each for each in lines if each.secrets]


def _whole(values: list[str]) -> Iterator[str]:
    """Without what `quote` makes of line ends."""
    for value in values:
        yield from (part for part in value.split("\n") if len(part) >= SHORTEST)


WITHOUT_DIGITS = ("login password=correcthorse refused", "checkout of user=alexandria was refused")
"""Nothing but the word before them tells that they are secret."""
FORMS = [
    *(Form(line, (line.partition("=")[2].split()[0],)) for line in WITHOUT_DIGITS),
    *forms(),
]
MARKED = [Form(f"mark{number}x {each.line}", each.secrets) for number, each in enumerate(FORMS)]


def said_to(server: ModelServer) -> str:
    """All that has come over the network, as text that a reader of it has."""
    parts = [json.dumps([server.requests, server.headers], ensure_ascii=False), *_strings(server.requests)]
    return "\n".join(parts)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        for line in value.splitlines():
            if line.startswith('{"id":"S'):
                yield orjson.loads(line)["says"]
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def leaked(server: ModelServer, form: Form) -> list[str]:
    text = said_to(server)
    return [secret for secret in form.secrets if secret in text]


def copied(request: dict[str, Any]) -> str:
    """All statements as they are."""
    return "\n".join(f"{each['says']} [{each['id']}]" for each in statements(request)[:12])


@contextlib.contextmanager
def vault(folder: Path, server: ModelServer) -> Iterator[Dejalog]:
    """A program that stores every form as a line, with the model configured."""
    settings = dataclasses.replace(
        settings_for(folder), llm=ModelSettings(openai_base_url=server.url, openai_api_key="k", llm_model="scripted")
    )
    now_ns = time.time_ns()
    lines = [
        {"time": now_ns - (900 - number) * SECOND, "service": "vault", "level": "error", "message": each.line}
        for number, each in enumerate(MARKED)
    ]
    with open_dejalog(settings) as dejalog, serving(dejalog) as url:
        body = b"\n".join(map(orjson.dumps, lines))
        httpx.post(f"{url}/v1/lines", content=body, trust_env=False).raise_for_status()
        assert dejalog.wait_until_mined(60)
        yield dejalog


def test_lines_with_secrets_are_told_without_them_and_come_back_in_quotes(tmp_path: Path) -> None:
    with scripted_model(copied) as server, vault(tmp_path, server) as dejalog:
        told = 0
        for number, form in list(enumerate(MARKED))[::2]:
            server.requests.clear()
            answer = dejalog.ask(Question(f'Show me the lines with "mark{number}x"'))
            assert leaked(server, form) == [], form.line
            assert server.requests, form.line
            whole = quote(form.line)
            told += answer["mode"] == "llm" and any(whole[:120] in claim["text"] for claim in answer["claims"])
        assert told > len(MARKED[::2]) * 0.9


def test_tools_find_lines_with_secrets_and_tell_the_model_none(tmp_path: Path) -> None:
    asked: dict[str, Form] = {}

    def looks(request: dict[str, Any]) -> Said:
        form = asked["now"]
        mark = form.line.split()[0]
        tokens = sorted(set(re.findall(r"\[[A-Z]+_\d+\]", json.dumps(request["messages"][1:]))))
        token = tokens[0] if tokens else "[SECRET_1]"
        wanted = (
            calls(("search", {"query": mark}), ("context", {"statement": "S1"}), ("patterns", {"query": mark})),
            calls(("search", {"query": f'"{token}"'}), ("search", {"query": f"level:(error AND {token}"})),
            calls(("search", {"start": token}), (token, {}), ("search", {"query": token, "order": {"x": token}})),
        )
        return rounds(*wanted, end=lambda request: f"HYPOTHESIS: vault failed\nFOR: {copied(request)}")(request)

    with scripted_model(looks) as server, vault(tmp_path, server) as dejalog:
        for form in [*MARKED[:2], *MARKED[2::8]]:
            asked["now"] = form
            server.requests.clear()
            dejalog.ask(Question(f'Show me the lines with "{form.line.split()[0]}"', mode="llm"))
            heard = [message for message in server.requests[-1]["messages"] if message["role"] == "tool"]
            assert len(heard) == 8
            assert leaked(server, form) == [], form.line


@pytest.mark.parametrize("kept", [0.4, 0.6, 0.9])
def test_what_was_cut_in_the_middle_of_a_secret_is_taken_out_too(kept: float) -> None:
    told = []
    for form in FORMS:
        for secret in (each for each in form.secrets if len(each) > 2 * SHORTEST and " " not in each):
            left, _, _ = form.line.partition(secret)
            cut = max(SHORTEST, int(len(secret) * kept))
            line = f"vault at 10:00: “{left}{secret[:cut]}…”"
            told += [line] if secret[:cut] in Redaction().redact(line) else []
    assert told == []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallShop]:
    made_shop = make_shop(tmp_path_factory.mktemp("shop"), embedder=WordEmbedder())
    yield made_shop
    made_shop.store.close()


def test_notes_and_questions_with_secrets_are_told_without_them_and_come_back(shop: SmallShop) -> None:
    plain = shop.ask("Has there been a service avalanche like this lately?")
    with scripted_model(copied) as server, contextlib.closing(OpenAIModel(server.url)) as model:
        for form in FORMS:
            server.requests.clear()
            text = f"Cause, as noted by Ada: {quote(form.line)}"
            answer = _with_note(plain, text)
            told = told_by_model(
                f"Is this why: {form.line}", answer, names_of(shop.generation), Asked(model, Redaction(), ModelBounds())
            )
            assert leaked(server, form) == [], form.line
            assert text in [claim.text for claim in told.claims]


def _with_note(answer: Answer, text: str) -> Answer:
    return dataclasses.replace(answer, claims=(AnsweredClaim(text, answer.claims[0].citations), *answer.claims))
