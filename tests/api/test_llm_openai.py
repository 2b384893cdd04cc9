"""The client of language models over servers that work, that fail, and over a real small model."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api.llm import Completion, Message, Tool, ToolCall
from api.llm_openai import OpenAIModel
from ingest.errors import ModelError, SettingError
from tests.ports import free_port
from tests.real.model_server import (
    FAULTS,
    MODEL,
    REAL_MODEL,
    Fault,
    ModelServer,
    Said,
    faulty_model,
    scripted_model,
)
from tests.workers.chunks_made import wait_until

ASKED = (Message("system", "Answer from the lines."), Message("user", "Why did payments fail?"))
LONG_S = 60.0
SEARCH = Tool("search", "Lines that match", {"type": "object", "properties": {"query": {"type": "string"}}})
FAILS: dict[Fault, str] = {
    "500": "away",
    "429": "busy",
    "401": "wrong",
    "404": "wrong",
    "redirect": "wrong",
    "hang": "slow",
    "hang_midway": "slow",
    "cut_midway": "away",
    "cut_unseen": "away",
    "cut_at_once": "away",
    "error_midway": "wrong",
    "invalid_json": "wrong",
    "deep_json": "wrong",
    "invalid_sse": "wrong",
    "html": "wrong",
    "no_choices": "wrong",
    "no_text": "wrong",
    "content_filter": "wrong",
    "wrong_content_type": "wrong",
    "slow_drip": "slow",
    "endless_line": "wrong",
}
HEALS = ("500_once", "429_once")


@pytest.fixture
def opened() -> Iterator[Callable[..., OpenAIModel]]:
    """Opens models and closes them after the test."""
    models: list[OpenAIModel] = []

    def open_at(url: str, **how: Any) -> OpenAIModel:
        models.append(OpenAIModel(url, **how))
        return models[-1]

    yield open_at
    for model in models:
        model.close()


def ask(model: OpenAIModel, **how: Any) -> Completion:
    return model.complete(ASKED, **{"most_tokens": 50, "deadline_s": LONG_S, **how})


def test_text_comes_in_pieces_that_joined_are_the_completion(opened: Callable[..., OpenAIModel]) -> None:
    pieces: list[str] = []
    with scripted_model(lambda _request: ["支付 ", "failed: ", "⟨db⟩ 😀"]) as server:
        answer = ask(opened(server.url, key="k3y"), on_text=pieces.append)
    assert answer == Completion("支付 failed: ⟨db⟩ 😀", tokens=15, finish="stop", model=MODEL)
    assert pieces == ["支付 ", "failed: ", "⟨db⟩ 😀"]
    [request] = server.requests
    assert request["messages"] == [{"role": each.role, "content": each.content} for each in ASKED]
    assert (request["model"], request["temperature"], request["max_tokens"]) == (MODEL, 0, 50)
    assert server.headers[0]["authorization"] == "Bearer k3y"


def test_the_model_is_the_named_one_else_the_first_that_the_server_lists(opened: Callable[..., OpenAIModel]) -> None:
    with scripted_model(lambda request: request["model"]) as server:
        named, unnamed = opened(server.url, model="mine"), opened(server.url)
        assert (named.name, unnamed.name) == ("mine", "")
        assert (ask(named).text, ask(unnamed).text) == ("mine", MODEL)
        assert unnamed.name == MODEL


def test_calls_of_tools_are_joined_and_their_answers_go_back(opened: Callable[..., OpenAIModel]) -> None:
    wanted = [("search", '{"query": "支付 timeout"}'), ("patterns", "{not json")]
    calls = [{"id": f"id{n}", "function": {"name": name, "arguments": text}} for n, (name, text) in enumerate(wanted)]

    def say(request: dict[str, Any]) -> Said:
        return "Done." if request["messages"][-1]["role"] == "tool" else {"tool_calls": calls}

    with scripted_model(say) as server:
        model = opened(server.url)
        first = ask(model, tools=[SEARCH])
        assert first.calls == tuple(ToolCall(f"id{n}", *each) for n, each in enumerate(wanted))
        assert (first.text, first.finish) == ("", "tools")
        turns = [*ASKED, Message("assistant", "", first.calls), Message("tool", "3 lines", call_id="id0")]
        assert model.complete(turns, tools=[SEARCH], most_tokens=50, deadline_s=LONG_S).text == "Done."
    told = server.requests[1]["messages"]
    assert [call["function"]["arguments"] for call in told[2]["tool_calls"]] == [text for _, text in wanted]
    assert told[3] == {"role": "tool", "content": "3 lines", "tool_call_id": "id0"}
    assert server.requests[0]["tools"][0]["function"]["name"] == "search"


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning_content": "Hm, let me see.", "content": "The database."},
        {"content": ["<thi", "nk>It <b>may", " be</thin", "k>", "\n\n", "The ", "database."]},
        {"content": ["\n<think></think><", "think>twice</think>", "The database."], "finish_reason": "eos"},
    ],
    ids=["field", "block", "blocks"],
)
def test_what_a_model_thinks_is_no_text(opened: Callable[..., OpenAIModel], said: dict[str, Any]) -> None:
    pieces: list[str] = []
    with scripted_model(lambda _request: said) as server:
        text = ask(opened(server.url), on_text=pieces.append).text
    assert "".join(pieces) == text
    assert text.endswith("The database.")
    assert "may" not in text


@pytest.mark.parametrize("text", ["<", "<thin ice>", "a <think> b", "  <b>"])
def test_text_that_only_looks_like_a_thought_is_text(opened: Callable[..., OpenAIModel], text: str) -> None:
    with scripted_model(lambda _request: [*text]) as server:
        assert ask(opened(server.url)).text == text


def test_tokens_used_up_by_thinking_are_no_answer(opened: Callable[..., OpenAIModel]) -> None:
    with (
        scripted_model(lambda _request: {"content": "<think>on and on", "finish_reason": "length"}) as server,
        pytest.raises(ModelError, match="used up its tokens") as caught,
    ):
        ask(opened(server.url))
    assert caught.value.reason == "wrong"


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("stream_options", "Unrecognized request argument supplied: stream_options"),
        ("seed", "property 'seed' is unsupported"),
        ("tools", "scripted does not support tools"),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
        ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        ("seed", "extra fields not permitted"),
    ],
    ids=["stream_options", "seed", "tools", "temperature", "max_tokens", "unnamed"],
)
def test_what_a_server_does_not_take_is_left_out_from_then_on(
    opened: Callable[..., OpenAIModel], refused: str, told: str
) -> None:
    def say(request: dict[str, Any]) -> Said:
        return {"status": 400, "body": {"error": {"message": told}}} if refused in request else "Ready."

    with scripted_model(say) as server:
        model = opened(server.url)
        assert [ask(model, tools=[SEARCH]).text for _ in range(2)] == ["Ready.", "Ready."]
    assert [refused in request for request in server.requests] == [True, False, False]
    assert all("max_tokens" in each or "max_completion_tokens" in each for each in server.requests)
    assert (refused in model.parameters) is False


def test_what_was_left_out_in_vain_is_sent_again(opened: Callable[..., OpenAIModel]) -> None:
    with scripted_model(lambda _request: {"status": 400, "body": {"error": {"message": "no"}}}) as server:
        model = opened(server.url)
        for _ in range(2):
            with pytest.raises(ModelError, match="answered 400"):
                ask(model)
    assert ["seed" in request for request in server.requests] == [True, False, True, False]
    assert model.parameters == {"temperature": 0.0, "seed": server.requests[0]["seed"]}


def test_a_server_that_does_not_stream_is_understood(opened: Callable[..., OpenAIModel]) -> None:
    whole = {"choices": [{"message": {"content": "Whole."}, "finish_reason": "length"}], "usage": {"total_tokens": 9}}
    with scripted_model(lambda _request: {"status": 200, "body": whole}) as server:
        assert ask(opened(server.url)) == Completion("Whole.", tokens=9, finish="length")


@pytest.mark.parametrize("fault", [each for each in FAULTS if each in FAILS])
def test_a_failing_server_is_a_model_error_with_its_reason(opened: Callable[..., OpenAIModel], fault: Fault) -> None:
    deadline_s = 0.4 if FAILS[fault] == "slow" or fault in {"500", "cut_at_once"} else LONG_S
    with faulty_model(fault) as server, pytest.raises(ModelError) as caught:
        ask(opened(server.url), deadline_s=deadline_s)
    assert (caught.value.reason, fault) == (FAILS[fault], fault)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("fault", HEALS)
def test_what_may_be_tried_again_is(opened: Callable[..., OpenAIModel], fault: Fault) -> None:
    with faulty_model(fault) as server:
        assert ask(opened(server.url)).text == "Payments failed."
    assert len(server.requests) == 2


def test_every_fault_is_looked_at_by_a_test() -> None:
    assert {*FAILS, *HEALS, "endless"} == set(FAULTS)


@pytest.mark.parametrize("fault", ["cut_midway", "error_midway"])
def test_nothing_is_tried_again_once_text_was_handed_out(opened: Callable[..., OpenAIModel], fault: Fault) -> None:
    pieces: list[str] = []
    with faulty_model(fault) as server, pytest.raises(ModelError):
        ask(opened(server.url), on_text=pieces.append)
    assert (pieces, len(server.requests)) == (["Payments "], 1)


def test_a_server_that_asks_for_more_patience_than_there_is_is_not_waited_for(
    opened: Callable[..., OpenAIModel],
) -> None:
    refusal: dict[str, Any] = {"status": 429, "headers": {"retry-after": "61"}}
    with scripted_model(lambda _request: refusal) as server, pytest.raises(ModelError) as caught:
        ask(opened(server.url))
    assert (caught.value.reason, len(server.requests)) == ("busy", 1)


def test_an_account_without_money_is_not_asked_again(opened: Callable[..., OpenAIModel]) -> None:
    refusal = {"status": 429, "body": {"error": {"message": "quota", "code": "insufficient_quota"}}}
    with scripted_model(lambda _request: refusal) as server, pytest.raises(ModelError, match="nothing left") as caught:
        ask(opened(server.url))
    assert (caught.value.reason, len(server.requests)) == ("wrong", 1)


def test_an_answer_that_never_ends_is_cut_off(opened: Callable[..., OpenAIModel]) -> None:
    with faulty_model("endless") as server:
        answer = ask(opened(server.url))
        assert (answer.finish, len(answer.text) < 50 * 100) == ("length", True)
        assert server.given_up.wait(LONG_S)


def test_nobody_listening_is_away(opened: Callable[..., OpenAIModel]) -> None:
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        ask(opened(f"http://127.0.0.1:{free_port()}/v1"), deadline_s=0.4)
    assert caught.value.reason == "away"


@pytest.mark.parametrize("fault", ["hang", "hang_midway", "slow_drip"])
def test_a_question_that_is_withdrawn_ends_the_request(opened: Callable[..., OpenAIModel], fault: Fault) -> None:
    with faulty_model(fault) as server:
        with pytest.raises(ModelError) as caught:
            ask(opened(server.url), is_cancelled=lambda: bool(server.requests))
        assert caught.value.reason == "cancelled"
        assert server.given_up.wait(LONG_S)


def test_what_the_listener_of_text_raises_ends_the_request(opened: Callable[..., OpenAIModel]) -> None:
    def refuse(_text: str) -> None:
        raise ConnectionAbortedError

    with faulty_model("slow_drip") as server:
        with pytest.raises(ConnectionAbortedError):
            ask(opened(server.url), on_text=refuse)
        assert server.given_up.wait(LONG_S)


def test_more_questions_than_may_be_at_once_are_busy_or_withdrawn(opened: Callable[..., OpenAIModel]) -> None:
    with faulty_model("hang") as server, ThreadPoolExecutor(1) as pool:
        model, done = opened(server.url, concurrency=1), threading.Event()
        running = pool.submit(ask, model, is_cancelled=done.is_set)
        wait_until(lambda: server.requests)
        with pytest.raises(ModelError) as caught:
            ask(model, deadline_s=0.4)
        assert caught.value.reason == "busy"
        with pytest.raises(ModelError) as caught:
            ask(model, is_cancelled=lambda: True)
        assert caught.value.reason == "cancelled"
        done.set()
        assert isinstance(running.exception(), ModelError)
    assert len(server.requests) == 1


def test_closing_gives_up_what_is_being_asked_and_takes_nothing_more() -> None:
    with faulty_model("hang") as server, ThreadPoolExecutor(1) as pool:
        model = OpenAIModel(server.url)
        running = pool.submit(ask, model)
        wait_until(lambda: server.requests)
        model.close()
        model.close()
        assert [error.reason for error in [running.exception()] if isinstance(error, ModelError)] == ["cancelled"]
        with pytest.raises(ModelError, match="withdrawn"):
            ask(model)
        assert server.given_up.wait(LONG_S)


def test_many_questions_at_once_get_each_its_own_answer(opened: Callable[..., OpenAIModel]) -> None:
    def ask_for(number: int) -> tuple[str, str]:
        pieces: list[str] = []
        asked = [Message("user", f"number {number}")]
        answer = model.complete(asked, most_tokens=50, deadline_s=LONG_S, on_text=pieces.append)
        return answer.text, "".join(pieces)

    with scripted_model(lambda request: f"it is {request['messages'][0]['content']}") as server:
        model = opened(server.url, concurrency=4)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(ask_for, range(40)))
    assert found == [(f"it is number {n}",) * 2 for n in range(40)]


def test_neither_prompts_nor_answers_nor_keys_are_logged(
    opened: Callable[..., OpenAIModel], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted_model(lambda _request: "the answer") as server:
        ask(opened(server.url, key="the-key"))
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert not any(each in logged for each in ("Why did payments", "the answer", "the-key"))


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    opened: Callable[..., OpenAIModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with scripted_model(lambda _request: "Ready.") as server:
        assert ask(opened(server.url)).text == "Ready."


def test_a_proxy_of_the_environment_is_used_for_servers_elsewhere(
    opened: Callable[..., OpenAIModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_model(lambda _request: "Ready.") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        assert ask(opened("http://models.invalid/v1", model="m")).text == "Ready."


@pytest.mark.parametrize("url", ["http://[::1/v1", "http://", "/v1"])
def test_what_is_no_address_is_a_setting_that_is_wrong(url: str) -> None:
    with pytest.raises(SettingError, match="OPENAI_BASE_URL"):
        OpenAIModel(url)


def test_a_real_model_streams_and_is_cut_off_at_its_most_tokens(
    opened: Callable[..., OpenAIModel], model_url: str
) -> None:
    pieces: list[str] = []
    model = opened(model_url)
    answer = ask(model, most_tokens=12, on_text=pieces.append)
    assert "".join(pieces) == answer.text != ""
    assert len(pieces) > 2
    assert answer.finish == "length"
    assert answer.tokens > 12
    assert model.name == answer.model == REAL_MODEL


def test_a_real_model_gives_the_same_answer_twice(opened: Callable[..., OpenAIModel], model_url: str) -> None:
    model = opened(model_url)
    ask(model, most_tokens=12)  # so that both find the prompt read already
    assert ask(model, most_tokens=12) == ask(model, most_tokens=12)


def test_a_real_model_stops_working_for_a_question_that_is_withdrawn(
    opened: Callable[..., OpenAIModel], model_url: str
) -> None:
    def slots() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(httpx.get(model_url.replace("/v1", "/slots")).content)
        return found

    pieces: list[str] = []
    with pytest.raises(ModelError) as caught:
        ask(opened(model_url), most_tokens=1900, on_text=pieces.append, is_cancelled=lambda: len(pieces) > 2)
    assert caught.value.reason == "cancelled"
    wait_until(lambda: not any(slot["is_processing"] for slot in slots()))
    assert 0 < sum(slot["n_prompt_tokens"] for slot in slots()) < 1900  # with what it wrote


def test_a_prompt_longer_than_a_real_models_window_is_told(opened: Callable[..., OpenAIModel], model_url: str) -> None:
    with pytest.raises(ModelError, match="set DEJALOG_LLM_BUDGET lower") as caught:
        opened(model_url).complete([Message("user", "word " * 4000)], most_tokens=5, deadline_s=LONG_S)
    assert caught.value.reason == "too_long"


def test_the_servers_of_the_tests_say_what_they_got(opened: Callable[..., OpenAIModel]) -> None:
    with scripted_model(lambda _request: "Ready.") as server:
        ask(opened(server.url))
    assert isinstance(server, ModelServer)
    assert [each["messages"][1]["content"] for each in server.requests] == [ASKED[1].content]
