"""A model that looks for more with the program's own tools, and what it then supposes."""

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import cli
from api.compose import Dejalog, open_dejalog
from api.llm_pack import tokens_of
from api.parts import Question
from api.settings import ModelSettings
from ingest.errors import ModelError
from tests.api.conftest import SECOND, serving, settings_for, shop_lines
from tests.api.model_words import statements
from tests.real.model_server import ModelServer, Said, faulty_model, scripted_model

Script = Callable[[dict[str, Any]], Said]
Scripted = Callable[[Script], tuple[Dejalog, ModelServer]]
QUESTION = "Which service had its pool exhausted?"
REFUSAL: Said = {"status": 400, "body": {"error": {"message": "maximum context length is 2048 tokens"}}}


@contextlib.contextmanager
def program(folder: Path, url: str, **model: Any) -> Iterator[Dejalog]:
    """A program over three hundred lines, with a model at this address."""
    settings = dataclasses.replace(
        settings_for(folder), llm=ModelSettings(openai_base_url=url, llm_model="scripted", **model)
    )
    with open_dejalog(settings) as dejalog, serving(dejalog) as address:
        body = b"\n".join(json.dumps(line).encode() for line in shop_lines(time.time_ns() - 900 * SECOND))
        httpx.post(f"{address}/v1/lines", content=body, trust_env=False).raise_for_status()
        assert dejalog.wait_until_mined(60)
        yield dejalog


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dejalog, ModelServer, list[Script]]]:
    """One program for all scripts of this file; its model follows the last of the list."""
    scripts: list[Script] = []

    def follow(request: dict[str, Any]) -> Said:
        return scripts[-1](request)

    with scripted_model(follow) as server, program(tmp_path_factory.mktemp("shared"), server.url) as dejalog:
        yield dejalog, server, scripts


@pytest.fixture
def scripted(shared: tuple[Dejalog, ModelServer, list[Script]]) -> Scripted:
    """A program whose model follows this script, and the model's server, which was not asked yet."""
    dejalog, server, scripts = shared

    def follow(script: Script) -> tuple[Dejalog, ModelServer]:
        scripts.append(script)
        server.requests.clear()
        return dejalog, server

    return follow


def calls(*wanted: tuple[str, dict[str, Any]]) -> Said:
    """A reply that asks for tools."""
    return {
        "content": "",
        "tool_calls": [
            {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for number, (name, arguments) in enumerate(wanted)
        ],
    }


def rounds(*looks: Said, end: Callable[[dict[str, Any]], str]) -> Script:
    """One look after the other, then the end."""

    def script(request: dict[str, Any]) -> Said:
        done = sum(message["role"] == "assistant" for message in request["messages"])
        if "tools" in request:
            return looks[done] if done < len(looks) else "DONE"
        return end(request)

    return script


def concluded(request: dict[str, Any], wanted: str) -> str:
    """A hypothesis for which the statement that holds `wanted` speaks, and one that nothing supports."""
    first = next(each for each in statements(request) if wanted in each["says"])
    return (
        "HYPOTHESIS: payment may have had its pool exhausted\n"
        f"FOR: {first['says']} [{first['id']}]\n"
        "AGAINST: everything went well [S1]\n"
        "HYPOTHESIS: kafka2 lost 77 messages\n"
        f"FOR: {first['says']} [{first['id']}]\n"
        "HYPOTHESIS: cart was slow\n"
    )


def test_what_is_looked_for_becomes_statements_and_supports_a_hypothesis(scripted: Scripted) -> None:
    look = calls(("search", {"query": 'level:fatal "pool exhausted"', "order": "oldest"}))
    script = rounds(look, end=lambda request: concluded(request, "The query"))
    steps: list[Any] = []
    dejalog, server = scripted(script)
    answer = dejalog.ask(Question(QUESTION, mode="llm"), steps.append)
    assert answer["mode"] == "llm"
    assert answer["looks"] == [{"tool": "search", "asked": 'level:fatal "pool exhausted"', "found": 3}]
    assert next(each for each in steps if not isinstance(each, str)).found == 3
    [supposed] = answer["hypotheses"]
    assert supposed["text"] == "payment may have had its pool exhausted"
    assert "matches 3 lines" in supposed["for"][0]["text"]
    assert supposed["against"] == []
    cited = {line["id"]: line for line in answer["citations"]}
    assert all("pool exhausted" in cited[each]["message"] for each in supposed["for"][0]["citations"])
    assert answer["model"]["refused"]
    assert answer["usage"]["model_calls"] == 3
    assert [tool["function"]["name"] for tool in server.requests[0]["tools"]] == [
        "search",
        "patterns",
        "similar_incidents",
        "context",
    ]


def test_every_tool_answers_and_its_mistakes_are_told_to_the_model(scripted: Scripted) -> None:
    heard: list[str] = []
    looks = (
        calls(("patterns", {"query": "*", "order": "rare"}), ("context", {"statement": "S1"})),
        calls(("similar_incidents", {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T01:00:00Z"})),
        calls(("search", {"query": "level:(error AND"}), ("remove_everything", {}), ("search", {"start": 7})),
    )

    def end(request: dict[str, Any]) -> str:
        heard.extend(str(message["content"]) for message in request["messages"] if message["role"] == "tool")
        return "HYPOTHESIS: nothing"

    dejalog, _ = scripted(rounds(*looks, end=end))
    answer = dejalog.ask(Question(QUESTION, mode="llm"))
    assert len(heard) == 6
    assert '"id":"S' in heard[0]
    assert '"id":"S' in heard[1]
    assert "error:" in heard[3]
    assert "there is no tool" in heard[4]
    assert "cannot be used" in heard[5]
    assert {each["tool"] for each in answer["looks"]} >= {"patterns", "context"}
    assert answer["hypotheses"] == []
    assert answer["model"]["outcome"] == "unsupported"
    assert answer["mode"] == "deterministic"


def test_no_more_than_four_rounds_are_gone(scripted: Scripted) -> None:
    look = calls(("search", {"query": "pool"}))
    script = rounds(*[look] * 50, end=lambda request: concluded(request, "The query"))
    dejalog, server = scripted(script)
    answer = dejalog.ask(Question(QUESTION, mode="llm"))
    assert sum("tools" in request for request in server.requests) == 4
    assert len(answer["looks"]) == 4


def test_nothing_after_as_of_is_read(scripted: Scripted) -> None:
    look = calls(("search", {"query": "*", "start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}))
    dejalog, _ = scripted(rounds(look, end=lambda _request: "DONE"))
    first_ns = dejalog.store.high_water().first_ns
    assert first_ns is not None
    answer = dejalog.ask(Question(QUESTION, as_of_ns=first_ns + 100 * SECOND, mode="llm"))
    whole = dejalog.store.high_water().lines
    assert answer["looks"][0]["found"] == 100 < whole


@pytest.mark.parametrize("mode", ["asked", "off"])
def test_a_model_that_is_not_for_every_question_is_left_alone(tmp_path: Path, mode: str) -> None:
    with scripted_model(lambda _request: "x") as server, program(tmp_path, server.url, llm_mode=mode) as dejalog:
        answer = dejalog.ask(Question(QUESTION))
    assert server.requests == []
    assert "model" not in answer


def test_a_model_that_never_answers_is_given_up_when_the_client_goes(tmp_path: Path) -> None:
    with faulty_model("hang") as server, program(tmp_path, server.url) as dejalog:
        with pytest.raises(ModelError):
            dejalog.ask(Question(QUESTION, mode="llm"), is_gone=lambda: bool(server.requests))
        assert server.given_up.wait(10)


def test_the_command_line_shows_what_was_looked_for_and_supposed_and_calls_it_not_proven(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = rounds(calls(("search", {"query": "pool"})), end=lambda request: concluded(request, "pool"))
    dejalog, _ = scripted(script)
    with serving(dejalog) as url:
        for more, shown in (("--investigate", True), ("--no-llm", False)):
            monkeypatch.setattr(sys, "argv", ["dejalog", "ask", QUESTION, more, "--url", url])
            assert cli.run() in {0, 1}
            out, err = capsys.readouterr()
            assert err == ""
            for told in ("looked: search", "Supposed by the language model scripted, not proven", "- for: "):
                assert (told in out) is shown, out
    monkeypatch.setattr(sys, "argv", ["dejalog", "ask", QUESTION, "--investigate", "--no-llm"])
    assert cli.run() == 2
    assert "keep one of them" in capsys.readouterr().err


def test_a_model_with_a_small_window_looks_with_fewer_statements(scripted: Scripted) -> None:
    given: list[int] = []

    def script(request: dict[str, Any]) -> Said:
        if len(given) < 2:
            given.append(len(statements(request)))
            return REFUSAL
        given.append(len(statements(request)))
        return "DONE" if "tools" in request else concluded(request, "pool exhausted")

    dejalog, _ = scripted(script)
    answer = dejalog.ask(Question(QUESTION, mode="llm"))
    first, *_ = given
    assert given == [first, first // 2, first // 4, first // 4]
    assert answer["mode"] == "llm"
    assert answer["usage"]["model_calls"] == 4


def test_what_is_found_later_stays_below_what_was_refused(scripted: Scripted) -> None:
    look = calls(*[("search", {"query": f"level:{level}", "limit": 20}) for level in ("fatal", "error", "info")])
    follow = rounds(look, look, look, end=lambda request: concluded(request, "pool exhausted"))
    sizes: list[int] = []

    def script(request: dict[str, Any]) -> Said:
        texts = [str(message["content"]) for message in request["messages"]]
        sizes.append(sum(map(tokens_of, [*texts, json.dumps(request.get("tools", ""))])))
        return REFUSAL if len(sizes) == 1 else follow(request)

    dejalog, _ = scripted(script)
    answer = dejalog.ask(Question(QUESTION, mode="llm"))
    refused, accepted, *later = sizes
    assert accepted < refused
    assert len(answer["looks"]) == 6, "then no room is left"
    assert max(later) < refused


@pytest.mark.parametrize("at", [2, 3, 4, 5])
def test_a_round_that_fills_the_window_is_forgotten_and_the_rest_concludes(scripted: Scripted, at: int) -> None:
    look = calls(("search", {"query": "pool"}))
    follow = rounds(*[look] * 4, end=lambda request: concluded(request, "pool exhausted"))
    dejalog, server = scripted(lambda request: REFUSAL if len(server.requests) == at else follow(request))
    answer = dejalog.ask(Question(QUESTION, mode="llm"))
    assert (answer["mode"], answer["model"]["outcome"]) == ("llm", "used")
    assert len(answer["hypotheses"]) == 1
    assert answer["usage"]["model_calls"] == len(server.requests) == at + 1
    asked = [[message["role"] for message in request["messages"]] for request in server.requests]
    assert "tools" not in server.requests[-1]
    assert asked[-1] == [*asked[at - 2][: len(asked[-1]) - 1], "user"]
    assert asked[-1].count("assistant") == asked[-1].count("tool") == at - 2


def test_a_window_that_holds_no_conclusion_leaves_the_answer_as_it_was(scripted: Scripted) -> None:
    look = calls(("search", {"query": "pool"}))
    dejalog, server = scripted(lambda request: look if "tools" in request else REFUSAL)
    answer = dejalog.ask(Question(QUESTION, mode="llm"))
    assert (answer["mode"], answer["model"]["outcome"]) == ("deterministic", "too_long")
    assert len(answer["looks"]) == 4
    assert answer["usage"]["model_calls"] == len(server.requests) == 9
