"""Questions over HTTP to a program that has a real small language model behind it: whatever that model writes, whoever
goes and wherever it is cut off, what is told is what the store knows.
"""

import contextlib
import dataclasses
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import openai
import orjson
import pytest

from api.compose import Dejalog, open_dejalog
from api.llm import Completion, LanguageModel, Message
from api.llm_answer import MOST_LINES, ModelBounds
from api.settings import ModelSettings
from api.time_text import format_time
from tests.api.conftest import serving, settings_for
from tests.api.proven import assert_holds, beginnings, unproven
from tests.api.small_shop import END_NS, shop_rows
from tests.real.model_server import REAL_MODEL
from tests.workers.chunks_made import wait_until

LONG_S = 280
"""A processor that others use, too, reads a prompt in a minute."""
ENGLISH = "Has there been a service avalanche like this lately?"
CHINESE = "最近有没有类似的服务雪崩问题?"
PROMPTS = {"auto": "answer-1", "llm": "investigate-1"}


class Heard:
    """The model, and what it has said in whole so far. It waits for `may_speak`; with `cites`, each of its sentences
    comes in a line of its own and cites a statement, which it is too small to do when it is asked to.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.completions: list[Completion] = []
        self.may_speak = threading.Event()
        self.may_speak.set()
        self.cites = False

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def parameters(self) -> Mapping[str, float]:
        return self._model.parameters

    def complete(self, messages: Sequence[Message], **how: Any) -> Completion:
        assert self.may_speak.wait(LONG_S)
        hand = how.pop("on_text", None) if self.cites else None
        completion = self._model.complete(messages, **how)
        if hand is not None:
            completion = dataclasses.replace(completion, text=citing(completion.text), finish="stop")
            hand(completion.text)
        self.completions.append(completion)
        return completion


def citing(text: str) -> str:
    """Each sentence, and each part of one that repeats itself, with a citation."""
    parts = [part.strip() for part in re.split(r"[\n。，]+|(?<=[.:,]) ", text)]
    return "\n".join(f"{part} [S{1 + number % 3}]" for number, part in enumerate(parts) if re.search(r"[^\W\d_]", part))


@dataclasses.dataclass(frozen=True)
class Program:
    """A running server over the small shop, with the model's own server behind it."""

    dejalog: Dejalog
    url: str
    http: httpx.Client
    model_url: str
    model: Heard
    as_of: str

    def asked(self, question: str, mode: str = "auto") -> dict[str, str]:
        return {"question": question, "mode": mode, "as_of": self.as_of}

    def ask(self, question: str, mode: str = "auto") -> dict[str, Any]:
        reply = self.http.post("/v1/ask", json=self.asked(question, mode))
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    def slot(self) -> dict[str, Any]:
        """What the model's server has its only worker do. `n_prompt_tokens` has those that it wrote, too."""
        [slot] = httpx.get(self.model_url.replace("/v1", "/slots"), timeout=LONG_S, trust_env=False).json()
        assert isinstance(slot, dict)
        return slot

    def written(self) -> int:
        """How many tokens of the answer in progress are written; 0 when there is none."""
        slot = self.slot()
        return int(slot["next_token"][0]["n_decoded"]) if slot["is_processing"] else 0

    def counted(self, sample: str) -> float:
        """A sample of `/metrics`; 0 where there is none yet."""
        lines = self.http.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(sample)) for line in lines if line.startswith(f"{sample} "))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, model_url: str) -> Iterator[Program]:
    llm = ModelSettings(
        openai_base_url=model_url, llm_budget=1000, llm_answer_tokens=48, llm_timeout=LONG_S, llm_concurrency=1
    )
    rows = [
        {"time": when, "service": service, "level": level, "message": message}
        for when, service, level, message in shop_rows()
    ]
    with contextlib.ExitStack() as stack:
        settings = dataclasses.replace(settings_for(tmp_path_factory.mktemp("shop")), llm=llm)
        dejalog = stack.enter_context(open_dejalog(settings))
        url = stack.enter_context(serving(dejalog))
        http = stack.enter_context(httpx.Client(base_url=url, timeout=LONG_S, trust_env=False))
        http.post("/v1/lines", content=b"\n".join(map(orjson.dumps, rows))).raise_for_status()
        assert dejalog.wait_until_mined(120)
        breaker = dejalog.model
        assert breaker is not None
        breaker._model = heard = Heard(breaker._model)
        yield Program(dejalog, url, http, model_url, heard, format_time(END_NS))


@pytest.fixture
def heard(program: Program) -> Iterator[list[Completion]]:
    """What the model says in this test."""
    program.model.completions.clear()
    yield program.model.completions
    program.model.may_speak.set()
    program.model.cites = False


@pytest.mark.parametrize("mode", ["auto", "llm"])
@pytest.mark.parametrize("question", [ENGLISH, CHINESE])
def test_an_answer_is_the_one_without_a_model_and_what_holds(
    program: Program, heard: list[Completion], question: str, mode: str
) -> None:
    plain = program.ask(question, "deterministic")
    assert (plain["verdict"], plain["mode"], heard) == ("found", "deterministic", [])
    assert plain["claims"]
    answer = program.ask(question, mode)
    assert_holds(answer, plain, heard)
    for line in answer["citations"]:
        assert program.http.get(f"/v1/lines/{line['id']}").json()["line"]["message"] == line["message"]
    model = answer["model"]
    assert (model["name"], model["prompt"]) == (REAL_MODEL, PROMPTS[mode])
    assert model["outcome"] == ("used" if answer["mode"] == "llm" else "unsupported")
    assert answer["usage"] == {"model_calls": len(heard), "tokens": sum(each.tokens for each in heard)}
    assert answer["dropped_claims"] - plain["dropped_claims"] == sum(model["refused"].values())


@pytest.mark.parametrize("question", [ENGLISH, CHINESE])
def test_nonsense_that_cites_is_refused_sentence_by_sentence(
    program: Program, heard: list[Completion], monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    bounds = ModelBounds(budget=1050, answer_tokens=100, deadline_s=LONG_S)
    monkeypatch.setattr(program.dejalog, "_bounds", bounds)
    program.model.cites = True
    plain, answer = program.ask(question, "deterministic"), program.ask(question)
    assert_holds(answer, plain, heard)
    [completion] = heard
    texts = {claim["text"] for claim in answer["claims"]}
    written = [line.rpartition(" [")[0] for line in completion.text.split("\n")][:MOST_LINES]
    assert not {*written} & {*unproven(answer, plain)}
    refused = sum(answer["model"]["refused"].values())
    assert refused > 0
    assert len(written) >= refused >= sum(text not in texts for text in written)


def test_tokens_are_those_that_the_models_server_counts_and_keep_to_the_budget(
    program: Program, heard: list[Completion]
) -> None:
    before = program.counted("dejalog_model_tokens_total")
    answer = program.ask(ENGLISH)
    tokens = answer["usage"]["tokens"]
    assert tokens - program.slot()["n_prompt_tokens"] in {0, 1}  # the last token is not read again
    assert program.counted("dejalog_model_tokens_total") - before == tokens
    assert 500 < tokens < 1000


def test_events_come_while_the_model_is_still_silent_and_the_last_is_the_whole(
    program: Program, heard: list[Completion]
) -> None:
    program.model.may_speak.clear()
    events: list[tuple[str, dict[str, Any]]] = []
    headers = {"Accept": "text/event-stream"}
    with program.http.stream("POST", "/v1/ask", json=program.asked(ENGLISH), headers=headers) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in reply.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
                if events[-1] == ("step", {"step": "model"}):
                    assert heard == []
                    program.model.may_speak.set()
    names = [name for name, _ in events]
    assert names[0] == "started"
    assert names == sorted(names, key=["started", "step", "claim", "answer"].index)
    answer = events[-1][1]
    assert [content for name, content in events if name == "claim"] == answer["claims"]
    assert len(heard) == 1
    assert_holds(answer, program.ask(ENGLISH, "deterministic"), heard)
    assert answer.keys() == program.ask(ENGLISH).keys()


CHAT: dict[str, Any] = {"model": "dejalog", "messages": [{"role": "user", "content": ENGLISH}]}
MOST_TOKENS = 900
"""As many take this model half a minute at the least: the same again and again, which nobody but its client ends."""


@pytest.mark.parametrize("way", ["events", "whole", "chat_events", "chat_whole"])
def test_a_client_that_goes_while_the_model_writes_ends_it_and_makes_room_for_the_next(
    program: Program, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    long = ModelBounds(budget=MOST_TOKENS + 800, answer_tokens=MOST_TOKENS, deadline_s=LONG_S)
    is_chat, is_stream = way.startswith("chat"), way.endswith("events")
    content = {**CHAT, "stream": is_stream} if is_chat else program.asked(ENGLISH)
    path = "/v1/chat/completions" if is_chat else "/v1/ask"
    accept = "text/event-stream" if is_stream else "application/json"
    request = httpx.Request("POST", program.url + path, json=content, headers={"Accept": accept})
    before = program.counted('dejalog_model_calls_total{outcome="cancelled"}')
    with monkeypatch.context() as patched:
        patched.setattr(program.dejalog, "_bounds", long)
        with connected(request):
            wait_until(program.written, timeout_s=LONG_S)
            begun = program.slot()["n_prompt_tokens"]
    wait_until(lambda: not program.slot()["is_processing"], timeout_s=LONG_S)
    assert program.slot()["n_prompt_tokens"] < begun + MOST_TOKENS / 2
    assert program.counted('dejalog_model_calls_total{outcome="cancelled"}') == before + 1
    assert program.ask(ENGLISH)["model"]["outcome"] in {"used", "unsupported"}  # one place is all there is


@contextlib.contextmanager
def connected(request: httpx.Request) -> Iterator[None]:
    """A client that sends a request and goes at the end, whatever has come."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((request.url.host, request.url.port or 80)) as connection:
        connection.sendall(f"POST {request.url.path} HTTP/1.1\r\n{head}\r\n".encode() + request.read())
        yield


@pytest.mark.parametrize("answer_tokens", [1, 12, 40])
def test_a_sentence_that_is_cut_off_is_not_told(
    program: Program, heard: list[Completion], monkeypatch: pytest.MonkeyPatch, answer_tokens: int
) -> None:
    bounds = ModelBounds(budget=950 + answer_tokens, answer_tokens=answer_tokens, deadline_s=LONG_S)
    monkeypatch.setattr(program.dejalog, "_bounds", bounds)
    answer = program.ask(ENGLISH)
    assert_holds(answer, program.ask(ENGLISH, "deterministic"), heard)
    [completion] = heard
    assert completion.finish == "length"
    whole = [line for line in completion.text.split("\n")[:-1] if re.search(r"\w", line)]
    told = [claim for claim in answer["claims"] if claim["text"] in completion.text]
    assert sum(answer["model"]["refused"].values()) + len(told) == len(whole)


def test_a_question_that_its_window_does_not_hold_is_answered_without_it_and_says_so(program: Program) -> None:
    question = f"{ENGLISH} {'7 ' * 990}"
    plain, answer = program.ask(question, "deterministic"), program.ask(question, "llm")
    assert answer["model"]["outcome"] == "too_long"
    assert "set DEJALOG_LLM_BUDGET lower" in answer["model"]["why"]
    assert answer["answer"].startswith(plain["answer"])
    assert "too long for the language model" in answer["answer"]
    assert_holds(answer, plain, [])


def test_chat_clients_are_answered_whole_and_in_pieces(program: Program, heard: list[Completion]) -> None:
    with (
        openai.DefaultHttpxClient(trust_env=False) as http,
        openai.OpenAI(base_url=f"{program.url}/v1", api_key="none", max_retries=0, http_client=http) as client,
    ):
        plain = client.chat.completions.create(**{**CHAT, "model": "dejalog-deterministic"})
        assert heard == []
        whole = client.chat.completions.create(**CHAT)
        chunks = list(client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}))
    assert len(heard) == 2
    assert whole.usage is not None
    assert chunks[-1].usage is not None
    assert [whole.usage.total_tokens, chunks[-1].usage.total_tokens] == [each.tokens for each in heard]
    spoken = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    ends = [(whole.model_extra, whole.choices[0].message.content), (chunks[-2].model_extra, spoken)]
    for more, text in ends:
        assert {line["id"] for line in plain.model_extra["references"]} <= {line["id"] for line in more["references"]}
        assert more["dejalog"]["verdict"] == plain.model_extra["dejalog"]["verdict"]
        for reference in more["references"]:
            assert reference["url"] in text
            assert program.http.get(reference["url"]).status_code == 200
        without = plain.choices[0].message.content
        assert not [each for each in beginnings(heard) if each in text and each not in without]
