"""Which language model is used: only one that was meant for Dejalog, and what the doctor says of it."""

import contextlib

import pytest

from api.doctor_model import check_model
from api.llm_open import OPENAI_URL, model_url, open_model
from api.settings import Settings, read_settings
from ingest.errors import SettingError
from tests.ports import free_port
from tests.real.model_server import MODEL, faulty_model, scripted_model

KEY = "a-key-of-mine"


def settings_of(**environment: str) -> Settings:
    return read_settings({}, environment)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, ""),
        ({"OPENAI_API_KEY": KEY}, ""),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "http://127.0.0.1:1/v1"),
        ({"OPENAI_BASE_URL": "http://[::1]:1/v1"}, "http://[::1]:1/v1"),
        ({"OPENAI_BASE_URL": "http://vllm:8000/v1"}, "http://vllm:8000/v1"),
        ({"OPENAI_BASE_URL": "http://10.1.2.3/v1"}, "http://10.1.2.3/v1"),
        ({"OPENAI_BASE_URL": "http://vllm.ml.svc/v1"}, "http://vllm.ml.svc/v1"),
        ({"OPENAI_BASE_URL": "https://api.vendor.example/v1"}, ""),
        ({"OPENAI_BASE_URL": "https://8.8.8.8/v1"}, ""),
        ({"OPENAI_BASE_URL": OPENAI_URL, "OPENAI_API_KEY": KEY}, ""),
        (
            {"OPENAI_BASE_URL": "https://api.vendor.example/v1", "DEJALOG_LLM_MODEL": "m"},
            "https://api.vendor.example/v1",
        ),
        ({"DEJALOG_LLM_MODEL": "m", "OPENAI_API_KEY": KEY}, OPENAI_URL),
        ({"DEJALOG_LLM_MODEL": "m", "OPENAI_BASE_URL": "http://vllm/v1", "DEJALOG_LLM_MODE": "off"}, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else value,
)
def test_log_lines_go_only_where_they_were_meant_to(environment: dict[str, str], url: str) -> None:
    settings = settings_of(**environment)
    assert model_url(settings) == url
    model = open_model(settings)
    assert (model is not None) == bool(url)
    if model is not None:
        model.close()


def test_a_model_without_a_server_stops_the_start() -> None:
    with pytest.raises(SettingError, match="set OPENAI_BASE_URL"):
        open_model(settings_of(DEJALOG_LLM_MODEL="m"))


def test_what_is_opened_asks_the_named_model_with_the_key() -> None:
    with scripted_model(lambda _request: "Ready.") as server:
        settings = settings_of(OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY, DEJALOG_LLM_MODEL="mine")
        [finding] = check_model(settings)
        assert (finding.state, finding.found) == ("ok", "mine answers (15 tokens)")
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.requests[0]["model"] == "mine"


def test_the_doctor_names_the_model_that_the_server_lists() -> None:
    with scripted_model(lambda _request: "Ready.") as server:
        [finding] = check_model(settings_of(OPENAI_BASE_URL=server.url))
    assert (finding.state, finding.found) == ("ok", f"{MODEL} answers (15 tokens)")


def test_the_doctor_says_nothing_of_a_model_that_is_not_set() -> None:
    assert not [*check_model(Settings()), *check_model(settings_of(OPENAI_API_KEY=KEY))]


def test_the_doctor_tells_of_an_address_that_is_not_used() -> None:
    [finding] = check_model(settings_of(OPENAI_BASE_URL="https://api.vendor.example/v1"))
    assert (finding.state, "DEJALOG_LLM_MODEL" in finding.advice) == ("warn", True)


def test_the_doctor_tells_why_a_model_does_not_answer_and_what_to_do() -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(faulty_model("401"))
        hanging = stack.enter_context(faulty_model("hang"))
        [refused] = check_model(settings_of(OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY))
        [slow] = check_model(settings_of(OPENAI_BASE_URL=hanging.url, DEJALOG_LLM_TIMEOUT="300ms"))
    away_url = f"http://127.0.0.1:{free_port()}/v1"
    [away] = check_model(settings_of(OPENAI_BASE_URL=away_url, DEJALOG_LLM_TIMEOUT="300ms"))
    [none] = check_model(settings_of(DEJALOG_LLM_MODEL="m"))
    assert {each.state for each in (refused, slow, away, none)} == {"fail"}
    assert "OPENAI_API_KEY" in refused.found
    assert KEY not in refused.found
    assert "DEJALOG_LLM_TIMEOUT" in slow.advice
    assert "cannot be reached" in away.found
    assert "no server is named" in none.found


def test_the_doctor_tells_of_a_window_that_is_smaller_than_an_answer_may_be() -> None:
    said = (
        "This model's maximum context length is 512 tokens. However, you requested 815 tokens (800 in the completion)."
    )
    with scripted_model(lambda _request: {"status": 400, "body": {"error": {"message": said}}}) as server:
        [finding] = check_model(settings_of(OPENAI_BASE_URL=server.url))
    assert (finding.state, "DEJALOG_LLM_ANSWER_TOKENS" in finding.advice) == ("fail", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEJALOG_LLM_BUDGET", "3000"), ("DEJALOG_LLM_MODE", "maybe"), ("OPENAI_BASE_URL", "localhost:11434")],
)
def test_values_that_are_not_accepted_are_told(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        settings_of(**{name: value})
